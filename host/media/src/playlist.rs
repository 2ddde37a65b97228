//! Writes HLS playlists (RFC 8216 and its successor draft). No parsing here.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// A live media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaPlaylist {
    /// EXT-X-TARGETDURATION in seconds.
    pub target_duration: u32,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// Every segment starts at a random access point: EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// The segments, oldest first.
    pub entries: Vec<Entry>,
}

/// A segment in a media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Relative URI: `{sequence}.ts`.
    pub uri: String,
    /// EXTINF, written with millisecond precision.
    pub duration: Duration,
    /// EXT-X-PROGRAM-DATE-TIME.
    pub started_at: Timestamp,
    /// EXT-X-DISCONTINUITY in front of it.
    pub discontinuity: bool,
}

/// A multivariant playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct MultivariantPlaylist {
    /// Every variant's segments are independent.
    pub independent_segments: bool,
    /// The variants, the preferred one first.
    pub variants: Vec<Variant>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// URI of its media playlist.
    pub uri: String,
    /// BANDWIDTH: peak, bits per second.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH, bits per second.
    pub average_bandwidth: Option<u64>,
    /// CODECS, RESOLUTION and FRAME-RATE.
    pub codecs: crate::segment::Codecs,
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl fmt::Display for MultivariantPlaylist {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
