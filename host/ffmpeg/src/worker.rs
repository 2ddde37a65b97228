//! One FFmpeg process: spawned, watched, stopped, reaped. It knows nothing of channels; what its arguments mean is `arguments.rs`.
//!
//! The host owns a [`Worker`] and runs its [`WorkerTask`]. Invariants: whichever of the two is dropped, the whole process group is killed
//! at once; nothing that the process writes to standard error makes it wait, and a bounded part of it is kept; after
//! [`Worker::wait`] returned, no process of the group is left; a start permit is held no longer than the start.

mod exit;
mod leader;
mod pipes;
mod spec;
mod state;
mod task;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

pub use exit::{Exit, ExitKind};
pub use pipes::{WorkerInput, WorkerOutput};
pub use spec::{Patience, StandardInput, WorkerSpec};
pub use state::{State, Urgency};
pub use task::WorkerTask;

use crate::group::Group;
use crate::log::LogRing;
use crate::progress::Progress;
use crate::starts::StartPermit;
use state::Order;

/// Why a worker was not spawned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no such program.
    #[error("{} not found; install package ffmpeg", .program.display())]
    NotFound {
        /// The program, or the launcher.
        program: PathBuf,
    },
    /// It may not be run.
    #[error("{} may not be executed: {cause}; make it executable, or install package ffmpeg anew", .program.display())]
    NotExecutable {
        /// The program, or the launcher.
        program: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The system has no room for it.
    #[error("{} does not start: {cause}; look at the limits on processes, open files and memory", .program.display())]
    System {
        /// The program, or the launcher.
        program: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl SpawnError {
    pub(crate) fn new(program: PathBuf, cause: std::io::Error) -> Self {
        match cause.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { program },
            std::io::ErrorKind::PermissionDenied => Self::NotExecutable { program, cause },
            _ if cause.raw_os_error() == Some(libc::ENOEXEC) => Self::NotExecutable { program, cause },
            _ => Self::System { program, cause },
        }
    }

    /// Whether another try with the same installation may work.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::System { .. })
    }
}

/// A running FFmpeg. Dropping it kills the process group at once.
#[derive(Debug)]
pub struct Worker {
    input: Option<WorkerInput>,
    output: Option<WorkerOutput>,
    group: Arc<Group>,
    pid: Option<u32>,
    order: watch::Sender<Order>,
    state: watch::Receiver<State>,
    progress: watch::Receiver<Progress>,
    exit: watch::Receiver<Option<Exit>>,
    log: LogRing,
}

impl Worker {
    /// Spawns a worker. The task must be run, on a tracker of the caller's; the permit is given back when the start is over.
    pub async fn spawn(spec: WorkerSpec, permit: StartPermit) -> Result<(Self, WorkerTask), SpawnError> {
        let program = spec.spawned().to_path_buf();
        let spawned = crate::spawner::spawn(spec.command()).await;
        let (mut child, group) = spawned.map_err(|cause| SpawnError::new(program, cause))?;
        let pid = child.id();
        let (input, valve) = child.stdin.take().map(WorkerInput::new).unzip();
        let output = child.stdout.take().map(WorkerOutput);
        let (order, ordered) = watch::channel(Order::Run);
        let (state_sender, state) = watch::channel(State::Starting);
        let (progress_sender, progress) = watch::channel(Progress::default());
        let (exit_sender, exit) = watch::channel(None);
        let log = LogRing::default();
        let publish =
            task::Published { state: state_sender, progress: progress_sender, exit: exit_sender, log: log.clone() };
        let task = WorkerTask::new(spec, child, Arc::clone(&group), valve, ordered, publish, permit);
        Ok((Self { input, output, group, pid, order, state, progress, exit, log }, task))
    }

    /// The writing end of standard input, once, if the spec asked for a pipe.
    pub fn take_input(&mut self) -> Option<WorkerInput> {
        self.input.take()
    }

    /// The reading end of standard output, once.
    pub fn take_output(&mut self) -> Option<WorkerOutput> {
        self.output.take()
    }

    /// What it is doing.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// What it has done.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// What it wrote to standard error lately.
    pub fn log(&self) -> LogRing {
        self.log.clone()
    }

    /// The process, for the log. It may have ended, and its number may belong to another by now.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Tells it to stop: gently at first, then hard. Returns at once; [`Self::wait`] waits.
    pub fn stop(&self) {
        self.order.send_if_modified(|order| {
            let is_new = *order == Order::Run;
            if is_new {
                *order = Order::Stop;
            }
            is_new
        });
    }

    /// Kills the process group at once; [`Self::wait`] waits until it is reaped.
    pub fn kill(&self) {
        self.group.signal(libc::SIGKILL);
        self.order.send_replace(Order::Kill);
    }

    /// Waits until it ended, for whatever reason. After [`Self::stop`] that takes no longer than the spec's patience and a moment.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
        ended.unwrap_or_else(Exit::abandoned)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}
