//! Table sections: reassembly from packets, checksum, and back into packets (ISO/IEC 13818-1, 2.4.4).

use super::packet::{PACKET, SYNC};

/// Longest PAT or PMT section, header included.
pub const MAX_SECTION: usize = 1024;

/// Puts the sections of one PID together; holds at most one section.
#[derive(Debug, Default)]
pub struct Sections {
    open: Vec<u8>,
    broken: u64,
}

impl Sections {
    /// Takes a packet's payload and calls `sink` for each section that is complete and whose checksum is right. Returns how
    /// many were broken: wrong checksum or impossible length.
    pub fn push(&mut self, payload: &[u8], unit_start: bool, mut sink: impl FnMut(&[u8])) -> u64 {
        if unit_start {
            self.start(payload, &mut sink);
        } else if !self.open.is_empty() {
            self.feed(payload, &mut sink);
        }
        std::mem::take(&mut self.broken)
    }

    fn start(&mut self, payload: &[u8], sink: &mut impl FnMut(&[u8])) {
        let Some((pointer, rest)) = payload.split_first() else { return };
        let Some((tail, mut rest)) = rest.split_at_checked(usize::from(*pointer)) else {
            self.reset();
            return;
        };
        if !self.open.is_empty() {
            self.feed(tail, sink);
            self.open.clear();
        }
        while rest.first().is_some_and(|table| *table != 0xff) {
            let used = self.feed(rest, sink);
            rest = &rest[used..];
        }
    }

    /// Forgets a partial section, because a packet is missing.
    pub fn reset(&mut self) {
        self.open.clear();
    }

    /// Adds to the open section, hands it on when it is complete; returns how many bytes belonged to it (never 0 unless
    /// `bytes` is empty).
    fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> usize {
        let head = bytes.len().min(3usize.saturating_sub(self.open.len()));
        self.open.extend_from_slice(&bytes[..head]);
        let Some(length) = section_length(&self.open) else { return head };
        if !(12..=MAX_SECTION).contains(&length) {
            self.broken += 1;
            self.open.clear();
            return bytes.len();
        }
        let body = (length - self.open.len()).min(bytes.len() - head);
        self.open.extend_from_slice(&bytes[head..head + body]);
        if self.open.len() == length {
            if crc32(&self.open) == 0 {
                sink(&self.open);
            } else {
                self.broken += 1;
            }
            self.open.clear();
        }
        head + body
    }
}

fn section_length(section: &[u8]) -> Option<usize> {
    let [_, high, low, ..] = *section else { return None };
    Some(3 + usize::from(u16::from_be_bytes([high & 0x0f, low])))
}

/// Lays a section out in packets of its own, continuity counters all 0, stuffed with 0xff.
pub fn packetize(pid: u16, section: &[u8]) -> Vec<u8> {
    let [high, low] = pid.to_be_bytes();
    let mut packets = Vec::with_capacity(PACKET * (1 + section.len() / (PACKET - 4)));
    let mut rest = section;
    let mut start = true;
    while start || !rest.is_empty() {
        let end = packets.len() + PACKET;
        packets.extend_from_slice(&[SYNC, high | if start { 0x40 } else { 0 }, low, 0x10]);
        if start {
            packets.push(0);
        }
        let (piece, next) = rest.split_at(rest.len().min(end - packets.len()));
        packets.extend_from_slice(piece);
        packets.resize(end, 0xff);
        (rest, start) = (next, false);
    }
    packets
}

/// Appends the checksum to a section that lacks it.
pub fn seal(section: &mut Vec<u8>) {
    let crc = crc32(section);
    section.extend_from_slice(&crc.to_be_bytes());
}

