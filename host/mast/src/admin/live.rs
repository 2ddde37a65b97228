//! `/api/v1/channels/on-air`: what channels are doing now. What they are called and who made them is the catalogue's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use mast_model::ChannelId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At};
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::catalog::EditError;
use crate::tuner::{ChannelReport, State as Doing};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// What a channel is doing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OnAirView {
    /// The channel.
    pub id: u32,
    /// Its name; empty where it is not in the catalogue any more.
    pub name: String,
    /// `idle`, `starting`, `live`, `draining` or `backoff`.
    pub state: String,
    /// Viewers that hold it.
    pub viewers: u64,
    /// It is kept playing without viewers.
    pub warm: bool,
    /// Viewers see the slate.
    pub slate: bool,
    /// Which of its upstreams plays or played last, from 0; backups come after its own.
    pub upstream: u64,
    /// That upstream's scheme and host.
    pub upstream_host: Option<String>,
    /// Why it does not play now.
    pub fault: Option<String>,
    /// Why an upstream failed last, also where another plays since.
    pub last_error: Option<String>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_error_at: Option<Timestamp>,
    /// Times an upstream failed.
    pub restarts: u64,
    /// Bytes from upstreams.
    pub bytes: u64,
    /// Mean of the listed segments, bits per second; 0 while nothing plays.
    pub bitrate: u64,
    /// Segments cut.
    pub segments: u64,
    /// Packets that were lost on the way.
    pub continuity_errors: u64,
    /// Times a slow viewer lost its place.
    pub skips: u64,
    /// From the order to the first segment, at the last start.
    pub start_seconds: Option<f64>,
    /// Mean duration of the segments.
    pub segment_seconds: f64,
    /// What is in it, as RFC 6381 names it.
    pub codecs: Vec<String>,
    /// Qualities: 1, or the rungs of a ladder.
    pub rungs: u64,
}

impl OnAirView {
    fn of(context: &Context, report: &ChannelReport) -> Self {
        let channel = context.deps.catalog.channel(report.channel);
        let upstream = context.deps.running.as_ref().and_then(|running| running.tuner.upstream(report));
        let last = report.last_failure.as_deref();
        Self {
            id: report.channel.0,
            name: channel.map(|channel| channel.name.clone()).unwrap_or_default(),
            state: report.state.name().to_owned(),
            viewers: report.viewers as u64,
            warm: report.warm,
            slate: report.slate,
            upstream: report.upstream as u64,
            upstream_host: upstream,
            fault: report.fault.map(|fault| fault.to_string()),
            last_error: last.map(|last| last.failure.to_string()),
            last_error_at: last.map(|last| last.at),
            restarts: report.restarts,
            bytes: report.bytes_in,
            bitrate: report.bitrate,
            segments: report.segments,
            continuity_errors: report.continuity_errors,
            skips: report.skips,
            start_seconds: report.start.map(|start| start.as_secs_f64()),
            segment_seconds: report.segment.as_secs_f64(),
            codecs: report.codecs.names.clone(),
            rungs: report.rungs as u64,
        }
    }
}

/// Which channels.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OnAirQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those in this state.
    state: Option<String>,
    /// Only those with viewers, or without.
    watched: Option<bool>,
    /// Only those that do not play though they should, or others.
    failing: Option<bool>,
}

/// Channels that were wanted since the host started, by id.
#[utoipa::path(get, path = "/api/v1/channels/on-air", tag = "status", params(OnAirQuery),
    responses((status = 200, body = Page<OnAirView>)))]
async fn list(State(context): Shared, Asked(query): Asked<OnAirQuery>) -> Result<Json<Page<OnAirView>>, AdminError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?);
    if let Some(state) = query.state.as_ref().filter(|state| Doing::ALL.iter().all(|known| known.name() != *state)) {
        return Err(AdminError::field("state", format!("there is no state {state:?}")));
    }
    let wanted = |report: &ChannelReport| {
        after.is_none_or(|after| u64::from(report.channel.0) > after)
            && query.state.as_ref().is_none_or(|state| report.state.name() == state)
            && query.watched.is_none_or(|watched| (report.viewers > 0) == watched)
            && query.failing.is_none_or(|failing| (report.fault.is_some() || report.slate) == failing)
    };
    let reports = context.deps.running.as_ref().map(|running| running.tuner.reports()).unwrap_or_default();
    let found = reports.iter().filter(|report| wanted(report)).take(limit + 1);
    let views = found.map(|report| OnAirView::of(&context, report)).collect();
    Ok(Json(Page::of(views, limit, |view| view.id.to_string())))
}

/// What a channel is doing. One that nobody has wanted yet is idle.
#[utoipa::path(get, path = "/api/v1/channels/{id}/on-air", tag = "status", params(("id" = u32, Path)),
    responses((status = 200, body = OnAirView)))]
async fn show(State(context): Shared, At(id): At<u32>) -> Result<Json<OnAirView>, AdminError> {
    let report = context.deps.running.as_ref().and_then(|running| running.tuner.report(ChannelId(id)));
    let known = context.deps.catalog.channel(ChannelId(id)).is_some();
    let report = report.or_else(|| known.then(|| ChannelReport::idle(ChannelId(id))));
    let report = report.ok_or_else(|| EditError::NotFound(format!("channel {id}")))?;
    Ok(Json(OnAirView::of(&context, &report)))
}
