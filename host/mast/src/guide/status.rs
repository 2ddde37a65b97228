//! How the guides are doing, for the admin API, `mast guide list` and the metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use mast_model::InstanceId;
use mast_store::guide::GuideRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::open::Progress;
use super::sink::Remarks;
use super::source::GuideSet;

/// How one guide is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuideStatus {
    /// The instance.
    pub guide: String,
    /// `off`, `broken` (the plugin could not be loaded), `waiting` (for its time), `queued`, `fetching`, `reading` or `storing`.
    pub state: String,
    /// When the last import ended, either way; since the start of the host.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_attempt: Option<Timestamp>,
    /// When an import last succeeded, with or without change; also before a restart.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Timestamp>,
    /// When what is there was imported.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub imported: Option<Timestamp>,
    /// When the next import is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt: Option<Timestamp>,
    /// Why the last import changed nothing; none where it succeeded.
    pub error: Option<String>,
    /// The last import was not taken over for what was in it, and `accept` would.
    pub refused: bool,
    /// Guide channels.
    pub channels: u64,
    /// Programmes.
    pub programmes: u64,
    /// Bytes that they take on disk.
    pub bytes: u64,
    /// The earliest start.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// The latest end.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// What the last import left out or mended, counted by reason.
    pub left_out: BTreeMap<String, u64>,
    /// The first hundred warnings of the last finished import.
    pub warnings: Vec<GuideWarning>,
    /// All of them, counted.
    pub warning_count: u64,
    /// The plugin's own counts and remarks.
    pub remarks: Vec<(String, String)>,
    /// The import that is under way.
    pub progress: Option<GuideProgress>,
}

/// A guide's status, and what is counted since the start of the host.
pub struct GuideReading {
    /// How it is doing.
    pub status: GuideStatus,
    /// Imports that succeeded, with or without change.
    pub succeeded: u64,
    /// Imports that failed.
    pub failed: u64,
}

/// An item that was left out or mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GuideWarning {
    /// Which.
    pub item: String,
    /// Why.
    pub message: String,
}

/// How far an import is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuideProgress {
    /// Bytes of the file that were downloaded or read.
    pub bytes: u64,
    /// Bytes that there are; null where nobody says.
    pub bytes_total: Option<u64>,
    /// Bytes after unpacking.
    pub text_bytes: u64,
    /// Programmes that were read, whether or not they are kept.
    pub programmes: u64,
    /// Since it began, seconds.
    pub seconds: f64,
    /// Bytes of the file per second, in this step.
    pub bytes_per_second: f64,
    /// Until this step ends, seconds; null where nobody knows.
    pub remaining_seconds: Option<f64>,
}

/// An import under way.
pub(super) struct Running {
    began: Instant,
    step: Mutex<(&'static str, Instant, Arc<Progress>)>,
    pub(super) programmes: AtomicU64,
}

impl Running {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { began: now, step: Mutex::new(("queued", now, Arc::default())), programmes: AtomicU64::new(0) }
    }

    /// Another step, with a progress of its own.
    pub(super) fn step(&self, name: &'static str) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        *self.lock() = (name, Instant::now(), Arc::clone(&progress));
        progress
    }

    fn lock(&self) -> MutexGuard<'_, (&'static str, Instant, Arc<Progress>)> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> (&'static str, GuideProgress) {
        let (name, since, progress) = self.lock().clone();
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (bytes, total) = (get(&progress.read), get(&progress.total));
        let rate = bytes as f64 / since.elapsed().as_secs_f64().max(0.001);
        let left = total.checked_sub(bytes).filter(|_| total > 0 && bytes > 0);
        let view = GuideProgress {
            bytes,
            bytes_total: (total > 0).then_some(total),
            text_bytes: get(&progress.text),
            programmes: get(&self.programmes),
            seconds: self.began.elapsed().as_secs_f64(),
            bytes_per_second: rate,
            remaining_seconds: left.map(|left| left as f64 / rate),
        };
        (name, view)
    }
}

/// What is known of a guide apart from its record in the store.
#[derive(Clone, Default)]
pub(super) struct Doing {
    pub(super) enabled: bool,
    pub(super) loaded: bool,
    pub(super) last_attempt: Option<Timestamp>,
    pub(super) next_attempt: Option<Timestamp>,
    pub(super) error: Option<String>,
    pub(super) refused: bool,
    pub(super) remarks: Remarks,
    pub(super) running: Option<Arc<Running>>,
    /// Imports since the start, by how they ended.
    pub(super) succeeded: u64,
    pub(super) failed: u64,
}

impl Doing {
    pub(super) fn view(&self, guide: &InstanceId, record: Option<&GuideRecord>) -> GuideStatus {
        let running = self.running.as_ref().map(|running| running.view());
        let state = match &running {
            Some((step, _)) => step,
            None if !self.enabled => "off",
            None if !self.loaded => "broken",
            None => "waiting",
        };
        let counts = record.map(|record| record.counts).unwrap_or_default();
        let left_out = [
            ("duplicate", counts.duplicates),
            ("absurd-time", counts.absurd_times),
            ("too-old-or-too-far", counts.not_kept),
            ("untitled", counts.untitled),
            ("oversized", counts.oversized),
            ("without-stop", counts.without_stop),
        ];
        let span = record.and_then(|record| record.span);
        GuideStatus {
            guide: guide.to_string(),
            state: (*state).to_owned(),
            last_attempt: self.last_attempt,
            last_success: record.map(|record| record.checked_at),
            imported: record.map(|record| record.imported_at),
            next_attempt: self.next_attempt,
            error: self.error.clone(),
            refused: self.refused,
            channels: counts.channels,
            programmes: counts.programmes,
            bytes: counts.bytes,
            from: span.map(|(from, _)| from),
            until: span.map(|(_, until)| until),
            left_out: left_out.into_iter().filter(|(_, n)| *n > 0).map(|(why, n)| (why.to_owned(), n)).collect(),
            warnings: self.remarks.warnings.clone(),
            warning_count: self.remarks.warning_count,
            remarks: record.map(|record| record.attrs.clone()).unwrap_or_default(),
            progress: running.map(|(_, view)| view),
        }
    }
}

/// Of all guides.
#[derive(Default)]
pub(super) struct Statuses(Mutex<BTreeMap<InstanceId, Doing>>);

impl Statuses {
    pub(super) fn all(&self) -> BTreeMap<InstanceId, Doing> {
        self.lock().clone()
    }

    pub(super) fn keep_only(&self, set: &GuideSet) {
        let mut doing = self.lock();
        doing.retain(|id, _| set.iter().any(|entry| entry.id == *id));
        for entry in set {
            let doing = doing.entry(entry.id.clone()).or_default();
            (doing.enabled, doing.loaded) = (entry.enabled, entry.calls.is_some());
        }
    }

    /// Changes the status of a guide that is in the set.
    pub(super) fn update(&self, guide: &InstanceId, change: impl FnOnce(&mut Doing)) {
        if let Some(doing) = self.lock().get_mut(guide) {
            change(doing);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Doing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
