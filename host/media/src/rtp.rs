//! MPEG-TS out of datagrams: bare (a whole number of packets) or in RTP (RFC 3550, RFC 2250), told apart by their first byte. RTP packets
//! that overtook each other are put back in order; what does not come within a few packets is given up and counted.

use bytes::{Bytes, BytesMut};

use crate::ts::packet::SYNC;

/// RTP packets held back while one before them is missing: at 7 TS packets each and 10 Mb/s about 20 ms.
const HELD: usize = 16;
/// A sequence number that is this far away belongs to another run: the sender started anew.
const FAR: u16 = 1000;

/// Takes MPEG-TS out of the datagrams of one sender.
#[derive(Debug, Default)]
pub struct Depacketizer {
    /// The next sequence number that is due.
    next: Option<u16>,
    /// Came early; in order.
    held: Vec<(u16, Bytes)>,
    lost: u64,
}

impl Depacketizer {
    /// Appends what is due to `out`. Datagrams that are neither MPEG-TS nor RTP are left out.
    pub fn push(&mut self, datagram: &Bytes, out: &mut BytesMut) {
        match datagram.first() {
            Some(&SYNC) => out.extend_from_slice(datagram),
            Some(first) if first >> 6 == 2 => {
                if let Some((sequence, payload)) = rtp(datagram) {
                    self.ordered(sequence, payload, out);
                }
            }
            _ => {}
        }
    }

    /// RTP packets that never came, or too late.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn ordered(&mut self, sequence: u16, payload: Bytes, out: &mut BytesMut) {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next);
        if ahead == 0 {
            out.extend_from_slice(&payload);
            self.next = Some(sequence.wrapping_add(1));
            self.release(out);
        } else if ahead < FAR {
            let at = self.held.partition_point(|(held, _)| held.wrapping_sub(next) < ahead);
            if self.held.get(at).is_some_and(|(held, _)| *held == sequence) {
                return;
            }
            self.held.insert(at, (sequence, payload));
            if self.held.len() > HELD {
                self.give_up(out);
            }
        } else if next.wrapping_sub(sequence) >= FAR {
            self.flush(out);
            out.extend_from_slice(&payload);
            self.next = Some(sequence.wrapping_add(1));
        }
        // Otherwise it comes twice, or after it was given up.
    }

    /// What was missing will not come: goes on with the first one held.
    fn give_up(&mut self, out: &mut BytesMut) {
        let (Some(next), Some((first, _))) = (self.next, self.held.first()) else { return };
        self.lost += u64::from(first.wrapping_sub(next));
        self.next = Some(*first);
        self.release(out);
    }

    /// Hands out what continues without a gap.
    fn release(&mut self, out: &mut BytesMut) {
        let due = self
            .held
            .iter()
            .zip(0u16..)
            .take_while(|((held, _), n)| self.next.is_some_and(|next| *held == next.wrapping_add(*n)));
        let count = due.count();
        for (sequence, payload) in self.held.drain(..count) {
            out.extend_from_slice(&payload);
            self.next = Some(sequence.wrapping_add(1));
        }
    }

    fn flush(&mut self, out: &mut BytesMut) {
        while !self.held.is_empty() {
            self.give_up(out);
        }
    }
}

