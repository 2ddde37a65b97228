//! Follows the set of guides: one task for each, started anew when its instance was; and keeps links and what is on now up to date.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mast_model::InstanceId;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::import::GuideTask;
use super::source::{GuideEntry, GuideSet};
use super::{Control, Guide};
use crate::catalog::{InstanceTasks, Timing};

/// The catalogue changes several times in a row when sources are refreshed.
const SETTLE: Duration = Duration::from_millis(500);

struct Supervisor {
    guide: Guide,
    tasks: TaskTracker,
    stop: CancellationToken,
    timing: Timing,
    permits: Arc<Semaphore>,
    running: InstanceTasks,
}

pub(super) fn start(
    guide: Guide,
    mut guides: watch::Receiver<Arc<GuideSet>>,
    tasks: &TaskTracker,
    stop: CancellationToken,
    timing: Timing,
) {
    let permits = Arc::new(Semaphore::new(guide.shared.config.imports));
    let (clock, clock_stop) = (guide.clone(), stop.clone());
    let running = InstanceTasks::default();
    let mut supervisor = Supervisor { guide, tasks: tasks.clone(), stop, timing, permits, running };
    tasks.spawn(async move {
        let mut reloaded = false;
        loop {
            let set = Arc::clone(&guides.borrow_and_update());
            supervisor.take(Arc::clone(&set)).await;
            supervisor.follow(&set, reloaded);
            reloaded = true;
            tokio::select! {
                () = supervisor.stop.cancelled() => break,
                // The sender lives in the extensions room; without it the set stays as it is.
                changed = guides.changed() => if changed.is_err() { break },
            }
        }
        // Loaded plugins hold the services they are lent, and these hold the guide: nobody would ever let go.
        supervisor.guide.shared.set.store(Arc::default());
    });
    tasks.spawn(keep_time(clock, clock_stop));
}

/// Makes what is on now anew when time or the catalogue change it.
async fn keep_time(guide: Guide, stop: CancellationToken) {
    let mut catalogue = guide.shared.catalog.changes();
    loop {
        let holds = guide.shared.table.load().holds(Timestamp::now());
        let by_time = tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(holds) => true,
            changed = catalogue.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(SETTLE).await;
                catalogue.mark_unchanged();
                false
            }
        };
        let at = guide.clone();
        let made = tokio::task::spawn_blocking(move || match by_time {
            true => at.tabulate().unwrap_or_else(|error| tracing::error!(%error, "what is on now cannot be read")),
            false => at.publish(),
        });
        if made.await.is_err() {
            return;
        }
    }
}

impl Supervisor {
    /// Takes over a set: guides whose instance is gone go, too.
    async fn take(&self, set: Arc<GuideSet>) {
        let guide = self.guide.clone();
        let taken = tokio::task::spawn_blocking(move || {
            guide.shared.statuses.keep_only(&set);
            // The first set of a host may be empty because the folder could not be read; what is there is not shown then, but stays.
            let known: Vec<InstanceId> = guide.shared.records.load().keys().cloned().collect();
            let before = guide.shared.set.load();
            let had = |set: &GuideSet, id: &InstanceId| set.iter().any(|entry| entry.id == *id);
            let gone = known.iter().filter(|id| !had(&set, id) && (!set.is_empty() || had(&before, id)));
            for id in gone {
                match guide.shared.store.remove(id) {
                    Ok(_) => tracing::info!(guide = %id, "the instance is gone, and its guide with it"),
                    Err(error) => tracing::error!(guide = %id, %error, "a guide could not be removed"),
                }
            }
            guide.shared.set.store(set);
            guide.publish();
        });
        if taken.await.is_err() {
            tracing::error!("the set of guides could not be taken over");
        }
    }

    fn follow(&mut self, set: &GuideSet, reloaded: bool) {
        let wanted = |id: &InstanceId| set.iter().any(|entry| entry.id == *id && entry.calls.is_some());
        self.running.keep_only(wanted);
        self.guide.controls().retain(|id, _| wanted(id));
        for entry in set {
            if !self.running.has(&entry.id, entry.generation) {
                self.launch(entry, reloaded);
            }
        }
    }

    fn launch(&mut self, entry: &GuideEntry, reloaded: bool) {
        let Some(calls) = entry.calls.clone() else { return };
        let previous = self.running.end(&entry.id);
        let stop = self.stop.child_token();
        let control = Arc::new(Control::default());
        self.guide.controls().insert(entry.id.clone(), Arc::clone(&control));
        let task = GuideTask {
            guide: self.guide.clone(),
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
