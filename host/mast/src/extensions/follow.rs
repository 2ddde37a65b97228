//! The task that keeps the instances up to date with their files.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::registry::Registry;
use super::watch::FolderWatch;

/// After an event, until nothing happened for this long: editors and deployments write in several steps.
const SETTLE: Duration = Duration::from_millis(200);

/// But not for ever.
const SETTLE_AT_MOST: Duration = Duration::from_secs(2);

/// A look without an event, where events work and where they do not (network file systems).
const LOOK_ANYWAY: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_secs(2);

/// Owns the registry.
pub(super) struct FollowTask {
    shared: Arc<Shared>,
    registry: Arc<Mutex<Registry>>,
    folder: std::path::PathBuf,
    watch: FolderWatch,
    wake: Arc<Notify>,
}

impl FollowTask {
    /// Looks for the first time; everything that can be loaded is loaded when this returns.
    pub(super) async fn start(shared: Arc<Shared>, registry: Registry, folder: std::path::PathBuf) -> Self {
        let wake = Arc::new(Notify::new());
        let watch = FolderWatch::new(Arc::clone(&wake));
        let registry = Arc::new(Mutex::new(registry));
        let mut task = Self { shared, registry, folder, watch, wake };
        // Watched before the first look, so that no change falls between the two.
        task.watch.watch(&task.folder, Vec::new());
        task.look().await;
        task
    }

    /// Runs until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let idle = if self.watch.is_reliable() { LOOK_ANYWAY } else { POLL };
            tokio::select! {
                () = stop.cancelled() => break,
                // Running out of time is a reason to look, too.
                _ = timeout(idle, self.wake.notified()) => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = settled(&self.wake) => {}
            }
            self.look().await;
        }
    }

    /// Scans on a blocking thread and publishes what came of it.
    async fn look(&mut self) {
        let (shared, registry) = (Arc::clone(&self.shared), Arc::clone(&self.registry));
        let looked = tokio::task::spawn_blocking(move || {
            // A panic while scanning leaves each entry whole.
            let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
            if registry.scan() {
                shared.publish(&registry);
            }
            registry.folders()
        });
        match looked.await {
            Ok(folders) => {
                if self.watch.watch(&self.folder, folders) {
                    self.wake.notify_one();
                }
            }
            Err(panic) => tracing::error!(%panic, "instances could not be brought up to date"),
        }
    }
}

async fn settled(wake: &Notify) {
    let deadline = Instant::now() + SETTLE_AT_MOST;
    while Instant::now() < deadline {
        if timeout(SETTLE, wake.notified()).await.is_err() {
            break;
        }
    }
}
