//! What viewers share with a channel's task: the order they give, the state they see, what is published.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use jiff::Timestamp;
use mast_media::Codecs;
use mast_model::{ChannelId, Profiles};
use tokio::sync::watch;
use tokio::time::Instant;

use super::fault::{Failure, UpstreamFault};
use super::published::Published;
use super::state::State;
use super::trail::{Look, Position, Trail};

/// One channel, as long as the host runs. Small while idle.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    /// The order.
    pub(crate) feeds: watch::Sender<Feeds>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) published: ArcSwap<Published>,
    pub(crate) trail: Trail,
    /// What the leading quality is called, of what comes next into the trail; none where it is for everybody.
    pub(crate) leading: ArcSwapOption<Arc<str>>,
    pub(crate) counts: Counts,
    pub(crate) last_failure: ArcSwapOption<LastFailure>,
}

/// Why an upstream failed, and when; for operators.
#[derive(Debug, Clone)]
pub struct LastFailure {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub failure: Failure,
}

/// Who wants a channel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Feeds {
    /// How many there are.
    pub(crate) count: usize,
    /// Wanted without viewers too, where it is not 0.
    pub(crate) warm: usize,
    /// How many ever came: a viewer that comes and goes at once is still noticed.
    pub(crate) arrivals: u64,
}

/// Grows only; for metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) restarts: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) continuity_errors: AtomicU64,
    /// Which of the channel's upstreams plays or played last, from 0.
    pub(crate) upstream: AtomicUsize,
    /// Milliseconds from the order to the first segment, at the last start.
    pub(crate) start_millis: AtomicU64,
}

/// What a viewer who wants to watch has to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// The open upstream has given a response head.
    pub(crate) head: bool,
    /// The open upstream has given bytes to play.
    pub(crate) bytes: bool,
    /// The open upstream has given a segment.
    pub(crate) segment: bool,
    /// The slate has given a segment and fills the window.
    pub(crate) slate: bool,
    /// Until when the segments of an upstream that failed are worth starting with.
    pub(crate) fresh_until: Option<Instant>,
    /// Why the last upstream failed, until the next one plays.
    pub(crate) trouble: Option<Trouble>,
    /// Nobody tries any more, until another viewer comes.
    pub(crate) given_up: bool,
    pub(crate) closed: bool,
}

/// Why a channel does not play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) fault: UpstreamFault,
    pub(crate) retry_at: Instant,
    /// Every upstream was tried: viewers who wait are told.
    pub(crate) tell: bool,
}

/// What a viewer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A media playlist with a segment.
    Playlist,
    /// The first bytes of continuous MPEG-TS.
    Bytes,
}

/// Why a viewer gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The upstream failed; it is tried again.
    #[error("{fault}")]
    Upstream {
        /// What happened.
        fault: UpstreamFault,
        /// When it may be worth asking again.
        retry_after: Duration,
    },
    /// Neither success nor failure in time.
    #[error("the channel did not start within {after:?}: {fault}")]
    Deadline {
        /// The deadline.
        after: Duration,
        /// What the last attempt failed at, or what the one under way still waits for.
        fault: UpstreamFault,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    Stopping,
}

impl Status {
    pub(crate) fn idle() -> Self {
        Self {
            state: State::Idle,
            head: false,
            bytes: false,
            segment: false,
            slate: false,
            fresh_until: None,
            trouble: None,
            given_up: false,
            closed: false,
        }
    }

    /// Why a viewer has waited for nothing.
    pub(crate) fn waiting_for(&self) -> UpstreamFault {
        match (self.trouble, self.head, self.bytes) {
            (Some(trouble), ..) => trouble.fault,
            (None, false, _) => UpstreamFault::NoAnswer,
            (None, true, false) => UpstreamFault::NoBytes,
            (None, true, true) => UpstreamFault::NoSegments,
        }
    }

    /// The answer to a viewer; none as long as it is worth waiting.
    pub(crate) fn answer(&self, need: Need, now: Instant) -> Option<Result<(), TuneError>> {
        if self.closed {
            return Some(Err(TuneError::Stopping));
        }
        let flows = match need {
            Need::Playlist => self.segment,
            Need::Bytes => self.bytes || self.segment,
        };
        if flows || self.slate || self.fresh_until.is_some_and(|until| now < until) {
            return Some(Ok(()));
        }
        let trouble = self.trouble.filter(|trouble| self.state == State::Backoff && trouble.tell)?;
        let retry_after = trouble.retry_at.saturating_duration_since(now);
        Some(Err(TuneError::Upstream { fault: trouble.fault, retry_after }))
    }
}

impl Channel {
    pub(crate) fn new(id: ChannelId) -> Self {
        Self {
            id,
            feeds: watch::Sender::default(),
            status: watch::Sender::new(Status::idle()),
            published: ArcSwap::default(),
            trail: Trail::default(),
            leading: ArcSwapOption::empty(),
            counts: Counts::default(),
            last_failure: ArcSwapOption::empty(),
        }
    }
}

