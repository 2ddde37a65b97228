//! `/api/v1/health`: whether the host has what it needs, and where not, why. Whether viewers can be served at all is `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use mast_store::{StateStore, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Context, Running, Shared};
use crate::extensions::InstanceState;

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Less room than this on the disk is too little.
const LEAST_ROOM: u64 = 512 << 20;
/// The clock may be set by this much without a word.
const DRIFT: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// How the host does.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `ok`, or `degraded` where a check is.
    pub status: String,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// `store`, `ffmpeg`, `disk`, `plugins`, `sources` or `clock`.
    pub name: String,
    /// `ok` or `degraded`.
    pub status: String,
    /// What was found; why, where it is degraded.
    pub detail: String,
}

impl Check {
    fn of(name: &str, found: Result<String, String>) -> Self {
        let (status, detail) = match found {
            Ok(detail) => ("ok", detail),
            Err(detail) => ("degraded", detail),
        };
        Self { name: name.to_owned(), status: status.to_owned(), detail }
    }
}

/// Store, FFmpeg, disk, plugins, sources and clock: `ok`, or `degraded` and why. The answer is 200 in both cases.
#[utoipa::path(get, path = "/api/v1/health", tag = "status", responses((status = 200, body = HealthView)))]
async fn show(State(context): Shared) -> Json<HealthView> {
    let mut checks = vec![Check::of("store", store(Arc::clone(&context.deps.store)).await)];
    if let Some(running) = &context.deps.running {
        checks.push(Check::of("ffmpeg", ffmpeg(running).await));
        checks.push(Check::of("disk", disk(running)));
        checks.push(Check::of("plugins", plugins(running)));
    }
    checks.push(Check::of("sources", sources(&context)));
    checks.push(Check::of("clock", clock(Timestamp::now().duration_since(context.started), context.began.elapsed())));
    let status = if checks.iter().all(|check| check.status == "ok") { "ok" } else { "degraded" };
    Json(HealthView { status: status.to_owned(), checks })
}

/// Writes nothing, durably: what fails here fails for everybody.
async fn store(store: Arc<dyn StateStore>) -> Result<String, String> {
    let write = move || store.write("see whether it can be written", &mut |_| Ok::<(), StoreError>(()));
    match tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(write)).await {
        Ok(Ok(Ok(()))) => Ok("can be written".to_owned()),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("was not written within {PATIENCE:?}; it is busy, or its disk hangs")),
    }
}

async fn ffmpeg(running: &Running) -> Result<String, String> {
    match tokio::time::timeout(PATIENCE, running.transcoder.look()).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(_) => Err(format!("did not say its version within {PATIENCE:?}")),
    }
}

fn disk(running: &Running) -> Result<String, String> {
    let room = mast_ffmpeg::disk_room(&running.data_dir).map_err(|error| format!("cannot be asked: {error}"))?;
    let text = format!("{} MiB of {} MiB are free for the store", room.free >> 20, room.size >> 20);
    if room.free < LEAST_ROOM { Err(text) } else { Ok(text) }
}

fn plugins(running: &Running) -> Result<String, String> {
    let all = running.extensions.statuses();
    let failed = all.iter().filter_map(|status| match &status.state {
        InstanceState::Failed(reason) => Some(format!("{}: {reason}", status.instance)),
        _ => None,
    });
    counted(all.len(), failed.collect())
}

fn sources(context: &Context) -> Result<String, String> {
    let all = context.deps.catalog.statuses();
    let failing =
        all.iter().filter_map(|status| status.error.as_ref().map(|error| format!("{}: {error}", status.source)));
    counted(all.len(), failing.collect())
}

fn counted(all: usize, broken: Vec<String>) -> Result<String, String> {
    if broken.is_empty() { Ok(format!("all {all} are well")) } else { Err(broken.join("; ")) }
}

/// `wall` and `steady` are the time since the host started, by the two clocks.
fn clock(wall: SignedDuration, steady: Duration) -> Result<String, String> {
    let steady = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
    let moved = wall.checked_sub(steady).unwrap_or(SignedDuration::MAX);
    match moved.abs() > DRIFT {
        true => {
            Err(format!("was set by {} s since the host started; expiries and schedules follow it", moved.as_secs()))
        }
        false => Ok("was not set since the host started".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told() {
        for (wall, steady, fits) in [(100, 100, true), (104, 100, true), (106, 100, false), (-3_600, 100, false)] {
            let found = clock(SignedDuration::from_secs(wall), Duration::from_secs(steady));
            assert_eq!(found.is_ok(), fits, "{found:?}");
        }
        assert!(clock(SignedDuration::from_secs(3_700), Duration::from_secs(100)).unwrap_err().contains("by 3600 s"));
    }
}
