//! `/api/v1/guide/search` and `upcoming`: programmes by words, title, category.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::Asked;
use super::super::page::{Page, Paging};
use super::super::{AdminError, Context, Shared};
use super::view::{HitView, ProgrammeView};
use super::{ids, languages, reading, running, span};
use crate::guide::Query;

/// Hours that are searched where nobody says, and at most.
const HOURS: (i64, i64) = (14 * 24, 62 * 24);

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(search)).routes(routes!(upcoming))
}

/// What is searched for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// Words in any order, whatever their case and diacritics; the last one may be only begun.
    #[serde(default)]
    q: String,
    /// Exactly this title.
    title: Option<String>,
    /// Exactly this category.
    category: Option<String>,
    /// Only these channels, ids separated by commas; at most 10,000.
    channels: Option<String>,
    /// From when; now where missing.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    /// Until when; two weeks later where missing.
    #[param(value_type = Option<String>, format = DateTime)]
    stop: Option<Timestamp>,
    /// How many at most, 1 to 1,000; 100 where missing. There are no further pages: take a later start.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Languages that texts are in where the guide has them, separated by commas, the preferred one first; those of `[guide]` where missing.
    lang: Option<String>,
}

/// Programmes that fit, by start. Which fields `q` looks into says `search` under `[guide]`: titles, subtitles and categories by default.
#[utoipa::path(get, path = "/api/v1/guide/search", tag = "guide", params(SearchQuery),
    responses((status = 200, body = Page<HitView>)))]
async fn search(State(context): Shared, Asked(query): Asked<SearchQuery>) -> Result<Json<Page<HitView>>, AdminError> {
    let is_empty = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    if query.q.trim().is_empty() && is_empty(&query.title) && is_empty(&query.category) {
        return Err(AdminError::field("q", "give words, a title or a category to look for".to_owned()));
    }
    let between = span(query.start, query.stop, HOURS)?;
    let limit = Paging { limit: query.limit, cursor: None }.limit()?;
    let channels = query.channels.as_deref().map(ids).transpose()?.unwrap_or_default().into_iter().collect();
    let wanted = Query { words: query.q, title: query.title, category: query.category, channels };
    found(&context, wanted, between, limit, query.lang.as_deref()).await
}

/// Which series.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UpcomingQuery {
    /// Its title, as a programme of it has it.
    title: String,
    /// Only these channels, ids separated by commas; at most 10,000.
    channels: Option<String>,
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Languages that texts are in where the guide has them, separated by commas, the preferred one first; those of `[guide]` where missing.
    lang: Option<String>,
}

/// What is on now or comes of a series within two months, by start.
#[utoipa::path(get, path = "/api/v1/guide/upcoming", tag = "guide", params(UpcomingQuery),
    responses((status = 200, body = Page<HitView>)))]
async fn upcoming(
    State(context): Shared,
    Asked(query): Asked<UpcomingQuery>,
) -> Result<Json<Page<HitView>>, AdminError> {
    if query.title.trim().is_empty() {
        return Err(AdminError::field("title", "give the title of a series".to_owned()));
    }
    let limit = Paging { limit: query.limit, cursor: None }.limit()?;
    let channels = query.channels.as_deref().map(ids).transpose()?.unwrap_or_default().into_iter().collect();
    let now = Timestamp::now();
    let until = now.checked_add(HOURS.1.hours()).unwrap_or(Timestamp::MAX);
    let wanted = Query { title: Some(query.title), channels, ..Query::default() };
    found(&context, wanted, (now, until), limit, query.lang.as_deref()).await
}

async fn found(
    context: &Context,
    query: Query,
    between: (Timestamp, Timestamp),
    limit: usize,
    lang: Option<&str>,
) -> Result<Json<Page<HitView>>, AdminError> {
    let guide = running(context)?;
    let languages = languages(&guide, lang);
    let items = reading(move || {
        let hits = guide.search(&query, between, limit)?;
        let view = |hit: &crate::guide::Hit| HitView {
            channel: hit.channel.0,
            programme: ProgrammeView::of(&hit.programme, &languages),
        };
        Ok(hits.iter().map(view).collect())
    });
    Ok(Json(Page { items: items.await?, next: None }))
}