/// Sequence number and payload of an RTP packet (RFC 3550, 5.1).
fn rtp(datagram: &Bytes) -> Option<(u16, Bytes)> {
    let [first, _, high, low, ..] = **datagram else { return None };
    let sources = usize::from(first & 0x0f) * 4;
    let mut start = 12 + sources;
    if first & 0x10 != 0 {
        let length = datagram.get(start + 2..start + 4)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
    let padding = if first & 0x20 != 0 { usize::from(*datagram.last()?) } else { 0 };
    let end = datagram.len().checked_sub(padding)?;
    // Anything else in RTP is not for us.
    if start >= end || datagram[start] != SYNC {
        return None;
    }
    Some((u16::from_be_bytes([high, low]), datagram.slice(start..end)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(sequence: u16, mark: u8) -> Bytes {
        let [high, low] = sequence.to_be_bytes();
        Bytes::copy_from_slice(&[0x80, 33, high, low, 0, 0, 0, 0, 0, 0, 0, 1, SYNC, mark])
    }

    fn marks(sequences: &[u16]) -> (Vec<u8>, u64) {
        let (mut depacketizer, mut out) = (Depacketizer::default(), BytesMut::new());
        for (sequence, mark) in sequences.iter().zip(0..) {
            depacketizer.push(&packet(*sequence, mark), &mut out);
        }
        (out.chunks(2).map(|pair| pair[1]).collect(), depacketizer.lost())
    }

    #[test]
    fn order_is_restored() {
        for (sequences, expected, lost) in [
            (vec![7, 8, 9], vec![0, 1, 2], 0),
            (vec![65534, 65535, 0, 1], vec![0, 1, 2, 3], 0),
            (vec![1, 3, 2, 4], vec![0, 2, 1, 3], 0),
            (vec![1, 2, 2, 1, 3], vec![0, 1, 4], 0),
            (vec![65535, 1, 0, 2], vec![0, 2, 1, 3], 0),
            (vec![5, 30_000, 30_001], vec![0, 1, 2], 0),
        ] {
            assert_eq!(marks(&sequences), (expected, lost), "{sequences:?}");
        }
    }

    #[test]
    fn what_does_not_come_is_given_up() {
        let sequences: Vec<u16> = std::iter::once(1).chain(5..5 + 20).collect();
        let (marks, lost) = marks(&sequences);
        assert_eq!(marks, (0..21).collect::<Vec<u8>>());
        assert_eq!(lost, 3);
    }

    #[test]
    fn headers_of_any_shape() {
        let bare = Bytes::from_static(&[SYNC, 1, 2]);
        let sources = Bytes::from_static(&[0x81, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9, SYNC]);
        let extension = Bytes::from_static(&[0x90, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, SYNC, 4]);
        let padding = Bytes::from_static(&[0xa0, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, SYNC, 5, 0, 2]);
        let video = Bytes::from_static(&[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x65, 5]);
        for (datagram, expected) in [
            (bare, &[SYNC, 1, 2][..]),
            (sources, &[SYNC]),
            (extension, &[SYNC, 4]),
            (padding, &[SYNC, 5]),
            (video, &[]),
            (Bytes::from_static(&[0x12, 3]), &[]),
            (Bytes::new(), &[]),
        ] {
            let mut out = BytesMut::new();
            Depacketizer::default().push(&datagram, &mut out);
            assert_eq!(&out[..], expected, "{datagram:?}");
        }
    }

    proptest! {
        #[test]
        fn any_datagrams(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..60)) {
            let (mut depacketizer, mut out) = (Depacketizer::default(), BytesMut::new());
            for datagram in &datagrams {
                depacketizer.push(&Bytes::copy_from_slice(datagram), &mut out);
            }
            prop_assert!(out.len() <= datagrams.iter().map(Vec::len).sum());
            prop_assert!(depacketizer.held.len() <= HELD + 1);
        }

        #[test]
        fn nothing_is_lost_within_the_window(swaps in prop::collection::vec(0usize..39, 0..20), first in any::<u16>()) {
            let mut order: Vec<u16> = (0..40u16).collect();
            // Neighbours change places, but the first one fixes where the run starts.
            for at in swaps {
                if at > 0 { order.swap(at, at + 1); }
            }
            let disorder = order.iter().zip(0u16..).map(|(n, at)| n.abs_diff(at)).max().unwrap();
            prop_assume!(usize::from(disorder) < HELD);
            let (mut depacketizer, mut out) = (Depacketizer::default(), BytesMut::new());
            for n in &order {
                depacketizer.push(&packet(first.wrapping_add(*n), u8::try_from(*n).unwrap()), &mut out);
            }
            let marks: Vec<u8> = out.chunks(2).map(|pair| pair[1]).collect();
            prop_assert_eq!(marks, (0..40).collect::<Vec<u8>>());
            prop_assert_eq!(depacketizer.lost(), 0);
        }
    }
}
