//! `/api/v1/guides`: how the guides are doing, importing one at once. `/api/v1/guide`: what is on.

mod links;
mod search;
mod view;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{Timestamp, ToSpan};
use mast_model::ChannelId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At};
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::catalog::EditError;
use crate::guide::{Guide, GuideError, GuideStatus};
use links::LinkView;
use view::{ChannelGuideView, NowView, ProgrammeView, RowView};

/// As the guide says it.
pub type GuideView = GuideStatus;

/// Channels that can be asked for by name at once.
const MOST_CHANNELS: usize = 10_000;
/// Hours of a grid, and of a single channel.
const GRID_HOURS: i64 = 48;
const CHANNEL_HOURS: i64 = 31 * 24;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(guides))
        .routes(routes!(guide))
        .routes(routes!(refresh))
        .routes(routes!(cancel))
        .routes(routes!(accept))
        .routes(routes!(now))
        .routes(routes!(grid))
        .routes(routes!(channel))
        .merge(links::routes())
        .merge(search::routes())
}

impl From<GuideError> for AdminError {
    fn from(error: GuideError) -> Self {
        match error {
            GuideError::NotFound(name) => EditError::NotFound(format!("guide {name}")).into(),
            GuideError::NotLoaded(_) => EditError::Conflict(error.to_string()).into(),
            GuideError::Store(_) => EditError::Interrupted(error.to_string()).into(),
        }
    }
}

/// The guide of a running host.
fn running(context: &Context) -> Result<Guide, AdminError> {
    let running = context.deps.running.as_ref();
    let none = || EditError::Conflict("no server runs, and guides are read and imported by it".to_owned());
    Ok(running.ok_or_else(none)?.guide.clone())
}

/// Reads from the guide on a thread that may block.
async fn reading<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AdminError> + Send + 'static,
) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| AdminError::from(GuideError::Store(panic.to_string())))?
}

/// How each guide is doing, by name.
#[utoipa::path(get, path = "/api/v1/guides", tag = "guide", params(Paging),
    responses((status = 200, body = Page<GuideView>)))]
async fn guides(State(context): Shared, Asked(paging): Asked<Paging>) -> Result<Json<Page<GuideView>>, AdminError> {
    let limit = paging.limit()?;
    let all = running(&context)?.statuses().into_iter();
    let behind = all.filter(|status| paging.cursor.as_ref().is_none_or(|after| status.guide > *after));
    Ok(Json(Page::of(behind.take(limit + 1).collect(), limit, |view| view.guide.clone())))
}

/// How a guide is doing.
#[utoipa::path(get, path = "/api/v1/guides/{name}", tag = "guide", params(("name" = String, Path)),
    responses((status = 200, body = GuideView)))]
async fn guide(State(context): Shared, At(name): At<String>) -> Result<Json<GuideView>, AdminError> {
    let found = running(&context)?.statuses().into_iter().find(|status| status.guide == name);
    Ok(Json(found.ok_or(GuideError::NotFound(name))?))
}

/// Has a guide imported now, before it is due; how it goes is in `GET /guides/{name}`.
#[utoipa::path(post, path = "/api/v1/guides/{name}/refresh", tag = "guide", params(("name" = String, Path)),
    responses((status = 202)))]
async fn refresh(State(context): Shared, At(name): At<String>) -> Result<StatusCode, AdminError> {
    running(&context)?.refresh(&name)?;
    tracing::info!(guide = name, "an import was asked for");
    Ok(StatusCode::ACCEPTED)
}

/// Ends the import that is under way, if there is one; what was there stays.
#[utoipa::path(post, path = "/api/v1/guides/{name}/cancel", tag = "guide", params(("name" = String, Path)),
    responses((status = 202)))]
async fn cancel(State(context): Shared, At(name): At<String>) -> Result<StatusCode, AdminError> {
    running(&context)?.cancel(&name)?;
    Ok(StatusCode::ACCEPTED)
}

/// Has a guide imported now, and taken over even if it has lost most of its programmes.
#[utoipa::path(post, path = "/api/v1/guides/{name}/accept", tag = "guide", params(("name" = String, Path)),
    responses((status = 202)))]
async fn accept(State(context): Shared, At(name): At<String>) -> Result<StatusCode, AdminError> {
    running(&context)?.accept(&name)?;
    tracing::info!(guide = name, "the next import is taken over whatever it has lost");
    Ok(StatusCode::ACCEPTED)
}

/// Which channels.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct NowQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only these channels, ids separated by commas, all on one page; at most 10,000.
    channels: Option<String>,
    /// Languages that texts are in where the guide has them, separated by commas, the preferred one first; those of `[guide]` where missing.
    lang: Option<String>,
}

/// What is on now and next, by channel. Without `channels` those that have a guide.
#[utoipa::path(get, path = "/api/v1/guide/now", tag = "guide", params(NowQuery),
    responses((status = 200, body = Page<NowView>)))]
