//! Recognises an origin that is dead and sends its last segments again and again under new numbers.
//!
//! Names prove nothing either way: encoders reuse a handful of file names for ever, and dead origins get new names from a cache
//! in front of them. The bytes do: timestamps inside live segments differ, so a segment that is the same to the byte was sent before.
//! A channel that repeats a film on purpose does that too, but has to say so (RFC 8216, 6.2.1: timestamps that jump back need an
//! EXT-X-DISCONTINUITY), or gives it new dates; such a loop counts only where the configuration asks for it.

use std::collections::VecDeque;
use std::time::Instant;

use super::Fetch;
use jiff::Timestamp;

/// Segments remembered; longer loops are not recognised.
const REMEMBERED: usize = 512;

/// A run of repetitions shorter than this may be a segment that was sent twice by mistake.
const RUN: u32 = 3;

/// The segments that came.
#[derive(Debug, Default)]
pub(super) struct Novelty {
    seen: VecDeque<Seen>,
    /// Repetitions since the last new segment, and when that came.
    run: u32,
    new_at: Option<Instant>,
}

#[derive(Debug)]
struct Seen {
    digest: u64,
    era: u64,
    date: Option<Timestamp>,
}

impl Novelty {
    /// Takes a segment. Where it and those before it are repetitions: when the last new one came.
    pub(super) fn looping_since(
        &mut self,
        fetch: &Fetch,
        digest: u64,
        refuse_declared: bool,
        now: Instant,
    ) -> Option<Instant> {
        let (era, date) = (fetch.era, fetch.entry.date);
        let before = self.seen.iter().rposition(|seen| seen.digest == digest).and_then(|at| self.seen.remove(at));
        let repeats = before.is_some_and(|before| {
            let goes_on = before.date.zip(date).is_some_and(|(before, now)| now > before);
            refuse_declared || (before.era == era && !goes_on)
        });
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(Seen { digest, era, date });
        if repeats {
            self.run = self.run.saturating_add(1);
        } else {
            (self.run, self.new_at) = (0, Some(now));
        }
        self.new_at.filter(|_| self.run >= RUN)
    }
}
