//! The task that watches one worker: reads its standard error, does what the transition table says, reaps.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::exit::Exit;
use super::leader::Leader;
use super::pipes::InputValve;
use super::spec::{Patience, WorkerSpec};
use super::state::{Action, Event, Order, State, Urgency, next};
use crate::group::Group;
use crate::log::{Lines, LogLine, LogRing};
use crate::progress::{Progress, ProgressParser, Step};
use crate::redact::Redactor;
use crate::starts::StartPermit;

/// Bytes of standard error read at once.
const CHUNK: usize = 16 * 1024;
/// After the end, standard error may be held open by a process that left the group.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// SIGKILL is repeated for as long as the kernel keeps the process, in a device driver for example.
const KILL_AGAIN: Duration = Duration::from_secs(1);

/// What the worker's handle sees.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) state: watch::Sender<State>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) exit: watch::Sender<Option<Exit>>,
    pub(super) log: LogRing,
}

/// Watches one worker. To be run by the worker's owner; dropping it kills the process group.
#[derive(Debug)]
pub struct WorkerTask {
    leader: Leader,
    stderr: Option<ChildStderr>,
    valve: Option<InputValve>,
    order: watch::Receiver<Order>,
    /// The worker still exists.
    is_owned: bool,
    patience: Patience,
    permit: Option<StartPermit>,
    state: State,
    /// When the patience with the last signal ends.
    timer: Option<Instant>,
    reader: Reader,
    published: Published,
    started: Instant,
}

impl WorkerTask {
    pub(super) fn new(
        spec: WorkerSpec,
        mut child: Child,
        group: Arc<Group>,
        valve: Option<InputValve>,
        order: watch::Receiver<Order>,
        published: Published,
        permit: StartPermit,
    ) -> Self {
        let stderr = child.stderr.take();
        let reader = Reader { redactor: spec.redactor, lines: Lines::default(), progress: ProgressParser::default() };
        Self {
            leader: Leader::new(child, group),
            stderr,
            valve,
            order,
            is_owned: true,
            patience: spec.patience,
            permit: Some(permit),
            state: State::Starting,
            timer: None,
            reader,
            published,
            started: Instant::now(),
        }
    }

    /// Runs until the process ended and was reaped. Ends soon after [`super::Worker::stop`], and at once after the worker was dropped.
    pub async fn run(mut self) -> Exit {
        let mut chunk = vec![0; CHUNK];
        loop {
            let event = self.event(&mut chunk).await;
            let order = *self.order.borrow();
            let was_killed = order == Order::Kill || self.state == State::Stopping(Urgency::Killed);
            let told = (order != Order::Run).then_some(was_killed);
            let (state, action) = next(self.state, order, event);
            if state != self.state && state != State::Ended {
                self.published.state.send_replace(state);
            }
            self.state = state;
            match action {
                Action::Stay => {}
                Action::FreeStart => self.permit = None,
                Action::Ask => self.ask(),
                Action::Urge => {
                    self.leader.group.signal(libc::SIGTERM);
                    self.timer = Some(Instant::now() + self.patience.second);
                }
                Action::Kill => {
                    self.permit = None;
                    self.leader.group.signal(libc::SIGKILL);
                    self.timer = Some(Instant::now() + KILL_AGAIN);
                }
                Action::Reap => return self.reap(told, &mut chunk).await,
            }
        }
    }

    fn ask(&mut self) {
        self.permit = None;
        if let Some(valve) = &self.valve {
            valve.close();
        }
        self.leader.group.signal(libc::SIGTERM);
        self.timer = Some(Instant::now() + self.patience.first);
    }

    async fn event(&mut self, chunk: &mut [u8]) -> Event {
        loop {
            let (timer, start) = (self.timer, self.permit.as_ref().map(StartPermit::until));
            tokio::select! {
                () = self.leader.ended() => return Event::Exited,
                changed = self.order.changed(), if self.is_owned => match changed {
                    Ok(()) => return Event::Order,
                    Err(_) => self.is_owned = false,
                },
                () = at(timer) => return Event::Elapsed,
                () = at(start) => self.permit = None,
                read = read(&mut self.stderr, chunk) => match read {
                    Some(length) => {
                        if self.reader.take(&chunk[..length], &self.published) {
                            return Event::Advanced;
                        }
                    }
                    None => self.stderr = None,
                },
            }
        }
    }

    /// Ends what is left of the group before its number can be given away, reads the last words, tells how it ended. `told`: whether it
    /// was told to stop, and then whether it was killed.
    async fn reap(&mut self, told: Option<bool>, chunk: &mut [u8]) -> Exit {
        self.permit = None;
        let status = self.leader.reap().await;
        let last_words = async {
            while self.stderr.is_some() {
                match read(&mut self.stderr, chunk).await {
                    Some(length) => _ = self.reader.take(&chunk[..length], &self.published),
                    None => self.stderr = None,
                }
            }
        };
        let _ = timeout(LAST_WORDS, last_words).await;
        self.reader.end(&self.published);
        let exit = Exit::new(status, told, &self.published.log, self.started.elapsed());
        self.published.state.send_replace(State::Ended);
        self.published.exit.send_replace(Some(exit.clone()));
        exit
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// None at the end.
async fn read(stderr: &mut Option<ChildStderr>, chunk: &mut [u8]) -> Option<usize> {
    match stderr {
        Some(stderr) => stderr.read(chunk).await.ok().filter(|length| *length > 0),
        None => std::future::pending().await,
    }
}

/// Takes standard error apart.
#[derive(Debug)]
struct Reader {
    redactor: Redactor,
    lines: Lines,
    progress: ProgressParser,
}

impl Reader {
    /// Publishes what the bytes say; true if media were written.
    fn take(&mut self, bytes: &[u8], published: &Published) -> bool {
        let Self { redactor, lines, progress } = self;
        let mut has_advanced = false;
        lines.push(bytes, |line| has_advanced |= note(line, redactor, progress, published));
        has_advanced
    }

    fn end(&mut self, published: &Published) {
        let Self { redactor, lines, progress } = self;
        lines.end(|line| {
            note(line, redactor, progress, published);
        });
    }
}

fn note(line: &str, redactor: &Redactor, progress: &mut ProgressParser, published: &Published) -> bool {
    match progress.line(line) {
        Step::Pending => false,
        Step::NotProgress => {
            published.log.push(LogLine::parse(&redactor.clean(line)));
            false
        }
        Step::Complete(counters) => {
            let (before, now) = (*published.progress.borrow(), Instant::now());
            let after = before.after(counters, now);
            published.progress.send_replace(after);
            after.advanced_at == Some(now)
        }
    }
}
