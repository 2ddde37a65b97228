//! The tasks of a set of instances: one for each, ended when its instance goes or is loaded anew.

use std::collections::BTreeMap;

use mast_model::InstanceId;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Tasks by instance. One that is told to end does so by itself; whoever spawned it tracks it.
#[derive(Default)]
pub(crate) struct InstanceTasks(BTreeMap<InstanceId, Running>);

struct Running {
    generation: u64,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl InstanceTasks {
    /// Whether the instance has a task, and was not loaded anew since.
    pub(crate) fn has(&self, id: &InstanceId, generation: u64) -> bool {
        self.0.get(id).is_some_and(|running| running.generation == generation)
    }

    /// Ends the tasks of all other instances.
    pub(crate) fn keep_only(&mut self, wanted: impl Fn(&InstanceId) -> bool) {
        for (_, gone) in self.0.extract_if(.., |id, _| !wanted(id)) {
            gone.stop.cancel();
        }
    }

    /// Ends the task of an instance, for the next one to wait for.
    pub(crate) fn end(&mut self, id: &InstanceId) -> Option<JoinHandle<()>> {
        let running = self.0.remove(id)?;
        running.stop.cancel();
        Some(running.task)
    }

    /// Takes a task, which ends with `stop`.
    pub(crate) fn add(&mut self, id: InstanceId, generation: u64, stop: CancellationToken, task: JoinHandle<()>) {
        self.0.insert(id, Running { generation, stop, task });
    }
}
