//! `/api/v1/guide/links`: which guide channels each channel has and why, what operators say of it, and what is left over.

mod report;
mod table;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use jiff::tz::TimeZone;
use mast_model::{ChannelId, InstanceId};
use mast_store::Change;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::RowProblem;
use super::super::extract::{Asked, At, Changing, Sent};
use super::super::page::{Page, Paging};
use super::super::{AdminError, Context, IMPORT_LIMIT, Shared};
use super::{reading, running};
use crate::catalog::EditError;
use crate::guide::{ByHand, Guide, ManualLink};
pub(super) use view::LinkView;
use view::{ChannelLinksView, State as LinkState};

/// Times are moved by at most so many seconds: a day.
const SHIFT: i64 = 86_400;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    let large = OpenApiRouter::new().routes(routes!(links, set_links)).merge(table::routes());
    OpenApiRouter::new()
        .routes(routes!(link, set_link, reset_link))
        .merge(report::routes())
        .merge(large.layer(DefaultBodyLimit::max(IMPORT_LIMIT)))
}

/// Which channels.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LinksQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those in this state.
    #[param(inline)]
    state: Option<LinkState>,
    /// Only those of which an operator says something, or only others.
    by_hand: Option<bool>,
}

/// What each channel has for a guide, by channel. `state=doubtful` is the list for review.
#[utoipa::path(get, path = "/api/v1/guide/links", tag = "guide", params(LinksQuery),
    responses((status = 200, body = Page<ChannelLinksView>)))]
async fn links(
    State(context): Shared,
    Asked(query): Asked<LinksQuery>,
) -> Result<Json<Page<ChannelLinksView>>, AdminError> {
    let guide = running(&context)?;
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?);
    let catalog = context.deps.catalog.clone();
    let page = reading(move || {
        let links = guide.links();
        let mut ids = catalog.channel_ids();
        ids.sort_unstable();
        let behind = ids.into_iter().filter(|id| after.is_none_or(|after| u64::from(id.0) > after));
        let views = behind.filter_map(|id| Some(ChannelLinksView::of(&*catalog.channel(id)?, &links)));
        let wanted = |view: &ChannelLinksView| {
            query.state.is_none_or(|state| view.state == state)
                && query.by_hand.is_none_or(|by_hand| view.by_hand.is_some() == by_hand)
        };
        Ok(views.filter(wanted).take(limit + 1).collect())
    });
    Ok(Json(Page::of(page.await?, limit, |view: &ChannelLinksView| view.channel.to_string())))
}

fn one(context: &Context, guide: &Guide, id: u32) -> Result<ChannelLinksView, AdminError> {
    let channel = context.deps.catalog.channel(ChannelId(id));
    let channel = channel.ok_or_else(|| EditError::NotFound(format!("channel {id}")))?;
    Ok(ChannelLinksView::of(&channel, &guide.links()))
}

/// What a channel has for a guide.
#[utoipa::path(get, path = "/api/v1/guide/links/{channel}", tag = "guide", params(("channel" = u32, Path)),
    responses((status = 200, body = ChannelLinksView)))]
async fn link(State(context): Shared, At(id): At<u32>) -> Result<Json<ChannelLinksView>, AdminError> {
    Ok(Json(one(&context, &running(&context)?, id)?))
}

/// What an operator says of a channel's guide. What is missing is left to the host.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LinkRequest {
    /// Link it to a channel of this guide, and to no other; with `guide_channel`.
    pub(super) guide: Option<String>,
    /// The guide's id for the channel.
    pub(super) guide_channel: Option<String>,
    /// It has no guide, and none is looked for or made up.
    pub(super) none: bool,
    /// All times are moved by this, at most a day.
    pub(super) shift_seconds: i64,
    /// All times are those of the clocks in this time zone, for example `Europe/Berlin`, whatever the guide says.
    pub(super) zone: Option<String>,
}

/// Says what a channel has for a guide, instead of what was said before. Refreshes of sources and imports of guides leave it alone.
#[utoipa::path(put, path = "/api/v1/guide/links/{channel}", tag = "guide", params(("channel" = u32, Path)),
    request_body = LinkRequest, responses((status = 200, body = ChannelLinksView)))]
async fn set_link(
    State(context): Shared,
    At(id): At<u32>,
    Changing(change): Changing,
    Sent(request): Sent<LinkRequest>,
) -> Result<Json<ChannelLinksView>, AdminError> {
    let guide = running(&context)?;
    one(&context, &guide, id)?;
    let refused = |problem: Vec<RowProblem>| match problem.into_iter().next() {
        Some(problem) => AdminError::Invalid(problem.message),
        None => AdminError::Invalid("it cannot be linked".to_owned()),
    };
    set(&context, change, vec![(1, id, request)]).await?.map_err(refused)?;
    Ok(Json(one(&context, &guide, id)?))
}

/// Takes back what was said of a channel's guide: it is linked automatically again.
#[utoipa::path(delete, path = "/api/v1/guide/links/{channel}", tag = "guide", params(("channel" = u32, Path)),
    responses((status = 204)))]