/// CRC-32/MPEG-2; over a section with its checksum it is 0.
pub fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| crc << 8 ^ CRC_TABLE[usize::from((crc >> 24) as u8 ^ byte)])
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut crc = (n as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ts::packet::Packet;

    /// A private section with a body of `len` bytes.
    fn section(len: usize, fill: u8) -> Vec<u8> {
        let length = len + 9;
        let mut section = vec![0x42, 0xb0 | (length >> 8) as u8, length as u8, 0, 1, 0xc1, 0, 0];
        section.extend(std::iter::repeat_n(fill, len));
        seal(&mut section);
        section
    }

    fn collect(sections: &mut Sections, payload: &[u8], unit_start: bool) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        sections.push(payload, unit_start, |section| out.push(section.to_vec()));
        out
    }

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
        assert_eq!(crc32(&section(10, 7)), 0);
    }

    #[test]
    fn a_broken_section_is_counted_and_dropped() {
        let mut bytes = section(10, 7);
        bytes[9] ^= 1;
        let mut sections = Sections::default();
        for (payload, why) in [
            (&[&[0][..], &bytes].concat()[..], "wrong checksum"),
            (&[0, 2, 0xbf, 0xff, 1, 2], "too long"),
            (&[0, 2, 0xb0, 3, 1, 2, 3], "too short"),
        ] {
            assert_eq!(sections.push(payload, true, |_| panic!("{why}")), 1, "{why}");
        }
        assert!(collect(&mut sections, &[200, 1, 2], true).is_empty(), "the pointer leads outside");
        assert_eq!(collect(&mut sections, &[&[0][..], &section(3, 1)].concat(), true).len(), 1, "and it goes on");
    }

    #[test]
    fn a_missing_packet_costs_its_section_only() {
        let packets = packetize(17, &section(400, 3));
        let mut sections = Sections::default();
        for (n, packet) in packets.as_chunks().0.iter().enumerate() {
            let packet = Packet(packet);
            if n == 1 {
                sections.reset();
                continue;
            }
            assert!(collect(&mut sections, packet.payload(), packet.unit_start()).is_empty());
        }
        assert_eq!(collect(&mut sections, &[&[0][..], &section(3, 1)].concat(), true).len(), 1);
    }

    proptest! {
        #[test]
        fn sections_survive_packets(lens in proptest::collection::vec(0usize..1000, 1..6)) {
            let all: Vec<Vec<u8>> = lens.iter().enumerate().map(|(n, len)| section(*len, n as u8)).collect();
            let (mut sections, mut out) = (Sections::default(), Vec::new());
            for section in &all {
                let packets = packetize(0x1abc, section);
                prop_assert_eq!(packets.len() % PACKET, 0);
                for packet in packets.as_chunks().0 {
                    let packet = Packet(packet);
                    prop_assert_eq!(packet.pid(), 0x1abc);
                    sections.push(packet.payload(), packet.unit_start(), |section| out.push(section.to_vec()));
                }
            }
            prop_assert_eq!(out, all);
        }

        #[test]
        fn sections_packed_back_to_back(lens in proptest::collection::vec(0usize..300, 1..8)) {
            let all: Vec<Vec<u8>> = lens.iter().enumerate().map(|(n, len)| section(*len, n as u8)).collect();
            let bytes = all.concat();
            let mut starts: Vec<usize> = Vec::new();
            for section in &all { starts.push(starts.last().map_or(0, |last: &usize| *last) + section.len()) }
            starts.insert(0, 0);
            // Payloads of 184 bytes; one in which a section starts carries a pointer to the first such start.
            let (mut sections, mut out, mut at) = (Sections::default(), Vec::new(), 0);
            while at < bytes.len() {
                let start = starts.iter().find(|start| **start >= at && **start < at + 183);
                // A section that would start in the byte that no pointer leads to waits for the next payload.
                let room = if start.is_some() || starts.contains(&(at + 183)) { 183 } else { 184 };
                let mut payload = start.map(|start| (start - at) as u8).into_iter().collect::<Vec<u8>>();
                payload.extend(&bytes[at..bytes.len().min(at + room)]);
                payload.resize(184, 0xff);
                sections.push(&payload, start.is_some(), |section| out.push(section.to_vec()));
                at += room;
            }
            prop_assert_eq!(out, all);
        }

        #[test]
        fn arbitrary_payloads_never_panic(payloads in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..184), any::<bool>()), 0..50)) {
            let mut sections = Sections::default();
            for (payload, start) in payloads {
                sections.push(&payload, start, |section| assert!(section.len() <= MAX_SECTION));
                prop_assert!(sections.open.len() <= MAX_SECTION);
            }
        }
    }
}
