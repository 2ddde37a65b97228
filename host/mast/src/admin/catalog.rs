//! `/api/v1/channels`, `categories`, `bouquets`, `rules`: the catalogue, and what operators change about it.

mod bouquets;
mod rules;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mast_model::{CategoryId, Channel, ChannelId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At, Changing, Expected, Known, Sent, Tagged};
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::catalog::{Catalog, CategoryPatch, ChannelPatch, EditError};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(channels))
        .routes(routes!(channel, edit_channel))
        .routes(routes!(reset_channel))
        .routes(routes!(categories))
        .routes(routes!(category, edit_category))
        .merge(bouquets::routes())
        .merge(rules::routes())
}

/// A channel as viewers see it, edits and rules included.
#[derive(Debug, Serialize, ToSchema)]
struct ChannelView {
    id: u32,
    /// The source instance it came from.
    source: String,
    /// The source's own key.
    key: String,
    name: String,
    /// The number it asks for; lineups give one to those without.
    number: Option<u32>,
    category: Option<u32>,
    logo: Option<String>,
    epg_id: Option<String>,
    /// In nobody's lineup.
    hidden: bool,
    /// Scheme and host of each of its upstreams.
    upstreams: Vec<String>,
    /// Channels whose upstreams are tried after its own, where an edit or a rule says so.
    backups: Vec<u32>,
    /// Its profile or ladder, where an edit says so.
    profile: Option<String>,
    /// Its place, where an edit says so.
    order: Option<u32>,
    /// Names of the fields that an edit sets.
    edited: Vec<String>,
    /// Grows with each edit; the ETag.
    revision: u64,
}

impl ChannelView {
    fn of(catalog: &Catalog, channel: &Channel) -> Self {
        let edit = catalog.channel_edit(channel.id);
        let fields = edit.as_ref().and_then(|edit| serde_json::to_value(edit).ok());
        let set = |(name, value): (&String, &Value)| {
            let counts = !matches!(name.as_str(), "channel" | "revision") && !value.is_null() && *value != json!(false);
            counts.then(|| name.clone())
        };
        let edited = fields.as_ref().and_then(Value::as_object).map(|fields| fields.iter().filter_map(set).collect());
        Self {
            id: channel.id.0,
            source: channel.source.to_string(),
            key: channel.key.clone(),
            name: channel.name.clone(),
            number: channel.number,
            category: channel.category.map(|category| category.0),
            logo: channel.logo.clone(),
            epg_id: channel.epg_id.clone(),
            hidden: catalog.hides(channel),
            upstreams: channel.upstreams.iter().map(|upstream| upstream.url.redacted()).collect(),
            backups: catalog.backups(channel.id).unwrap_or_default().iter().map(|id| id.0).collect(),
            profile: catalog.profile(channel.id),
            order: edit.as_ref().and_then(|edit| edit.order),
            edited: edited.unwrap_or_default(),
            revision: edit.map_or(0, |edit| edit.revision),
        }
    }
}

/// Which channels.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ChannelQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those of this source.
    source: Option<String>,
    /// Only those of this category.
    category: Option<u32>,
    /// Only those whose name contains this, whatever the case.
    search: Option<String>,
    /// Only hidden ones, or only others.
    hidden: Option<bool>,
}

/// Channels, in lineup order, hidden ones too.
#[utoipa::path(get, path = "/api/v1/channels", tag = "catalogue", params(ChannelQuery),
    responses((status = 200, body = Page<ChannelView>)))]
async fn channels(
    State(context): Shared,
    Asked(query): Asked<ChannelQuery>,
) -> Result<Json<Page<ChannelView>>, AdminError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?);
    let catalog = &context.deps.catalog;
    let search = query.search.as_ref().map(|part| part.to_lowercase());
    let wanted = |channel: &Arc<Channel>| {
        query.source.as_ref().is_none_or(|source| channel.source.as_str() == source)
            && query.category.is_none_or(|category| channel.category == Some(CategoryId(category)))
            && search.as_ref().is_none_or(|part| channel.name.to_lowercase().contains(part))
            && query.hidden.is_none_or(|hidden| catalog.hides(channel) == hidden)
    };
    let all = catalog.channel_ids();
    // Behind the cursor's channel, wherever it is now; from the begin where it is gone.
    let from = after.and_then(|after| all.iter().position(|id| u64::from(id.0) == after)).map_or(0, |at| at + 1);
    let found = all[from..].iter().filter_map(|id| catalog.channel(*id)).filter(wanted).take(limit + 1);
    let views = found.map(|channel| ChannelView::of(catalog, &channel)).collect();
    Ok(Json(Page::of(views, limit, |view| view.id.to_string())))
}

