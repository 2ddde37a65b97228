//! `/api/v1/resellers`, `plans`, `sales` and the ledger. Operators see all of it; a reseller sees itself and whoever stands below it, and
//! gets the same answer for everything else as for what does not exist.

mod credits;
mod plans;
mod sales;
mod view;

pub use credits::BalanceView;
pub use view::{EntryView, LimitsView, PlanView, ResellerView, RightsView, RowView, TermView};

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mast_model::{ResellerId, Secret};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At, Changing, Expected, Known, Me, Sent, Tagged};
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::accounts::stated;
use crate::resellers::{NewReseller, ResellerPatch, ResellersError};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, remove))
        .routes(routes!(reset_totp))
        .merge(credits::routes())
        .merge(plans::routes())
        .merge(sales::routes())
}

/// Which resellers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ResellerQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only the one with exactly this username.
    username: Option<String>,
    /// Only those directly below this one.
    parent: Option<u64>,
}

/// A reseller to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResellerRequest {
    /// 1 to 64 characters, no white space.
    username: String,
    /// 8 to 128 characters.
    #[schema(value_type = String)]
    password: Secret,
    /// Below whom; where missing the house, or the reseller who asks.
    parent: Option<u64>,
    /// None where missing.
    #[serde(default)]
    rights: RightsView,
    /// None where missing.
    #[serde(default)]
    limits: LimitsView,
    /// For those above it, at most 4,000 characters.
    #[serde(default)]
    notes: String,
    /// What its subscribers read, at most 4,000 characters.
    #[serde(default)]
    branding: String,
}

/// A change; what is missing stays as it is. A reseller changes its own password, `own_notes` and `branding`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResellerChange {
    /// 8 to 128 characters; ends its sessions.
    #[schema(value_type = Option<String>)]
    password: Option<Secret>,
    /// Below whom; null for the house. Operators only.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<u64>)]
    parent: Option<Option<u64>>,
    /// Off where false, which ends its sessions.
    active: Option<bool>,
    /// All of them: what is missing in here is taken away.
    rights: Option<RightsView>,
    /// All of them: what is missing in here is not limited any more.
    limits: Option<LimitsView>,
    /// For those above it.
    notes: Option<String>,
    /// Its own notes.
    own_notes: Option<String>,
    /// What its subscribers read.
    branding: Option<String>,
}

/// Resellers, in the order in which they were added.
#[utoipa::path(get, path = "/api/v1/resellers", tag = "resellers", params(ResellerQuery),
    responses((status = 200, body = Page<ResellerView>)))]
async fn list(
    State(context): Shared,
    me: Me,
    Asked(query): Asked<ResellerQuery>,
) -> Result<Json<Page<ResellerView>>, AdminError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?);
    let by = me.principal();
    let all = context.deps.resellers.list(by);
    let wanted = all.iter().filter(|reseller| {
        after.is_none_or(|after| reseller.id.0 > after)
            && query.username.as_ref().is_none_or(|username| reseller.username == *username)
    });
    // As it is shown: who stands above a reseller is not for it to find out.
    let views = wanted.map(|reseller| ResellerView::new(reseller, by));
    let views = views.filter(|view| query.parent.is_none_or(|parent| view.parent == Some(parent)));
    Ok(Json(Page::of(views.take(limit + 1).collect(), limit, |view| view.id.to_string())))
}

/// Adds a reseller.
#[utoipa::path(post, path = "/api/v1/resellers", tag = "resellers", request_body = ResellerRequest,
    responses((status = 201, body = ResellerView)))]
async fn add(
    State(context): Shared,
    me: Me,
    Changing(change): Changing,
    Sent(request): Sent<ResellerRequest>,
) -> Result<Response, AdminError> {
    let new = NewReseller {
        username: request.username,
        password: request.password,
        parent: request.parent.map(ResellerId),
        rights: request.rights.into(),
        limits: request.limits.into(),
        notes: request.notes,
        branding: request.branding,
    };
    let by = me.principal();
    let reseller = context.deps.resellers.add(by, new, change).await?;
    tracing::info!(reseller = %reseller.id, "reseller added");
    Ok(Tagged::created(reseller.revision, ResellerView::new(&reseller, by)).into_response())
}

/// A reseller.
#[utoipa::path(get, path = "/api/v1/resellers/{id}", tag = "resellers", params(("id" = u64, Path)),
    responses((status = 200, body = ResellerView)))]
async fn show(State(context): Shared, me: Me, At(id): At<u64>, known: Known) -> Result<Response, AdminError> {
    let (by, id) = (me.principal(), ResellerId(id));
    let reseller = context.deps.resellers.find(by, id).ok_or(ResellersError::NoSuchReseller(id))?;
    Ok(Tagged::new(reseller.revision, ResellerView::new(&reseller, by)).unless(&known))
}

/// Changes a reseller.
#[utoipa::path(patch, path = "/api/v1/resellers/{id}", tag = "resellers", params(("id" = u64, Path)),
    request_body = ResellerChange, responses((status = 200, body = ResellerView)))]
async fn change(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(request): Sent<ResellerChange>,
) -> Result<Response, AdminError> {
    let patch = ResellerPatch {
        password: request.password,
        parent: request.parent.map(|parent| parent.map(ResellerId)),
        active: request.active,
        rights: request.rights.map(Into::into),
        limits: request.limits.map(Into::into),
        notes: request.notes,
        own_notes: request.own_notes,
        branding: request.branding,
    };
    let by = me.principal();
    let reseller = context.deps.resellers.change(by, ResellerId(id), expected, patch, change).await?;
    tracing::info!(reseller = %reseller.id, "reseller changed");
    Ok(Tagged::new(reseller.revision, ResellerView::new(&reseller, by)).into_response())
}

/// Removes a reseller that has nobody below it, no lines and no credits. Its entries stay in the ledger.
#[utoipa::path(delete, path = "/api/v1/resellers/{id}", tag = "resellers", params(("id" = u64, Path)),
    responses((status = 204)))]
async fn remove(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.resellers.remove(me.principal(), ResellerId(id), expected, change).await?;
    tracing::info!(reseller = id, "reseller removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the second factor of a reseller below away, for one who has lost it.
#[utoipa::path(delete, path = "/api/v1/resellers/{id}/totp", tag = "resellers", params(("id" = u64, Path)),
    responses((status = 204)))]
async fn reset_totp(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.resellers.reset_totp(me.principal(), ResellerId(id), change).await?;
    tracing::info!(reseller = id, "a reseller's second factor was taken away");
    Ok(StatusCode::NO_CONTENT)
}