/// A viewer's hold on a channel: as long as one exists the channel is wanted. The last one that goes starts the idle timer.
#[derive(Debug)]
pub struct Feed {
    channel: Arc<Channel>,
}

impl Feed {
    pub(crate) fn new(channel: Arc<Channel>) -> Self {
        channel.feeds.send_modify(|feeds| {
            feeds.count += 1;
            feeds.arrivals += 1;
        });
        Self { channel }
    }

    /// The channel.
    pub fn id(&self) -> ChannelId {
        self.channel.id
    }

    /// The window as it is now.
    pub fn published(&self) -> Arc<Published> {
        self.channel.published.load_full()
    }

    /// What continuous MPEG-TS is called now; none where it is for everybody.
    pub fn leading(&self) -> Option<Arc<str>> {
        self.channel.leading.load().as_deref().cloned()
    }

    /// Reads the channel as continuous MPEG-TS, from the newest whole segment on.
    pub fn follow(self) -> Follower {
        let moves = self.channel.trail.moves();
        let position = self.channel.trail.join();
        Follower { feed: self, position, moves }
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }
}

impl Clone for Feed {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.channel))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.channel.feeds.send_modify(|feeds| feeds.count -= 1);
    }
}

/// A viewer of continuous MPEG-TS.
#[derive(Debug)]
pub struct Follower {
    feed: Feed,
    position: Position,
    moves: watch::Receiver<u64>,
}

impl Follower {
    /// Whether what comes now may be watched by whom these are allowed.
    pub fn is_allowed(&self, profiles: &Profiles) -> bool {
        profiles.are_all() || profiles.allow(self.feed.leading().as_deref())
    }

    /// The next bytes, as soon as there are any; none when the host shuts down. Safe to cancel.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Before the look, so that nothing that comes after it is missed.
            self.moves.mark_unchanged();
            match self.feed.channel.trail.read_at(&mut self.position) {
                Look::Piece(bytes) => return Some(bytes),
                Look::Closed => return None,
                Look::Wait => self.moves.changed().await.ok()?,
            }
        }
    }
}

/// One channel, for metrics and the operator.
#[derive(Debug, Clone)]
pub struct ChannelReport {
    /// The channel.
    pub channel: ChannelId,
    /// What it is doing.
    pub state: State,
    /// Feeds on it.
    pub viewers: usize,
    /// Times an upstream failed.
    pub restarts: u64,
    /// Bytes from upstreams.
    pub bytes_in: u64,
    /// Segments cut.
    pub segments: u64,
    /// Packets whose continuity counter did not follow.
    pub continuity_errors: u64,
    /// Times a slow viewer of continuous MPEG-TS lost its place.
    pub skips: u64,
    /// Why it does not play.
    pub fault: Option<UpstreamFault>,
    /// Why an upstream failed last, also where another plays since.
    pub last_failure: Option<Arc<LastFailure>>,
    /// Viewers see the slate.
    pub slate: bool,
    /// Which of its upstreams plays or played last, from 0.
    pub upstream: usize,
    /// It is kept playing without viewers.
    pub warm: bool,
    /// From the order to the first segment, at the last start; none before it.
    pub start: Option<Duration>,
    /// Mean of the listed segments, bits per second; 0 while nothing plays.
    pub bitrate: u64,
    /// Mean duration of the segments: the GOP, or a few of them.
    pub segment: Duration,
    /// What is in the channel.
    pub codecs: Codecs,
    /// Qualities: 1, or the rungs of a ladder.
    pub rungs: usize,
}

impl ChannelReport {
    /// What there is to say of a channel that nobody has wanted yet.
    pub fn idle(channel: ChannelId) -> Self {
        Self::of(&Channel::new(channel))
    }

    pub(crate) fn of(channel: &Channel) -> Self {
        let status = *channel.status.borrow();
        let published = channel.published.load();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Self {
            channel: channel.id,
            state: status.state,
            viewers: channel.feeds.borrow().count,
            restarts: load(&channel.counts.restarts),
            bytes_in: load(&channel.counts.bytes_in),
            segments: load(&channel.counts.segments),
            continuity_errors: load(&channel.counts.continuity_errors),
            skips: channel.trail.skips(),
            fault: status.trouble.map(|trouble| trouble.fault),
            last_failure: channel.last_failure.load_full(),
            slate: status.slate,
            upstream: channel.counts.upstream.load(Ordering::Relaxed),
            warm: channel.feeds.borrow().warm > 0,
            start: Some(load(&channel.counts.start_millis)).filter(|millis| *millis > 0).map(Duration::from_millis),
            bitrate: published.average_bandwidth,
            segment: published.mean_duration(),
            codecs: published.codecs.clone(),
            rungs: published.rungs().count(),
        }
    }
}
