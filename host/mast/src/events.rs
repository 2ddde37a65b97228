//! What just happened, for whoever looks on: a ring of the last events with numbers, and a signal that it moved. Rooms put in, the admin room
//! hands out.
//!
//! Bounded: what nobody has read in time is forgotten, and whoever comes for it is told. Putting in takes one short lock and waits for nobody.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Events that are remembered.
const REMEMBERED: usize = 4_096;
/// Events handed out at once.
const AT_ONCE: usize = 256;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What, for example `session.began`.
    pub kind: &'static str,
    /// To whom, and how.
    pub about: Value,
}

/// The place of an event, also for a host that was restarted since: numbers of another run mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    run: i64,
    /// The event's number.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.run, self.number)
    }
}

/// It is none of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownPlace;

impl FromStr for Place {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Self, UnknownPlace> {
        let (run, number) = text.split_once('-').ok_or(UnknownPlace)?;
        let run = i64::from_str_radix(run, 16).map_err(|_| UnknownPlace)?;
        Ok(Self { run, number: number.parse().map_err(|_| UnknownPlace)? })
    }
}

/// What was asked for is forgotten, or was never there.
#[derive(Debug, PartialEq, Eq)]
pub struct Forgotten;

/// The events of a host. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    run: i64,
    ring: Mutex<Ring>,
    moved: watch::Sender<u64>,
    closed: CancellationToken,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// The number of the last one; 0 before the first.
    last: u64,
}

impl Events {
    /// None yet; whoever looks on goes when `closed` is cancelled.
    pub fn new(closed: CancellationToken) -> Self {
        let run = Timestamp::now().as_millisecond();
        let inner = Inner { run, ring: Mutex::default(), moved: watch::Sender::new(0), closed };
        Self { inner: Arc::new(inner) }
    }

    /// Something happened.
    pub fn publish(&self, kind: &'static str, about: Value) {
        let mut ring = self.ring();
        ring.last += 1;
        let event = Event { number: ring.last, at: Timestamp::now(), kind, about };
        if ring.events.len() == REMEMBERED {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::new(event));
        let last = ring.last;
        drop(ring);
        self.inner.moved.send_replace(last);
    }

    /// The place of the newest event.
    pub fn newest(&self) -> Place {
        self.place(self.ring().last)
    }

    /// The place of an event of this run.
    pub fn place(&self, number: u64) -> Place {
        Place { run: self.inner.run, number }
    }

    /// The next events behind a place, oldest first; empty where there are none yet.
    pub fn after(&self, place: Place) -> Result<Vec<Arc<Event>>, Forgotten> {
        let ring = self.ring();
        let first = ring.last + 1 - ring.events.len() as u64;
        if place.run != self.inner.run || place.number > ring.last || place.number + 1 < first {
            return Err(Forgotten);
        }
        let skip = usize::try_from(place.number + 1 - first).unwrap_or(usize::MAX);
        Ok(ring.events.iter().skip(skip).take(AT_ONCE).cloned().collect())
    }

    /// Moves with every event.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.inner.moved.subscribe()
    }

    /// Cancelled when the host stops.
    pub fn closed(&self) -> &CancellationToken {
        &self.inner.closed
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        // Nothing panics between two steps of a change.
        self.inner.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn numbers(events: &Events, place: Place) -> Vec<u64> {
        events.after(place).expect("remembered").iter().map(|event| event.number).collect()
    }

    #[test]
    fn events_are_read_from_a_place_on() {
        let events = Events::new(CancellationToken::new());
        let begin = events.newest();
        assert!(events.after(begin).expect("nothing yet").is_empty());
        for number in 1..=3 {
            events.publish("test", json!(number));
        }
        assert_eq!(numbers(&events, begin), [1, 2, 3]);
        assert_eq!(numbers(&events, events.place(2)), [3]);
        assert!(numbers(&events, events.newest()).is_empty());
        assert_eq!(events.after(events.place(4)), Err(Forgotten), "from the future");
        let text = events.place(2).to_string();
        assert_eq!(text.parse(), Ok(events.place(2)));
        let other = Place { run: 7, number: 2 };
        assert_eq!(events.after(other), Err(Forgotten), "of another run");
        for wrong in ["", "1", "x-1", "1-x", "-1-2"] {
            let place: Result<Place, _> = wrong.parse();
            assert!(place.is_err() || events.after(place.expect("a place")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_nobody_reads_in_time_is_forgotten() {
        let events = Events::new(CancellationToken::new());
        let begin = events.newest();
        for number in 0..REMEMBERED {
            events.publish("test", json!(number));
        }
        assert_eq!(numbers(&events, begin).len(), AT_ONCE);
        events.publish("test", json!("one more"));
        assert_eq!(events.after(begin), Err(Forgotten));
        assert_eq!(numbers(&events, events.place(1))[0], 2);
    }
}
