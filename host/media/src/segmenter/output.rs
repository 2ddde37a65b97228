//! The open segment's bytes, and those held back until it is known which segment they belong to.
//!
//! Bytes are collected in blocks and handed out as slices of them. Once there are enough they are kept in the segmenter's [`PageFile`], while
//! they are still in the processor's cache; a finished segment is put together from what was kept.

use bytes::{Buf, Bytes, BytesMut};

use crate::pages::{PAGE, PageFile, Pages};
use crate::segmenter::Event;
use crate::ts::packet::{PACKET, PAT_PID, Packet};
use crate::ts::tables::Chosen;

/// The continuity counters of the tables that are laid out here; they go on across segments.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TableCounters {
    pat: u8,
    map: u8,
}

/// What is handed out is kept in pieces of this size: whole pages of the kernel's, so that one goes on where the other ends.
const KEPT: usize = 2 * PAGE;

/// Collects packets.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// The oldest of what went out as chunks.
    kept: Vec<Pages>,
    /// Bytes of `kept`.
    kept_len: usize,
    /// What went out after it; the first one may have begun before.
    parts: Vec<Bytes>,
    /// Bytes of `kept` and `parts`.
    handed_out: usize,
    /// What follows them.
    held: BytesMut,
    /// Where finished segments go.
    file: PageFile,
    pub(super) counters: TableCounters,
}

impl Output {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.handed_out + self.held.len()
    }

    #[inline]
    pub(super) fn packet(&mut self, packet: &[u8; PACKET]) {
        if self.held.capacity() - self.held.len() < PACKET {
            self.grow();
        }
        self.held.extend_from_slice(packet);
    }

    /// Goes on in another block. Only what is held back moves there.
    fn grow(&mut self) {
        let room = (2 * self.held.len() + PACKET).next_multiple_of(PAGE);
        let full = std::mem::replace(&mut self.held, BytesMut::with_capacity(room));
        self.held.extend_from_slice(&full);
    }

    pub(super) fn pat(&mut self, program: &Chosen) {
        for packet in program.pat_packets.as_chunks().0 {
            let packet = numbered(packet, &mut self.counters.pat);
            self.packet(&packet);
        }
    }

    pub(super) fn map(&mut self, program: &Chosen) {
        for packet in program.map_packets.as_chunks().0 {
            let packet = numbered(packet, &mut self.counters.map);
            self.packet(&packet);
        }
    }

    /// Hands out what came in before `until` and was not handed out yet.
    pub(super) fn chunk(&mut self, until: usize, events: &mut Vec<Event>) {
        if until > self.handed_out {
            let part = self.held.split_to(until - self.handed_out).freeze();
            self.handed_out = until;
            self.parts.push(part.clone());
            events.push(Event::Chunk(part));
            while self.handed_out - self.kept_len >= KEPT {
                let pages = self.keep(KEPT);
                events.push(Event::Kept(pages));
            }
        }
    }

    /// Keeps the oldest bytes that were handed out and are not kept.
    fn keep(&mut self, len: usize) -> Pages {
        let pages = self.file.keep(self.parts.iter().map(|part| &part[..]), len);
        self.kept.push(pages.clone());
        self.kept_len += len;
        let mut rest = len;
        let whole = self.parts.iter().take_while(|part| {
            let all = part.len() <= rest;
            rest -= if all { part.len() } else { 0 };
            all
        });
        let whole = whole.count();
        self.parts.drain(..whole);
        if let Some(part) = self.parts.first_mut() {
            part.advance(rest);
        }
        pages
    }

    /// Takes what was handed out, up to `until`, as a segment. What was not handed out stays, held back.
    pub(super) fn take(&mut self, until: usize) -> Pages {
        if until > self.kept_len {
            self.keep(until - self.kept_len);
        }
        let pages = Pages::join(&self.kept, until);
        self.forget();
        pages
    }

    /// Drops what was handed out.
    fn forget(&mut self) {
        self.kept.clear();
        self.parts.clear();
        (self.kept_len, self.handed_out) = (0, 0);
    }

    /// Drops so much of what is held back.
    pub(super) fn skip(&mut self, length: usize) {
        self.held.advance(length);
    }

    /// Starts a segment with the tables and what was held back. The tables' counters go on from `counters`: what they
    /// were when holding back began.
    pub(super) fn start(&mut self, program: &Chosen, counters: TableCounters) {
        let held = self.held.split();
        self.counters = counters;
        self.pat(program);
        self.map(program);
        for packet in held.as_chunks().0 {
            let packet = match Packet(packet).pid() {
                PAT_PID => numbered(packet, &mut self.counters.pat),
                pid if pid == program.map_pid() => numbered(packet, &mut self.counters.map),
                _ => *packet,
            };
            self.packet(&packet);
        }
    }

    /// Drops everything that was not handed out.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.forget();
    }
}

/// The packet with the next counter.
fn numbered(packet: &[u8; PACKET], counter: &mut u8) -> [u8; PACKET] {
    let mut packet = *packet;
    packet[3] = packet[3] & 0xf0 | *counter;
    *counter = (*counter + 1) & 0x0f;
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_side_by_side_whatever_the_chunks() {
        let (mut output, mut events) = (Output::default(), Vec::new());
        for number in 0..2000_usize {
            output.packet(&[u8::try_from(number % 256).unwrap(); PACKET]);
            if number % 41 == 0 {
                output.chunk(output.len(), &mut events);
            }
        }
        let until = output.len() - 5 * PACKET;
        output.chunk(until, &mut events);
        let segment = output.take(until);
        assert_eq!(segment.len(), until);
        assert_eq!(segment.file(0).unwrap().len, until, "it takes more than one call to send it");
        let expected = (0..1995_usize).flat_map(|number| [u8::try_from(number % 256).unwrap(); PACKET]);
        assert!(segment.to_vec().into_iter().eq(expected));
        assert_eq!(output.len(), 5 * PACKET);
        let kept = events.iter().filter(|event| matches!(event, Event::Kept(pages) if pages.len() == KEPT)).count();
        assert_eq!(kept, until / KEPT);
    }
}
