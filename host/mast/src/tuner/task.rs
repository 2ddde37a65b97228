//! The owner of one channel: follows the order, drives the transition table, holds the intakes and the timers. It lives until the host
//! shuts down; while the channel is idle it waits for viewers and holds nothing.
//!
//! One loop, one `select!`. Waiting for the network happens inside it as branches that can be cancelled, so that neither a slow
//! upstream nor a burst keeps the task from its viewers and timers.
//!
//! What fills the window (`live`) and what is being tried (`trial`) are apart: a trial takes over at a random access point, at once
//! where nothing or only the slate plays, and after it has been healthy for a while where a backup plays.

mod inspection;
mod switch;
mod timers;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::TryFutureExt;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::backoff::Backoff;
use super::channel::{Channel, Feeds, LastFailure, Status, Trouble};
use super::fault::Failure;
use super::intake::{Intake, IntakeConfig, IntakeEvent, Media};
use super::link::{Link, Opened};
use super::numbers::Numbers;
use super::origin::{Fed, Origin};
use super::state::{self, Action, Event, Order, State};
use super::upstream::Claim;
use inspection::Inspection;
use timers::{Alarm, Timers};

/// Viewers of continuous MPEG-TS are woken for this many bytes ...
const WAKE_BYTES: usize = 16 * 1024;
/// ... or after this long, whichever comes first: one wake-up per upstream read would be hundreds a second for each viewer.
const WAKE_AFTER: Duration = Duration::from_millis(25);

/// The owner of one channel.
pub(crate) struct ChannelTask {
    channel: Arc<Channel>,
    parts: Arc<Parts>,
    order: watch::Receiver<Feeds>,
    /// Viewers that had come by the last look.
    arrivals: u64,
    state: State,
    live: Option<Live>,
    trial: Option<Trial>,
    origin: Origin,
    backoff: Backoff,
    timers: Timers,
    inspection: Inspection,
    /// When the channel was ordered, until it plays.
    ordered: Option<Instant>,
    /// Bytes that viewers were not woken for yet.
    unannounced: usize,
    last_segment: Option<Instant>,
}

/// What fills the window.
struct Live {
    intake: Intake,
    /// Which upstream it is; none for the slate.
    turn: Option<u32>,
}

/// What is being tried.
struct Trial {
    intake: Intake,
    turn: u32,
}

impl ChannelTask {
    pub(crate) fn new(channel: Arc<Channel>, parts: Arc<Parts>) -> Self {
        let numbers = Numbers::new(Arc::clone(&parts.store), channel.id);
        let origin = Origin::new(Arc::clone(&channel), parts.hls.clone(), numbers, &parts.budget);
        Self {
            order: channel.feeds.subscribe(),
            arrivals: 0,
            state: State::Idle,
            live: None,
            trial: None,
            origin,
            backoff: Backoff::new(parts.config.backoff_min, parts.config.backoff_max),
            timers: Timers::default(),
            inspection: Inspection::new(parts.config.inspect.clone()),
            ordered: None,
            unannounced: 0,
            last_segment: None,
            channel,
            parts,
        }
    }

