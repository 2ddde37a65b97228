//! `/api/v1/events`: server-sent events. Each is only for those who may read what it is about; whoever is too slow is told, and begins anew.
//!
//! Sessions tell by themselves when they begin and end. Channels, sources and plugins are looked at once a second, as metrics look at them.
//! Changes of operators come out of the audit log, behind the request that made them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use mast_model::Scope;
use mast_store::{AuditEntry, StateStore, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, Me};
use super::{AdminError, Context, Shared};
use crate::events::{Event, Place};
use crate::extensions::InstanceState;
use crate::operators::{Identity, Scopes};

/// Something is sent at least this often, so that a connection that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two looks at channels, sources and plugins.
const LOOK: Duration = Duration::from_secs(1);
/// Who may look on at once.
const LISTENERS: usize = 64;
/// Entries of the audit log that most requests leave at most.
const FEW: usize = 4;
/// Entries of the audit log that become one event each; of more at once there is one event for all.
const SINGLE: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Room for those who look on.
pub(super) struct Listeners(Arc<Semaphore>);

impl Default for Listeners {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTENERS)))
    }
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only kinds that begin with one of these, separated by commas, for example `session,channel.state`.
    kinds: Option<String>,
    /// False for what there is behind `Last-Event-ID`, and then the end.
    wait: Option<bool>,
}

/// Live state as server-sent events: `session.began`, `session.ended`, `channel.state`, `source.refreshed`, `plugin.state`, `plugin.poisoned`,
/// `changed`. With `Last-Event-ID` from behind that event on; `reset` says that some in between are forgotten, `end` why there will be no more.
#[utoipa::path(get, path = "/api/v1/events", tag = "status", params(EventQuery),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn events(
    State(context): Shared,
    Me(identity): Me,
    headers: HeaderMap,
    Asked(query): Asked<EventQuery>,
) -> Result<Response, AdminError> {
    let permit = Arc::clone(&context.listeners.0).try_acquire_owned().map_err(|_| AdminError::TooManyListeners)?;
    let events = &context.deps.events;
    let newest = events.newest();
    let asked = headers.get("last-event-id").map(|field| field.to_str().unwrap_or_default().parse::<Place>());
    let (place, head) = match asked {
        None => (newest, format!("id: {newest}\n: events from here on\n\n")),
        Some(Ok(place)) if events.after(place).is_ok() => (place, String::new()),
        Some(_) => (newest, format!("id: {newest}\nevent: reset\ndata: {{\"reason\":\"forgotten\"}}\n\n")),
    };
    let kinds = query.kinds.map(|kinds| kinds.split(',').map(|kind| kind.trim().to_owned()).collect());
    let reader = Reader {
        moved: events.moved(),
        context,
        identity,
        place,
        kinds: kinds.unwrap_or_default(),
        wait: query.wait.unwrap_or(true),
        head: Some(head),
        ended: false,
        _permit: permit,
    };
    let parts = stream::unfold(reader, |mut reader: Reader| async move {
        let text = reader.next().await?;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(text)), reader))
    });
    let kind = HeaderValue::from_static("text/event-stream");
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response())
}

/// Somebody who looks on.
struct Reader {
    context: Arc<Context>,
    identity: Identity,
    moved: watch::Receiver<u64>,
    place: Place,
    /// None for all.
    kinds: Vec<String>,
    wait: bool,
    head: Option<String>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Option<String> {
        if let Some(head) = self.head.take().filter(|head| !head.is_empty()) {
            return Some(head);
        }
        loop {
            if self.ended {
                return None;
            }
            // Before the look, so that nothing that comes after it is missed.
            self.moved.mark_unchanged();
            // Whoever was logged out, or has lost a scope since, sees no more of it.
            let Some(scopes) = self.context.deps.operators.current(&self.identity) else {
                return Some(self.end("logged_out"));
            };
            let events = &self.context.deps.events;
            let Ok(found) = events.after(self.place) else {
                let text = format!("event: reset\ndata: {{\"reason\":\"too_slow\"}}\n\n{}", self.end("too_slow"));
                return Some(text);
            };
            if let Some(last) = found.last() {
                self.place = events.place(last.number);
                let wanted = found.iter().filter(|event| self.wants(event, scopes));
                let text: String = wanted.map(|event| self.render(event)).collect();
                if !text.is_empty() {
                    return Some(text);
                }
                continue;
            }
            if !self.wait {
                return None;
            }
            let closed = events.closed().clone();
            tokio::select! {
                _ = self.moved.changed() => {}
                () = closed.cancelled() => return Some(self.end("stopping")),
                // The place moves on with it: what was passed over need not be remembered.
                () = tokio::time::sleep(HEARTBEAT) => return Some(format!("id: {}\n:\n\n", self.place)),
            }
        }
    }

    fn end(&mut self, reason: &str) -> String {
        self.ended = true;
        format!("event: end\ndata: {{\"reason\":\"{reason}\"}}\n\n")
    }

    fn wants(&self, event: &Event, scopes: Scopes) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| event.kind.starts_with(kind.as_str()));
        kind && scopes.has(needed(event))
    }

    fn render(&self, event: &Event) -> String {
        let mut about = event.about.clone();
        about["at"] = json!(event.at);
        format!("id: {}\nevent: {}\ndata: {about}\n\n", self.context.deps.events.place(event.number), event.kind)
    }
}

