//! Follows the set of sources: one task for each, started anew when its instance was.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use mast_model::InstanceId;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::refresh::SourceTask;
use super::schedule::Timing;
use super::source::{SourceEntry, SourceSet};
use super::tasks::InstanceTasks;
use super::{Catalog, Control};

/// Refreshes at a time: each may hold a whole catalogue in memory.
const AT_ONCE: usize = 4;

struct Supervisor {
    catalog: Catalog,
    tasks: TaskTracker,
    stop: CancellationToken,
    timing: Timing,
    permits: Arc<Semaphore>,
    running: InstanceTasks,
}

/// Takes over the current set at once and starts the task that follows it.
pub(super) fn start(
    catalog: Catalog,
    (mut sources, own): (watch::Receiver<Arc<SourceSet>>, Option<SourceEntry>),
    tasks: &TaskTracker,
    stop: CancellationToken,
    timing: Timing,
) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let running = InstanceTasks::default();
    let mut supervisor = Supervisor { catalog, tasks: tasks.clone(), stop, timing, permits, running };
    let first = with_own(&sources.borrow_and_update(), own.as_ref());
    supervisor.catalog.set_sources(Arc::clone(&first));
    supervisor.follow(&first, false);
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = supervisor.stop.cancelled() => break,
                // The sender lives in the extensions room; without it the set stays as it is.
                changed = sources.changed() => if changed.is_err() { break },
            }
            let set = with_own(&sources.borrow_and_update(), own.as_ref());
            let catalog = supervisor.catalog.clone();
            let taken = Arc::clone(&set);
            // Makes a snapshot, which takes a while for a large catalogue.
            if tokio::task::spawn_blocking(move || catalog.set_sources(taken)).await.is_err() {
                tracing::error!("the set of sources could not be taken over");
            }
            supervisor.follow(&set, true);
        }
        // Loaded plugins hold the services they are lent, and these hold the catalogue: nobody would ever let go.
        supervisor.catalog.shared.sources.store(Arc::default());
    });
}

/// The set with the host's own source in it.
fn with_own(set: &Arc<SourceSet>, own: Option<&SourceEntry>) -> Arc<SourceSet> {
    let Some(own) = own else { return Arc::clone(set) };
    let others = set.iter().filter(|entry| entry.id != own.id);
    let mut set: SourceSet = others.chain([own]).cloned().collect();
    set.sort_by(|one, other| one.id.cmp(&other.id));
    Arc::new(set)
}

impl Supervisor {
    fn controls(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Arc<Control>>> {
        self.catalog.shared.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&mut self, set: &SourceSet, reloaded: bool) {
        let wanted = |id: &InstanceId| set.iter().any(|entry| entry.id == *id && entry.calls.is_some());
        self.running.keep_only(wanted);
        self.controls().retain(|id, _| wanted(id));
        for entry in set {
            if !self.running.has(&entry.id, entry.generation) {
                self.launch(entry, reloaded);
            }
        }
    }

    fn launch(&mut self, entry: &SourceEntry, reloaded: bool) {
        let Some(calls) = entry.calls.clone() else { return };
        let previous = self.running.end(&entry.id);
        let stop = self.stop.child_token();
        let control = Arc::new(Control::default());
        self.controls().insert(entry.id.clone(), Arc::clone(&control));
        let task = SourceTask {
            catalog: self.catalog.clone(),
            entry: entry.clone(),
            calls,
            timing: self.timing,
            permits: Arc::clone(&self.permits),
            stop: stop.clone(),
            control,
        };
        let task = self.tasks.spawn(task.run(previous, reloaded));
        self.running.add(entry.id.clone(), entry.generation, stop, task);
    }
}
