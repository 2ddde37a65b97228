//! How a channel goes over from one intake to another: from nothing or the slate to the upstream that was tried, from a failed upstream
//! to the slate, from a backup back to the first upstream.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::{ChannelTask, Live, Trial};
use crate::tuner::channel::Trouble;
use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::intake::Intake;
use crate::tuner::link::{Link, Opened};
use crate::tuner::origin::Fed;
use crate::tuner::state::{Event, Order};
use crate::tuner::upstream::Claim;

impl ChannelTask {
    /// Whether an upstream (not only the slate) fills the window.
    pub(super) fn upstream_plays(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.turn.is_some())
    }

    /// Bytes came to the trial: it may be time to take over.
    pub(super) fn judge_trial(&mut self) {
        let now = Instant::now();
        let beside = self.upstream_plays();
        let Some(Trial { intake, .. }) = &mut self.trial else { return };
        let cut = intake.hold(now);
        let Some(since) = intake.playing_since() else { return };
        // Beside a backup that plays there is time to wait for a cut: nothing is lost or shown twice but what both were late by.
        if !beside || (cut && now >= since + self.parts.config.healthy_after) {
            self.promote(now);
        }
    }

    /// The trial takes over.
    fn promote(&mut self, now: Instant) {
        let Some(Trial { mut intake, turn }) = self.trial.take() else { return };
        self.inspection.stop();
        if let Some(longest) = self.origin.longest() {
            intake.set_longest(longest);
        }
        let mut ended = Ok(Fed::default());
        if let Some(old) = self.live.take() {
            let back = old.turn.is_some();
            ended = self.origin.interrupt(old.intake.end());
            let fresh_until = Some(now + self.origin.freshness());
            self.channel.status.send_modify(|status| {
                (status.slate, status.bytes, status.segment, status.fresh_until) = (false, false, false, fresh_until);
            });
            if back {
                tracing::info!(channel = %self.channel.id, "the first upstream plays again");
            }
        }
        let events = intake.release();
        self.origin.set_shape(intake.rungs(), intake.names());
        self.live = Some(Live { intake, turn: Some(turn) });
        let fed = ended.and_then(|_| self.origin.take(events));
        self.produced(fed, 0);
    }

    /// What filled the window does not any more.
    pub(super) fn live_failed(&mut self, failure: &Failure) {
        let Some(Live { intake, turn }) = self.live.take() else { return };
        let now = Instant::now();
        self.inspection.stop();
        if self.origin.interrupt(intake.end()).is_ok_and(|fed| fed.cut) {
            self.last_segment = Some(now);
        }
        self.timers.back = None;
        if turn.is_none() {
            tracing::warn!(channel = %self.channel.id, "the slate cannot be shown: {failure}");
            self.channel.status.send_modify(|status| {
                status.slate = false;
                status.trouble = status.trouble.map(|trouble| Trouble { tell: true, ..trouble });
            });
            return;
        }
        // The first upstream was about to take over anyway.
        if self.trial.as_ref().is_some_and(|trial| trial.intake.playing_since().is_some()) {
            self.channel.counts.restarts.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(channel = %self.channel.id, reason = failure.fault.code(), "the backup failed: {failure}");
            self.channel.status.send_modify(|status| (status.bytes, status.segment) = (false, false));
            return self.promote(now);
        }
        self.trial = None;
        self.failed(failure);
    }

    /// What was tried does not play.
    pub(super) fn trial_failed(&mut self, failure: &Failure) {
        self.trial = None;
        if self.upstream_plays() {
            tracing::debug!(channel = %self.channel.id, reason = failure.fault.code(), "the first upstream still fails: {failure}");
            self.timers.back = Some(Instant::now() + self.inspection.ban(self.parts.config.return_after));
        } else {
            self.failed(failure);
        }
    }

    /// A channel that somebody watches gets the connection of this one, which nobody does. A channel that is kept warm comes back
    /// when there is a connection to spare, or at once for a viewer.
    pub(super) fn yielded(&mut self) {
        if self.order() == Order::Released {
            return self.happened(Event::Yielded);
        }
        self.trial = None;
        self.inspection.stop();
        if let Some(live) = self.live.take() {
            // What is cut off here is of no use to anybody.
            let _ = self.origin.interrupt(live.intake.end());
        }
        self.happened(Event::Failed);
        self.timers.retry = Some(Instant::now() + self.parts.config.backoff_max);
        let fault = UpstreamFault::NoSlot;
        self.channel.status.send_modify(|status| {
            (status.head, status.bytes, status.segment, status.given_up) = (false, false, false, true);
            status.trouble = Some(Trouble { fault, retry_at: Instant::now(), tell: true });
        });
    }

    /// Tries the first upstream while a backup plays.
    pub(super) fn try_first(&mut self) {
        if self.upstream_plays() && self.trial.is_none() {
            self.try_upstream(0, Claim::Spare);
        }
    }

    /// Shows the slate. False where the operator supplied none.
    pub(super) fn start_slate(&mut self) -> bool {
        let Some(opening) = self.parts.upstreams.slate(self.channel.id) else { return false };
        let numbers = self.origin.numbers.load();
        let link = Link::Opening(Box::pin(async move {
            let (upstream, numbers) = tokio::try_join!(opening, numbers)?;
            Ok(Opened { upstream, numbers })
        }));
        self.origin.set_shape(1, &[]);
        self.live = Some(Live { intake: Intake::new(link, self.intake_config()), turn: None });
        true
    }
}
