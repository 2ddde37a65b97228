//! The file system's word that a guide's files may have changed. It only wakes; what changed is found by looking.

use std::path::PathBuf;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches folders for as long as it lives.
pub(super) struct FolderWatch {
    /// None where there are no events.
    _watcher: Option<RecommendedWatcher>,
}

impl FolderWatch {
    /// `wake` is notified of every change in one of the folders.
    pub(super) fn new(folders: Vec<PathBuf>, wake: Arc<Notify>) -> Self {
        if folders.is_empty() {
            return Self { _watcher: None };
        }
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_change(event.kind)) {
                wake.notify_one();
            }
        });
        let watcher = watcher.and_then(|mut watcher| {
            folders.iter().try_for_each(|folder| watcher.watch(folder, RecursiveMode::NonRecursive))?;
            Ok(watcher)
        });
        let told = watcher.inspect_err(|error| {
            tracing::warn!(%error, "a guide's folder cannot be watched; its files are looked at when the guide is due");
        });
        Self { _watcher: told.ok() }
    }
}

/// Reading a file is no change: importing would otherwise wake itself.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
