//! Cuts an upstream's MPEG-TS at random access points.
//!
//! What goes in comes out: packets pass byte for byte, in order. Exceptions: null packets and, in a multiplex, the packets
//! of other programs are left out; PAT and PMT are laid out anew (same sections, own continuity counters), at the head of
//! each segment and wherever the upstream repeats them. Before the first random access point nothing comes out, and
//! neither between a jump of the clock (or a change of the video stream) and the next random access point.
//!
//! Rules of cutting, in this order:
//!
//! | at the start of an access unit that | cut | the next segment |
//! |---|---|---|
//! | continues at a jumped time, or has another sequence header, and is a random access point | yes | discontinuity |
//! | continues at a jumped time, confirmed by a second access unit | yes | discontinuity, from the next random access point on |
//! | is the first random access point after the audio streams, audio codec or PCR changed | yes | discontinuity |
//! | is a random access point at or above `min_duration`, or ends a segment that did not start at one | yes | continues |
//! | is a random access point at or after a mark, where the segmenter follows another | yes | continues |
//! | would be the last within `max_duration`, or stands at or above `max_bytes` | yes | continues, independent only at a random access point |
//!
//! When no access unit comes until a quarter and 256 KiB above `max_bytes`, or the program or its video stream goes, the segment ends on
//! the spot and the next random access point starts a discontinuity. Where the input was severed, its last access unit, which may be
//! cut short, goes with it, and a segment that has no other is none: decoders are strict about what ends in the middle. Durations come from decoding times, which for segments
//! that start at random access points are the distances of presentation times; the wall clock only dates segments.
//!
//! Memory: the open segment (at most a quarter above `max_bytes` plus 256 KiB; up to 64 KiB and what is held back of it on the heap), the start of one access unit, one section
//! per table PID, and 16 KiB for PIDs.

mod codecs;
mod cutter;
mod output;
mod pids;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::pages::Pages;
use crate::segment::Codecs;
use crate::ts::framing::Framer;
use cutter::Cutter;

/// How to cut.
#[derive(Debug, Clone)]
pub struct SegmenterConfig {
    /// Shortest segment; the cut is made at the first random access point from there on (50 ms of rounding are forgiven).
    pub min_duration: Duration,
    /// Longest segment; when a GOP overruns it, the cut is made at the next access unit and the segment after it is not
    /// independent. Up to 0.45 s more are allowed to reach a random access point, because EXTINF still rounds to
    /// the same target duration then.
    pub max_duration: Duration,
    /// Most bytes of one segment; above it a cut is forced in the same way.
    pub max_bytes: usize,
    /// Of a multiplex only this program; without it the first one with video, else the first.
    pub program: Option<u16>,
    /// Cut where another segmenter did, told with [`Segmenter::mark`], instead of by `min_duration`: for the variants of one channel
    /// whose segments have to start at the same times.
    pub follows: bool,
}

/// What came out of some bytes, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// Whole packets that belong to the open segment. The first chunk of a segment starts with PAT and PMT. All chunks of a
    /// segment, put together, are its payload; where the input was severed, up to the access unit that may be cut short.
    Chunk(Bytes),
    /// The oldest chunks of the open segment that were not kept before lie here now; whoever holds them can hold this instead.
    Kept(Pages),
    /// The open segment ended. Its number is given by the window.
    Cut(Cut),
    /// The elementary streams became known or changed: holds for the segment whose chunks follow. While a segment is open it
    /// comes again only if a first audio frame tells more than the PMT did, and holds for the whole of that segment.
    Codecs(Codecs),
}

/// A segment that ended.
#[derive(Debug, Clone)]
pub struct Cut {
    /// All of it.
    pub payload: Pages,
    /// From its first to the next segment's first presentation time; at least a millisecond.
    pub duration: Duration,
    /// Decoding time of its first access unit, 33 bits at 90 kHz.
    pub start: u64,
    /// Decoding time of the access unit that the next segment starts with, where that continues this one.
    pub next: Option<u64>,
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
    /// Packets with a scrambled payload; they pass, but nothing can be cut at them.
    pub scrambled_packets: u64,
    /// PAT and PMT sections with a wrong checksum or length.
    pub table_errors: u64,
    /// Times the clock (PTS or PCR) jumped.
    pub clock_jumps: u64,
    /// Cuts that could not wait for a random access point.
    pub forced_cuts: u64,
    /// Access units with a presentation time; the watchdog for "PTS advance" looks at this.
    pub access_units: u64,
}

/// How input ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Between two access units: the end of a file, or of a segment of the upstream.
    Whole,
    /// Anywhere: the connection broke, or the upstream is given up.
    Severed,
}

/// Cuts one channel. Not a parser of everything: what it does not need to look into passes through untouched.
#[derive(Debug)]
pub struct Segmenter {
    framer: Framer,
    cutter: Cutter,
    bytes: u64,
}

impl Segmenter {
    /// A segmenter waiting for the first random access point.
    pub fn new(config: SegmenterConfig) -> Self {
        Self { framer: Framer::default(), cutter: Cutter::new(&config), bytes: 0 }
    }

    /// Changes the longest duration from the open segment on: the tuner sets it to the window's target duration as soon as
    /// that is fixed.
    pub fn set_max_duration(&mut self, max_duration: Duration) {
        self.cutter.set_max_duration(max_duration);
    }

    /// Asks for a cut at this decoding time (33 bits at 90 kHz), or at the first random access point after it. For segmenters that
    /// follow another; at most a few marks are kept.
    pub fn mark(&mut self, time: u64) {
        self.cutter.mark(time);
    }

    /// Takes upstream bytes of any size and alignment, appends what comes out to `events`.
    pub fn push(&mut self, bytes: &[u8], now: Timestamp, events: &mut Vec<Event>) {
        self.bytes += bytes.len() as u64;
        let cutter = &mut self.cutter;
        self.framer.push(bytes, |packet| cutter.packet(packet, now, events));
        self.cutter.flush(events);
    }

    /// The upstream ended or is replaced: ends the open segment (if it holds a whole access unit; else its chunks came to
    /// nothing), forgets clocks, counters of continuity and partial packets; what follows is a discontinuity.
    pub fn end_of_input(&mut self, end: End, events: &mut Vec<Event>) {
        self.framer.reset();
        self.cutter.end_of_input(end, events);
    }

    /// What was seen.
    pub fn counters(&self) -> Counters {
        Counters { bytes: self.bytes, skipped_bytes: self.framer.skipped(), ..self.cutter.counters() }
    }
}
