//! How the sources are doing, for the admin API, `mast check` and the metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use mast_model::InstanceId;
use mast_plugin::records::Pairs;
use serde::Serialize;
use utoipa::ToSchema;

use super::changes::SourceChanges;
use super::import::Remarks;
use super::provider::SourceProvider;
use super::snapshot::LastImport;
use super::source::SourceSet;

/// How one source is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceStatus {
    /// The source instance.
    pub source: String,
    /// A refresh is under way.
    pub refreshing: bool,
    /// When the last refresh ended, either way.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_attempt: Option<Timestamp>,
    /// When a refresh last succeeded, with or without change; also before a restart.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Timestamp>,
    /// When the next is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt: Option<Timestamp>,
    /// Why the last refresh failed; none where it succeeded.
    pub error: Option<String>,
    /// Channels in its last good lineup.
    pub channels: usize,
    /// Categories in its last good lineup.
    pub categories: usize,
    /// Movies and series in its last good lineup.
    pub titles: usize,
    /// Episodes in its last good lineup.
    pub episodes: usize,
    /// The first hundred warnings of the last finished refresh.
    pub warnings: Vec<SourceWarning>,
    /// All of them, counted.
    pub warning_count: u64,
    /// What the last refresh that changed anything changed, or would have, where it was not taken over; none since the host was started.
    pub last_changes: Option<SourceChanges>,
    /// The operator's account with the provider, as far as that speaks of it; also before a restart.
    pub provider: Option<SourceProvider>,
    /// The plugin's own counts and remarks.
    #[schema(value_type = Vec<Vec<String>>)]
    pub remarks: Pairs,
}

/// An item that was left out or mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceWarning {
    /// Which.
    pub item: String,
    /// Why.
    pub message: String,
}

/// All statuses.
#[derive(Default)]
pub(super) struct Statuses(Mutex<BTreeMap<InstanceId, SourceStatus>>);

impl Statuses {
    pub(super) fn all(&self) -> Vec<SourceStatus> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn attempted(&self, source: &InstanceId) -> bool {
        self.lock().get(source).is_some_and(|status| status.last_attempt.is_some())
    }

    pub(super) fn keep_only(&self, sources: &SourceSet) {
        let mut statuses = self.lock();
        statuses.retain(|id, _| sources.iter().any(|entry| entry.id == *id));
        for entry in sources {
            statuses
                .entry(entry.id.clone())
                .or_insert_with(|| SourceStatus { source: entry.id.to_string(), ..SourceStatus::default() });
        }
    }

    /// Changes the status of a source that is in the set.
    pub(super) fn update(&self, source: &InstanceId, change: impl FnOnce(&mut SourceStatus)) {
        if let Some(status) = self.lock().get_mut(source) {
            change(status);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, SourceStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceStatus {
    pub(super) fn take_counts(&mut self, last: Option<&LastImport>) {
        (self.channels, self.categories, self.titles, self.episodes) =
            last.map_or((0, 0, 0, 0), |last| (last.channels, last.categories, last.titles, last.episodes));
    }

    pub(super) fn take_remarks(&mut self, remarks: Remarks) {
        self.warnings = remarks.warnings;
        self.warning_count = remarks.warning_count;
    }
}
