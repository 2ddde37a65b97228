//! Makes a channel's window out of what its intakes produce and publishes it: window, numbers, trail and share of the byte budget in
//! one place. It knows nothing of connections, viewers or states; the channel's task does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use mast_media::segmenter::Cut;
use mast_media::{Codecs, Event, SegmenterConfig, Window, WindowConfig};
use tokio::sync::watch;

use super::budget::{Budget, Share};
use super::channel::Channel;
use super::config::HlsConfig;
use super::fault::Failure;
use super::numbers::Numbers;
use super::published::Published;

/// The producer of one channel's window.
pub(crate) struct Origin {
    channel: Arc<Channel>,
    config: HlsConfig,
    /// There from the first segment until the channel rests.
    window: Option<Window>,
    pub(crate) numbers: Numbers,
    codecs: Codecs,
    /// The next segment comes from another intake than the one before.
    switched: bool,
    share: Share,
    /// The most that the window may hold.
    level: watch::Receiver<usize>,
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
        Self { channel, config, window: None, numbers, codecs: Codecs::default(), switched: false, share, level }
    }

    /// How intakes have to cut.
    pub(crate) fn segmenter_config(&self) -> SegmenterConfig {
        SegmenterConfig {
            min_duration: self.config.segment_duration,
            max_duration: self.config.max_segment_duration,
            max_bytes: self.config.max_segment_size.as_usize(),
        }
    }

    /// The longest segment that the window can take, once that is fixed.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.window.as_ref().map(|window| seconds(window.target_duration()))
    }

    /// Takes what the intake produced.
    pub(crate) fn take(&mut self, events: impl IntoIterator<Item = Event>) -> Result<Fed, Failure> {
        let mut fed = Fed::default();
        for event in events {
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
        self.account();
        Ok(fed)
    }

    /// The intake is gone. `events` are its last ones; what follows is a discontinuity.
    pub(crate) fn interrupt(&mut self, events: Vec<Event>) -> Result<Fed, Failure> {
        let fed = self.take(events);
        self.switched = true;
        self.channel.trail.abandon();
        self.channel.trail.notify();
        self.account();
        fed
    }

    /// Forgets the window; the numbers go on.
    pub(crate) fn rest(&mut self) {
        self.window = None;
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

    /// How long the newest segment is worth starting with.
    pub(crate) fn freshness(&self) -> Duration {
        self.window.as_ref().map_or(Duration::ZERO, |window| 3 * seconds(window.target_duration()))
    }

    fn cut(&mut self, mut cut: Cut) -> Result<(), Failure> {
        cut.discontinuity |= std::mem::take(&mut self.switched);
        let window = self.window.get_or_insert_with(|| {
            let config = WindowConfig {
                listed_segments: self.config.playlist_segments,
                listed_duration: self.config.rewind,
                target_duration: whole_seconds(self.config.segment_duration),
            };
            Window::new(config, self.numbers.base())
        });
        let segment = window.push(cut, Timestamp::now());
        let level = *self.level.borrow();
        if window.bytes() > level {
            window.shrink_to(level);
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