async fn now(State(context): Shared, Asked(query): Asked<NowQuery>) -> Result<Json<Page<NowView>>, AdminError> {
    let (guide, at) = (running(&context)?, Timestamp::now());
    let languages = languages(&guide, query.lang.as_deref());
    let view = |id: ChannelId| NowView::of(id, guide.now_next(id).as_deref(), at, &languages);
    if let Some(channels) = &query.channels {
        let ids: Vec<ChannelId> = ids(channels)?;
        return Ok(Json(Page { items: ids.into_iter().map(view).collect(), next: None }));
    }
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?);
    let links = guide.links();
    let behind = links.all().map(|(id, _)| id).filter(|id| after.is_none_or(|after| u64::from(id.0) > after));
    let views = behind.take(limit + 1).map(view).collect();
    Ok(Json(Page::of(views, limit, |view: &NowView| view.channel.to_string())))
}

/// The languages that texts shall be in.
fn languages(guide: &Guide, asked: Option<&str>) -> Arc<[String]> {
    match asked {
        Some(asked) => asked.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect(),
        None => guide.languages(),
    }
}

fn ids(text: &str) -> Result<Vec<ChannelId>, AdminError> {
    let ids = text.split(',').filter(|id| !id.trim().is_empty()).map(|id| id.trim().parse().map(ChannelId));
    let ids: Result<Vec<ChannelId>, _> = ids.take(MOST_CHANNELS + 1).collect();
    match ids {
        Ok(ids) if ids.len() <= MOST_CHANNELS => Ok(ids),
        Ok(_) => Err(AdminError::field("channels", format!("more than {MOST_CHANNELS} channels"))),
        Err(_) => Err(AdminError::field("channels", "expected ids separated by commas".to_owned())),
    }
}

/// A time span.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SpanQuery {
    /// From when; now where missing.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    /// Until when; a day later where missing.
    #[param(value_type = Option<String>, format = DateTime)]
    stop: Option<Timestamp>,
    /// Languages that texts are in where the guide has them, separated by commas, the preferred one first; those of `[guide]` where missing.
    lang: Option<String>,
}

fn span(
    start: Option<Timestamp>,
    stop: Option<Timestamp>,
    hours: (i64, i64),
) -> Result<(Timestamp, Timestamp), AdminError> {
    let start = start.unwrap_or_else(Timestamp::now);
    let after = |hours: i64| start.checked_add(hours.hours()).unwrap_or(Timestamp::MAX);
    let stop = stop.unwrap_or_else(|| after(hours.0));
    if start >= stop || stop > after(hours.1) {
        return Err(AdminError::field("stop", format!("expected a time behind start, within {} hours", hours.1)));
    }
    Ok((start, stop))
}

/// The programmes of a channel that are on in a time span, by start.
#[utoipa::path(get, path = "/api/v1/guide/channels/{id}", tag = "guide", params(("id" = u32, Path), SpanQuery),
    responses((status = 200, body = ChannelGuideView)))]
async fn channel(
    State(context): Shared,
    At(id): At<u32>,
    Asked(query): Asked<SpanQuery>,
) -> Result<Json<ChannelGuideView>, AdminError> {
    let guide = running(&context)?;
    let id = ChannelId(id);
    context.deps.catalog.channel(id).ok_or_else(|| EditError::NotFound(format!("channel {id}")))?;
    let (from, until) = span(query.start, query.stop, (24, CHANNEL_HOURS))?;
    let languages = languages(&guide, query.lang.as_deref());
    let found = reading(move || {
        let programmes = guide.programmes(id, from, until)?;
        let links = guide.links();
        let links = links.find(id).map(|guide| guide.links.iter().map(LinkView::of).collect()).unwrap_or_default();
        let programmes = programmes.iter().map(|one| ProgrammeView::of(one, &languages)).collect();
        Ok(ChannelGuideView { channel: id.0, links, programmes })
    });
    Ok(Json(found.await?))
}

/// Which part of the grid.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct GridQuery {
    /// How many channels at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// From when; now where missing.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    /// Until when, at most two days later; six hours later where missing.
    #[param(value_type = Option<String>, format = DateTime)]
    stop: Option<Timestamp>,
    /// Languages that texts are in where the guide has them, separated by commas, the preferred one first; those of `[guide]` where missing.
    lang: Option<String>,
}

/// The programmes of many channels in a time span, without descriptions; channels that have a guide, by id.
#[utoipa::path(get, path = "/api/v1/guide/grid", tag = "guide", params(GridQuery),
    responses((status = 200, body = Page<RowView>)))]
async fn grid(State(context): Shared, Asked(query): Asked<GridQuery>) -> Result<Json<Page<RowView>>, AdminError> {
    let guide = running(&context)?;
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?);
    let (from, until) = span(query.start, query.stop, (6, GRID_HOURS))?;
    let languages = languages(&guide, query.lang.as_deref());
    let rows = reading(move || {
        let (links, reading) = (guide.links(), guide.read()?);
        let behind = links.all().map(|(id, _)| id).filter(|id| after.is_none_or(|after| u64::from(id.0) > after));
        behind
            .take(limit + 1)
            .map(|id| Ok(RowView::of(id, &reading.programmes(id, from, until)?, &languages)))
            .collect::<Result<Vec<RowView>, AdminError>>()
    });
    Ok(Json(Page::of(rows.await?, limit, |row| row.channel.to_string())))
}
