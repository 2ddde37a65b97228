//! The states of a channel and every transition between them. Pure: the task asks and does what it is told.
//!
//! The *order* (do viewers want the channel) and the *state* (what it is doing) are apart: the order changes with viewers
//! at any moment, the state only here.
//!
//! | state | meaning | leaves it |
//! |---|---|---|
//! | idle | nothing is open, nothing is kept | wanted -> starting |
//! | starting | an upstream is being opened, no segment of it yet | playable -> live, released -> draining, failed -> backoff |
//! | live | segments come | released -> draining, failed -> backoff |
//! | draining | nobody watches, the idle timer runs, the upstream is kept | wanted -> starting (live at once if segments come), idle elapsed, failed or yielded -> idle |
//! | backoff | the upstream failed, the retry timer runs | retry elapsed -> starting if wanted, else idle |

/// What a channel is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is open.
    Idle,
    /// An upstream is being opened.
    Starting,
    /// Segments come.
    Live,
    /// Nobody watches any more; the idle timer runs.
    Draining,
    /// The upstream failed; the retry timer runs.
    Backoff,
}

impl State {
    /// Every state, for metrics and tests.
    pub const ALL: [Self; 5] = [Self::Idle, Self::Starting, Self::Live, Self::Draining, Self::Backoff];

    /// The state's name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Draining => "draining",
            Self::Backoff => "backoff",
        }
    }
}

/// Whether viewers want the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// At least one does.
    Wanted,
    /// Nobody does.
    Released,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The order changed, or may have.
    Order,
    /// The open upstream gave a segment.
    Playable,
    /// The upstream failed.
    Failed,
    /// The idle timer ran out.
    IdleElapsed,
    /// The retry timer ran out.
    RetryElapsed,
    /// Another channel gets the connection of this one, which nobody watches.
    Yielded,
}

/// What the task has to do on the way into the next state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Stay,
    /// Open an upstream.
    Open,
    /// Close the upstream, forget the window.
    Close,
    /// Start the idle timer.
    ArmIdle,
    /// Stop the idle timer.
    DisarmIdle,
    /// Close the upstream, keep the window, start the retry timer.
    Retreat,
}

/// The transition table.
pub(crate) fn next(state: State, order: Order, event: Event) -> (State, Action) {
    use Action::{ArmIdle, Close, DisarmIdle, Open, Retreat, Stay};
    use Order::{Released, Wanted};
    use State::{Backoff, Draining, Idle, Live, Starting};
    match (state, event, order) {
        (Idle, Event::Order, Wanted) => (Starting, Open),

        (Starting, Event::Playable, _) => (Live, Stay),
        (Starting | Live, Event::Order, Released) => (Draining, ArmIdle),
        (Starting | Live, Event::Failed, _) => (Backoff, Retreat),

        (Draining, Event::Order, Wanted) => (Starting, DisarmIdle),
        (Draining, Event::IdleElapsed, Released) => (Idle, Close),
        // The connection is promised to another channel, even if a viewer came in that moment.
        (Draining, Event::Yielded, _) => (Idle, Close),
        (Draining, Event::Failed, Released) => (Idle, Close),
        (Draining, Event::Failed, Wanted) => (Backoff, Retreat),

        (Backoff, Event::RetryElapsed, Wanted) => (Starting, Open),
        (Backoff, Event::RetryElapsed, Released) => (Idle, Close),

        (state, _, _) => (state, Stay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 6] =
        [Event::Order, Event::Playable, Event::Failed, Event::IdleElapsed, Event::RetryElapsed, Event::Yielded];

    /// One row per state and order, one column per event of [`EVENTS`].
    const TABLE: &str = "
        idle     wanted   | starting Open       | idle Stay     | idle Stay       | idle Stay     | idle Stay     | idle Stay
        idle     released | idle Stay           | idle Stay     | idle Stay       | idle Stay     | idle Stay     | idle Stay
        starting wanted   | starting Stay       | live Stay     | backoff Retreat | starting Stay | starting Stay | starting Stay
        starting released | draining ArmIdle    | live Stay     | backoff Retreat | starting Stay | starting Stay | starting Stay
        live     wanted   | live Stay           | live Stay     | backoff Retreat | live Stay     | live Stay     | live Stay
        live     released | draining ArmIdle    | live Stay     | backoff Retreat | live Stay     | live Stay     | live Stay
        draining wanted   | starting DisarmIdle | draining Stay | backoff Retreat | draining Stay | draining Stay | idle Close
        draining released | draining Stay       | draining Stay | idle Close      | idle Close    | draining Stay | idle Close
        backoff  wanted   | backoff Stay        | backoff Stay  | backoff Stay    | backoff Stay  | starting Open | backoff Stay
        backoff  released | backoff Stay        | backoff Stay  | backoff Stay    | backoff Stay  | idle Close    | backoff Stay";

    #[test]
    fn every_transition() {
        let mut rows = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
        for state in State::ALL {
            for order in [Order::Wanted, Order::Released] {
                let cells: Vec<String> = rows.next().unwrap().split('|').map(|cell| cell.trim().to_owned()).collect();
                let head: Vec<&str> = cells[0].split_whitespace().collect();
                assert_eq!(head, [state.name(), &format!("{order:?}").to_lowercase()]);
                for (event, expected) in EVENTS.into_iter().zip(&cells[1..]) {
                    let (to, action) = next(state, order, event);
                    assert_eq!(&format!("{} {action:?}", to.name()), expected, "{state:?} {order:?} {event:?}");
                }
            }
        }
        assert_eq!(rows.next(), None);
    }

    /// From any state, viewers that come are heard and viewers that go let the channel rest, within a few events.
    #[test]
    fn no_state_is_a_trap() {
        for start in State::ALL {
            let mut state = start;
            for event in [Event::Order, Event::RetryElapsed, Event::Order, Event::Playable] {
                state = next(state, Order::Wanted, event).0;
            }
            assert_eq!(state, State::Live, "wanted, from {start:?}");
            let mut state = start;
            for event in [Event::Order, Event::RetryElapsed, Event::IdleElapsed] {
                state = next(state, Order::Released, event).0;
            }
            assert_eq!(state, State::Idle, "released, from {start:?}");
        }
    }
}
