//! The states of a worker and every transition between them. Pure: the task asks and does what it is told.
//!
//! The *order* (shall it run) and the *state* (what it is doing) are apart. An order to stop or to kill is never taken back: whoever wants
//! the work after all spawns another worker.
//!
//! | state | meaning | leaves it |
//! |---|---|---|
//! | starting | the process runs, it wrote nothing yet | progress -> running, stop or kill -> stopping |
//! | running | media come | stop or kill -> stopping |
//! | stopping | SIGTERM was sent once, or twice (FFmpeg in a network read ignores the first), or SIGKILL | elapsed -> the next signal, kill -> SIGKILL |
//! | ended | the process was reaped | |
//!
//! The end of the process leads from any state to ended.

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The process runs and wrote nothing yet.
    Starting,
    /// Media come.
    Running,
    /// It was told to stop.
    Stopping(Urgency),
    /// The process was reaped.
    Ended,
}

/// How a worker was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// One SIGTERM.
    Asked,
    /// A second SIGTERM.
    Urged,
    /// SIGKILL to the process group.
    Killed,
}

impl State {
    /// The state's name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping(_) => "stopping",
            Self::Ended => "ended",
        }
    }
}

/// Whether the worker shall run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// It shall.
    Run,
    /// It shall not.
    Stop,
    /// It must not, not even for the time it takes to stop.
    Kill,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The order changed, or may have.
    Order,
    /// Media were written.
    Advanced,
    /// The time to react to the last signal ran out.
    Elapsed,
    /// The process ended.
    Exited,
}

/// What the task has to do on the way into the next state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Stay,
    /// Let the next one start.
    FreeStart,
    /// Close the input, send SIGTERM, give it the first time to react.
    Ask,
    /// Send SIGTERM again, give it the second time to react.
    Urge,
    /// Send SIGKILL to the group, again after a while if need be.
    Kill,
    /// Kill what is left of the group, reap.
    Reap,
}

/// The transition table.
pub(crate) fn next(state: State, order: Order, event: Event) -> (State, Action) {
    use Order::{Kill, Run, Stop};
    use State::{Ended, Running, Starting, Stopping};
    use Urgency::{Asked, Killed, Urged};
    match (state, event, order) {
        (Ended, _, _) => (Ended, Action::Stay),
        (_, Event::Exited, _) => (Ended, Action::Reap),

        (Starting | Running, Event::Order, Stop) => (Stopping(Asked), Action::Ask),
        (Starting | Running | Stopping(Asked | Urged), Event::Order, Kill) => (Stopping(Killed), Action::Kill),
        (Starting, Event::Advanced, Run) => (Running, Action::FreeStart),

        (Stopping(Asked), Event::Elapsed, _) => (Stopping(Urged), Action::Urge),
        (Stopping(Urged | Killed), Event::Elapsed, _) => (Stopping(Killed), Action::Kill),

        (state, _, _) => (state, Action::Stay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 6] = [
        State::Starting,
        State::Running,
        State::Stopping(Urgency::Asked),
        State::Stopping(Urgency::Urged),
        State::Stopping(Urgency::Killed),
        State::Ended,
    ];

    /// One row per state and order; the columns are order, advanced, elapsed, exited.
    const TABLE: &str = "
        Starting         Run  | Starting Stay         | Running FreeStart     | Starting Stay         | Ended Reap
        Starting         Stop | Stopping(Asked) Ask   | Starting Stay         | Starting Stay         | Ended Reap
        Starting         Kill | Stopping(Killed) Kill | Starting Stay         | Starting Stay         | Ended Reap
        Running          Run  | Running Stay          | Running Stay          | Running Stay          | Ended Reap
        Running          Stop | Stopping(Asked) Ask   | Running Stay          | Running Stay          | Ended Reap
        Running          Kill | Stopping(Killed) Kill | Running Stay          | Running Stay          | Ended Reap
        Stopping(Asked)  Run  | Stopping(Asked) Stay  | Stopping(Asked) Stay  | Stopping(Urged) Urge  | Ended Reap
        Stopping(Asked)  Stop | Stopping(Asked) Stay  | Stopping(Asked) Stay  | Stopping(Urged) Urge  | Ended Reap
        Stopping(Asked)  Kill | Stopping(Killed) Kill | Stopping(Asked) Stay  | Stopping(Urged) Urge  | Ended Reap
        Stopping(Urged)  Run  | Stopping(Urged) Stay  | Stopping(Urged) Stay  | Stopping(Killed) Kill | Ended Reap
        Stopping(Urged)  Stop | Stopping(Urged) Stay  | Stopping(Urged) Stay  | Stopping(Killed) Kill | Ended Reap
        Stopping(Urged)  Kill | Stopping(Killed) Kill | Stopping(Urged) Stay  | Stopping(Killed) Kill | Ended Reap
        Stopping(Killed) Run  | Stopping(Killed) Stay | Stopping(Killed) Stay | Stopping(Killed) Kill | Ended Reap
        Stopping(Killed) Stop | Stopping(Killed) Stay | Stopping(Killed) Stay | Stopping(Killed) Kill | Ended Reap
        Stopping(Killed) Kill | Stopping(Killed) Stay | Stopping(Killed) Stay | Stopping(Killed) Kill | Ended Reap
        Ended            Run  | Ended Stay            | Ended Stay            | Ended Stay            | Ended Stay
        Ended            Stop | Ended Stay            | Ended Stay            | Ended Stay            | Ended Stay
        Ended            Kill | Ended Stay            | Ended Stay            | Ended Stay            | Ended Stay";

    #[test]
    fn every_transition() {
        let mut rows = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
        for state in STATES {
            for order in [Order::Run, Order::Stop, Order::Kill] {
                let cells: Vec<String> = rows.next().unwrap().split('|').map(|cell| cell.trim().to_owned()).collect();
                let head: Vec<&str> = cells[0].split_whitespace().collect();
                assert_eq!(head, [format!("{state:?}"), format!("{order:?}")]);
                let events = [Event::Order, Event::Advanced, Event::Elapsed, Event::Exited];
                for (event, expected) in events.into_iter().zip(&cells[1..]) {
                    let (to, action) = next(state, order, event);
                    assert_eq!(&format!("{to:?} {action:?}"), expected, "{state:?} {order:?} {event:?}");
                }
            }
        }
        assert_eq!(rows.next(), None);
    }

    /// Once told to stop, a worker gets SIGKILL within three steps of time, and dies of it, whatever else happens.
    #[test]
    fn every_worker_ends() {
        for mut state in STATES {
            let mut actions = Vec::new();
            for event in [Event::Order, Event::Advanced, Event::Elapsed, Event::Order, Event::Elapsed, Event::Elapsed] {
                let (to, action) = next(state, Order::Stop, event);
                state = to;
                actions.push(action);
            }
            assert!(state == State::Ended || actions.contains(&Action::Kill), "{actions:?}");
            assert_eq!(next(state, Order::Stop, Event::Exited).0, State::Ended);
        }
    }
}