fn found(catalog: &Catalog, id: u32) -> Result<ChannelView, AdminError> {
    let channel = catalog.channel(ChannelId(id)).ok_or_else(|| EditError::NotFound(format!("channel {id}")))?;
    Ok(ChannelView::of(catalog, &channel))
}

/// A channel.
#[utoipa::path(get, path = "/api/v1/channels/{id}", tag = "catalogue", params(("id" = u32, Path)),
    responses((status = 200, body = ChannelView)))]
async fn channel(State(context): Shared, At(id): At<u32>, known: Known) -> Result<Response, AdminError> {
    let view = found(&context.deps.catalog, id)?;
    Ok(Tagged::new(view.revision, view).unless(&known))
}

/// Edits a channel: what is missing stays, null is as the source delivers it. Refreshes leave edits alone.
#[utoipa::path(patch, path = "/api/v1/channels/{id}", tag = "catalogue", params(("id" = u32, Path)),
    request_body = ChannelPatch, responses((status = 200, body = ChannelView)))]
async fn edit_channel(
    State(context): Shared,
    At(id): At<u32>,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(patch): Sent<ChannelPatch>,
) -> Result<Response, AdminError> {
    let catalog = &context.deps.catalog;
    let edit = catalog.edit_channel(ChannelId(id), expected, patch, change).await?;
    tracing::info!(channel = id, "channel edited");
    Ok(Tagged::new(edit.revision, found(catalog, id)?).into_response())
}

/// Takes every edit of a channel back.
#[utoipa::path(delete, path = "/api/v1/channels/{id}/edit", tag = "catalogue", params(("id" = u32, Path)),
    responses((status = 204)))]
async fn reset_channel(
    State(context): Shared,
    At(id): At<u32>,
    Expected(expected): Expected,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.catalog.reset_channel(ChannelId(id), expected, change).await?;
    tracing::info!(channel = id, "edits of a channel taken back");
    Ok(StatusCode::NO_CONTENT)
}

/// A category as viewers see it.
#[derive(Debug, Serialize, ToSchema)]
struct CategoryView {
    id: u32,
    /// The source instance it came from.
    source: String,
    name: String,
    /// None of its channels is in a lineup.
    hidden: bool,
    /// Its place, where an edit says so.
    order: Option<u32>,
    /// Grows with each edit; the ETag.
    revision: u64,
}

fn category_view(catalog: &Catalog, id: CategoryId) -> Result<CategoryView, AdminError> {
    let category = catalog.category(id).ok_or_else(|| EditError::NotFound(format!("category {id}")))?;
    let edit = catalog.category_edit(id);
    Ok(CategoryView {
        id: id.0,
        source: category.source.to_string(),
        name: category.name.clone(),
        hidden: edit.as_ref().is_some_and(|edit| edit.hidden),
        order: edit.as_ref().and_then(|edit| edit.order),
        revision: edit.map_or(0, |edit| edit.revision),
    })
}

/// Categories, in lineup order.
#[utoipa::path(get, path = "/api/v1/categories", tag = "catalogue", params(Paging),
    responses((status = 200, body = Page<CategoryView>)))]
async fn categories(
    State(context): Shared,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<CategoryView>>, AdminError> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let catalog = &context.deps.catalog;
    let all = catalog.category_ids();
    let from = after.and_then(|after| all.iter().position(|id| u64::from(id.0) == after)).map_or(0, |at| at + 1);
    let views = all[from..].iter().filter_map(|id| category_view(catalog, *id).ok()).take(limit + 1).collect();
    Ok(Json(Page::of(views, limit, |view| view.id.to_string())))
}

/// A category.
#[utoipa::path(get, path = "/api/v1/categories/{id}", tag = "catalogue", params(("id" = u32, Path)),
    responses((status = 200, body = CategoryView)))]
async fn category(State(context): Shared, At(id): At<u32>, known: Known) -> Result<Response, AdminError> {
    let view = category_view(&context.deps.catalog, CategoryId(id))?;
    Ok(Tagged::new(view.revision, view).unless(&known))
}

/// Edits a category: what is missing stays, null is as the source delivers it.
#[utoipa::path(patch, path = "/api/v1/categories/{id}", tag = "catalogue", params(("id" = u32, Path)),
    request_body = CategoryPatch, responses((status = 200, body = CategoryView)))]
async fn edit_category(
    State(context): Shared,
    At(id): At<u32>,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(patch): Sent<CategoryPatch>,
) -> Result<Response, AdminError> {
    let catalog = &context.deps.catalog;
    let edit = catalog.edit_category(CategoryId(id), expected, patch, change).await?;
    tracing::info!(category = id, "category edited");
    Ok(Tagged::new(edit.revision, category_view(catalog, CategoryId(id))?).into_response())
}
