//! The open segment's bytes, and those held back until it is known which segment they belong to.

use bytes::Bytes;

use crate::segmenter::Event;
use crate::ts::packet::{PACKET, PAT_PID, Packet};
use crate::ts::tables::Chosen;

/// The continuity counters of the tables that are laid out here; they go on across segments.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TableCounters {
    pat: u8,
    map: u8,
}

/// Collects packets. `bytes[..handed_out]` went out as chunks already.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    handed_out: usize,
    last_segment: usize,
    pub(super) counters: TableCounters,
}

impl Output {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(super) fn packet(&mut self, packet: &[u8; PACKET]) {
        self.bytes.extend_from_slice(packet);
    }

    pub(super) fn pat(&mut self, program: &Chosen) {
        append(&mut self.bytes, &program.pat_packets, &mut self.counters.pat);
    }

    pub(super) fn map(&mut self, program: &Chosen) {
        append(&mut self.bytes, &program.map_packets, &mut self.counters.map);
    }

    /// Hands out what came in before `until` and was not handed out yet.
    pub(super) fn chunk(&mut self, until: usize, events: &mut Vec<Event>) {
        if until > self.handed_out {
            events.push(Event::Chunk(Bytes::copy_from_slice(&self.bytes[self.handed_out..until])));
            self.handed_out = until;
        }
    }

    /// Takes the bytes before `at`, all of them handed out, as a segment. The rest stays, held back.
    pub(super) fn take(&mut self, at: usize) -> Bytes {
        let held = self.bytes.split_off(at);
        let mut bytes = std::mem::replace(&mut self.bytes, held);
        self.handed_out = 0;
        self.last_segment = bytes.len();
        bytes.shrink_to_fit();
        Bytes::from(bytes)
    }

    /// Starts a segment with the tables and what was held back. The tables' counters go on from `counters`: what they
    /// were when holding back began.
    pub(super) fn start(&mut self, program: &Chosen, counters: TableCounters, max_bytes: usize) {
        // Segments of a channel are alike; room for a little more than the last one saves growing in steps.
        let room = (self.last_segment + self.last_segment / 8).clamp(64 * 1024, max_bytes.max(64 * 1024));
        let held = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        self.counters = counters;
        self.pat(program);
        self.map(program);
        for packet in held.as_chunks().0 {
            let counter = match Packet(packet).pid() {
                PAT_PID => &mut self.counters.pat,
                pid if pid == program.map_pid() => &mut self.counters.map,
                _ => {
                    self.packet(packet);
                    continue;
                }
            };
            append(&mut self.bytes, packet, counter);
        }
    }

    /// Drops everything that was not handed out.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.handed_out = 0;
    }
}

/// Appends a table's packets with the next counters.
fn append(bytes: &mut Vec<u8>, packets: &[u8], counter: &mut u8) {
    for packet in packets.as_chunks::<PACKET>().0 {
        let at = bytes.len();
        bytes.extend_from_slice(packet);
        bytes[at + 3] = bytes[at + 3] & 0xf0 | *counter;
        *counter = (*counter + 1) & 0x0f;
    }
}
