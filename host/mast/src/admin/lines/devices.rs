//! `/api/v1/lines/{id}/device-events`, `/api/v1/lines/{id}/devices` and `/api/v1/device-events`: what set-top boxes are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use mast_model::{ChannelId, Line, LineId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{At, Changing, Me, Sent};
use super::super::page::Page;
use super::super::{AdminError, Context, Shared};
use super::is_visible;
use crate::accounts::{AccountsError, normal_mac};
use crate::catalog::Catalog;
use crate::devices::{DeviceCode, DeviceEvent, NewEvent, WaitingEvent};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(list, tell))
        .routes(routes!(take_back))
        .routes(routes!(devices))
        .routes(routes!(tell_all))
}

/// Something that a device is to show or do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "message", "text": "Maintenance tonight from 02:00 to 02:15.", "confirm": true }))]
struct DeviceEventRequest {
    /// What: `message`, `reboot`, `reload-portal`, `update-channels`, `update-guide`, `update-subscription`, `play-channel` or `stop`.
    code: DeviceCode,
    /// What people read: at most 1,000 characters. A message needs one.
    #[serde(default)]
    text: String,
    /// The channel's id, for `play-channel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<u32>,
    /// One device of the line, a MAC address; every device where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// Whoever reads it has to say so.
    #[serde(default)]
    confirm: bool,
}

impl DeviceEventRequest {
    fn event(self, catalog: &Catalog) -> Result<NewEvent, AdminError> {
        let Self { code, text, channel, device, confirm } = self;
        let channel = channel.map(ChannelId);
        if let Some(missing) = channel.filter(|id| catalog.channel(*id).is_none()) {
            return Err(AdminError::field("channel", format!("there is no channel {missing}")));
        }
        Ok(NewEvent { code, text, channel, device, confirm })
    }
}

/// Something that waits for devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceEventView {
    /// Its number; what was sent to several lines has the same number at each.
    pub id: u64,
    /// What.
    pub code: DeviceCode,
    /// What people read.
    pub text: String,
    /// The channel's id, for `play-channel`.
    pub channel: Option<u32>,
    /// For this device alone; null for every device of the line.
    pub device: Option<String>,
    /// Whoever reads it has to say so.
    pub confirm: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it is given up.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// Devices that have got it, of those that it is for.
    pub confirmed: Vec<String>,
}

impl DeviceEventView {
    fn new(event: &DeviceEvent, confirmed: Vec<String>) -> Self {
        let DeviceEvent { id, code, text, channel, device, confirm, created, expires } = event.clone();
        Self { id, code, text, channel: channel.map(|channel| channel.0), device, confirm, created, expires, confirmed }
    }
}

impl From<WaitingEvent> for DeviceEventView {
    fn from(waiting: WaitingEvent) -> Self {
        Self::new(&waiting.event, waiting.confirmed)
    }
}

/// What waits for the devices of many lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToldView {
    /// The event.
    #[serde(flatten)]
    pub event: DeviceEventView,
    /// Lines that it waits for.
    pub lines: usize,
    /// Lines for which a hundred events wait already, so that this one does not.
    pub full: usize,
}

/// A device of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
struct DeviceView {
    /// Its address.
    mac: String,
    /// Whether it is bound to the line.
    bound: bool,
    /// When it last asked for events, since the host was started; null where it did not.
    #[schema(value_type = Option<String>, format = DateTime)]
    seen: Option<Timestamp>,
}

fn line(context: &Context, me: &Me, id: u64) -> Result<Arc<Line>, AdminError> {
    is_visible(context, me, LineId(id))?;
    context.deps.accounts.find(LineId(id)).ok_or_else(|| AccountsError::NoSuchLine(LineId(id)).into())
}

/// What waits for a line's devices, oldest first. What every device it is for has got is not there any more; what is for all of them stays
/// until it is over.
#[utoipa::path(get, path = "/api/v1/lines/{id}/device-events", tag = "lines", params(("id" = u64, Path)),
    responses((status = 200, body = Page<DeviceEventView>)))]
