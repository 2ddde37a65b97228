//! `/api/v1/bouquets`: what is sold. Those that stand in `mast.toml` are shown and changed there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Asked, At, Changing, Expected, Known, Sent, Tagged};
use super::super::page::{Page, Paging};
use super::super::{AdminError, Context, Shared};
use crate::catalog::config::BouquetConfig;
use crate::catalog::{Bouquet, BouquetPatch, EditError};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, change, remove))
}

/// A bouquet.
#[derive(Debug, Serialize, ToSchema)]
struct BouquetView {
    /// The name that lines carry.
    name: String,
    /// It stands in `mast.toml` and is changed there.
    configured: bool,
    /// Its place among bouquets.
    order: u32,
    /// Every channel of these sources.
    sources: Vec<String>,
    /// Every channel whose category has one of these names.
    categories: Vec<String>,
    /// These channels.
    channels: Vec<u32>,
    /// Grows with each change; the ETag.
    revision: u64,
}

impl From<Bouquet> for BouquetView {
    fn from(bouquet: Bouquet) -> Self {
        Self {
            name: bouquet.name,
            configured: false,
            order: bouquet.order,
            sources: bouquet.sources.iter().map(ToString::to_string).collect(),
            categories: bouquet.categories,
            channels: bouquet.channels.iter().map(|id| id.0).collect(),
            revision: bouquet.revision,
        }
    }
}

impl From<BouquetConfig> for BouquetView {
    fn from(bouquet: BouquetConfig) -> Self {
        let BouquetConfig { name, sources, categories, channels } = bouquet;
        let added = Bouquet { name, sources, categories, channels, ..Bouquet::default() };
        Self { configured: true, ..Self::from(added) }
    }
}

/// A bouquet to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BouquetRequest {
    /// The name that lines carry, 1 to 64 characters.
    name: String,
    #[serde(flatten)]
    patch: BouquetPatch,
}

/// A change of a bouquet; what is missing stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BouquetChange {
    #[serde(flatten)]
    patch: BouquetPatch,
}

fn all(context: &Context) -> Vec<BouquetView> {
    let (configured, added) = context.deps.catalog.bouquets();
    configured.into_iter().map(BouquetView::from).chain(added.into_iter().map(BouquetView::from)).collect()
}

/// Bouquets, in their order.
#[utoipa::path(get, path = "/api/v1/bouquets", tag = "catalogue", params(Paging),
    responses((status = 200, body = Page<BouquetView>)))]
async fn list(State(context): Shared, Asked(paging): Asked<Paging>) -> Result<Json<Page<BouquetView>>, AdminError> {
    let (limit, all) = (paging.limit()?, all(&context));
    let from = paging.cursor.and_then(|name| all.iter().position(|one| one.name == name)).map_or(0, |at| at + 1);
    let items = all.into_iter().skip(from).take(limit + 1).collect();
    Ok(Json(Page::of(items, limit, |view| view.name.clone())))
}

/// Adds a bouquet.
#[utoipa::path(post, path = "/api/v1/bouquets", tag = "catalogue", request_body = BouquetRequest,
    responses((status = 201, body = BouquetView)))]
async fn add(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<BouquetRequest>,
) -> Result<Response, AdminError> {
    let BouquetRequest { name, patch } = request;
    let bouquet = context.deps.catalog.put_bouquet(name, true, None, patch, change).await?;
    tracing::info!(bouquet = bouquet.name, "bouquet added");
    Ok(Tagged::created(bouquet.revision, BouquetView::from(bouquet)).into_response())
}

/// A bouquet.
#[utoipa::path(get, path = "/api/v1/bouquets/{name}", tag = "catalogue", params(("name" = String, Path)),
    responses((status = 200, body = BouquetView)))]
async fn show(State(context): Shared, At(name): At<String>, known: Known) -> Result<Response, AdminError> {
    let found = all(&context).into_iter().find(|bouquet| bouquet.name == name);
    let bouquet = found.ok_or_else(|| EditError::NotFound(format!("bouquet \"{name}\"")))?;
    Ok(Tagged::new(bouquet.revision, bouquet).unless(&known))
}

/// Changes a bouquet.
#[utoipa::path(patch, path = "/api/v1/bouquets/{name}", tag = "catalogue", params(("name" = String, Path)),
    request_body = BouquetChange, responses((status = 200, body = BouquetView)))]
async fn change(
    State(context): Shared,
    At(name): At<String>,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(request): Sent<BouquetChange>,
) -> Result<Response, AdminError> {
    let bouquet = context.deps.catalog.put_bouquet(name, false, expected, request.patch, change).await?;
    tracing::info!(bouquet = bouquet.name, "bouquet changed");
    Ok(Tagged::new(bouquet.revision, BouquetView::from(bouquet)).into_response())
}

/// Removes a bouquet that no line has.
#[utoipa::path(delete, path = "/api/v1/bouquets/{name}", tag = "catalogue", params(("name" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(context): Shared,
    At(name): At<String>,
    Expected(expected): Expected,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    let sold = name.clone();
    let users = context.deps.accounts.select(None, 1, move |line| line.bouquets.contains(&sold)).await?;
    if let Some(line) = users.first() {
        let text = format!(
            "bouquet \"{name}\" is in use, for example by line \"{}\"; take it from lines first",
            line.username
        );
        return Err(EditError::Conflict(text).into());
    }
    context.deps.catalog.remove_bouquet(name.clone(), expected, change).await?;
    tracing::info!(bouquet = name, "bouquet removed");
    Ok(StatusCode::NO_CONTENT)
}
