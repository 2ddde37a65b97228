//! How fast an HLS upstream is handed out: some of it at once, then as fast as it plays.

use std::time::Duration;

use tokio::time::Instant;

/// The clock of one upstream.
#[derive(Debug)]
pub(super) struct Pace {
    lead: Duration,
    /// When the first bytes were handed out, moved by what was lost and gained since.
    started: Option<Instant>,
    /// The length of the segments that were handed out whole.
    played: Duration,
}

impl Pace {
    /// A clock that lets so much through at once.
    pub(super) fn new(lead: Duration) -> Self {
        Self { lead, started: None, played: Duration::ZERO }
    }

    /// When bytes that lie so far into the current segment may go. At once, if it is `hurried`, and the clock is put forward.
    pub(super) fn due(&mut self, now: Instant, into: Duration, hurried: bool) -> Instant {
        let started = self.started.get_or_insert(now);
        let ahead = (self.played + into).saturating_sub(self.lead);
        if hurried {
            // Below zero there is nothing to put forward.
            *started = now.checked_sub(ahead).map_or(*started, |forward| forward.min(*started));
        }
        *started + ahead
    }

    /// A segment was handed out whole.
    pub(super) fn finished(&mut self, duration: Duration) {
        self.played += duration;
    }

    /// There was nothing to hand out. The time is lost: what comes now is not handed out at once to make up for it, so that after a
    /// few segments there is a reserve of as much as they are ever late.
    pub(super) fn starved(&mut self, now: Instant) {
        self.lead = self.lead.min(self.played);
        self.started = now.checked_sub(self.played - self.lead).or(self.started);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_lead_goes_at_once_and_the_rest_as_it_plays() {
        let start = Instant::now();
        let mut pace = Pace::new(seconds(12));
        for segment in 0..5u64 {
            for part in [0, 1, 2, 3] {
                let position = segment * 4 + part;
                assert_eq!(
                    pace.due(start, seconds(part), false),
                    start + seconds(position.saturating_sub(12)),
                    "{position}"
                );
            }
            pace.finished(seconds(4));
        }
    }

    #[test]
    fn lost_time_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace::new(seconds(12));
        pace.due(start, Duration::ZERO, false);
        pace.finished(seconds(4));
        // The next segment came late: it is handed out as it plays.
        let now = start + seconds(30);
        pace.starved(now);
        assert_eq!(pace.due(now, Duration::ZERO, false), now);
        assert_eq!(pace.due(now, seconds(3), false), now + seconds(3));
        pace.finished(seconds(4));
        assert_eq!(pace.due(now, Duration::ZERO, false), now + seconds(4));
    }

    #[test]
    fn who_is_behind_hurries() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::ZERO);
        pace.due(start, Duration::ZERO, false);
        pace.finished(seconds(10));
        assert_eq!(pace.due(start, seconds(2), true), start);
        assert_eq!(pace.due(start, seconds(3), false), start + seconds(1));
    }
}
