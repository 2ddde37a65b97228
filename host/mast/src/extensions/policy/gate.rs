//! Lets one log line a second through and counts the others.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Default)]
pub(super) struct Gate(Mutex<(Option<Instant>, u64)>);

impl Gate {
    /// How many were held back since the last that passed; none where this one is held back.
    pub(super) fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, unseen) = &mut *state;
        if last.is_some_and(|last| now < last + INTERVAL) {
            *unseen += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(unseen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second() {
        let gate = Gate::default();
        let start = Instant::now();
        let passed = [0, 1, 999, 1_000, 1_500].map(|ms| gate.pass(start + Duration::from_millis(ms)));
        assert_eq!(passed, [Some(0), None, None, Some(2), None]);
    }
}
