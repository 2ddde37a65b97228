//! `[tuner]` and `[hls]`.

use std::time::Duration;

use mast_model::ByteSize;

/// `[tuner]`
#[derive(Debug, Clone)]
pub struct TunerConfig {
    /// `idle_timeout`: how long a channel goes on without viewers, default 5m.
    pub idle_timeout: Duration,
    /// `start_timeout`: how long a viewer waits for a channel to start, default 15s.
    pub start_timeout: Duration,
    /// `connect_timeout` of an upstream, until its response head is there, default 10s.
    pub connect_timeout: Duration,
    /// `stall_timeout`: no bytes, no PTS advance or no segment for this long restarts the channel, default 10s.
    pub stall_timeout: Duration,
    /// `backoff_min` and `backoff_max` between restarts, jittered, defaults 500ms and 30s.
    pub backoff_min: Duration,
    /// See `backoff_min`.
    pub backoff_max: Duration,
    /// `window_budget`: bytes of segments of all channels together, default 1GiB.
    pub window_budget: ByteSize,
}

/// `[hls]`
#[derive(Debug, Clone)]
pub struct HlsConfig {
    /// `segment_duration`: shortest segment wanted, default 2s.
    pub segment_duration: Duration,
    /// `max_segment_duration`: a GOP that overruns it is cut, default 10s.
    pub max_segment_duration: Duration,
    /// `playlist_segments`: at least this many in the playlist, default 6.
    pub playlist_segments: usize,
    /// `max_segment_size`, default 32MiB.
    pub max_segment_size: ByteSize,
}