/// What somebody must be able to read to see an event.
fn needed(event: &Event) -> Scope {
    match event.kind.split('.').next().unwrap_or_default() {
        "session" => Scope::LinesRead,
        "channel" => Scope::StatusRead,
        "source" | "plugin" => Scope::CatalogRead,
        _ => match event.about["action"].as_str().and_then(|action| action.split('.').next()).unwrap_or_default() {
            "line" | "ban" => Scope::LinesRead,
            "channel" | "category" | "bouquet" | "rules" => Scope::CatalogRead,
            "operator" | "api_key" => Scope::OperatorsRead,
            _ => Scope::AuditRead,
        },
    }
}

/// How far the audit log has become events.
#[derive(Default)]
pub(super) struct Told {
    last: AtomicU64,
    telling: Mutex<()>,
}

impl Told {
    /// What is there already is no news.
    pub(super) fn from(store: &dyn StateStore) -> Self {
        let newest = store.audit_log(u64::MAX, 1, &|_| true).unwrap_or_default();
        Self { last: AtomicU64::new(newest.first().map_or(0, |entry| entry.id)), telling: Mutex::default() }
    }
}

/// Makes events of what the audit log has got since.
pub(super) async fn tell(context: &Arc<Context>) {
    let context = Arc::clone(context);
    let told = tokio::task::spawn_blocking(move || {
        let _one = context.told.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let last = context.told.last.load(Ordering::Relaxed);
        let mut newest = context.deps.store.audit_log(u64::MAX, FEW, &|_| true)?;
        if newest.last().is_some_and(|oldest| oldest.id > last + 1) {
            newest = context.deps.store.audit_log(u64::MAX, SINGLE + 1, &|_| true)?;
        }
        let mut new: Vec<AuditEntry> = newest.into_iter().filter(|entry| entry.id > last).collect();
        let Some(id) = new.first().map(|entry| entry.id) else { return Ok(()) };
        context.told.last.store(id, Ordering::Relaxed);
        let about =
            |entry: &AuditEntry| json!({ "action": entry.action, "subject": entry.subject, "by": entry.actor.name });
        if new.len() > SINGLE {
            // One request, as a rule: what the newest entry is about, the others are about too.
            let mut all = about(&new[0]);
            (all["subject"], all["count"]) = (Value::Null, json!(id - last));
            context.deps.events.publish("changed", all);
            return Ok(());
        }
        new.reverse();
        new.iter().for_each(|entry| context.deps.events.publish("changed", about(entry)));
        Ok::<(), StoreError>(())
    });
    if let Ok(Err(error)) = told.await {
        tracing::warn!(%error, "changes were not told to those who look on");
    }
}

/// Looks at channels, sources and plugins until `stop`, and tells what moved.
pub(super) async fn look(context: Arc<Context>, stop: CancellationToken) {
    let (mut seen, mut first) = (HashMap::new(), true);
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return,
        }
        for (key, kind, mark, about) in things(&context) {
            let before = seen.insert(key, mark.clone());
            if !first && before.as_ref() != Some(&mark) {
                context.deps.events.publish(kind, about);
            }
        }
        first = false;
    }
}

/// Everything that is looked at: its key, the kind of event, what tells whether it moved, and what is told.
fn things(context: &Context) -> Vec<(String, &'static str, Value, Value)> {
    let mut found = Vec::new();
    let Some(running) = &context.deps.running else { return found };
    for report in running.tuner.reports() {
        let fault = report.fault.map(|fault| fault.to_string());
        let about = json!({
            "channel": report.channel, "state": report.state.name(), "slate": report.slate, "upstream": report.upstream,
            "fault": fault, "viewers": report.viewers,
        });
        let mark = json!([report.state.name(), report.slate, report.upstream, fault]);
        found.push((format!("channel {}", report.channel), "channel.state", mark, about));
    }
    for status in context.deps.catalog.statuses() {
        let about = json!({
            "source": status.source, "ok": status.error.is_none(), "channels": status.channels, "error": status.error,
        });
        found.push((format!("source {}", status.source), "source.refreshed", json!(status.last_attempt), about));
    }
    for status in running.extensions.statuses() {
        let reason = if let InstanceState::Failed(reason) = &status.state { Some(reason.clone()) } else { None };
        let state = match status.state {
            InstanceState::Loaded => "loaded",
            InstanceState::Failed(_) => "failed",
            InstanceState::Disabled => "disabled",
        };
        let about = json!({ "plugin": status.instance, "state": state, "reason": reason, "running": status.running });
        found.push((
            format!("plugin {}", status.instance),
            "plugin.state",
            json!([state, reason, status.since]),
            about,
        ));
        let about = json!({ "plugin": status.instance, "poisoned": status.poisoned });
        // One that was loaded anew counts from 0 again, which is no news.
        let mark = json!(status.poisoned);
        if status.poisoned > 0 {
            found.push((format!("poisoned {}", status.instance), "plugin.poisoned", mark, about));
        }
    }
    found
}
