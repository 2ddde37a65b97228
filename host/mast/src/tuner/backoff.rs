//! When a failed channel is tried again, and with which of its upstreams.
//!
//! An upstream that played and broke off is tried again; one that played and fell silent (it has cost its viewers a whole stall
//! timeout, and asking it again may cost another), showed nothing worth watching or did not play makes way for the next at once,
//! until every one was tried. From then on each attempt waits, twice as long each time, jittered so that channels of one provider
//! do not come back in step. A healthy minute forgets it all.

use std::time::Duration;

use tokio::time::Instant;

/// Playing for this long proves an upstream.
const HEALTHY: Duration = Duration::from_secs(60);

/// The memory of one channel's failures.
#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    /// Failures in a row.
    failures: u32,
    /// Failures in a row of upstreams that did not play at all.
    fruitless: usize,
    turn: u32,
    playing_since: Option<Instant>,
    failing_since: Option<Instant>,
    retry_at: Instant,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        let retry_at = Instant::now();
        Self {
            min,
            max: max.max(min),
            failures: 0,
            fruitless: 0,
            turn: 0,
            playing_since: None,
            failing_since: None,
            retry_at,
        }
    }

    /// Which upstream to open now.
    pub(crate) fn turn(&mut self, now: Instant) -> u32 {
        // Trouble of long ago says nothing about today.
        if now > self.retry_at + 2 * self.max {
            (self.failures, self.fruitless) = (0, 0);
        }
        self.turn
    }

    /// The upstream of this turn gave its first segment.
    pub(crate) fn playing(&mut self, now: Instant, turn: u32) {
        self.playing_since = Some(now);
        self.failing_since = None;
        self.fruitless = 0;
        self.turn = turn;
    }

    /// For how long nothing has played.
    pub(crate) fn failing_for(&self, now: Instant) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Somebody asks anew after it was given up.
    pub(crate) fn forgive(&mut self) {
        (self.failures, self.fruitless, self.failing_since) = (0, 0, None);
    }

    /// The upstream failed; when to try again. One that played and `makes_way` is not tried again before the next one.
    pub(crate) fn failed(&mut self, now: Instant, upstreams: usize, makes_way: bool) -> Instant {
        self.failing_since.get_or_insert(now);
        match self.playing_since.take() {
            Some(_) if makes_way && upstreams > 1 => {
                self.turn = self.turn.wrapping_add(1);
                self.retry_at = now;
                return now;
            }
            Some(since) if now.saturating_duration_since(since) >= HEALTHY => self.failures = 0,
            Some(_) => {}
            None => {
                self.turn = self.turn.wrapping_add(1);
                self.fruitless += 1;
                if !self.tried_all(upstreams) {
                    self.retry_at = now;
                    return now;
                }
            }
        }
        self.failures = self.failures.saturating_add(1);
        let doubled = self.min.saturating_mul(1 << (self.failures - 1).min(20));
        self.retry_at = now + jittered(doubled.min(self.max));
        self.retry_at
    }

    /// The next attempt is not made before this.
    pub(crate) fn put_off(&mut self, until: Instant) -> Instant {
        self.retry_at = self.retry_at.max(until);
        self.retry_at
    }

    /// Whether every upstream was tried in vain.
    pub(crate) fn tried_all(&self, upstreams: usize) -> bool {
        self.fruitless >= upstreams.max(1)
    }

    /// When to try again.
    pub(crate) fn retry_at(&self) -> Instant {
        self.retry_at
    }
}

/// Between half and all of it.
fn jittered(delay: Duration) -> Duration {
    // Without randomness there is no jitter, which harms nobody.
    let part = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    delay.mul_f64(0.5 + part / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn delays(backoff: &mut Backoff, now: Instant, upstreams: usize, count: usize) -> Vec<Duration> {
        (0..count).map(|_| backoff.failed(now, upstreams, false) - now).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn delays_double_up_to_the_longest() {
        let now = Instant::now();
        let mut backoff = Backoff::new(SECOND, 6 * SECOND);
        for (delay, longest) in delays(&mut backoff, now, 1, 5).into_iter().zip([1, 2, 4, 6, 6]) {
            let longest = longest * SECOND;
            assert!(delay >= longest / 2 && delay <= longest, "{delay:?} of {longest:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_upstream_gets_its_turn_before_anybody_waits() {
        let now = Instant::now();
        let mut backoff = Backoff::new(SECOND, 6 * SECOND);
        assert_eq!(delays(&mut backoff, now, 3, 2), [Duration::ZERO; 2]);
        assert!(!backoff.tried_all(3));
        assert!(backoff.failed(now, 3, false) > now);
        assert!(backoff.tried_all(3));
        assert_eq!(backoff.turn(now), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_played_is_tried_again() {
        let now = Instant::now();
        let mut backoff = Backoff::new(SECOND, 60 * SECOND);
        delays(&mut backoff, now, 1, 4);
        let turn = backoff.turn(now);
        backoff.playing(now, turn);
        assert!(backoff.failed(now + SECOND, 1, false) - now > 4 * SECOND, "a second is not healthy");
        backoff.playing(now, turn);
        assert!(backoff.failed(now + HEALTHY, 1, false) - (now + HEALTHY) <= SECOND, "a minute is");
        assert_eq!(backoff.turn(now), turn);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_fell_silent_makes_way_where_there_is_another() {
        let now = Instant::now();
        for (upstreams, turn, waits) in [(2, 1, false), (1, 0, true)] {
            let mut backoff = Backoff::new(SECOND, 60 * SECOND);
            backoff.playing(now, 0);
            assert_eq!(backoff.failed(now, upstreams, true) > now, waits, "{upstreams}");
            assert_eq!(backoff.turn(now), turn, "{upstreams}");
        }
    }
}
