//! `/api/v1/api-keys`: one's own keys; everybody's for those who may change operators.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use mast_model::{ApiKey, ApiKeyId, OperatorId, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At, Changing, Me, Sent};
use super::once::Confidential;
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::operators::{Identity, NewKey};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(revoke))
}

/// A key, without the key itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    pub id: u64,
    /// What it is for.
    pub name: String,
    /// Whose it is.
    pub operator: u64,
    /// What it may do, as far as its operator may.
    pub scopes: Vec<String>,
    /// When it ends; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// When it was last used, within five minutes.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            operator: key.operator.0,
            scopes: key.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            expires: key.expires,
            last_used: key.last_used,
            created: key.created,
        }
    }
}

/// A key that was made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MadeKeyView {
    /// The key itself. It cannot be shown again.
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub view: KeyView,
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyRequest {
    /// What for, 1 to 64 characters.
    name: String,
    /// Scopes; none for all that the operator has.
    #[serde(default)]
    scopes: Vec<String>,
    /// When it ends; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
    /// Whose; one's own where missing. Another's takes `operators:write`.
    operator: Option<u64>,
}

/// Whose keys may be seen or changed: everybody's where this is none.
fn within(me: &Identity, scope: Scope) -> Option<OperatorId> {
    if me.scopes.has(scope) { None } else { Some(me.operator.unwrap_or(OperatorId(0))) }
}

/// One's own keys, or everybody's.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "api-keys", params(Paging),
    responses((status = 200, body = Page<KeyView>)))]
async fn list(
    State(context): Shared,
    Me(me): Me,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<KeyView>>, AdminError> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let keys = context.deps.operators.keys(within(&me, Scope::OperatorsRead));
    let wanted = keys.iter().filter(|key| after.is_none_or(|after| key.id.0 > after)).take(limit + 1);
    Ok(Json(Page::of(wanted.map(KeyView::from).collect(), limit, |view| view.id.to_string())))
}

/// Makes a key. The answer is the only one that holds it.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "api-keys", request_body = KeyRequest,
    responses((status = 201, body = MadeKeyView)))]
async fn make(
    State(context): Shared,
    me: Me,
    Changing(change): Changing,
    Sent(request): Sent<KeyRequest>,
) -> Result<Response, AdminError> {
    let operator = match request.operator.map(OperatorId) {
        Some(other) if Some(other) != me.0.operator => {
            let may = me.0.scopes.has(Scope::OperatorsWrite);
            may.then_some(other).ok_or(AdminError::MissingScope(Scope::OperatorsWrite.name()))?
        }
        _ => me.operator()?,
    };
    let new = NewKey { operator, name: request.name, scopes: request.scopes, expires: request.expires };
    let made = context.deps.operators.make_key(new, me.0.scopes, change).await?;
    tracing::info!(key = %made.key.id, operator = %operator, "API key made");
    let body = MadeKeyView { key: made.secret.expose().to_owned(), view: KeyView::from(&made.key) };
    Ok((StatusCode::CREATED, Extension(Confidential), Json(body)).into_response())
}

/// Revokes a key.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "api-keys", params(("id" = u64, Path)),
    responses((status = 204)))]
async fn revoke(
    State(context): Shared,
    Me(me): Me,
    At(id): At<u64>,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.operators.revoke_key(ApiKeyId(id), within(&me, Scope::OperatorsWrite), change).await?;
    tracing::info!(key = id, "API key revoked");
    Ok(StatusCode::NO_CONTENT)
}
