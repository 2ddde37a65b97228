//! When a source is asked next.

use std::time::Duration;

use jiff::Timestamp;

/// Spans that tests shorten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// After the first failure; doubles with each further one.
    pub(crate) first_retry: Duration,
    /// Never longer than this, unless the plugin asks for it.
    pub(crate) last_retry: Duration,
    /// However short a refresh interval is.
    pub(crate) shortest: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_retry: Duration::from_secs(30),
            last_retry: Duration::from_secs(600),
            shortest: Duration::from_secs(10),
        }
    }
}

/// A plugin cannot ask for a longer pause after an error.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(86_400);

impl Timing {
    /// How long from now until a source that was last refreshed at `refreshed` is due. `now` and `refreshed` are wall-clock: a clock
    /// that was set back makes it due, not late by years.
    pub(crate) fn until_due(&self, refresh: Duration, refreshed: Option<Timestamp>, now: Timestamp) -> Duration {
        let Some(refreshed) = refreshed else { return Duration::ZERO };
        match Duration::try_from(now.duration_since(refreshed)) {
            Ok(age) => refresh.max(self.shortest).saturating_sub(age),
            Err(_) => Duration::ZERO,
        }
    }

    /// After a success. A little early or late, so that many sources do not run together for ever.
    pub(crate) fn after_success(&self, refresh: Duration) -> Duration {
        jittered(refresh.max(self.shortest), 0.05)
    }

    /// After the `failures`-th failure in a row: a backoff, never longer than the normal interval, unless the plugin asks for more.
    pub(crate) fn after_failure(&self, refresh: Duration, failures: u32, retry_after: Option<u32>) -> Duration {
        let backoff = self.first_retry * (1 << failures.saturating_sub(1).min(16));
        let backoff = backoff.min(self.last_retry).min(refresh.max(self.shortest));
        let asked = Duration::from_secs(retry_after.unwrap_or_default().into()).min(LONGEST_RETRY_AFTER);
        jittered(backoff, 0.2).max(asked)
    }
}

fn jittered(span: Duration, share: f64) -> Duration {
    // Without randomness there is no jitter, which is no reason to fail.
    let random = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    span.mul_f64(1.0 + share * (2.0 * random - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn due() {
        let timing = Timing::default();
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| Some(Timestamp::from_second(1_000_000 - seconds).unwrap());
        for (refresh, refreshed, expected) in
            [(3600, None, 0), (3600, ago(600), 3000), (3600, ago(3600), 0), (3600, ago(99_999), 0), (1, ago(4), 6)]
        {
            assert_eq!(timing.until_due(seconds(refresh), refreshed, now), seconds(expected), "{refreshed:?}");
        }
        assert_eq!(timing.until_due(seconds(3600), ago(-60), now), Duration::ZERO, "the clock was set back");
    }

    #[test]
    fn retries_back_off_and_honour_the_plugin() {
        let timing = Timing::default();
        for (failures, retry_after, low, high) in [
            (1, None, 24, 36),
            (2, None, 48, 72),
            (5, None, 384, 576),
            (6, None, 480, 720),
            (4_000_000, None, 480, 720),
            (1, Some(1_000), 1_000, 1_000),
            (6, Some(1), 480, 720),
            (1, Some(u32::MAX), 86_400, 86_400),
        ] {
            let wait = timing.after_failure(seconds(21_600), failures, retry_after);
            assert!((seconds(low)..=seconds(high)).contains(&wait), "{failures} {retry_after:?}: {wait:?}");
        }
        assert!(timing.after_failure(seconds(15), 9, None) <= seconds(18));
    }

    #[test]
    fn the_interval_is_jittered() {
        let waits: Vec<_> = (0..50).map(|_| Timing::default().after_success(seconds(1_000))).collect();
        assert!(waits.iter().all(|wait| (seconds(950)..=seconds(1_050)).contains(wait)));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
        assert!(Timing::default().after_success(Duration::ZERO) > seconds(9));
    }
}
