//! A segment: an immutable piece of a channel that decodes from its first byte.

use std::time::Duration;

use jiff::Timestamp;

use crate::pages::Pages;

/// A finished segment, numbered by the window.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Media sequence number; only grows, across restarts too.
    pub sequence: u64,
    /// Discontinuity sequence number of this segment; only grows.
    pub discontinuity_sequence: u64,
    /// Timestamps, codecs or program differ from the segment before: EXT-X-DISCONTINUITY stands in front of it.
    pub discontinuity: bool,
    /// From its first to the next segment's first presentation time.
    pub duration: Duration,
    /// EXT-X-PROGRAM-DATE-TIME; computed once and never changed.
    pub started_at: Timestamp,
    /// Starts at a random access point.
    pub independent: bool,
    /// What is served.
    pub payload: SegmentPayload,
}

/// What a segment is made of. Later: an fMP4 fragment with its init segment, or LL-HLS parts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SegmentPayload {
    /// Whole MPEG-TS packets, PAT and PMT first.
    MpegTs(Pages),
}

impl SegmentPayload {
    /// Bytes held.
    pub fn len(&self) -> usize {
        match self {
            Self::MpegTs(pages) => pages.len(),
        }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is in the channel, for the multivariant playlist.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Codecs {
    /// RFC 6381 names of all elementary streams that have one, for example `avc1.64001f` and `mp4a.40.2`.
    pub names: Vec<String>,
    /// Width and height, where a video stream told.
    pub resolution: Option<(u32, u32)>,
    /// Frames per second, where a video stream told.
    pub frame_rate: Option<f64>,
}
