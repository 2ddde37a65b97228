//! Looks at what the live upstream shows, where the operator wants that, and takes the channel to its next upstream on a verdict. A look
//! is a branch of the task's loop; one that fails, or finds nothing to look at, is made up for at the next.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use mast_ffmpeg::Sample;
use mast_media::SegmentPayload;
use tokio::time::Instant;

use super::ChannelTask;
use crate::tuner::config::InspectConfig;
use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::inspect::Inspector;
use crate::tuner::state::Order;

/// What the first upstream is kept waiting at most after verdicts; `return_after` may be longer.
const LONGEST_BAN: Duration = Duration::from_secs(3600);

/// What comes of a look.
type Seen = Result<Sample, Failure>;

/// The looks at one channel. Nothing of it moves unless something is to be looked for.
pub(super) struct Inspection {
    config: InspectConfig,
    /// There while an upstream plays.
    inspector: Option<Inspector>,
    due: Option<Instant>,
    running: Option<BoxFuture<'static, Seen>>,
    /// The last segment that was looked at: the same one twice would look frozen.
    last: Option<u64>,
    /// Verdicts since an upstream was fine.
    verdicts: u32,
    /// Verdicts on the first upstream since it was fine.
    bans: u32,
}

impl Inspection {
    pub(super) fn new(config: InspectConfig) -> Self {
        Self { config, inspector: None, due: None, running: None, last: None, verdicts: 0, bans: 0 }
    }

    /// An upstream plays from now on: nothing is known of what it shows.
    pub(super) fn start(&mut self, now: Instant) {
        if !self.config.checks.is_empty() {
            self.stop();
            self.inspector = Some(Inspector::new(&self.config, self.verdicts));
            self.due = Some(now + self.config.interval);
        }
    }

    /// It does not any more: a look that is under way ends.
    pub(super) fn stop(&mut self) {
        (self.inspector, self.due, self.running) = (None, None, None);
    }

    /// When the next look is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Waits for what the look under way comes to. Safe to cancel.
    pub(super) async fn seen(&mut self) -> Seen {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let seen = running.await;
        self.running = None;
        seen
    }

    /// How long the first upstream is not tried while a backup plays: longer after each verdict, or the channel would go to and fro.
    pub(super) fn ban(&self, return_after: Duration) -> Duration {
        if self.bans == 0 {
            return return_after;
        }
        self.longer(return_after, self.bans)
    }

    /// Whether there was a verdict on each of the upstreams since one was fine.
    pub(super) fn all_condemned(&self, upstreams: usize) -> bool {
        usize::try_from(self.verdicts).unwrap_or(usize::MAX) >= upstreams.max(1)
    }

    /// How long none of them is tried then, while the slate is shown.
    pub(super) fn put_off(&self, upstreams: usize, return_after: Duration) -> Duration {
        let upstreams = u32::try_from(upstreams.max(1)).unwrap_or(u32::MAX);
        self.longer(return_after, self.verdicts / upstreams)
    }

    /// Twice as long with each round of verdicts, and never shorter than one takes.
    fn longer(&self, return_after: Duration, rounds: u32) -> Duration {
        let looks = u32::try_from(self.config.samples).unwrap_or(u32::MAX);
        let verdict = self.config.interval.saturating_mul(looks);
        let wait = return_after.max(verdict).saturating_mul(1 << rounds.min(20));
        wait.min(LONGEST_BAN.max(return_after))
    }

    fn judge(&mut self, sample: &Sample, is_first: bool) -> Option<UpstreamFault> {
        let inspector = self.inspector.as_mut()?;
        let verdict = inspector.judge(sample);
        if verdict.is_some() {
            self.verdicts = self.verdicts.saturating_add(1);
            self.bans = self.bans.saturating_add(u32::from(is_first));
        } else if inspector.is_cleared() {
            self.verdicts = 0;
            self.bans = if is_first { 0 } else { self.bans };
        }
        verdict
    }
}

impl ChannelTask {
    /// It is time to look, if anybody wants the channel and there is a new segment.
    pub(super) fn look(&mut self, now: Instant) {
        self.inspection.due = Some(now + self.inspection.config.interval);
        if self.order() == Order::Released || self.inspection.running.is_some() || !self.upstream_plays() {
            return;
        }
        let Some(look) = self.inspection.inspector.as_ref().map(Inspector::look) else { return };
        let published = self.channel.published.load();
        let Some(segment) = published.segments().last() else { return };
        if self.inspection.last.replace(segment.sequence) == Some(segment.sequence) {
            return;
        }
        if let SegmentPayload::MpegTs(pages) = &segment.payload {
            self.inspection.running = Some(self.parts.transcoder.sample(pages.to_vec().into(), look).boxed());
        }
    }

    /// The look is over.
    pub(super) fn looked(&mut self, seen: Seen) {
        let sample = match seen {
            Ok(sample) => sample,
            Err(failure) => {
                return tracing::debug!(channel = %self.channel.id, "not looked at what it shows: {failure}");
            }
        };
        let Some(turn) = self.live.as_ref().and_then(|live| live.turn) else { return };
        let is_first = self.place(turn) == 0;
        tracing::trace!(channel = %self.channel.id, pictures = sample.pictures.as_ref().map(Vec::len), peak = sample.peak, "looked");
        if let Some(fault) = self.inspection.judge(&sample, is_first) {
            self.live_failed(&fault.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuner::config::Check;

    fn inspection(checks: &[Check]) -> Inspection {
        Inspection::new(InspectConfig { checks: checks.to_vec(), ..InspectConfig::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_happens_where_nothing_is_looked_for() {
        let mut inspection = inspection(&[]);
        inspection.start(Instant::now());
        assert!(inspection.due().is_none() && inspection.inspector.is_none());
        assert!(inspection.seen().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_upstream_waits_longer_after_each_verdict() {
        let dead = Sample { pictures: None, peak: Some(0) };
        let fine = Sample { pictures: None, peak: Some(9000) };
        let mut inspection = inspection(&[Check::Silent]);
        let minute = Duration::from_secs(60);
        let mut bans = Vec::new();
        for _ in 0..7 {
            bans.push(inspection.ban(minute).as_secs());
            inspection.start(Instant::now());
            while inspection.judge(&dead, true).is_none() {}
        }
        assert_eq!(bans, [60, 180, 360, 720, 1440, 2880, 3600]);
        assert_eq!(inspection.ban(2 * LONGEST_BAN), 2 * LONGEST_BAN);
        // That a backup is fine is no merit of the first upstream.
        for is_first in [false, true] {
            assert!(inspection.ban(minute) > minute);
            inspection.start(Instant::now());
            (0..1000).for_each(|_| assert!(inspection.judge(&fine, is_first).is_none()));
            assert_eq!(inspection.verdicts, 0);
        }
        assert_eq!(inspection.ban(minute), minute);
    }
}
