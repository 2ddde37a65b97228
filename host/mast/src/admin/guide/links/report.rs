//! `/api/v1/guide/report` and `unused`: how well channels and guides fit together, in numbers, and what nobody has.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::super::extract::Asked;
use super::super::super::page::{Page, Paging, unknown_cursor};
use super::super::super::{AdminError, Context, Shared};
use super::super::{reading, running};
use super::view::{ChannelLinksView, name};
use crate::guide::GuideError;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(report)).routes(routes!(unused))
}

/// How channels and guides fit together.
#[derive(Debug, Default, Serialize, ToSchema)]
struct ReportView {
    /// All channels of the catalogue.
    channels: usize,
    /// Channels by state: `linked`, `doubtful`, `unlinked`, `dummy`, `none`.
    states: BTreeMap<&'static str, usize>,
    /// Linked channels by why the first of their links was made: `manual`, `id`, `folded-id`, `name`, `alike`.
    reasons: BTreeMap<&'static str, usize>,
    /// Channels that an operator says something of.
    by_hand: usize,
    /// Guide channels that no channel has, by guide.
    unused: BTreeMap<String, usize>,
}

/// How channels and guides fit together, in numbers. The channels are in `GET /guide/links`, what is left over in `GET /guide/unused`.
#[utoipa::path(get, path = "/api/v1/guide/report", tag = "guide", responses((status = 200, body = ReportView)))]
async fn report(State(context): Shared) -> Result<Json<ReportView>, AdminError> {
    let (guide, catalog) = (running(&context)?, context.deps.catalog.clone());
    let counted = reading(move || {
        let links = guide.links();
        let mut report = ReportView::default();
        for channel in catalog.channel_ids().into_iter().filter_map(|id| catalog.channel(id)) {
            let view = ChannelLinksView::of(&channel, &links);
            report.channels += 1;
            *report.states.entry(view.state.name()).or_default() += 1;
            report.by_hand += usize::from(view.by_hand.is_some());
            if let Some(first) = links.find(channel.id).and_then(|guide| guide.links.first()) {
                *report.reasons.entry(name(first.to.why)).or_default() += 1;
            }
        }
        for (guide, _) in links.unused() {
            *report.unused.entry(guide.to_string()).or_default() += 1;
        }
        Ok(report)
    });
    Ok(Json(counted.await?))
}

/// Which guide channels.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UnusedQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those of this guide.
    guide: Option<String>,
}

/// A guide channel.
#[derive(Debug, Serialize, ToSchema)]
struct UnusedView {
    /// The guide.
    guide: String,
    /// The guide's id for it.
    guide_channel: String,
    /// Its names.
    names: Vec<String>,
}

/// Between guide and channel in a cursor; names of instances have none.
const SEPARATOR: char = '/';

/// Guide channels that no channel has, by guide and id.
#[utoipa::path(get, path = "/api/v1/guide/unused", tag = "guide", params(UnusedQuery),
    responses((status = 200, body = Page<UnusedView>)))]
async fn unused(
    State(context): Shared,
    Asked(query): Asked<UnusedQuery>,
) -> Result<Json<Page<UnusedView>>, AdminError> {
    let guide = running(&context)?;
    if let Some(name) = &query.guide
        && !guide.statuses().iter().any(|status| status.guide == *name)
    {
        return Err(GuideError::NotFound(name.clone()).into());
    }
    let limit = Paging { limit: query.limit, cursor: None }.limit()?;
    let after = query.cursor.map(|cursor| match cursor.split_once(SEPARATOR) {
        Some((guide, id)) => Ok((guide.to_owned(), id.to_owned())),
        None => Err(unknown_cursor()),
    });
    let after = after.transpose()?;
    let page = reading(move || {
        let links = guide.links();
        let mut all: Vec<(&str, &str)> =
            links.unused().iter().map(|(guide, id)| (guide.as_str(), id.as_str())).collect();
        all.sort_unstable();
        let behind =
            |one: &(&str, &str)| after.as_ref().is_none_or(|after| *one > (after.0.as_str(), after.1.as_str()));
        let wanted = |one: &(&str, &str)| behind(one) && query.guide.as_ref().is_none_or(|guide| one.0 == guide);
        let page: Vec<(&str, &str)> = all.into_iter().filter(wanted).take(limit + 1).collect();
        let mut names = guide.channel_names(&page)?;
        let view = |(guide, id): (&str, &str)| UnusedView {
            guide: guide.to_owned(),
            guide_channel: id.to_owned(),
            names: names.remove(&(guide.to_owned(), id.to_owned())).unwrap_or_default(),
        };
        Ok(page.iter().copied().map(view).collect())
    });
    Ok(Json(Page::of(page.await?, limit, |view: &UnusedView| {
        format!("{}{SEPARATOR}{}", view.guide, view.guide_channel)
    })))
}