    /// Runs the channel until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // A viewer may have come before the task did.
        self.order_changed();
        let stopped = stop.cancelled();
        let mut alarm = Alarm::default();
        tokio::pin!(stopped);
        loop {
            alarm.set(self.next_timer());
            let yields = !self.watched();
            let live = self.live.as_mut().map(|live| &mut live.intake);
            let trial = self.trial.as_mut().map(|trial| &mut trial.intake);
            tokio::select! {
                biased;
                () = stopped.as_mut() => break,
                // The channel holds the sender: it cannot be gone.
                _ = self.order.changed() => self.order_changed(),
                () = alarm.rings() => self.timers_elapsed(),
                event = next(live, yields) => self.live_event(event),
                event = next(trial, yields) => self.trial_event(event),
                () = self.origin.pressure() => self.origin.shrink(),
                seen = self.inspection.seen() => self.looked(seen),
            }
        }
        (self.live, self.trial) = (None, None);
        self.channel.trail.close();
        self.channel.status.send_modify(|status| status.closed = true);
    }

    /// Only looks: a change that arrives together with another event must still wake the loop as `Event::Order`.
    fn order(&self) -> Order {
        let Feeds { count, warm, .. } = *self.order.borrow();
        if count + warm > 0 { Order::Wanted } else { Order::Released }
    }

    /// Whether anybody watches, or waits to.
    fn watched(&self) -> bool {
        self.order.borrow().count > 0
    }

    fn order_changed(&mut self) {
        let Feeds { count, warm, arrivals } = *self.order.borrow();
        let more = arrivals != std::mem::replace(&mut self.arrivals, arrivals);
        let given_up = self.channel.status.borrow().given_up;
        if given_up && (more || count + warm == 0) {
            self.backoff.forgive();
            self.happened(Event::RetryElapsed);
        } else {
            self.happened(Event::Order);
        }
    }

    /// Looks the event up in the table and does what it says.
    fn happened(&mut self, event: Event) {
        let order = self.order();
        let (next, action) = state::next(self.state, order, event);
        if next != self.state {
            tracing::debug!(channel = %self.channel.id, from = self.state.name(), to = next.name(), "channel changed state");
        }
        self.state = next;
        self.channel.status.send_if_modified(|status| std::mem::replace(&mut status.state, next) != next);
        match action {
            Action::Stay => {}
            Action::Open => {
                self.ordered.get_or_insert_with(Instant::now);
                self.open();
            }
            Action::Close => self.close(),
            Action::ArmIdle => self.timers.idle = Some(Instant::now() + self.parts.config.idle_timeout),
            Action::DisarmIdle => {
                self.timers.idle = None;
                let playing = self.channel.status.borrow().segment;
                if playing {
                    self.happened(Event::Playable);
                }
            }
            Action::Retreat => self.retreat(),
        }
    }

    fn open(&mut self) {
        self.timers.retry = None;
        self.channel.status.send_if_modified(|status| std::mem::take(&mut status.given_up));
        let turn = self.backoff.turn(Instant::now());
        let claim = if self.watched() { Claim::Wanted } else { Claim::Spare };
        self.try_upstream(turn, claim);
    }

    fn try_upstream(&mut self, turn: u32, claim: Claim) {
        let opening = self.parts.upstreams.open(self.channel.id, turn, claim);
        let numbers = self.origin.numbers.load();
        let both = async { tokio::try_join!(opening, numbers) };
        let link = Link::Opening(Box::pin(both.map_ok(|(upstream, numbers)| Opened { upstream, numbers })));
        self.trial = Some(Trial { intake: Intake::new(link, self.intake_config()), turn });
    }

    fn intake_config(&self) -> IntakeConfig {
        IntakeConfig { segmenter: self.origin.segmenter_config(), stall_timeout: self.parts.config.stall_timeout }
    }

    fn close(&mut self) {
        (self.live, self.trial) = (None, None);
        self.timers = Timers::default();
        self.inspection.stop();
        (self.last_segment, self.ordered) = (None, None);
        self.origin.rest();
        self.channel.status.send_modify(|status| *status = Status { trouble: status.trouble, ..Status::idle() });
    }

    fn live_event(&mut self, event: IntakeEvent) {
        match event {
            IntakeEvent::Opened(numbers) => self.origin.numbers.loaded(numbers),
            IntakeEvent::Media(media) => {
                let Some(live) = &mut self.live else { return };
                let slate = live.turn.is_none();
                let fed = self.origin.take(live.intake.take());
                if !slate {
                    self.count(media);
                }
                self.produced(fed, media.bytes);
            }
            IntakeEvent::Wanted => self.yielded(),
            IntakeEvent::Failed(failure) => self.live_failed(&failure),
        }
    }

    fn trial_event(&mut self, event: IntakeEvent) {
        match event {
            IntakeEvent::Opened(numbers) => {
                self.origin.numbers.loaded(numbers);
                self.channel.status.send_modify(|status| status.head = true);
            }
            IntakeEvent::Media(media) => {
                self.count(media);
                self.judge_trial();
            }
            IntakeEvent::Wanted => self.yielded(),
            IntakeEvent::Failed(failure) => self.trial_failed(&failure),
        }
    }

    fn count(&self, media: Media) {
        self.channel.counts.bytes_in.fetch_add(media.bytes as u64, Ordering::Relaxed);
        self.channel.counts.continuity_errors.fetch_add(media.continuity_errors, Ordering::Relaxed);
    }

    /// What the live intake produced is in the window now.
    fn produced(&mut self, fed: Result<Fed, Failure>, bytes: usize) {
        let fed = match fed {
            Ok(fed) => fed,
            Err(failure) => return self.live_failed(&failure),
        };
        if let (true, Some(live), Some(longest)) = (fed.cut, &mut self.live, self.origin.longest()) {
            // Longer GOPs are cut, so that the target duration holds.
            live.intake.set_longest(longest);
        }
        if fed.bytes || fed.cut {
            self.announce(fed, bytes, Instant::now());
        }
    }

    fn announce(&mut self, fed: Fed, bytes: usize, now: Instant) {
        self.unannounced += bytes;
        if fed.cut || self.unannounced >= WAKE_BYTES {
            self.wake();
        } else if self.channel.trail.is_followed() {
            self.timers.wake.get_or_insert(now + WAKE_AFTER);
        }
        if fed.cut {
            self.last_segment = Some(now);
        }
        let Some(turn) = self.live.as_ref().map(|live| live.turn) else { return };
        let Some(turn) = turn else {
            self.channel.status.send_if_modified(|status| fed.cut && !std::mem::replace(&mut status.slate, true));
            return;
        };
        let first_segment = self.channel.status.send_if_modified(|status| {
            let before = (status.bytes, status.segment);
            status.bytes |= fed.bytes;
            status.segment |= fed.cut;
            if fed.cut {
                (status.trouble, status.fresh_until) = (None, None);
            }
            before != (status.bytes, status.segment)
        });
        if fed.cut && first_segment {
            self.playing(turn, now);
        }
    }

    fn playing(&mut self, turn: u32, now: Instant) {
        self.backoff.playing(now, turn);
        let upstream = self.place(turn);
        self.channel.counts.upstream.store(upstream, Ordering::Relaxed);
        self.timers.back = (upstream > 0).then(|| now + self.inspection.ban(self.parts.config.return_after));
        self.inspection.start(now);
        if let Some(ordered) = self.ordered.take() {
            let millis = u64::try_from(now.duration_since(ordered).as_millis()).unwrap_or(u64::MAX).max(1);
            self.channel.counts.start_millis.store(millis, Ordering::Relaxed);
        }
        tracing::info!(channel = %self.channel.id, upstream, "channel plays");
        self.happened(Event::Playable);
    }

    /// Which of the channel's upstreams a turn means, from 0.
    fn place(&self, turn: u32) -> usize {
        let count = self.parts.upstreams.count(self.channel.id);
        usize::try_from(turn).unwrap_or_default().checked_rem(count).unwrap_or_default()
    }

    fn wake(&mut self) {
        self.unannounced = 0;
        self.timers.wake = None;
        self.channel.trail.notify();
    }

    /// No upstream plays any more, or the one that was tried does not.
    fn failed(&mut self, failure: &Failure) {
        let now = Instant::now();
        self.channel.counts.restarts.fetch_add(1, Ordering::Relaxed);
        let last = LastFailure { at: Timestamp::now(), failure: failure.clone() };
        self.channel.last_failure.store(Some(Arc::new(last)));
        let upstreams = self.parts.upstreams.count(self.channel.id);
        let makes_way = failure.fault.is_silence() || failure.fault.is_verdict();
        let mut retry_at = self.backoff.failed(now, upstreams, makes_way);
        let condemned = failure.fault.is_verdict() && self.inspection.all_condemned(upstreams);
        if condemned && self.start_slate() {
            // Each attempt shows viewers once more what is not worth watching.
            retry_at = self.backoff.put_off(now + self.inspection.put_off(upstreams, self.parts.config.return_after));
        }
        tracing::warn!(
            channel = %self.channel.id,
            reason = failure.fault.code(),
            retry_in = ?retry_at.saturating_duration_since(now),
            "the upstream failed: {failure}"
        );
        let tried_all = self.backoff.tried_all(upstreams);
        if tried_all && self.live.is_none() {
            self.start_slate();
        }
        // With a slate on its way there is something to wait for.
        let trouble = Trouble { fault: failure.fault, retry_at, tell: tried_all && self.live.is_none() };
        let fresh_until = self.last_segment.map(|at| at + self.origin.freshness());
        self.channel.status.send_modify(|status| {
            (status.head, status.bytes, status.segment) = (false, false, false);
            (status.trouble, status.fresh_until) = (Some(trouble), fresh_until);
        });
        self.happened(Event::Failed);
    }

    /// Waits for the next attempt; or for another viewer, when it has taken too long.
    fn retreat(&mut self) {
        let limit = self.parts.config.give_up_after;
        if limit > Duration::ZERO && self.watched() && self.backoff.failing_for(Instant::now()) >= limit {
            tracing::warn!(channel = %self.channel.id, after = ?limit, "given up until another viewer comes");
            self.timers.retry = None;
            self.channel.status.send_modify(|status| status.given_up = true);
        } else {
            self.timers.retry = Some(self.backoff.retry_at());
        }
    }
}

async fn next(intake: Option<&mut Intake>, yields: bool) -> IntakeEvent {
    match intake {
        Some(intake) => intake.next(yields).await,
        None => std::future::pending().await,
    }
}
