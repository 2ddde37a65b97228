//! The owner of one channel: follows the order, drives the transition table, holds the upstream and the timers. It lives until the
//! host shuts down; while the channel is idle it waits for viewers and holds nothing.
//!
//! One loop, one `select!`. Waiting for the network happens inside it as one more branch that can be cancelled, so that
//! neither a slow upstream nor a burst keeps the task from its viewers and timers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryFutureExt;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::backoff::Backoff;
use super::channel::{Channel, Status, Trouble};
use super::fault::Failure;
use super::link::{Link, LinkEvent, Opened};
use super::numbers::Numbers;
use super::origin::{Fed, Origin};
use super::state::{self, Action, Event, Order, State};
use super::watchdog::Watchdog;

/// Viewers of continuous MPEG-TS are woken for this many bytes ...
const WAKE_BYTES: usize = 16 * 1024;
/// ... or after this long, whichever comes first: one wake-up per upstream read would be hundreds a second for each viewer.
const WAKE_AFTER: Duration = Duration::from_millis(25);

/// The owner of one channel.
pub(crate) struct ChannelTask {
    channel: Arc<Channel>,
    parts: Arc<Parts>,
    order: watch::Receiver<usize>,
    state: State,
    link: Link,
    origin: Origin,
    watchdog: Option<Watchdog>,
    backoff: Backoff,
    timers: Timers,
    /// Bytes that viewers were not woken for yet.
    unannounced: usize,
    last_segment: Option<Instant>,
}

#[derive(Debug, Default)]
struct Timers {
    idle: Option<Instant>,
    retry: Option<Instant>,
    wake: Option<Instant>,
}

impl ChannelTask {
    pub(crate) fn new(channel: Arc<Channel>, parts: Arc<Parts>) -> Self {
        let numbers = Numbers::new(Arc::clone(&parts.store), channel.id);
        let origin = Origin::new(Arc::clone(&channel), parts.hls.clone(), numbers, &parts.budget);
        Self {
            order: channel.feeds.subscribe(),
            state: State::Idle,
            link: Link::Closed,
            origin,
            watchdog: None,
            backoff: Backoff::new(parts.config.backoff_min, parts.config.backoff_max),
            timers: Timers::default(),
            unannounced: 0,
            last_segment: None,
            channel,
            parts,
        }
    }

