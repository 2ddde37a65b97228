//! `/api/v1/plans`. Operators make them; a reseller sees those that it may sell.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mast_model::{Credits, PlanId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Asked, At, Changing, Expected, Known, Me, Sent, Tagged};
use super::super::lines::check_bouquets;
use super::super::page::{Page, Paging};
use super::super::{AdminError, Context, Shared};
use super::view::{PlanView, TermView};
use crate::resellers::{NewPlan, PlanPatch, ResellersError};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, change, remove))
}

/// A plan to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanRequest {
    /// 1 to 64 characters.
    name: String,
    /// How long a line lasts.
    term: TermView,
    /// Connections of a line at once, 1 to 10,000; 1 where missing.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 10000)]
    max_connections: u32,
    /// Bouquets of a line; none for every channel.
    #[serde(default)]
    bouquets: Vec<String>,
    /// For trying the service out: cannot be used to extend a line.
    #[serde(default)]
    trial: bool,
    /// In credits.
    #[schema(minimum = 0)]
    price: i64,
    /// For how many hours a reseller can undo a sale; 0 for not at all.
    #[serde(default)]
    refund_hours: u32,
}

fn one() -> u32 {
    1
}

/// A change; what is missing stays as it is. Lines that were sold stay as they are until they are extended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanChange {
    name: Option<String>,
    term: Option<TermView>,
    #[schema(minimum = 1, maximum = 10000)]
    max_connections: Option<u32>,
    bouquets: Option<Vec<String>>,
    trial: Option<bool>,
    #[schema(minimum = 0)]
    price: Option<i64>,
    refund_hours: Option<u32>,
    /// False where it is not to be sold any more.
    active: Option<bool>,
}

/// Plans, in the order in which they were added.
#[utoipa::path(get, path = "/api/v1/plans", tag = "plans", params(Paging),
    responses((status = 200, body = Page<PlanView>)))]
async fn list(
    State(context): Shared,
    me: Me,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<PlanView>>, AdminError> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let all = context.deps.resellers.plans(me.principal());
    let wanted = all.iter().filter(|plan| after.is_none_or(|after| plan.id.0 > after)).take(limit + 1);
    Ok(Json(Page::of(wanted.map(PlanView::from).collect(), limit, |view| view.id.to_string())))
}

/// Adds a plan.
#[utoipa::path(post, path = "/api/v1/plans", tag = "plans", request_body = PlanRequest,
    responses((status = 201, body = PlanView)))]
async fn add(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<PlanRequest>,
) -> Result<Response, AdminError> {
    check_bouquets(&context, Some(&request.bouquets))?;
    let new = NewPlan {
        name: request.name,
        term: request.term.into(),
        max_connections: request.max_connections,
        bouquets: request.bouquets,
        trial: request.trial,
        price: Credits(request.price),
        refund_hours: request.refund_hours,
    };
    let plan = context.deps.resellers.add_plan(new, change).await?;
    tracing::info!(plan = %plan.id, name = plan.name, "plan added");
    Ok(Tagged::created(plan.revision, PlanView::from(&plan)).into_response())
}

/// A plan.
#[utoipa::path(get, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = u64, Path)),
    responses((status = 200, body = PlanView)))]
async fn show(State(context): Shared, me: Me, At(id): At<u64>, known: Known) -> Result<Response, AdminError> {
    let id = PlanId(id);
    let plan = context.deps.resellers.plan(me.principal(), id).ok_or(ResellersError::NoSuchPlan(id))?;
    Ok(Tagged::new(plan.revision, PlanView::from(&plan)).unless(&known))
}

/// Changes a plan.
#[utoipa::path(patch, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = u64, Path)),
    request_body = PlanChange, responses((status = 200, body = PlanView)))]
async fn change(
    State(context): Shared,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(request): Sent<PlanChange>,
) -> Result<Response, AdminError> {
    check_bouquets(&context, request.bouquets.as_deref())?;
    let patch = PlanPatch {
        name: request.name,
        term: request.term.map(Into::into),
        max_connections: request.max_connections,
        bouquets: request.bouquets,
        trial: request.trial,
        price: request.price.map(Credits),
        refund_hours: request.refund_hours,
        active: request.active,
    };
    let plan = context.deps.resellers.change_plan(PlanId(id), expected, patch, change).await?;
    tracing::info!(plan = %plan.id, name = plan.name, "plan changed");
    Ok(Tagged::new(plan.revision, PlanView::from(&plan)).into_response())
}

/// Removes a plan. Lines that were sold by it go on to their ends; switching it off does the same, and can be undone.
#[utoipa::path(delete, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = u64, Path)),
    responses((status = 204)))]
async fn remove(
    State(context): Shared,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.resellers.remove_plan(PlanId(id), expected, change).await?;
    tracing::info!(plan = id, "plan removed");
    Ok(StatusCode::NO_CONTENT)
}
