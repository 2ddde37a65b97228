//! Makes a channel's segments out of its upstream's bytes and publishes them: segmenter, window, numbers, trail and share of the
//! byte budget in one place. It knows nothing of connections, viewers or states; the channel's task does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use mast_media::segmenter::Cut;
use mast_media::{Codecs, Event, Segmenter, SegmenterConfig, Window, WindowConfig};
use tokio::sync::watch;

use super::budget::{Budget, Share};
use super::channel::Channel;
use super::config::HlsConfig;
use super::fault::Failure;
use super::numbers::Numbers;
use super::published::Published;

/// The producer of one channel's segments.
pub(crate) struct Origin {
    channel: Arc<Channel>,
    config: HlsConfig,
    segmenter: Segmenter,
    /// There from the first segment until the channel rests.
    window: Option<Window>,
    pub(crate) numbers: Numbers,
    codecs: Codecs,
    share: Share,
    /// The most that the window may hold.
    level: watch::Receiver<usize>,
    events: Vec<Event>,
}

/// What some bytes came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fed {
    /// There is something to play.
    pub(crate) bytes: bool,
    /// A segment was finished.
    pub(crate) cut: bool,
}

impl Origin {
    pub(crate) fn new(channel: Arc<Channel>, config: HlsConfig, numbers: Numbers, budget: &Budget) -> Self {
        let segmenter = Segmenter::new(SegmenterConfig {
            min_duration: config.segment_duration,
            max_duration: config.max_segment_duration,
            max_bytes: config.max_segment_size.as_usize(),
        });
        let (share, level) = (budget.share(), budget.level());
        Self {
            channel,
            config,
            segmenter,
            window: None,
            numbers,
            codecs: Codecs::default(),
            share,
            level,
            events: Vec::new(),
        }
    }

    /// Takes upstream bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Fed, Failure> {
        self.channel.counts.bytes_in.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let mut events = std::mem::take(&mut self.events);
        self.segmenter.push(bytes, Timestamp::now(), &mut events);
        let fed = self.take(&mut events);
        self.events = events;
        self.channel.counts.continuity_errors.store(self.segmenter.counters().continuity_errors, Ordering::Relaxed);
        self.account();
        fed
    }

    /// The upstream is gone: what is open becomes a last segment, what follows is a discontinuity.
    pub(crate) fn interrupt(&mut self) -> Result<Fed, Failure> {
        let mut events = std::mem::take(&mut self.events);
        self.segmenter.end_of_input(Timestamp::now(), &mut events);
        let fed = self.take(&mut events);
        self.events = events;
        self.channel.trail.abandon();
        self.channel.trail.notify();
        self.account();
        fed
    }

    /// Forgets the window; the numbers go on.
    pub(crate) fn rest(&mut self) {
        self.window = None;
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

    /// Shrinks the window as far as the byte budget asks.
    pub(crate) fn shrink(&mut self) {
        let level = *self.level.borrow_and_update();
        let Some(window) = self.window.as_mut().filter(|window| window.bytes() > level) else { return };
        if !window.shrink_to(level) {
            tracing::debug!(channel = %self.channel.id, "the window cannot shrink below its last three segments");
        }
        self.channel.published.store(Arc::new(Published::of(window, &self.codecs)));
        self.forget();
        self.account();
    }

    /// How many access units were seen, for the watchdog.
    pub(crate) fn access_units(&self) -> u64 {
        self.segmenter.counters().access_units
    }

    /// How long the newest segment is worth starting with.
    pub(crate) fn freshness(&self) -> Duration {
        self.window.as_ref().map_or(Duration::ZERO, |window| 3 * seconds(window.target_duration()))
    }

    fn take(&mut self, events: &mut Vec<Event>) -> Result<Fed, Failure> {
        let mut fed = Fed::default();
        for event in events.drain(..) {
            match event {
                Event::Chunk(bytes) => {
                    self.channel.trail.append(bytes);
                    fed.bytes = true;
                }
                Event::Codecs(codecs) => self.codecs = codecs,
                Event::Cut(cut) => {
                    self.cut(cut)?;
                    fed.cut = true;
                }
            }
        }
        Ok(fed)
    }

    fn cut(&mut self, cut: Cut) -> Result<(), Failure> {
        let first = self.window.is_none();
        let window = self.window.get_or_insert_with(|| {
            let config = WindowConfig {
                listed_segments: self.config.playlist_segments,
                listed_duration: Duration::ZERO,
                target_duration: whole_seconds(self.config.segment_duration),
            };
            Window::new(config, self.numbers.base())
        });
        let segment = window.push(cut, Timestamp::now());
        let level = *self.level.borrow();
        if window.bytes() > level {
            window.shrink_to(level);
        }
        if first {
            // Longer GOPs are cut, so that the target duration holds.
            self.segmenter.set_max_duration(seconds(window.target_duration()));
        }
        self.channel.counts.segments.fetch_add(1, Ordering::Relaxed);
        self.channel.published.store(Arc::new(Published::of(window, &self.codecs)));
        let (next, oldest) = (window.next(), oldest(window));
        self.channel.trail.finish(segment, oldest);
        self.numbers.used(next)
    }

    fn forget(&self) {
        if let Some(window) = &self.window {
            self.channel.trail.forget(oldest(window));
        }
    }

    fn account(&self) {
        let window = self.window.as_ref().map_or(0, Window::bytes);
        self.share.set(window + self.channel.trail.open_bytes());
    }
}

/// The oldest number that the window holds.
fn oldest(window: &Window) -> u64 {
    window.downloadable().first().map_or(window.next().media, |segment| segment.sequence)
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}

/// Rounded to the nearest second, as EXTINF is.
fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from((duration.as_millis() + 500) / 1000).unwrap_or(u32::MAX).max(1)
}
