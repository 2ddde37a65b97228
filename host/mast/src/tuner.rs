//! Channels: tuned by the first viewer, fed by the copy path, released when idle.
//!
//! Each channel has one owner task ([`task`]); viewers hold a [`Feed`], a guard that keeps the channel wanted, and read what the
//! task publishes. HTTP towards viewers is delivery's, who may watch is not asked here.
//!
//! Invariants: concurrent first viewers share one start; whoever waits is answered; reading a published window takes no lock
//! and asks no task; a media sequence number is reserved durably before it is used; channels share nothing but the
//! byte budget.

mod backoff;
mod budget;
mod channel;
pub mod config;
mod fault;
mod files;
mod inspect;
mod intake;
mod link;
mod numbers;
mod origin;
pub mod playout;
mod published;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod trail;
mod transcoder;
mod upstream;
mod warm;
mod watchdog;

pub use channel::{ChannelReport, Feed, Follower, LastFailure, Need, TuneError};
pub use fault::{Failure, UpstreamFault};
pub use files::Files;
pub(crate) use files::{FileRequest, OpenFile};
pub use published::{PlaylistBytes, Published};
pub use state::State;
pub use transcoder::{LAUNCHER, Transcoder};
pub use upstream::{CatalogUpstreams, Claim, OpenUpstream, Piece, Slots, UpstreamBytes, Upstreams};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use mast_model::ChannelId;
use mast_store::StateStore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use budget::Budget;
use channel::Channel;
use config::{HlsConfig, TunerConfig};
use task::ChannelTask;
use warm::Warmth;

/// Tunes channels. Cheap to clone.
#[derive(Clone)]
pub struct Tuner {
    shared: Arc<Shared>,
}

