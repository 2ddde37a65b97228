//! Makes a channel's windows out of what its intakes produce and publishes them: a window for each rung (one, unless the channel is a
//! ladder), numbers, trail and share of the byte budget in one place. It knows nothing of connections, viewers or states; the
//! channel's task does.
//!
//! Invariant: a row of segments, one of each rung and all of the same time, is published in one step and under the same numbers.

mod row;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use mast_media::segmenter::Cut;
use mast_media::{Codecs, Event, SegmenterConfig, SequenceBase, Window, WindowConfig};
use tokio::sync::watch;

use super::budget::{Budget, Share};
use super::channel::Channel;
use super::config::HlsConfig;
use super::fault::Failure;
use super::intake::Produced;
use super::numbers::Numbers;
use super::published::{Published, Shown};

/// The producer of one channel's windows.
pub(crate) struct Origin {
    channel: Arc<Channel>,
    config: HlsConfig,
    /// The leading one first; never empty, never fewer as long as the channel plays.
    rungs: Vec<Rung>,
    /// How many rungs the live intake has; the others repeat the leading one.
    shape: usize,
    /// What the rungs of the live intake are called; empty where they are for everybody.
    names: Vec<Arc<str>>,
    /// What the leading rung produced after a segment whose row is not complete.
    waiting: Vec<Event>,
    pub(crate) numbers: Numbers,
    /// The next segment comes from another intake than the one before.
    switched: bool,
    share: Share,
    /// The most that the windows may hold.
    level: watch::Receiver<usize>,
}

/// One quality.
#[derive(Default)]
struct Rung {
    /// There from the first segment until the channel rests.
    window: Option<Window>,
    codecs: Codecs,
    shown: Shown,
    /// Segments whose rows are not complete.
    cuts: VecDeque<Cut>,
}

/// What some events came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fed {
    /// There is something to play.
    pub(crate) bytes: bool,
    /// A segment was finished.
    pub(crate) cut: bool,
}

impl Origin {
    pub(crate) fn new(channel: Arc<Channel>, config: HlsConfig, numbers: Numbers, budget: &Budget) -> Self {
        let (share, level) = (budget.share(), budget.level());
        let rungs = vec![Rung::default()];
        Self {
            channel,
            config,
            rungs,
            shape: 1,
            names: Vec::new(),
            waiting: Vec::new(),
            numbers,
            switched: false,
            share,
            level,
        }
    }

    /// How intakes have to cut.
    pub(crate) fn segmenter_config(&self) -> SegmenterConfig {
        SegmenterConfig {
            min_duration: self.config.segment_duration,
            max_duration: self.config.max_segment_duration,
            max_bytes: self.config.max_segment_size.as_usize(),
            program: None,
            follows: false,
        }
    }

    /// The longest segment that the windows can take, once that is fixed.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.leader().map(|window| seconds(window.target_duration()))
    }

    /// The next events come from an intake with this many rungs, called so.
    pub(crate) fn set_shape(&mut self, rungs: usize, names: &[Arc<str>]) {
        self.shape = rungs.max(1);
        self.names = names.to_vec();
        // Before any of its bytes: whoever may not watch it sees none of them.
        self.channel.leading.store(names.first().map(|name| Arc::new(Arc::clone(name))));
        if self.rungs.len() < self.shape {
            self.rungs.resize_with(self.shape, Rung::default);
        }
    }

    /// Takes what the intake produced.
    pub(crate) fn take(&mut self, events: impl IntoIterator<Item = Produced>) -> Result<Fed, Failure> {
        let mut fed = Fed::default();
        for (at, event) in events {
            let Some(rung) = self.rungs.get_mut(at) else { continue };
            match event {
                Event::Chunk(_) | Event::Kept(_) if at > 0 => {}
                Event::Chunk(_) | Event::Kept(_) if !rung.cuts.is_empty() => self.waiting.push(event),
                Event::Chunk(bytes) => {
                    self.channel.trail.append(bytes);
                    fed.bytes = true;
                }
                Event::Kept(pages) => {
                    self.channel.trail.keep(pages);
                    fed.bytes = true;
                }
                Event::Codecs(codecs) => rung.codecs = codecs,
                Event::Cut(cut) => {
                    rung.cuts.push_back(cut);
                    while let Some(row) = self.next_row() {
                        self.publish(row)?;
                        fed.cut = true;
                    }
                }
            }
        }
        self.account();
        Ok(fed)
    }

    /// The intake is gone. `events` are its last ones; what follows is a discontinuity.
    pub(crate) fn interrupt(&mut self, events: Vec<Produced>) -> Result<Fed, Failure> {
        let fed = self.take(events);
        self.rungs.iter_mut().for_each(|rung| rung.cuts.clear());
        self.waiting.clear();
        self.switched = true;
        self.channel.trail.abandon();
        self.channel.trail.notify();
        self.account();
        fed
    }

    /// Forgets the windows; the numbers go on.
    pub(crate) fn rest(&mut self) {
        self.rungs = vec![Rung::default()];
        self.shape = 1;
        self.names.clear();
        self.channel.leading.store(None);
        self.waiting.clear();
        self.switched = false;
        self.channel.trail.clear();
        self.channel.published.store(Arc::default());
        self.account();
    }

    /// Waits until the byte budget asks for less.
    pub(crate) async fn pressure(&mut self) {
        // The budget lives as long as the share does.
        if self.level.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Shrinks the windows as far as the byte budget asks.
    pub(crate) fn shrink(&mut self) {
        let level = *self.level.borrow_and_update();
        if self.window_bytes() <= level {
            return;
        }
        if !self.shrink_to(level) {
            tracing::debug!(channel = %self.channel.id, "the window cannot shrink below its last three segments");
        }
        self.store();
        if let Some(oldest) = self.leader().map(oldest) {
            self.channel.trail.forget(oldest);
        }
        self.account();
    }

    /// How long the newest segment is worth starting with.
    pub(crate) fn freshness(&self) -> Duration {
        self.leader().map_or(Duration::ZERO, |window| 3 * seconds(window.target_duration()))
    }

    fn leader(&self) -> Option<&Window> {
        self.rungs.first()?.window.as_ref()
    }

    fn windows(&self) -> impl Iterator<Item = &Window> {
        self.rungs.iter().filter_map(|rung| rung.window.as_ref())
    }

    fn window_bytes(&self) -> usize {
        self.windows().map(Window::bytes).sum()
    }

    fn shrink_to(&mut self, level: usize) -> bool {
        let each = level / self.rungs.len();
        let windows = self.rungs.iter_mut().filter_map(|rung| rung.window.as_mut());
        let fits: Vec<bool> = windows.map(|window| window.shrink_to(each)).collect();
        fits.into_iter().all(|fits| fits)
    }

    /// Makes the windows as they are now what viewers see.
    fn store(&self) {
        let published =
            |rung: &Rung| rung.window.as_ref().map(|window| Published::of(window, &rung.codecs, &rung.shown));
        let mut rungs = self.rungs.iter().filter_map(published);
        let Some(leader) = rungs.next() else { return };
        self.channel.published.store(Arc::new(leader.with_rungs(rungs.map(Arc::new).collect())));
    }

    fn account(&self) {
        self.share.set(self.window_bytes() + self.channel.trail.open_bytes());
    }
}

/// The oldest number that the window holds.
fn oldest(window: &Window) -> u64 {
    window.downloadable().first().map_or(window.next().media, |segment| segment.sequence)
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}
