//! A transport packet: 188 bytes, its header and adaptation field (ISO/IEC 13818-1, 2.4.3).

/// Bytes in a packet.
pub const PACKET: usize = 188;
/// The first byte of every packet.
pub const SYNC: u8 = 0x47;
/// Number of PIDs.
pub const PIDS: usize = 0x2000;
/// The PID of the program association table.
pub const PAT_PID: u16 = 0;
/// The PID of null packets.
pub const NULL_PID: u16 = 0x1fff;

/// A view of one packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a>(pub &'a [u8; PACKET]);

impl<'a> Packet<'a> {
    /// The receiver before us could not repair this packet; nothing in it can be relied on.
    #[inline]
    pub fn transport_error(self) -> bool {
        self.0[1] & 0x80 != 0
    }

    /// A section or PES packet starts in the payload.
    #[inline]
    pub fn unit_start(self) -> bool {
        self.0[1] & 0x40 != 0
    }

    /// 13 bits.
    #[inline]
    pub fn pid(self) -> u16 {
        u16::from_be_bytes([self.0[1] & 0x1f, self.0[2]])
    }

    /// The payload is scrambled.
    #[inline]
    pub fn scrambled(self) -> bool {
        self.0[3] & 0xc0 != 0
    }

    /// There is a payload, and the continuity counter counts.
    #[inline]
    pub fn has_payload(self) -> bool {
        self.0[3] & 0x10 != 0
    }

    /// Continuity counter, 4 bits.
    #[inline]
    pub fn counter(self) -> u8 {
        self.0[3] & 0x0f
    }

    /// Flags of the adaptation field; 0 without one.
    #[inline]
    fn flags(self) -> u8 {
        if self.0[3] & 0x20 != 0 && self.0[4] > 0 { self.0[5] } else { 0 }
    }

    /// The continuity counter, or with a PCR the clock, does not follow on purpose.
    #[inline]
    pub fn discontinuity(self) -> bool {
        self.flags() & 0x80 != 0
    }

    /// The sender claims that a decoder can start here.
    #[inline]
    pub fn random_access(self) -> bool {
        self.flags() & 0x40 != 0
    }

    /// Base of the program clock reference, 33 bits at 90 kHz.
    #[inline]
    pub fn pcr(self) -> Option<u64> {
        if self.flags() & 0x10 == 0 || self.0[4] < 7 {
            return None;
        }
        let base = u32::from_be_bytes([self.0[6], self.0[7], self.0[8], self.0[9]]);
        Some(u64::from(base) << 1 | u64::from(self.0[10] >> 7))
    }

    /// The payload; empty without one or when the adaptation field claims more than there is.
    #[inline]
    pub fn payload(self) -> &'a [u8] {
        match self.0[3] & 0x30 {
            0x10 => &self.0[4..],
            0x30 => self.0.get(5 + usize::from(self.0[4])..).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(head: &[u8]) -> [u8; PACKET] {
        let mut bytes = [0xaa; PACKET];
        bytes[..head.len()].copy_from_slice(head);
        bytes
    }

    #[test]
    fn reads_header_and_adaptation_field() {
        let bytes = packet(&[0x47, 0x41, 0x23, 0x3b, 7, 0xd0, 0x80, 0, 0, 0, 0xfe, 0]);
        let p = Packet(&bytes);
        assert!(p.unit_start() && p.has_payload() && p.discontinuity() && p.random_access());
        assert!(!p.transport_error() && !p.scrambled());
        assert_eq!((p.pid(), p.counter()), (0x123, 0xb));
        assert_eq!(p.pcr(), Some(0x1_0000_0001));
        assert_eq!(p.payload().len(), PACKET - 12);
    }

    #[test]
    fn survives_lies_about_lengths() {
        for (head, payload) in [
            (&[0x47, 0, 0, 0x30, 255][..], 0),
            (&[0x47, 0, 0, 0x30, 183], 0),
            (&[0x47, 0, 0, 0x30, 182], 1),
            (&[0x47, 0, 0, 0x30, 0], 183),
            (&[0x47, 0, 0, 0x10], 184),
            (&[0x47, 0, 0, 0x20, 183], 0),
            (&[0x47, 0, 0, 0x00], 0),
        ] {
            assert_eq!(Packet(&packet(head)).payload().len(), payload, "{head:?}");
        }
        assert_eq!(Packet(&packet(&[0x47, 0, 0, 0x20, 1, 0x10])).pcr(), None, "no room for a PCR");
    }
}
