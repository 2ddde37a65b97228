//! The file system's word that something may have changed. It only wakes: what changed is found by looking, so that a lost, doubled
//! or late event does no harm.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches folders, not below them.
pub(super) struct FolderWatch {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// Told once, until it works again.
    failing: bool,
}

impl FolderWatch {
    pub(super) fn new(wake: Arc<Notify>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_change(event.kind)) {
                wake.notify_one();
            }
        });
        let watcher =
            watcher.inspect_err(|error| tracing::warn!(%error, "no file system events; folders are polled")).ok();
        Self { watcher, watched: BTreeSet::new(), failing: false }
    }

    /// Watches the plugins' folder and `others` instead of what was watched. A folder that is not there is replaced by the nearest
    /// above it. Whether there is a folder that was not watched before: what happened in it until now went unseen.
    pub(super) fn watch(&mut self, folder: &Path, others: Vec<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        // The one above tells when the folder itself is removed, renamed or made.
        let wanted: BTreeSet<PathBuf> =
            others.iter().map(PathBuf::as_path).chain([folder]).chain(folder.parent()).map(nearest).collect();
        for gone in self.watched.difference(&wanted) {
            // Fails where the folder is gone, and the watch with it.
            let _ = watcher.unwatch(gone);
        }
        let mut failure = None;
        let mut working = BTreeSet::new();
        for folder in wanted {
            // Also for those watched already: a folder that was removed and made again is another one.
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(working.insert(folder)),
                Err(error) => failure = Some((folder, error)),
            }
        }
        if let Some((folder, error)) = failure.as_ref().filter(|_| !self.failing) {
            tracing::warn!(folder = %folder.display(), %error, "a folder cannot be watched; it is polled");
        }
        self.failing = failure.is_some();
        let new = !working.is_subset(&self.watched);
        self.watched = working;
        new
    }

    /// Whether changes are told at all.
    pub(super) fn is_reliable(&self) -> bool {
        self.watcher.is_some() && !self.failing
    }
}

fn nearest(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(folder).to_owned()
}

/// Reading a file is no change: looking would otherwise wake itself.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
