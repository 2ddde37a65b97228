//! The task of one source: asks it when it is due, and swaps in what it delivered, or says why not.

use std::time::Duration;

use jiff::Timestamp;
use mast_plugin::records::Pairs;
use mast_plugin::{CallFailure, services};
use mast_store::Validator;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::changes::SourceChanges;
use super::import::{Remarks, Staging};
use super::provider::{self, SourceProvider};
use super::schedule::Timing;
use super::source::{SourceCalls, SourceEntry};
use super::{Catalog, Control};

/// Keeps one source refreshed. Owned by the supervisor.
pub(super) struct SourceTask {
    pub(super) catalog: Catalog,
    pub(super) entry: SourceEntry,
    pub(super) calls: Arc<dyn SourceCalls>,
    pub(super) timing: Timing,
    /// Refreshes at a time, of all sources.
    pub(super) permits: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
    /// What operators ask of it.
    pub(super) control: Arc<Control>,
}

/// Why a refresh changed nothing.
struct Failure {
    message: String,
    /// Seconds.
    retry_after: Option<u32>,
    remarks: Remarks,
    /// Where it was refused for them.
    changes: Option<Box<SourceChanges>>,
}

impl SourceTask {
    /// Runs until `stop`. `previous` is this source's task before it was loaded anew; the two never overlap.
    /// `reloaded`: the file changed while the host was running.
    pub(super) async fn run(self, previous: Option<JoinHandle<()>>, reloaded: bool) {
        if let Some(previous) = previous {
            // A panic in there was reported by the runtime and is over.
            let _ = previous.await;
        }
        let last = self.catalog.shared.delivered.last_import(&self.entry.id);
        let refreshed = last.as_ref().map(|last| last.refreshed_at);
        let provider = self.catalog.provider(&self.entry.id);
        self.show(|status| {
            (status.last_success, status.provider) = (refreshed, provider);
            status.take_counts(last.as_ref());
        });
        // Validators belong to an import under the same settings. With other settings, the same playlist gives other channels.
        let mut from_scratch =
            reloaded || refreshed.is_none_or(|at| self.entry.changed_at.is_some_and(|changed| changed > at));
        let mut wait = match from_scratch {
            true => Duration::ZERO,
            false => self.timing.until_due(self.entry.refresh, refreshed, Timestamp::now()),
        };
        let mut failures: u32 = 0;
        while self.pause(wait).await {
            let Some(outcome) = self.attempt(from_scratch).await else { break };
            wait = match outcome {
                Ok(()) => {
                    (failures, from_scratch) = (0, false);
                    self.timing.after_success(self.entry.refresh)
                }
                Err(retry_after) => {
                    failures = failures.saturating_add(1);
                    self.timing.after_failure(self.entry.refresh, failures, retry_after)
                }
            };
        }
        self.show(|status| (status.refreshing, status.next_attempt) = (false, None));
    }

