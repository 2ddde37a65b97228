//! Any bytes, in any pushes: no panic, bounded segments, chunks that make up the segments, and a window and playlist that
//! stay valid whatever comes out.
#![no_main]

use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mast_media::lint::Linter;
use mast_media::ts::section::{packetize, seal};
use mast_media::{End, Event, Segmenter, SegmenterConfig, SequenceBase, Window, WindowConfig};

const MAX_BYTES: usize = 20_000;

fuzz_target!(|input: &[u8]| {
    // So that a TS file behind two bytes of push size and a 0 is a seed.
    let [push_high, push_low, framed, bytes @ ..] = input else { return };
    let (push, severed) = (u16::from_be_bytes([*push_high, *push_low]), framed & 2 == 2);
    let framed = framed & 1 == 1;
    // A fuzzer rarely finds five sync bytes in a row or a checksum: half of the inputs get packets and tables for free.
    let bytes: Vec<u8> =
        if framed { tables().into_iter().chain(bytes.chunks(64).flat_map(packet)).collect() } else { bytes.to_vec() };
    let config = SegmenterConfig {
        min_duration: Duration::from_secs(2),
        max_duration: Duration::from_secs(6),
        max_bytes: MAX_BYTES,
        program: None,
        follows: false,
    };
    let mut channel = Channel {
        segmenter: Segmenter::new(config),
        window: Window::new(
            WindowConfig {
                listed_segments: 3,
                listed_duration: Duration::ZERO,
                target_duration: 2,
                uri_prefix: String::new(),
            },
            SequenceBase { media: 0, discontinuity: 0, target_duration: None },
        ),
        linter: Linter::default(),
        open: Vec::new(),
        kept: 0,
        severed: false,
        now: Timestamp::UNIX_EPOCH,
    };
    for piece in bytes.chunks(usize::from(push) + 1) {
        channel.push(piece);
    }
    channel.end(if severed { End::Severed } else { End::Whole });
    assert!(severed || channel.open.is_empty());
    assert_eq!(channel.segmenter.counters().bytes, bytes.len() as u64);
});

/// A PAT, and a map with H.264, HEVC and two kinds of audio.
fn tables() -> Vec<u8> {
    let mut pat = vec![0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0];
    let mut map = vec![2, 0xb0, 33, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0];
    for (stream_type, pid) in [(0x1b, 0), (0x0f, 1), (0x24, 2), (0x03, 3)] {
        map.extend([stream_type, 0xe1, pid, 0xf0, 0]);
    }
    seal(&mut pat);
    seal(&mut map);
    [packetize(0, &pat), packetize(0x1000, &map)].concat()
}

/// One packet: the first byte chooses the PID and whether a PES packet starts, the second is the rest of the header, the
/// others are repeated until it is full.
fn packet(bytes: &[u8]) -> Vec<u8> {
    let [choice, control, body @ ..] = bytes else { return Vec::new() };
    let (high, low) = match choice & 7 {
        0..=2 => (1, 0),
        3 => (1, 1),
        4 => (0, 0),
        5 => (0x10, 0),
        _ => (choice >> 5, *control),
    };
    let start = if choice & 8 != 0 { 0x40 } else { 0 };
    let mut packet = vec![0x47, high | start, low, control & 0x3f];
    if choice & 0x10 != 0 && control & 0x20 == 0 {
        packet.extend([0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1]);
    }
    packet.extend(body.iter().cycle().take(if body.is_empty() { 0 } else { 188 }));
    packet.resize(188, 0xff);
    packet
}

struct Channel {
    segmenter: Segmenter,
    window: Window,
    linter: Linter,
    open: Vec<u8>,
    /// So many of them were kept.
    kept: usize,
    /// From its end on: what may be cut short came as chunks and is in no segment.
    severed: bool,
    now: Timestamp,
}

impl Channel {
    fn push(&mut self, bytes: &[u8]) {
        let mut events = Vec::new();
        self.segmenter.push(bytes, self.now, &mut events);
        self.take(events);
    }

    fn end(&mut self, end: End) {
        self.severed = end == End::Severed;
        let mut events = Vec::new();
        self.segmenter.end_of_input(end, &mut events);
        self.take(events);
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Chunk(chunk) => self.open.extend_from_slice(&chunk),
                Event::Kept(pages) => {
                    assert_eq!(self.open[self.kept..][..pages.len()], pages.to_vec());
                    self.kept += pages.len();
                }
                Event::Cut(cut) => {
                    assert!(
                        self.open.starts_with(&cut.payload.to_vec()) && (self.severed || self.open.len() == cut.payload.len())
                    );
                    assert!(cut.payload.len() < MAX_BYTES * 2 + 600_000);
                    self.open.clear();
                    self.kept = 0;
                    self.now = self.now.checked_add(cut.duration).unwrap_or(self.now);
                    self.window.push(cut, self.now);
                    self.linter.push(&self.window.playlist().to_string());
                    assert!(self.linter.violations().is_empty(), "{:?}", self.linter.violations());
                }
                Event::Codecs(_) => {}
            }
        }
    }
}
