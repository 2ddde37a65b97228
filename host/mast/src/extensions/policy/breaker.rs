//! Keeps a failing policy from costing every viewer its deadline: after a few failures in a row it is left alone for a while that
//! doubles, then tried with one request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row before the first pause.
const TOLERATED: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Closed (calls pass), open (calls do not), or open with one call on trial.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Breaker {
    /// Whether to call. Claims the trial where the pause is over: others wait for its outcome, or for another pause.
    pub(super) fn may_call(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.closed_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.closed_until = Some(now + pause(state.failures));
                true
            }
        }
    }

    pub(super) fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// The pause that this failure caused.
    pub(super) fn failed(&self, now: Instant) -> Option<Duration> {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures < TOLERATED {
            return None;
        }
        let pause = pause(state.failures);
        state.closed_until = Some(now + pause);
        Some(pause)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(TOLERATED).min(16);
    (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_one_call_is_on_trial() {
        let breaker = Breaker::default();
        let start = Instant::now();
        assert_eq!((breaker.failed(start), breaker.failed(start)), (None, None));
        assert!(breaker.may_call(start));
        let mut now = start;
        for expected in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let pause = Duration::from_millis(expected);
            assert_eq!(breaker.failed(now), Some(pause));
            assert!(!breaker.may_call(now));
            now += pause;
            assert!(breaker.may_call(now), "the trial");
            assert!(!breaker.may_call(now), "only one");
        }
        breaker.succeeded();
        assert!(breaker.may_call(now) && breaker.may_call(now));
        assert_eq!(breaker.failed(now), None);
    }

    #[test]
    fn a_trial_that_never_ends_is_followed_by_another() {
        let breaker = Breaker::default();
        let mut now = Instant::now();
        while breaker.failed(now).is_none() {}
        for _ in 0..3 {
            now += LONGEST_PAUSE;
            assert!(breaker.may_call(now));
        }
    }
}