    /// False where the task is to end.
    async fn pause(&self, wait: Duration) -> bool {
        self.show(|status| status.next_attempt = Timestamp::now().checked_add(wait).ok());
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
            () = self.control.wake.notified() => true,
        }
    }

    /// One refresh, noted in status and log; none where it was stopped. A failure answers when to try again at the earliest.
    async fn attempt(&self, from_scratch: bool) -> Option<Result<(), Option<u32>>> {
        let started = std::time::Instant::now();
        let outcome = {
            let stopped = self.stop.cancelled();
            let refresh = async {
                let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
                self.show(|status| (status.refreshing, status.next_attempt) = (true, None));
                self.refresh(from_scratch).await
            };
            tokio::select! {
                biased;
                () = stopped => return None,
                outcome = refresh => outcome,
            }
        };
        // Not interrupted by `stop`: the store may be halfway.
        let outcome = match outcome {
            Ok(refreshed) => self.commit(refreshed).await,
            Err(failure) => Err(failure),
        };
        Some(self.note(outcome, started.elapsed()))
    }

    /// Calls the plugin. Nothing is changed yet.
    async fn refresh(&self, from_scratch: bool) -> Result<Pulled, Failure> {
        let last = self.catalog.shared.delivered.last_import(&self.entry.id);
        let had_import = last.is_some();
        let validators = last.filter(|_| !from_scratch).map(|last| last.validators).unwrap_or_default();
        let staging = Staging::new(self.calls.resolves());
        let answer =
            self.calls.refresh(Box::new(staging.clone()), validators.into_iter().map(to_plugin).collect()).await;
        let failed =
            |message, retry_after| Failure { message, retry_after, remarks: staging.take_remarks(), changes: None };
        match answer {
            Err(error) => {
                let retry_after = match &error.failure {
                    CallFailure::Plugin { retry_after, .. } => *retry_after,
                    _ => None,
                };
                Err(failed(error.to_string(), retry_after))
            }
            Ok(refreshed) if refreshed.unchanged && had_import => {
                Ok(Pulled { catalog: None, remarks: staging.take_remarks(), attrs: refreshed.attrs })
            }
            Ok(refreshed) if refreshed.unchanged => {
                Err(failed("says that nothing changed, but has never delivered anything".to_owned(), None))
            }
            Ok(refreshed) => {
                let (catalog, remarks) = staging.take(refreshed.validators.into_iter().map(from_plugin).collect());
                if catalog.channels.is_empty() && catalog.library.titles.is_empty() {
                    let message = "delivered no channels; check what the source points at".to_owned();
                    return Err(Failure { message, retry_after: None, remarks, changes: None });
                }
                Ok(Pulled { catalog: Some(catalog), remarks, attrs: refreshed.attrs })
            }
        }
    }

    /// Writes to the store, then swaps in a new snapshot; or refuses what has lost too much.
    async fn commit(&self, pulled: Pulled) -> Result<Committed, Failure> {
        let (catalog, source, now) = (self.catalog.clone(), self.entry.id.clone(), Timestamp::now());
        let accept = self.control.accept.swap(false, Ordering::Relaxed);
        let Pulled { catalog: imported, remarks, attrs } = pulled;
        let provider = SourceProvider::read(&attrs);
        let written = tokio::task::spawn_blocking(move || {
            let shared = &catalog.shared;
            learn(&catalog, &source, provider)?;
            let Some(imported) = imported else {
                shared.store.touch_source(&source, now)?;
                shared.delivered.touch(&source, now);
                return Ok(Written::Unchanged);
            };
            let mut changes = Box::new(SourceChanges::between(&shared.delivered.last_lineup(&source), &imported, now));
            let max_loss = if accept { 100 } else { shared.max_loss.load(Ordering::Relaxed) };
            if let Some(refusal) = changes.refusal(source.as_str(), max_loss) {
                return Ok(Written::Refused(refusal, changes));
            }
            let record = shared.store.replace_source(&source, imported, now)?;
            shared.delivered.replace(record);
            catalog.publish();
            changes.accepted = true;
            Ok::<_, mast_store::StoreError>(Written::Changed(changes))
        });
        let error = match written.await {
            Ok(Ok(Written::Unchanged)) => return Ok(Committed { changes: None, remarks, attrs }),
            Ok(Ok(Written::Changed(changes))) => return Ok(Committed { changes: Some(changes), remarks, attrs }),
            Ok(Ok(Written::Refused(message, changes))) => {
                return Err(Failure { message, retry_after: None, remarks, changes: Some(changes) });
            }
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic.to_string(),
        };
        let message = format!("could not be stored: {error}");
        Err(Failure { message, retry_after: None, remarks, changes: None })
    }

    fn note(&self, outcome: Result<Committed, Failure>, took: Duration) -> Result<(), Option<u32>> {
        let now = Timestamp::now();
        let source = &self.entry.id;
        let last = self.catalog.shared.delivered.last_import(source);
        let (channels, categories) = last.as_ref().map_or((0, 0), |last| (last.channels, last.categories));
        match outcome {
            Ok(Committed { changes, remarks, attrs }) => {
                let (changed, warnings) = (changes.is_some(), remarks.warning_count);
                tracing::info!(%source, changed, channels, categories, warnings, ?took, "source refreshed");
                let changes = changes.filter(|changes| !changes.is_empty());
                if let Some(changes) = &changes {
                    tracing::info!(%source, %changes, "the lineup changed");
                }
                let provider = self.catalog.provider(source);
                if let Some(provider) = &provider {
                    provider.warn(source, now);
                }
                self.show(|status| {
                    status.provider = provider;
                    if let Some(changes) = changes {
                        status.last_changes = Some(*changes);
                    }
                    (status.refreshing, status.error) = (false, None);
                    (status.last_attempt, status.last_success) = (Some(now), Some(now));
                    status.take_counts(last.as_ref());
                    status.remarks = attrs;
                    // An unchanged answer read nothing, so that the warnings of what is there still hold.
                    if changed {
                        status.take_remarks(remarks);
                    }
                });
                Ok(())
            }
            Err(Failure { message, retry_after, remarks, changes }) => {
                let error = &message;
                if let Some(changes) = &changes {
                    tracing::warn!(%source, %changes, "a refresh that would change this was not taken over");
                }
                match last {
                    Some(last) => tracing::error!(
                        %source, %error, channels, since = %last.refreshed_at, ?took,
                        "refresh failed; the last good lineup stays"
                    ),
                    None => tracing::error!(%source, %error, ?took, "refresh failed; there is no earlier lineup"),
                }
                self.show(|status| {
                    (status.refreshing, status.last_attempt) = (false, Some(now));
                    status.take_remarks(remarks);
                    status.error = Some(message);
                    if let Some(changes) = changes {
                        status.last_changes = Some(*changes);
                    }
                });
                Err(retry_after)
            }
        }
    }

    fn show(&self, change: impl FnOnce(&mut super::SourceStatus)) {
        self.catalog.shared.statuses.update(&self.entry.id, change);
    }
}

/// What a source answered; no catalogue where nothing changed.
struct Pulled {
    catalog: Option<mast_store::ImportedCatalog>,
    remarks: Remarks,
    attrs: Pairs,
}

/// What became of it.
enum Written {
    Unchanged,
    Changed(Box<SourceChanges>),
    /// Why.
    Refused(String, Box<SourceChanges>),
}

struct Committed {
    /// None where nothing was delivered.
    changes: Option<Box<SourceChanges>>,
    remarks: Remarks,
    attrs: Pairs,
}

/// Remembers what the provider said; where it said nothing this time, that from before holds. Blocks.
fn learn(
    catalog: &Catalog,
    source: &mast_model::InstanceId,
    said: Option<SourceProvider>,
) -> Result<(), mast_store::StoreError> {
    let Some(said) = said.filter(|said| catalog.provider(source).as_ref() != Some(said)) else { return Ok(()) };
    provider::save(&*catalog.shared.store, source, said.clone())?;
    catalog.providers().insert(source.clone(), said);
    Ok(())
}

fn to_plugin(validator: Validator) -> services::Validator {
    let Validator { resource, etag, last_modified } = validator;
    services::Validator { resource, etag, last_modified }
}

fn from_plugin(validator: services::Validator) -> Validator {
    let services::Validator { resource, etag, last_modified } = validator;
    Validator { resource, etag, last_modified }
}
