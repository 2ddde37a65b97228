//! How far a position went, and how long it stood still.

use std::time::{Duration, Instant};

use super::Shown;

/// Follows one player's position.
#[derive(Debug, Default)]
pub(super) struct Meter {
    at: Option<(f64, Instant)>,
}

impl Meter {
    /// The position is `seconds` now. A step back, or one forward of more than the clock and half a second allow, is a jump and
    /// counts as a discontinuity.
    pub(super) fn moved(&mut self, seconds: f64, now: Instant, shown: &mut Shown) {
        let Some((before, since)) = self.at.replace((seconds, now)) else { return };
        let (still, step) = (now.saturating_duration_since(since), seconds - before);
        if step == 0.0 {
            self.at = Some((before, since));
            return;
        }
        shown.longest_stall = shown.longest_stall.max(still);
        if step > 0.0 && step <= still.as_secs_f64() + 0.5 {
            shown.played += Duration::from_secs_f64(step);
        } else {
            shown.discontinuities += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stalls_and_jumps() {
        let (mut meter, mut shown, start) = (Meter::default(), Shown::default(), Instant::now());
        for (millis, seconds) in [(0, 5.0), (100, 5.1), (200, 5.1), (3100, 5.2), (3200, 95_000.0), (3300, 95_000.1)] {
            meter.moved(seconds, start + Duration::from_millis(millis), &mut shown);
        }
        assert_eq!(shown.longest_stall, Duration::from_secs(3));
        assert_eq!(shown.discontinuities, 1);
        assert!((0.299..0.301).contains(&shown.played.as_secs_f64()), "{shown:?}");
    }
}
