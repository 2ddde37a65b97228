//! `/api/v1/operators`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use mast_model::{Operator, OperatorId, Role, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At, Changing, Expected, Known, Sent, Tagged};
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::accounts::stated;
use crate::operators::{NewOperator, OperatorPatch, OperatorsError};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, change)).routes(routes!(remove_totp))
}

/// An operator as others see it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperatorView {
    /// Its id.
    pub id: u64,
    /// Its username.
    pub username: String,
    /// `owner`, `admin`, `support` or `read_only`.
    pub role: String,
    /// False where it was switched off.
    pub active: bool,
    /// Whether logging in takes a code.
    pub second_factor: bool,
    /// What the identity provider says of it, if that lets it in.
    #[serde(default)]
    pub oidc_id: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Grows with each change; the ETag.
    pub revision: u64,
}

impl From<&Operator> for OperatorView {
    fn from(operator: &Operator) -> Self {
        Self {
            id: operator.id.0,
            username: operator.username.clone(),
            role: operator.role.name().to_owned(),
            active: operator.active,
            second_factor: operator.totp.is_on(),
            oidc_id: operator.oidc_id.clone(),
            created: operator.created,
            revision: operator.revision,
        }
    }
}

/// An operator to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OperatorRequest {
    /// 1 to 64 characters, no white space.
    username: String,
    /// 8 to 128 characters.
    #[schema(value_type = String)]
    password: Secret,
    /// `owner`, `admin`, `support` or `read_only`.
    #[schema(value_type = String)]
    role: Role,
    /// What the identity provider says of it: its mail address, or what `[oidc] claim` names.
    oidc_id: Option<String>,
}

/// A change; what is missing stays as it is. Another password, role or `oidc_id`, or switching off, ends the operator's sessions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OperatorChange {
    #[schema(value_type = Option<String>)]
    password: Option<Secret>,
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    active: Option<bool>,
    /// What the identity provider says of it; null where only the password lets it in.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    oidc_id: Option<Option<String>>,
}

/// Every operator.
#[utoipa::path(get, path = "/api/v1/operators", tag = "operators", params(Paging),
    responses((status = 200, body = Page<OperatorView>)))]
async fn list(State(context): Shared, Asked(paging): Asked<Paging>) -> Result<Json<Page<OperatorView>>, AdminError> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let all = context.deps.operators.list();
    let wanted = all.iter().filter(|operator| after.is_none_or(|after| operator.id.0 > after)).take(limit + 1);
    Ok(Json(Page::of(wanted.map(OperatorView::from).collect(), limit, |view| view.id.to_string())))
}

/// Adds an operator.
#[utoipa::path(post, path = "/api/v1/operators", tag = "operators", request_body = OperatorRequest,
    responses((status = 201, body = OperatorView)))]
async fn add(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<OperatorRequest>,
) -> Result<Response, AdminError> {
    let OperatorRequest { username, password, role, oidc_id } = request;
    let operator = context.deps.operators.add(NewOperator { username, password, role, oidc_id }, change).await?;
    tracing::info!(operator = operator.username, role = operator.role.name(), "operator added");
    Ok(Tagged::created(operator.revision, OperatorView::from(&operator)).into_response())
}

/// An operator.
#[utoipa::path(get, path = "/api/v1/operators/{id}", tag = "operators", params(("id" = u64, Path)),
    responses((status = 200, body = OperatorView)))]
async fn show(State(context): Shared, At(id): At<u64>, known: Known) -> Result<Response, AdminError> {
    let operator = context.deps.operators.find(OperatorId(id));
    let operator = operator.ok_or_else(|| OperatorsError::NoSuchOperator(id.to_string()))?;
    Ok(Tagged::new(operator.revision, OperatorView::from(&operator)).unless(&known))
}

/// Changes an operator.
#[utoipa::path(patch, path = "/api/v1/operators/{id}", tag = "operators", params(("id" = u64, Path)),
    request_body = OperatorChange, responses((status = 200, body = OperatorView)))]
async fn change(
    State(context): Shared,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(request): Sent<OperatorChange>,
) -> Result<Response, AdminError> {
    let OperatorChange { password, role, active, oidc_id } = request;
    let patch = OperatorPatch { password, role, active, oidc_id };
    let operator = context.deps.operators.change(OperatorId(id), expected, patch, change).await?;
    tracing::info!(operator = operator.username, "operator changed");
    Ok(Tagged::new(operator.revision, OperatorView::from(&operator)).into_response())
}

/// Takes an operator's second factor away, for one who has lost it.
#[utoipa::path(delete, path = "/api/v1/operators/{id}/totp", tag = "operators", params(("id" = u64, Path)),
    responses((status = 204)))]
async fn remove_totp(
    State(context): Shared,
    At(id): At<u64>,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.operators.remove_totp(OperatorId(id), None, change).await?;
    Ok(StatusCode::NO_CONTENT)
}
