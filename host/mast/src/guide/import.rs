//! Keeping one guide up to date: when to look, one attempt from download to commit, and what is said of it.
//!
//! An attempt works on a staged import that nobody sees. It may be cancelled, fail or be killed at any point; only the commit, which
//! is one transaction of the store and is not interrupted, changes what is there.

mod attempt;
mod judge;

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mast_store::Validator;
use mast_store::guide::GuideRecord;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::demand;
use super::folders::FolderWatch;
use super::sink::Remarks;
use super::source::{GuideCalls, GuideEntry, GuideInput};
use super::status::{Doing, Running};
use super::{Control, Guide};
use crate::catalog::Timing;
use attempt::Ready;

/// Whoever writes a file often writes several, in steps.
const SETTLE: Duration = Duration::from_secs(1);
/// Names the wanted channels among the validators of an import.
const WANTED: &str = "wanted-channels";

/// Keeps one guide up to date. Owned by the supervisor.
pub(super) struct GuideTask {
    pub(super) guide: Guide,
    pub(super) entry: GuideEntry,
    pub(super) calls: Arc<dyn GuideCalls>,
    pub(super) timing: Timing,
    /// Imports at a time, of all guides.
    pub(super) permits: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
    pub(super) control: Arc<Control>,
}

/// Why an import changed nothing.
#[derive(Default)]
struct Failure {
    message: String,
    /// Seconds.
    retry_after: Option<u32>,
    remarks: Remarks,
    /// What is in the guide is the reason.
    refused: bool,
    /// An operator ended it.
    cancelled: bool,
    /// There is nothing to import for.
    idle: bool,
}

/// What came of an attempt.
enum Done {
    Unchanged,
    Imported { record: Box<GuideRecord>, remarks: Remarks, text: u64 },
}

/// What is wanted, in short; and which channels are linked.
type Tried = (String, u64);

/// What the task knows between its attempts.
#[derive(Default)]
struct Memory {
    /// What was imported before is not trusted to be up to date.
    from_scratch: bool,
    failures: u32,
    /// Guide channels whose programmes the last import since the start has taken up.
    imported_for: Option<HashSet<String>>,
    /// What was wanted of which linked channels at the last attempt.
    tried_for: Tried,
    last_error: Option<String>,
}

/// What was wanted of the guide that these validators are of, in short; none where all of it was.
fn wanted(validators: &[Validator]) -> Option<&str> {
    validators.iter().find(|one| one.resource == WANTED).and_then(|one| one.etag.as_deref())
}

impl GuideTask {
    /// Runs until `stop`. `previous` is this guide's task before it was loaded anew; the two never overlap.
    /// `reloaded`: the file changed while the host was running.
    pub(super) async fn run(self, previous: Option<JoinHandle<()>>, reloaded: bool) {
        if let Some(previous) = previous {
            // A panic in there was reported by the runtime and is over.
            let _ = previous.await;
        }
        let files = Arc::new(Notify::new());
        let _watch = FolderWatch::new(self.folders(), Arc::clone(&files));
        let mut changes = self.guide.changes();
        let record = self.record();
        let changed = |record: &GuideRecord| self.entry.changed_at.is_some_and(|at| at > record.imported_at);
        let mut memory = Memory { from_scratch: reloaded || record.as_ref().is_none_or(changed), ..Memory::default() };
        let checked = record.map(|record| record.checked_at);
        let mut wait = match memory.from_scratch {
            true => Duration::ZERO,
            false => self.timing.until_due(self.entry.refresh, checked, Timestamp::now()),
        };
        while self.pause(wait, &memory, &files, &mut changes).await {
            let Some(outcome) = self.attempt(&mut memory).await else { break };
            wait = match outcome {
                Ok(()) => {
                    (memory.failures, memory.from_scratch) = (0, false);
                    self.timing.after_success(self.entry.refresh)
                }
                Err(Failure { cancelled: true, .. }) => self.timing.after_success(self.entry.refresh),
                Err(Failure { retry_after, .. }) => {
                    memory.failures = memory.failures.saturating_add(1);
                    self.timing.after_failure(self.entry.refresh, memory.failures, retry_after)
                }
            };
        }
        self.show(|doing| (doing.running, doing.next_attempt) = (None, None));
    }

    fn folders(&self) -> Vec<std::path::PathBuf> {
        match &self.entry.input {
            GuideInput::Files { paths, granted } => {
                super::fetch::Patterns { paths: paths.clone(), granted: granted.clone() }.folders()
            }
            GuideInput::Own | GuideInput::Url { .. } => Vec::new(),
        }
    }

