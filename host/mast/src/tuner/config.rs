//! `[tuner]`, `[hls]`, `[channel.ID]`, `[playout.NAME]`, `[ffmpeg]`, `[profile.NAME]` and `[ladder.NAME]`.

mod channel;
mod ffmpeg;
mod inspect;
mod playout;

pub use channel::ChannelConfig;
pub use ffmpeg::FfmpegConfig;
pub use inspect::{Check, InspectConfig};
pub use playout::PlayoutConfig;

use std::path::PathBuf;
use std::time::Duration;

use mast_model::ByteSize;

use crate::config::reader::Section;

const HOUR: Duration = Duration::from_secs(3600);

/// `[tuner]`
#[derive(Debug, Clone)]
pub struct TunerConfig {
    /// `idle_timeout`: how long a channel goes on without viewers, default 5m, from 0s (at once) to 7d.
    pub idle_timeout: Duration,
    /// `start_timeout`: how long a viewer waits for a channel to start, default 15s, from 100ms to 5m.
    pub start_timeout: Duration,
    /// `connect_timeout` of an upstream, until its response head is there, default 10s, from 100ms to 5m.
    pub connect_timeout: Duration,
    /// `stall_timeout`: no bytes, no PTS advance or no segment for this long restarts the channel, default 10s, from 500ms to 5m.
    pub stall_timeout: Duration,
    /// `backoff_min` and `backoff_max` between restarts, jittered, defaults 500ms and 30s, from 10ms to 1h.
    pub backoff_min: Duration,
    /// See `backoff_min`.
    pub backoff_max: Duration,
    /// `give_up_after`: a channel that failed for this long is not tried again until another viewer comes, default 1h, up to 7d; 0s for never.
    pub give_up_after: Duration,
    /// `return_after`: while a backup plays, the first upstream is tried this often, default 30s, from 1s to 24h.
    pub return_after: Duration,
    /// `healthy_after`: the first upstream takes over again once it has played for this long, default 10s, up to 1h.
    pub healthy_after: Duration,
    /// `pretune`: how many channels after the one that a viewer opens are tuned beforehand, on connections that are to spare, default 0, up
    /// to 5.
    pub pretune: usize,
    /// `pretune_for`: how long a channel that was tuned beforehand is kept for its viewer, default 20s, from 1s to 10m.
    pub pretune_for: Duration,
    /// `slate`: an MPEG-TS file that viewers see while no upstream of their channel works; none by default.
    pub slate: Option<PathBuf>,
    /// `window_budget`: bytes of segments of all channels together, default 1GiB, from 16MiB to 1024GiB.
    pub window_budget: ByteSize,
    /// `inspect`, `inspect_interval` and `inspect_samples`: looking at what channels show, off by default.
    pub inspect: InspectConfig,
}

impl TunerConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let ms = Duration::from_millis;
        let wait = ms(100)..=ms(300_000);
        let backoff = ms(10)..=HOUR;
        let config = Self {
            idle_timeout: section.span("idle_timeout", ms(300_000), Duration::ZERO..=24 * 7 * HOUR),
            start_timeout: section.span("start_timeout", ms(15_000), wait.clone()),
            connect_timeout: section.span("connect_timeout", ms(10_000), wait),
            stall_timeout: section.span("stall_timeout", ms(10_000), ms(500)..=ms(300_000)),
            backoff_min: section.span("backoff_min", ms(500), backoff.clone()),
            backoff_max: section.span("backoff_max", ms(30_000), backoff),
            give_up_after: section.span("give_up_after", HOUR, Duration::ZERO..=24 * 7 * HOUR),
            return_after: section.span("return_after", ms(30_000), ms(1_000)..=24 * HOUR),
            healthy_after: section.span("healthy_after", ms(10_000), Duration::ZERO..=HOUR),
            pretune: section.integer("pretune", 0, 0..=5),
            pretune_for: section.span("pretune_for", ms(20_000), ms(1_000)..=ms(600_000)),
            slate: section.optional_path("slate"),
            window_budget: section.size(
                "window_budget",
                ByteSize::mib(1024),
                ByteSize::mib(16)..=ByteSize::mib(1 << 20),
            ),
            inspect: InspectConfig::read(section),
        };
        if config.backoff_max < config.backoff_min {
            section.problem("backoff_max", "must not be smaller than backoff_min");
        }
        config
    }
}

impl Default for TunerConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}

/// `[hls]`
#[derive(Debug, Clone)]
pub struct HlsConfig {
    /// `segment_duration`: shortest segment wanted, default 2s, from 200ms to 30s. Segments are cut at the first random access
    /// point after it.
    pub segment_duration: Duration,
    /// `max_segment_duration`: a GOP that overruns it is cut, default 10s, from 1s to 60s.
    pub max_segment_duration: Duration,
    /// `playlist_segments`: at least this many in the playlist, default 6, from 3 to 100.
    pub playlist_segments: usize,
    /// `rewind`: how far back viewers can go inside live, default 0s (as far as `playlist_segments` reach), up to 24h. It costs memory:
    /// the window keeps it all, under `[tuner] window_budget`.
    pub rewind: Duration,
    /// `max_segment_size`: a segment that overruns it is cut, default 32MiB, from 1MiB to 1GiB.
    pub max_segment_size: ByteSize,
}

impl HlsConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let ms = Duration::from_millis;
        let config = Self {
            segment_duration: section.span("segment_duration", ms(2_000), ms(200)..=ms(30_000)),
            max_segment_duration: section.span("max_segment_duration", ms(10_000), ms(1_000)..=ms(60_000)),
            playlist_segments: section.integer("playlist_segments", 6, 3..=100),
            rewind: section.span("rewind", Duration::ZERO, Duration::ZERO..=24 * HOUR),
            max_segment_size: section.size(
                "max_segment_size",
                ByteSize::mib(32),
                ByteSize::mib(1)..=ByteSize::mib(1024),
            ),
        };
        if config.max_segment_duration < config.segment_duration {
            section.problem("max_segment_duration", "must not be smaller than segment_duration");
        }
        config
    }
}

impl Default for HlsConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}
