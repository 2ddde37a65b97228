//! The window: the segments of one channel that can be downloaded, and which of them the playlist lists.
//!
//! It owns the numbers (media sequence, discontinuity sequence, target duration) and the HLS rules of RFC 8216 6.2.2. It
//! belongs to one channel's task; what viewers see is the immutable list that `listed` and `downloadable` hand out.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::playlist::MediaPlaylist;
use crate::segment::Segment;
use crate::segmenter::Cut;

/// How much to keep.
#[derive(Debug, Clone)]
pub struct WindowConfig {
    /// Segments in the playlist, at least; never less than 3 target durations' worth once there is that much.
    pub listed_segments: usize,
    /// Playlist length in time, at least (rewinding inside live); zero for `listed_segments` only.
    pub listed_duration: Duration,
    /// Target duration to start with when none was learned; EXTINF never rounds above it.
    pub target_duration: u32,
}

/// Where the numbers go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceBase {
    /// The next segment's media sequence number.
    pub media: u64,
    /// The next segment's discontinuity sequence number.
    pub discontinuity: u64,
    /// The channel's target duration in seconds, learned earlier.
    pub target_duration: Option<u32>,
}

/// The window of one channel.
#[derive(Debug)]
pub struct Window {
    _config: WindowConfig,
}

impl Window {
    /// An empty window.
    pub fn new(config: WindowConfig, _base: SequenceBase) -> Self {
        Self { _config: config }
    }

    /// Numbers and adds a segment, drops what no viewer may still ask for (a removed segment stays downloadable for its own
    /// duration plus the longest playlist that listed it). The first segment after `new` is a discontinuity unless both
    /// numbers start at 0.
    pub fn push(&mut self, _cut: Cut, _now: Timestamp) -> Arc<Segment> {
        todo!()
    }

    /// The numbers that the next segment gets.
    pub fn next(&self) -> SequenceBase {
        todo!()
    }

    /// Segments in the playlist, oldest first.
    pub fn listed(&self) -> &[Arc<Segment>] {
        todo!()
    }

    /// Segments that can be downloaded, oldest first: the listed ones and those that left the playlist lately.
    pub fn downloadable(&self) -> &[Arc<Segment>] {
        todo!()
    }

    /// Bytes held by `downloadable`.
    pub fn bytes(&self) -> usize {
        todo!()
    }

    /// Drops the oldest segments that no playlist lists, then the oldest listed ones down to three, until at most `bytes` are
    /// held. True when that was possible. For the global byte budget.
    pub fn shrink_to(&mut self, _bytes: usize) -> bool {
        todo!()
    }

    /// Whether enough is there for a first playlist (one segment).
    pub fn playable(&self) -> bool {
        !self.listed().is_empty()
    }

    /// The media playlist as it is now.
    pub fn playlist(&self) -> MediaPlaylist {
        todo!()
    }
}