    /// Until the guide is due, somebody asks for it, its files change, or channels are wanted that were not. False where the task is
    /// to end.
    async fn pause(&self, wait: Duration, memory: &Memory, files: &Notify, changes: &mut watch::Receiver<u64>) -> bool {
        self.show(|doing| doing.next_attempt = Timestamp::now().checked_add(wait).ok());
        let due = tokio::time::sleep(wait);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = &mut due => return true,
                () = self.control.wake.notified() => return true,
                () = files.notified() => {
                    tokio::time::sleep(SETTLE).await;
                    return !self.stop.is_cancelled();
                }
                Ok(()) = changes.changed() => if self.wants_more(memory) { return true },
            }
        }
    }

    /// Whether channels are linked that the last import left out.
    fn wants_more(&self, memory: &Memory) -> bool {
        if self.entry.settings.keep_all || self.tried() == memory.tried_for {
            return false;
        }
        let links = self.guide.links();
        match (&memory.imported_for, self.record()) {
            (Some(had), Some(_)) => links.used(&self.entry.id).any(|id| !had.contains(id)),
            // Not imported yet, for want of channels maybe.
            (None, None) => true,
            // Imported before the host was started: what was wanted then is known in short only.
            (None, Some(record)) => wanted(&record.validators) != Some(self.tried().0.as_str()),
            (Some(_), None) => false,
        }
    }

    fn tried(&self) -> Tried {
        let guide = &self.guide.shared;
        (guide.demand.load().as_ref().clone(), demand::linked(&guide.links.load(), &self.entry.id))
    }

    fn record(&self) -> Option<GuideRecord> {
        self.guide.shared.records.load().get(&self.entry.id).cloned()
    }

    /// Validators of what is there; none where it would not do even if it were unchanged.
    fn validators(&self, memory: &Memory, demand: &str) -> Vec<Validator> {
        let Some(record) = self.record().filter(|_| !memory.from_scratch) else { return Vec::new() };
        let same = match wanted(&record.validators) {
            None => self.entry.settings.keep_all,
            Some(_) if self.entry.settings.keep_all => false,
            Some(stored) => match memory.imported_for {
                Some(_) => !self.wants_more(memory),
                None => stored == demand,
            },
        };
        if same { record.validators } else { Vec::new() }
    }

    /// One import, noted in status and log; none where it was stopped.
    async fn attempt(&self, memory: &mut Memory) -> Option<Result<(), Failure>> {
        let began = Instant::now();
        let running = Arc::new(Running::new());
        let cancel = self.stop.child_token();
        *self.control.cancel.lock().unwrap_or_else(PoisonError::into_inner) = cancel.clone();
        self.show(|doing| (doing.running, doing.next_attempt) = (Some(Arc::clone(&running)), None));
        let outcome = {
            let work = async {
                let accept = self.control.accept.swap(false, Ordering::Relaxed);
                self.import(memory, accept, &running).await
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                outcome = work => Some(outcome),
            }
        };
        let outcome = match outcome {
            None if self.stop.is_cancelled() => return None,
            None => Err(Failure { message: "cancelled".to_owned(), cancelled: true, ..Failure::default() }),
            // Not interrupted any more: the store may be halfway.
            Some(Ok(ready)) => self.commit(ready, &running).await,
            Some(Err(failure)) => Err(failure),
        };
        Some(self.note(outcome, memory, began.elapsed()))
    }

    /// Writes to the store, and shows it.
    async fn commit(&self, ready: Ready, running: &Running) -> Result<Done, Failure> {
        running.step("storing");
        let (guide, id) = (self.guide.clone(), self.entry.id.clone());
        let written = tokio::task::spawn_blocking(move || match ready {
            Ready::Unchanged => {
                guide.shared.store.touch(&id, Timestamp::now())?;
                guide.load_records()?;
                Ok::<Done, mast_store::StoreError>(Done::Unchanged)
            }
            Ready::Staged { mut staging, provenance, remarks, text } => {
                let staging = staging.take().expect("only here it is taken");
                let record = Box::new(staging.commit(provenance)?);
                guide.publish();
                Ok(Done::Imported { record, remarks, text })
            }
        });
        let error = match written.await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        Err(Failure { message: format!("could not be stored: {error}"), ..Failure::default() })
    }

    fn note(&self, outcome: Result<Done, Failure>, memory: &mut Memory, took: Duration) -> Result<(), Failure> {
        let (guide, now) = (&self.entry.id, Timestamp::now());
        match outcome {
            Ok(done) => {
                memory.last_error = None;
                match &done {
                    // Not worth a line: whoever writes the log into a folder that a guide is in would be woken by it.
                    Done::Unchanged => tracing::debug!(%guide, ?took, "guide unchanged"),
                    Done::Imported { record, remarks, text } => {
                        let (channels, programmes) = (record.counts.channels, record.counts.programmes);
                        let megabytes_per_second = *text as f64 / 1e6 / took.as_secs_f64().max(0.001);
                        let warnings = remarks.warning_count;
                        tracing::info!(
                            %guide, channels, programmes, bytes = text, warnings, ?took,
                            rate = format!("{megabytes_per_second:.1} MB/s"), "guide imported"
                        );
                    }
                }
                self.show(|doing| {
                    (doing.running, doing.error, doing.refused) = (None, None, false);
                    doing.last_attempt = Some(now);
                    doing.succeeded += 1;
                    // An unchanged answer read nothing, so that the warnings of what is there still hold.
                    if let Done::Imported { remarks, .. } = done {
                        doing.remarks = remarks;
                    }
                });
                Ok(())
            }
            Err(failure) => {
                let error = &failure.message;
                let told = memory.last_error.replace(error.clone()).is_some_and(|last| last == *error);
                match self.record().map(|record| record.imported_at) {
                    _ if failure.idle && told => {}
                    _ if failure.idle => tracing::info!(%guide, %error, "nothing is imported"),
                    _ if failure.cancelled => tracing::info!(%guide, ?took, "the import was cancelled"),
                    _ if told => tracing::debug!(%guide, %error, ?took, "the import failed as before"),
                    Some(since) => {
                        tracing::error!(%guide, %error, %since, ?took, "import failed; the last good guide stays");
                    }
                    None => tracing::error!(%guide, %error, ?took, "import failed; there is no earlier guide"),
                }
                self.show(|doing| {
                    (doing.running, doing.last_attempt) = (None, Some(now));
                    doing.remarks = failure.remarks.clone();
                    doing.error = Some(failure.message.clone());
                    doing.refused = failure.refused;
                    doing.failed += u64::from(!failure.idle && !failure.cancelled);
                });
                Err(failure)
            }
        }
    }

    fn show(&self, change: impl FnOnce(&mut Doing)) {
        self.guide.shared.statuses.update(&self.entry.id, change);
    }
}
