//! Moves timestamps and mends continuity counters, so that a clip can repeat without a seam.

use crate::ts;

/// Works on one connection's packets, in order.
pub(crate) struct Restamper {
    /// The next counter of each PID; 16 for a PID not yet seen.
    counters: Vec<u8>,
}

impl Restamper {
    pub(crate) fn new() -> Self {
        Self { counters: vec![16; 8192] }
    }

    /// Adds `ticks` to every timestamp of whole packets and numbers them on.
    pub(crate) fn apply(&mut self, packets: &mut [u8], ticks: u64) {
        for packet in packets.chunks_exact_mut(ts::PACKET) {
            if ticks != 0 {
                shift(packet, ticks);
            }
            self.count(packet);
        }
    }

    fn count(&mut self, packet: &mut [u8]) {
        let pid = ts::pid(packet);
        let next = &mut self.counters[usize::from(pid)];
        if pid == 0x1fff || packet[3] & 0x10 == 0 {
            return;
        }
        if *next > 15 {
            *next = packet[3] & 15;
        }
        packet[3] = packet[3] & 0xf0 | *next;
        *next = (*next + 1) & 15;
    }
}

/// Adds `ticks` to PCR, PTS and DTS of a packet.
pub(crate) fn shift(packet: &mut [u8], ticks: u64) {
    if let Some(pcr) = ts::pcr(packet) {
        ts::set_pcr(packet, (pcr + ticks) % ts::WRAP);
    }
    let fields: Vec<usize> = ts::timestamps(packet).collect();
    for at in fields {
        let value = ts::read_timestamp(&packet[at..at + 5]);
        ts::write_timestamp(&mut packet[at..at + 5], (value + ticks) % ts::WRAP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_round_trip_through_their_fields() {
        for value in [0, 1, 0x7fff, 0x8000, 0x1_2345_6789, ts::WRAP - 1] {
            let mut field = [0x21, 0x00, 0x01, 0x00, 0x01];
            ts::write_timestamp(&mut field, value);
            assert_eq!(ts::read_timestamp(&field), value);
            assert_eq!((field[0] & 0xf1, field[2] & 1, field[4] & 1), (0x21, 1, 1), "marker bits stay");
        }
    }

    #[test]
    fn a_pcr_is_moved_and_wraps() {
        let mut packet = ts::null_packet();
        packet[..6].copy_from_slice(&[0x47, 0x01, 0x00, 0x30, 7, 0x10]);
        ts::set_pcr(&mut packet, ts::WRAP - 1);
        shift(&mut packet, 11);
        assert_eq!(ts::pcr(&packet), Some(10));
    }
}
