//! Finds packets in bytes of any size and alignment, and finds them again after garbage.
//!
//! Packets of 188 bytes, and of 192 (four bytes of arrival time in front) and 204 (sixteen of error correction behind),
//! of which the 188 are handed on. Once in step, a packet only has to start with the sync byte; out of step, five sync
//! bytes in a row are asked for. What comes out does not depend on how the bytes were cut into pushes.

use super::packet::{PACKET, SYNC};

/// Packet spacings that are tried, in this order.
const STRIDES: [usize; 3] = [PACKET, 192, 204];
/// Sync bytes that must follow the first.
const CONFIRM: usize = 4;

/// The framer; holds at most one packet, or while out of step the bytes that five packets need.
#[derive(Debug, Default)]
pub struct Framer {
    carry: Vec<u8>,
    /// Distance between packets; 0 while out of step.
    stride: usize,
    skipped: u64,
}

enum Search {
    /// In step from this offset on.
    Found { skip: usize, stride: usize },
    /// Nothing starts before this offset; more bytes are needed to tell about it.
    More { skip: usize },
}

impl Framer {
    /// Calls `sink` for each whole packet.
    #[inline]
    pub fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&[u8; PACKET])) {
        let mut carry = std::mem::take(&mut self.carry);
        if self.stride != 0 && carry.first() == Some(&SYNC) {
            let (head, rest) = bytes.split_at(bytes.len().min(self.stride - carry.len()));
            carry.extend_from_slice(head);
            bytes = rest;
            if carry.len() == self.stride {
                if let Some(packet) = carry.first_chunk() {
                    sink(packet);
                }
                carry.clear();
            }
        } else if !carry.is_empty() {
            carry.extend_from_slice(bytes);
            let used = self.walk(&carry, &mut sink);
            carry.drain(..used);
            carry.shrink_to(4096);
            bytes = &[];
        }
        if !bytes.is_empty() {
            let used = self.walk(bytes, &mut sink);
            carry.extend_from_slice(&bytes[used..]);
        }
        self.carry = carry;
    }

    /// Forgets a partial packet and the spacing.
    pub fn reset(&mut self) {
        self.skipped += self.carry.len() as u64;
        self.carry.clear();
        self.stride = 0;
    }

    /// Bytes that were no packets, so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Hands on the packets in `bytes` and returns how many bytes are done with.
    #[inline]
    fn walk(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8; PACKET])) -> usize {
        let mut at = 0;
        loop {
            if self.stride == 0 {
                match search(&bytes[at..]) {
                    Search::Found { skip, stride } => {
                        self.skipped += skip as u64;
                        at += skip;
                        self.stride = stride;
                    }
                    Search::More { skip } => {
                        self.skipped += skip as u64;
                        return at + skip;
                    }
                }
            }
            while at + self.stride <= bytes.len() {
                let packet = bytes[at..].first_chunk().expect("a stride is at least a packet");
                if packet[0] != SYNC {
                    self.stride = 0;
                    break;
                }
                sink(packet);
                at += self.stride;
            }
            if self.stride != 0 {
                return at;
            }
        }
    }
}

fn search(bytes: &[u8]) -> Search {
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == SYNC) {
        let skip = from + found;
        for stride in STRIDES {
            let mut syncs = (1..=CONFIRM).map(|n| bytes.get(skip + n * stride));
            match syncs.find(|byte| *byte != Some(&SYNC)) {
                None => return Search::Found { skip, stride },
                Some(None) => return Search::More { skip },
                Some(Some(_)) => {}
            }
        }
        from = skip + 1;
    }
    Search::More { skip: bytes.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(n: u8) -> Vec<u8> {
        let mut bytes = vec![n; PACKET];
        bytes[0] = SYNC;
        bytes
    }

    fn frames(pushes: &[&[u8]]) -> (Vec<u8>, Framer) {
        let (mut framer, mut out) = (Framer::default(), Vec::new());
        for push in pushes {
            framer.push(push, |packet| out.push(packet[1]));
        }
        (out, framer)
    }

    #[test]
    fn takes_packets_with_arrival_times_and_error_correction() {
        for (before, after) in [(0, 0), (4, 0), (0, 16)] {
            let bytes: Vec<u8> =
                (1..9).flat_map(|n| [vec![0x11; before], packet(n), vec![0x22; after]].concat()).collect();
            let (out, framer) = frames(&[&bytes]);
            // The last packet of the 192 format lacks the four bytes that the next one would bring.
            let expected = if before > 0 { 1..8 } else { 1..9 };
            assert_eq!(out, expected.collect::<Vec<u8>>(), "{before} {after}");
            assert_eq!(framer.skipped(), before as u64);
        }
    }

    #[test]
    fn a_lost_sync_byte_costs_one_packet() {
        let mut bytes: Vec<u8> = (1..20).flat_map(packet).collect();
        bytes[5 * PACKET] = 0;
        let (out, framer) = frames(&[&bytes]);
        assert_eq!(out, (1..20).filter(|n| *n != 6).collect::<Vec<u8>>());
        assert_eq!(framer.skipped(), PACKET as u64);
    }

    #[test]
    fn too_few_packets_are_not_believed() {
        let bytes: Vec<u8> = (1..5).flat_map(packet).collect();
        assert!(frames(&[&bytes]).0.is_empty());
    }

    proptest! {
        #[test]
        fn garbage_between_packets_is_skipped_in_any_chunking(
            garbage in proptest::collection::vec((any::<u8>().prop_filter("no sync", |b| *b != SYNC), 0usize..600), 1..5),
            cuts in proptest::collection::vec(1usize..700, 1..40),
        ) {
            let mut bytes = Vec::new();
            let mut next = 1u8;
            for (byte, len) in &garbage {
                bytes.extend(std::iter::repeat_n(*byte, *len));
                for _ in 0..8 { bytes.extend(packet(next)); next += 1; }
            }
            // Packets hold no sync byte of their own as long as there are fewer than 0x47 of them.
            prop_assert!(next < SYNC);
            let (mut framer, mut out, mut rest) = (Framer::default(), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (head, tail) = rest.split_at(rest.len().min(*cut));
                framer.push(head, |packet| out.push(packet[1]));
                prop_assert!(framer.carry.len() < 5 * 204);
                rest = tail;
            }
            prop_assert_eq!(out, (1..next).collect::<Vec<u8>>());
            prop_assert_eq!(framer.skipped() as usize, garbage.iter().map(|(_, len)| len).sum::<usize>());
        }
    }
}
