//! Cuts an upstream's MPEG-TS at random access points.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::segment::Codecs;

/// How to cut.
#[derive(Debug, Clone)]
pub struct SegmenterConfig {
    /// Shortest segment; the cut is made at the first random access point from there on.
    pub min_duration: Duration,
    /// Longest segment; when a GOP overruns it, the cut is made at the next access unit and the segment after it is not
    /// independent.
    pub max_duration: Duration,
    /// Most bytes of one segment; above it a cut is forced in the same way.
    pub max_bytes: usize,
}

/// What came out of some bytes, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// Whole packets that belong to the open segment. The first chunk of a segment starts with PAT and PMT. All chunks of a
    /// segment, put together, are its payload.
    Chunk(Bytes),
    /// The open segment ended. Its number is given by the window.
    Cut(Cut),
    /// The elementary streams became known or changed; belongs to the segment whose chunks follow.
    Codecs(Codecs),
}

/// A segment that ended.
#[derive(Debug, Clone)]
pub struct Cut {
    /// All of it.
    pub payload: Bytes,
    /// From its first to the next segment's first presentation time.
    pub duration: Duration,
    /// When its first byte arrived.
    pub started_at: Timestamp,
    /// Starts at a random access point.
    pub independent: bool,
    /// Does not continue the segment before.
    pub discontinuity: bool,
}

/// What was seen since the start; grows only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes pushed.
    pub bytes: u64,
    /// Whole packets found.
    pub packets: u64,
    /// Bytes skipped to find packet boundaries again.
    pub skipped_bytes: u64,
    /// Packets whose continuity counter did not follow.
    pub continuity_errors: u64,
    /// Packets with the transport error indicator.
    pub transport_errors: u64,
    /// Times the clock (PTS or PCR) jumped.
    pub clock_jumps: u64,
    /// Access units with a presentation time; the watchdog for "PTS advance" looks at this.
    pub access_units: u64,
}

/// Cuts one channel. Not a parser of everything: what it does not need to look into passes through untouched.
#[derive(Debug)]
pub struct Segmenter {
    _config: SegmenterConfig,
}

impl Segmenter {
    /// A segmenter waiting for the first random access point.
    pub fn new(config: SegmenterConfig) -> Self {
        Self { _config: config }
    }

    /// Takes upstream bytes of any size and alignment, appends what comes out to `events`.
    pub fn push(&mut self, _bytes: &[u8], _now: Timestamp, _events: &mut Vec<Event>) {
        todo!()
    }

    /// The upstream ended or is replaced: ends the open segment (if it holds an access unit), forgets clocks, counters of
    /// continuity and partial packets; what follows is a discontinuity.
    pub fn end_of_input(&mut self, _now: Timestamp, _events: &mut Vec<Event>) {
        todo!()
    }

    /// What was seen.
    pub fn counters(&self) -> Counters {
        todo!()
    }
}