async fn list(State(context): Shared, me: Me, At(id): At<u64>) -> Result<Json<Page<DeviceEventView>>, AdminError> {
    let line = line(&context, &me, id)?;
    let items = context.deps.devices.list(line.id).into_iter().map(DeviceEventView::from).collect();
    Ok(Json(Page { items, next: None }))
}

/// Tells a line's devices something, the next time that they ask. It waits for a week, and at most a hundred wait for a line.
#[utoipa::path(post, path = "/api/v1/lines/{id}/device-events", tag = "lines", params(("id" = u64, Path)),
    request_body = DeviceEventRequest, responses((status = 201, body = DeviceEventView)))]
async fn tell(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Changing(change): Changing,
    Sent(request): Sent<DeviceEventRequest>,
) -> Result<(StatusCode, Json<DeviceEventView>), AdminError> {
    let line = line(&context, &me, id)?;
    let device = request.device.as_ref().and_then(|device| normal_mac(device));
    if let Some(mac) = device.filter(|mac| !line.macs().contains(mac)) {
        return Err(AdminError::field("device", format!("device {mac} is not bound to this line")));
    }
    let event = request.event(&context.deps.catalog)?;
    let event = context.deps.devices.push(line.id, event, change).await?;
    tracing::info!(line = id, event = event.id, code = event.code.name(), "an event waits for a line's devices");
    Ok((StatusCode::CREATED, Json(DeviceEventView::new(&event, Vec::new()))))
}

/// Takes back what a line's devices have not got yet.
#[utoipa::path(delete, path = "/api/v1/lines/{id}/device-events/{event}", tag = "lines",
    params(("id" = u64, Path), ("event" = u64, Path)), responses((status = 204)))]
async fn take_back(
    State(context): Shared,
    me: Me,
    At((id, event)): At<(u64, u64)>,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    let line = line(&context, &me, id)?;
    context.deps.devices.cancel(line.id, event, change).await?;
    tracing::info!(line = id, event, "an event for a line's devices was taken back");
    Ok(StatusCode::NO_CONTENT)
}

/// A line's devices: those that are bound to it, and others of it that were heard of.
#[utoipa::path(get, path = "/api/v1/lines/{id}/devices", tag = "lines", params(("id" = u64, Path)),
    responses((status = 200, body = Page<DeviceView>)))]
async fn devices(State(context): Shared, me: Me, At(id): At<u64>) -> Result<Json<Page<DeviceView>>, AdminError> {
    let line = line(&context, &me, id)?;
    let seen = context.deps.devices.seen(line.id);
    let macs: BTreeSet<&String> = line.macs().iter().chain(seen.iter().map(|(mac, _)| mac)).collect();
    let view = |mac: &String| DeviceView {
        mac: mac.clone(),
        bound: line.macs().contains(mac),
        seen: seen.iter().find(|(known, _)| known == mac).map(|(_, at)| *at),
    };
    Ok(Json(Page { items: macs.into_iter().map(view).collect(), next: None }))
}

/// Tells the devices of every line something, the next time that they ask: lines that have no device bound to them are left out.
#[utoipa::path(post, path = "/api/v1/device-events", tag = "lines", request_body = DeviceEventRequest,
    responses((status = 201, body = ToldView)))]
async fn tell_all(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<DeviceEventRequest>,
) -> Result<(StatusCode, Json<ToldView>), AdminError> {
    if request.device.is_some() {
        return Err(AdminError::field("device", "one device is told something through its line"));
    }
    let event = request.event(&context.deps.catalog)?;
    let lines = context.deps.accounts.select(None, usize::MAX, |line| !line.macs().is_empty()).await?;
    let lines = lines.iter().map(|line| line.id).collect();
    let told = context.deps.devices.push_all(lines, event, change).await?;
    tracing::info!(
        lines = told.lines,
        full = told.full,
        event = told.event.id,
        "an event waits for every line's devices"
    );
    let event = DeviceEventView::new(&told.event, Vec::new());
    Ok((StatusCode::CREATED, Json(ToldView { event, lines: told.lines, full: told.full })))
}