struct Shared {
    /// Channels that were ever wanted. Read without a lock; replaced as a whole when one is added.
    channels: ArcSwap<HashMap<ChannelId, Arc<Channel>>>,
    adding: Mutex<()>,
    warm: Mutex<Vec<Warmth>>,
    parts: Arc<Parts>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What every channel's task works with.
pub(crate) struct Parts {
    upstreams: Arc<dyn Upstreams>,
    store: Arc<dyn StateStore>,
    config: TunerConfig,
    hls: HlsConfig,
    /// For looking at what channels show.
    transcoder: Transcoder,
    budget: Budget,
}

impl Tuner {
    /// A tuner with every channel idle.
    pub fn new(
        upstreams: Arc<dyn Upstreams>,
        store: Arc<dyn StateStore>,
        transcoder: Transcoder,
        config: TunerConfig,
        hls: HlsConfig,
    ) -> Self {
        let budget = Budget::new(config.window_budget.as_usize());
        let shared = Shared {
            channels: ArcSwap::default(),
            adding: Mutex::default(),
            warm: Mutex::default(),
            parts: Arc::new(Parts { upstreams, store, config, hls, transcoder, budget }),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Wants a channel and waits until it gives what the viewer needs. The first viewer starts it, all share the start, and each is
    /// answered within the start timeout.
    pub async fn watch(&self, channel: ChannelId, need: Need) -> Result<Feed, TuneError> {
        if self.shared.stop.is_cancelled() {
            return Err(TuneError::Stopping);
        }
        let feed = Feed::new(self.channel(channel));
        let after = self.shared.parts.config.start_timeout;
        let mut status = feed.channel().status.subscribe();
        // The old answer of a channel that was given up is not for whoever comes now.
        let given_up = status.borrow().given_up;
        let answered = status
            .wait_for(move |status| !(given_up && status.given_up) && status.answer(need, Instant::now()).is_some());
        let Ok(answered) = tokio::time::timeout(after, answered).await.map(|status| status.map(|status| *status))
        else {
            let fault = feed.channel().status.borrow().waiting_for();
            return Err(TuneError::Deadline { after, fault });
        };
        // The status was looked at a moment ago; a segment that went stale since then still plays.
        let answer = answered.ok().and_then(|status| status.answer(need, Instant::now()));
        match answer {
            Some(Err(error)) => Err(error),
            Some(Ok(())) | None => Ok(feed),
        }
    }

    /// Keeps channels playing without viewers from now on; replaces what was kept warm before.
    pub fn keep_warm(&self, channels: impl IntoIterator<Item = ChannelId>) {
        // The new ones first, so that what is in both goes on.
        let warm = channels.into_iter().map(|id| Warmth::new(self.channel(id))).collect();
        let before = std::mem::replace(&mut *self.shared.warm.lock().unwrap_or_else(PoisonError::into_inner), warm);
        drop(before);
    }

    /// Tunes channels that somebody may want next, on connections that are to spare, and lets go of them after `pretune_for` unless
    /// somebody came.
    pub fn pretune(&self, channels: impl IntoIterator<Item = ChannelId>) {
        for id in channels {
            let channel = self.channel(id);
            let wanted = *channel.feeds.borrow();
            if wanted.count + wanted.warm > 0 || self.shared.stop.is_cancelled() {
                continue;
            }
            let (warmth, stop) = (Warmth::new(channel), self.shared.stop.child_token());
            let after = self.shared.parts.config.pretune_for;
            self.shared.tasks.spawn(async move {
                let _warmth = warmth;
                let _ = tokio::time::timeout(after, stop.cancelled()).await;
            });
        }
    }

    /// How many channels after the one that a viewer opens are tuned beforehand.
    pub fn pretunes(&self) -> usize {
        self.shared.parts.config.pretune
    }

    /// A feed of a channel that plays already; never waits, never starts anything.
    pub fn playing(&self, channel: ChannelId) -> Option<Feed> {
        let channel = self.shared.channels.load().get(&channel).cloned()?;
        let plays = matches!(channel.status.borrow().answer(Need::Playlist, Instant::now()), Some(Ok(())));
        plays.then(|| Feed::new(channel))
    }

    /// What the qualities of a channel and of each of its backups will be called, the leading one of each first; starts nothing.
    pub fn names(&self, channel: ChannelId) -> Vec<Vec<Arc<str>>> {
        self.shared.parts.upstreams.names(channel)
    }

    /// Every channel that was ever wanted.
    pub fn reports(&self) -> Vec<ChannelReport> {
        let mut reports: Vec<_> =
            self.shared.channels.load().values().map(|channel| ChannelReport::of(channel)).collect();
        reports.sort_unstable_by_key(|report| report.channel);
        reports
    }

    /// A channel, where it was ever wanted.
    pub fn report(&self, channel: ChannelId) -> Option<ChannelReport> {
        self.shared.channels.load().get(&channel).map(|channel| ChannelReport::of(channel))
    }

    /// Scheme and host of the upstream that a channel plays or played last; for operators.
    pub fn upstream(&self, report: &ChannelReport) -> Option<String> {
        self.shared.parts.upstreams.redacted(report.channel, report.upstream)
    }

    /// Bytes of segments held for all channels.
    pub fn window_bytes(&self) -> usize {
        self.shared.parts.budget.used()
    }

    /// Ends every channel: closes upstreams, answers who waits. Waits for the tasks at most as long as the deadline; true when
    /// all ended.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        tokio::time::timeout(deadline, self.shared.tasks.wait()).await.is_ok()
    }

    fn channel(&self, id: ChannelId) -> Arc<Channel> {
        if let Some(channel) = self.shared.channels.load().get(&id) {
            return Arc::clone(channel);
        }
        let _adding = self.shared.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.shared.channels.load_full();
        if let Some(channel) = known.get(&id) {
            return Arc::clone(channel);
        }
        let channel = Arc::new(Channel::new(id));
        let mut channels = HashMap::clone(&known);
        channels.insert(id, Arc::clone(&channel));
        self.shared.channels.store(Arc::new(channels));
        let task = ChannelTask::new(Arc::clone(&channel), Arc::clone(&self.shared.parts));
        self.shared.tasks.spawn(task.run(self.shared.stop.child_token()));
        channel
    }
}