async fn reset_link(
    State(context): Shared,
    At(id): At<u32>,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    let guide = running(&context)?;
    let known = guide.links().by_hand(ChannelId(id)).is_some();
    if !known {
        one(&context, &guide, id)?;
    }
    let nothing = BTreeMap::from([(ChannelId(id), ByHand::default())]);
    reading(move || Ok(guide.set_by_hand(&change, &nothing)?)).await?;
    tracing::info!(channel = id, "a channel is linked to guides automatically again");
    Ok(StatusCode::NO_CONTENT)
}

/// What is said of one of many channels.
#[derive(Debug, Deserialize, ToSchema)]
struct BulkLink {
    /// The channel.
    channel: u32,
    /// What is said of it; nothing: it is linked automatically again.
    #[serde(flatten)]
    link: LinkRequest,
}

/// What is said of many channels.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkRequest {
    /// The channels; of others nothing changes.
    links: Vec<BulkLink>,
}

/// What a bulk change did.
#[derive(Debug, Serialize, ToSchema)]
struct Changed {
    /// Channels that something was said of.
    channels: usize,
}

/// Says what many channels have for a guide, all or none.
#[utoipa::path(patch, path = "/api/v1/guide/links", tag = "guide",
    request_body = BulkRequest, responses((status = 200, body = Changed)))]
async fn set_links(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<BulkRequest>,
) -> Result<Json<Changed>, AdminError> {
    let rows = (1..).zip(request.links).map(|(row, one)| (row, one.channel, one.link)).collect();
    set(&context, change, rows).await?.map(Json).map_err(AdminError::Rows)
}

/// Checks and keeps what is said, all or none: rows, channels and what is said of them.
async fn set(
    context: &Context,
    change: Change,
    rows: Vec<(usize, u32, LinkRequest)>,
) -> Result<Result<Changed, Vec<RowProblem>>, AdminError> {
    let (guide, catalog) = (running(context)?, context.deps.catalog.clone());
    reading(move || {
        let names = guide.statuses().into_iter().map(|status| status.guide).collect();
        let mut known = Known { guide: &guide, names, channels: BTreeMap::new() };
        let (mut all, mut problems) = (BTreeMap::new(), Vec::new());
        for (row, id, request) in rows {
            let checked = match catalog.channel(ChannelId(id)) {
                None => Err(format!("there is no channel {id}")),
                Some(_) if all.contains_key(&ChannelId(id)) => Err(format!("channel {id} is there twice")),
                Some(_) => known.check(request),
            };
            match checked {
                Ok(by_hand) => drop(all.insert(ChannelId(id), by_hand)),
                Err(message) => problems.push(RowProblem { row, message }),
            }
        }
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        guide.set_by_hand(&change, &all)?;
        tracing::info!(channels = all.len(), "channels linked to guides by hand");
        Ok(Ok(Changed { channels: all.len() }))
    })
    .await
}

/// What links can be made to.
struct Known<'a> {
    guide: &'a Guide,
    /// All guides.
    names: BTreeSet<String>,
    /// Ids of a guide's channels, read when they are first asked for; none where it was never imported.
    channels: BTreeMap<InstanceId, Option<BTreeSet<String>>>,
}

impl Known<'_> {
    fn check(&mut self, request: LinkRequest) -> Result<ByHand, String> {
        let LinkRequest { guide, guide_channel, none, shift_seconds, zone } = request;
        let link = match (guide, guide_channel, none) {
            (None, None, false) => None,
            (None, None, true) => Some(ManualLink::NoGuide),
            (Some(guide), Some(channel), false) => Some(self.link(&guide, channel)?),
            (_, _, true) => return Err("give either none, or guide and guide_channel".to_owned()),
            _ => return Err("guide and guide_channel belong together; give both".to_owned()),
        };
        if !(-SHIFT..=SHIFT).contains(&shift_seconds) {
            return Err(format!("shift_seconds is a number from -{SHIFT} to {SHIFT}"));
        }
        let unknown = |name: String| format!("\"{name}\" is no time zone; write for example Europe/Berlin or UTC");
        let zone = match zone {
            None => None,
            Some(name) => {
                Some(TimeZone::get(&name).ok().filter(|zone| zone.iana_name().is_some()).ok_or(unknown(name))?)
            }
        };
        Ok(ByHand { link, shift: shift_seconds, zone })
    }

    fn link(&mut self, name: &str, channel: String) -> Result<ManualLink, String> {
        let Some(guide) = InstanceId::new(name).ok().filter(|_| self.names.contains(name)) else {
            return Err(format!("there is no guide {name}; GET /api/v1/guides lists them"));
        };
        if !self.channels.contains_key(&guide) {
            let ids = self.guide.channel_ids(&guide).map_err(|error| error.to_string())?;
            self.channels.insert(guide.clone(), ids);
        }
        match self.channels.get(&guide) {
            // What a guide will have cannot be known before it was imported.
            Some(Some(ids)) if !ids.contains(&channel) => Err(format!(
                "guide {guide} has no channel \"{channel}\"; GET /api/v1/guide/unused lists those that are free"
            )),
            _ => Ok(ManualLink::Guide { guide, channel }),
        }
    }
}
