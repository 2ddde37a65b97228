//! Three watchdogs over one open upstream: bytes come in, presentation times advance, segments come out. An upstream that keeps
//! sending without saying anything is as dead as one that is silent.

use std::time::Duration;

use tokio::time::Instant;

use super::fault::UpstreamFault;

/// The watchdogs of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Watchdog {
    stall: Duration,
    /// A whole segment more than `stall`: until it is full there is nothing to cut.
    segment_stall: Duration,
    bytes: Instant,
    access_units: (u64, Instant),
    segment: Instant,
}

impl Watchdog {
    /// Starts all three.
    pub(crate) fn new(now: Instant, stall: Duration, longest_segment: Duration, access_units: u64) -> Self {
        let segment_stall = stall + longest_segment;
        Self { stall, segment_stall, bytes: now, access_units: (access_units, now), segment: now }
    }

    /// Bytes came; `access_units` is the segmenter's count after them.
    pub(crate) fn fed(&mut self, now: Instant, access_units: u64) {
        self.bytes = now;
        if access_units != self.access_units.0 {
            self.access_units = (access_units, now);
        }
    }

    /// Nothing was due since the last bytes: that time does not count.
    pub(crate) fn calm(&mut self, now: Instant) {
        let idle = now.saturating_duration_since(self.bytes);
        self.bytes += idle;
        self.access_units.1 += idle;
        self.segment += idle;
    }

    /// A segment came out.
    pub(crate) fn cut(&mut self, now: Instant) {
        self.segment = now;
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Instant {
        (self.bytes + self.stall).min(self.access_units.1 + self.stall).min(self.segment + self.segment_stall)
    }

    /// What ran out, if anything did.
    pub(crate) fn check(&self, now: Instant) -> Option<UpstreamFault> {
        if now >= self.bytes + self.stall {
            Some(UpstreamFault::NoBytes)
        } else if now >= self.access_units.1 + self.stall {
            Some(UpstreamFault::NoAccessUnits)
        } else if now >= self.segment + self.segment_stall {
            Some(UpstreamFault::NoSegments)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_bites_alone() {
        let seconds = Duration::from_secs;
        let start = Instant::now();
        let fresh = || Watchdog::new(start, seconds(10), seconds(6), 0);
        assert_eq!(fresh().check(start + seconds(9)), None);
        assert_eq!(fresh().check(start + seconds(10)), Some(UpstreamFault::NoBytes));

        let mut null_packets = fresh();
        null_packets.fed(start + seconds(9), 0);
        assert_eq!(null_packets.due(), start + seconds(10));
        assert_eq!(null_packets.check(start + seconds(10)), Some(UpstreamFault::NoAccessUnits));

        let mut no_keyframe = fresh();
        no_keyframe.fed(start + seconds(15), 900);
        assert_eq!(no_keyframe.check(start + seconds(15)), None);
        assert_eq!(no_keyframe.check(start + seconds(16)), Some(UpstreamFault::NoSegments));

        let mut calm = fresh();
        calm.fed(start + seconds(5), 0);
        calm.calm(start + seconds(60));
        assert_eq!(calm.check(start + seconds(64)), None);
        assert_eq!(calm.check(start + seconds(65)), Some(UpstreamFault::NoAccessUnits));

        let mut well = fresh();
        well.fed(start + seconds(15), 900);
        well.cut(start + seconds(15));
        assert_eq!(well.check(start + seconds(24)), None);
    }
}
