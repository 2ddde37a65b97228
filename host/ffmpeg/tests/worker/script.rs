//! A shell script as a worker, and what is left of it.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mast_ffmpeg::{Exit, Patience, StandardInput, Starts, State, Worker, WorkerSpec};
use tokio::task::JoinHandle;

/// What any wait may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Says in a script that media come.
pub(crate) const PLAYING: &str = "printf 'frame=1\\nout_time_us=40000\\nprogress=continue\\n' >&2";

pub(crate) fn spec(script: &str) -> WorkerSpec {
    let mut spec = WorkerSpec::new("/bin/sh", vec!["-c".into(), script.into()], StandardInput::Null);
    spec.patience = Patience { first: Duration::from_millis(100), second: Duration::from_millis(100) };
    spec
}

/// A worker whose task runs.
pub(crate) struct Running {
    worker: Worker,
    task: JoinHandle<Exit>,
    pub(crate) pid: u32,
}

impl Deref for Running {
    type Target = Worker;
    fn deref(&self) -> &Worker {
        &self.worker
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Worker {
        &mut self.worker
    }
}

impl Running {
    pub(crate) async fn start(spec: WorkerSpec) -> Self {
        let permit = Starts::new(1, DEADLINE).turn().await;
        let (worker, task) = Worker::spawn(spec, permit).await.unwrap();
        let pid = worker.pid().unwrap();
        Self { worker, task: tokio::spawn(task.run()), pid }
    }

    /// Starts a script and waits until it says that media come.
    pub(crate) async fn playing(spec: WorkerSpec) -> Self {
        let running = Self::start(spec).await;
        let mut state = running.state();
        let waited = tokio::time::timeout(DEADLINE, state.wait_for(|state| *state != State::Starting)).await;
        assert_eq!(*waited.expect("it never plays").unwrap(), State::Running, "{:?}", running.log().lines());
        running
    }

    /// Waits for the end, after which neither the process nor one of its group is left.
    pub(crate) async fn end(&self) -> Exit {
        let exit = tokio::time::timeout(DEADLINE, self.wait()).await.expect("it never ends");
        assert_eq!(*self.state().borrow(), State::Ended);
        assert!(!std::path::Path::new(&format!("/proc/{}", self.pid)).exists(), "it was not reaped");
        none_left(self.pid).await;
        exit
    }

    pub(crate) fn into_parts(self) -> (Worker, JoinHandle<Exit>) {
        (self.worker, self.task)
    }
}

/// Waits until nobody lives in a process group.
pub(crate) async fn none_left(group: u32) {
    until("the group is gone", || members(group).is_empty()).await;
}

pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// The living processes of a group. A zombie that nobody reaps yet is dead.
pub(crate) fn members(group: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    let of_group = |stat: &String| {
        // After the name, which may hold anything: state, parent, group.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        fields.first() != Some(&"Z") && fields.get(2) == Some(&group.to_string().as_str())
    };
    stats.filter(of_group).collect()
}
