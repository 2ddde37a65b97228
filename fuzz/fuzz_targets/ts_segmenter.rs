//! Any bytes, in any pushes: no panic, bounded segments, chunks that make up the segments, and a window and playlist that
//! stay valid whatever comes out.
#![no_main]

use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mast_media::lint::Linter;
use mast_media::{Event, Segmenter, SegmenterConfig, SequenceBase, Window, WindowConfig};

const MAX_BYTES: usize = 20_000;

fuzz_target!(|input: (u16, bool, Vec<u8>)| {
    let (push, framed, bytes) = input;
    // A fuzzer rarely finds five sync bytes in a row: half of the inputs get theirs for free.
    let bytes = if framed { bytes.chunks(187).flat_map(packet).collect() } else { bytes };
    let config = SegmenterConfig {
        min_duration: Duration::from_secs(2),
        max_duration: Duration::from_secs(6),
        max_bytes: MAX_BYTES,
    };
    let mut channel = Channel {
        segmenter: Segmenter::new(config),
        window: Window::new(
            WindowConfig { listed_segments: 3, listed_duration: Duration::ZERO, target_duration: 2 },
            SequenceBase { media: 0, discontinuity: 0, target_duration: None },
        ),
        linter: Linter::default(),
        open: Vec::new(),
        now: Timestamp::UNIX_EPOCH,
    };
    for piece in bytes.chunks(usize::from(push) + 1) {
        channel.push(piece);
    }
    channel.end();
    assert!(channel.open.is_empty());
    assert_eq!(channel.segmenter.counters().bytes, bytes.len() as u64);
});

fn packet(bytes: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x47];
    packet.extend(bytes);
    packet.resize(188, 0xff);
    packet
}

struct Channel {
    segmenter: Segmenter,
    window: Window,
    linter: Linter,
    open: Vec<u8>,
    now: Timestamp,
}

impl Channel {
    fn push(&mut self, bytes: &[u8]) {
        let mut events = Vec::new();
        self.segmenter.push(bytes, self.now, &mut events);
        self.take(events);
    }

    fn end(&mut self) {
        let mut events = Vec::new();
        self.segmenter.end_of_input(self.now, &mut events);
        self.take(events);
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Chunk(chunk) => self.open.extend_from_slice(&chunk),
                Event::Cut(cut) => {
                    assert!(self.open == cut.payload && cut.payload.len() < MAX_BYTES * 2 + 600_000);
                    self.open.clear();
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
