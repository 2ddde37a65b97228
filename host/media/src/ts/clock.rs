//! 33-bit times at 90 kHz (PTS, DTS, PCR base) and the line they are unwound onto.

/// Ticks in a second.
pub const SECOND: i64 = 90_000;
/// Times count modulo this; about 26.5 hours.
const MODULUS: u64 = 1 << 33;
/// How far back a time may lie before it is a jump. Not zero: upstreams exist that send B-frames without DTS.
pub const JUMP_BACK: i64 = SECOND;
/// How far ahead a time may lie before it is a jump.
pub const JUMP_AHEAD: i64 = 5 * SECOND;

/// Signed distance in ticks, the short way round, so that a wrap is no jump.
#[inline]
pub fn distance(from: u64, to: u64) -> i64 {
    let ahead = (to.wrapping_sub(from) & (MODULUS - 1)) as i64;
    if ahead < MODULUS as i64 / 2 { ahead } else { ahead - MODULUS as i64 }
}

/// Whether a distance is more than reordering, loss and slow pictures explain.
#[inline]
pub fn is_jump(distance: i64) -> bool {
    !(-JUMP_BACK..=JUMP_AHEAD).contains(&distance)
}

/// A duration in ticks; saturates far above any real one.
pub fn ticks(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros() * 9 / 100).unwrap_or(i64::MAX / 4)
}

/// Ticks as a duration; at least a millisecond, since a segment without any duration is no segment.
pub fn duration(ticks: i64) -> std::time::Duration {
    std::time::Duration::from_micros(u64::try_from(ticks).unwrap_or(0).saturating_mul(100) / 9)
        .max(std::time::Duration::from_millis(1))
}

/// Where the access units of one elementary stream have got to.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    raw: u64,
    newest: i64,
    interval: i64,
}

impl Timeline {
    /// Starts at 0 with this raw time.
    pub fn new(raw: u64) -> Self {
        Self { raw, newest: 0, interval: SECOND / 25 }
    }

    /// Starts anew, keeping what was learned about the distance of access units.
    pub fn restart(&self, raw: u64) -> Self {
        Self { raw, newest: 0, interval: self.interval }
    }

    /// Distance of a raw time from the newest one.
    #[inline]
    pub fn distance(&self, raw: u64) -> i64 {
        distance(self.raw, raw)
    }

    /// Takes the next access unit's raw time and returns its place on the line.
    #[inline]
    pub fn advance(&mut self, raw: u64) -> i64 {
        let step = self.distance(raw);
        if step <= 0 {
            return self.newest + step;
        }
        if step <= SECOND {
            self.interval = step;
        }
        self.raw = raw;
        self.newest += step;
        self.newest
    }

    /// The last distance between two access units.
    #[inline]
    pub fn interval(&self) -> i64 {
        self.interval
    }

    /// Where the newest access unit is.
    #[inline]
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// Where the newest access unit probably ends.
    #[inline]
    pub fn end(&self) -> i64 {
        self.newest + self.interval
    }
}

/// Follows the program clock reference.
#[derive(Debug, Default)]
pub struct ClockReference {
    believed: Option<u64>,
    /// A jumped one; believed when the next one agrees.
    suspect: Option<u64>,
}

impl ClockReference {
    /// Whether the clock jumped. A reference that stands alone may be damaged; one that announces its jump, or a second
    /// one that agrees, is believed.
    pub fn jumped(&mut self, pcr: u64, announced: bool) -> bool {
        let from = |before: Option<u64>| before.map_or(0, |before| distance(before, pcr));
        let step = from(self.believed);
        let jumped = if announced { !(0..=SECOND).contains(&step) } else { is_jump(step) };
        if jumped && !announced && (self.suspect.is_none() || is_jump(from(self.suspect))) {
            self.suspect = Some(pcr);
            return false;
        }
        *self = Self { believed: Some(pcr), suspect: None };
        jumped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_is_no_jump() {
        for (from, to, expected) in [
            (0, 3600, 3600),
            (MODULUS - 3600, 0, 3600),
            (MODULUS - 1, 1, 2),
            (1, MODULUS - 1, -2),
            (5, 5, 0),
            (0, MODULUS / 2, -(1 << 32)),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
        let mut line = Timeline::new(MODULUS - 7200);
        assert_eq!([line.advance(MODULUS - 3600), line.advance(0), line.advance(3600)], [3600, 7200, 10800]);
        assert_eq!(line.end(), 14400);
    }

    #[test]
    fn a_reference_is_believed_when_announced_or_confirmed() {
        let mut clock = ClockReference::default();
        let far = 100 * SECOND as u64;
        for (pcr, announced, jumped) in [
            (0, false, false),
            (3600, false, false),
            (far, false, false),
            (7200, false, false),
            (far, false, false),
            (far + 3600, false, true),
            (far + 7200, false, false),
            (far, true, true),
            (far + 2 * SECOND as u64, true, true),
        ] {
            assert_eq!(clock.jumped(pcr, announced), jumped, "{pcr}");
        }
    }

    #[test]
    fn durations_and_ticks_agree() {
        use std::time::Duration;
        assert_eq!(ticks(Duration::from_secs(2)), 180_000);
        assert_eq!(duration(180_000), Duration::from_secs(2));
        assert_eq!(duration(-5), Duration::from_millis(1));
        assert!(ticks(Duration::MAX) > 0);
    }
}