    /// Runs the channel until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // A viewer may have come before the task did.
        self.happened(Event::Order);
        loop {
            let timer = self.next_timer();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // The channel holds the sender: it cannot be gone.
                _ = self.order.changed() => self.happened(Event::Order),
                () = sleep_until(timer) => self.timers_elapsed(),
                event = self.link.next() => self.link_event(event),
                () = self.origin.pressure() => self.origin.shrink(),
            }
        }
        self.link = Link::Closed;
        self.channel.trail.close();
        self.channel.status.send_modify(|status| status.closed = true);
    }

    /// Only looks: a change that arrives together with another event must still wake the loop as `Event::Order`.
    fn order(&self) -> Order {
        if *self.order.borrow() > 0 { Order::Wanted } else { Order::Released }
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
            Action::Open => self.open(),
            Action::Close => self.close(),
            Action::ArmIdle => self.timers.idle = Some(Instant::now() + self.parts.config.idle_timeout),
            Action::DisarmIdle => {
                self.timers.idle = None;
                let playing = self.channel.status.borrow().segment;
                if playing {
                    self.happened(Event::Playable);
                }
            }
            Action::Retreat => self.timers.retry = Some(self.backoff.retry_at()),
        }
    }

    fn open(&mut self) {
        self.timers.retry = None;
        let turn = self.backoff.turn(Instant::now());
        let opening = self.parts.upstreams.open(self.channel.id, turn);
        let numbers = self.origin.numbers.load();
        let both = async { tokio::try_join!(opening, numbers) };
        self.link = Link::Opening(Box::pin(both.map_ok(|(bytes, numbers)| Opened { bytes, numbers })));
    }

    fn close(&mut self) {
        self.link = Link::Closed;
        self.watchdog = None;
        self.timers = Timers::default();
        self.last_segment = None;
        // What is open is of no use to anybody; numbers are used up all the same.
        let _ = self.origin.interrupt();
        self.origin.rest();
        self.channel.status.send_modify(|status| *status = Status { trouble: status.trouble, ..Status::idle() });
    }

    fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Opened(Opened { bytes, numbers }) => {
                self.origin.numbers.loaded(numbers);
                self.link = Link::open(bytes);
                self.channel.status.send_modify(|status| status.head = true);
                let (stall, longest) = (self.parts.config.stall_timeout, self.parts.hls.max_segment_duration);
                self.watchdog = Some(Watchdog::new(Instant::now(), stall, longest, self.origin.access_units()));
            }
            LinkEvent::Bytes(bytes) => self.bytes(&bytes),
            LinkEvent::Failed(failure) => self.failed(&failure),
        }
    }

    fn bytes(&mut self, bytes: &Bytes) {
        let fed = match self.origin.feed(bytes) {
            Ok(fed) => fed,
            Err(failure) => return self.failed(&failure),
        };
        let now = Instant::now();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.fed(now, self.origin.access_units());
            if fed.cut {
                watchdog.cut(now);
            }
        }
        if fed.bytes || fed.cut {
            self.announce(fed, bytes.len(), now);
        }
    }

    fn announce(&mut self, fed: Fed, bytes: usize, now: Instant) {
        self.unannounced += bytes;
        if fed.cut || self.unannounced >= WAKE_BYTES {
            self.wake();
        } else {
            self.timers.wake.get_or_insert(now + WAKE_AFTER);
        }
        if fed.cut {
            self.last_segment = Some(now);
        }
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
            self.backoff.playing(now);
            tracing::info!(channel = %self.channel.id, "channel plays");
            self.happened(Event::Playable);
        }
    }

    fn wake(&mut self) {
        self.unannounced = 0;
        self.timers.wake = None;
        self.channel.trail.notify();
    }

    fn failed(&mut self, failure: &Failure) {
        let now = Instant::now();
        self.link = Link::Closed;
        self.watchdog = None;
        if self.origin.interrupt().is_ok_and(|fed| fed.cut) {
            self.last_segment = Some(now);
        }
        self.channel.counts.restarts.fetch_add(1, Ordering::Relaxed);
        let upstreams = self.parts.upstreams.count(self.channel.id);
        let retry_at = self.backoff.failed(now, upstreams);
        tracing::warn!(
            channel = %self.channel.id,
            reason = failure.fault.code(),
            retry_in = ?retry_at.saturating_duration_since(now),
            "the upstream failed: {failure}"
        );
        let trouble = Trouble { fault: failure.fault, retry_at, tell: self.backoff.tried_all(upstreams) };
        let fresh_until = self.last_segment.map(|at| at + self.origin.freshness());
        self.channel.status.send_modify(|status| {
            (status.head, status.bytes, status.segment) = (false, false, false);
            (status.trouble, status.fresh_until) = (Some(trouble), fresh_until);
        });
        self.happened(Event::Failed);
    }

    fn next_timer(&self) -> Option<Instant> {
        let watchdog = self.watchdog.as_ref().filter(|_| self.link.is_open()).map(Watchdog::due);
        [self.timers.idle, self.timers.retry, self.timers.wake, watchdog].into_iter().flatten().min()
    }

    fn timers_elapsed(&mut self) {
        let now = Instant::now();
        let due = |timer: &mut Option<Instant>| timer.take_if(|at| *at <= now).is_some();
        if due(&mut self.timers.wake) {
            self.wake();
        }
        if due(&mut self.timers.idle) {
            self.happened(Event::IdleElapsed);
        }
        if due(&mut self.timers.retry) {
            self.happened(Event::RetryElapsed);
        }
        if let Some(fault) = self.watchdog.as_ref().and_then(|watchdog| watchdog.check(now)) {
            self.failed(&fault.into());
        }
    }
}

async fn sleep_until(timer: Option<Instant>) {
    match timer {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
