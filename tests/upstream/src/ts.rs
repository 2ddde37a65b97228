//! The little that the upstream knows of MPEG-TS: packet headers and timestamps, of streams it made itself.

/// Bytes of a packet.
pub(crate) const PACKET: usize = 188;

/// Ticks of the 90 kHz clock in a second.
pub(crate) const TICKS: u64 = 90_000;

/// PTS, DTS and the base of PCR count modulo 2^33.
pub(crate) const WRAP: u64 = 1 << 33;

/// The packet's PID.
pub(crate) fn pid(packet: &[u8]) -> u16 {
    u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2])
}

/// Whether a PES packet or section starts in it.
pub(crate) fn starts_unit(packet: &[u8]) -> bool {
    packet[1] & 0x40 != 0
}

fn adaptation(packet: &[u8]) -> Option<&[u8]> {
    let length = usize::from(packet[4]);
    (packet[3] & 0x20 != 0 && length > 0).then(|| packet.get(5..5 + length)).flatten()
}

/// Whether it is marked as a random access point.
pub(crate) fn is_random_access(packet: &[u8]) -> bool {
    adaptation(packet).is_some_and(|field| field[0] & 0x40 != 0)
}

/// The base of its PCR, in 90 kHz ticks.
pub(crate) fn pcr(packet: &[u8]) -> Option<u64> {
    let field = adaptation(packet)?;
    if field[0] & 0x10 == 0 || field.len() < 7 {
        return None;
    }
    Some(field[1..5].iter().fold(0, |base, byte| base << 8 | u64::from(*byte)) << 1 | u64::from(field[5] >> 7))
}

pub(crate) fn set_pcr(packet: &mut [u8], base: u64) {
    for (i, shift) in [25, 17, 9, 1].into_iter().enumerate() {
        packet[6 + i] = (base >> shift) as u8;
    }
    packet[10] = packet[10] & 0x7f | (base as u8 & 1) << 7;
}

/// Where the payload starts; none where there is none.
pub(crate) fn payload_start(packet: &[u8]) -> Option<usize> {
    let start = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
    (packet[3] & 0x10 != 0 && start < PACKET).then_some(start)
}

/// Whether it starts a PES packet of a picture.
pub(crate) fn starts_picture(packet: &[u8]) -> bool {
    starts_unit(packet)
        && payload_start(packet).is_some_and(|start| matches!(packet[start..], [0, 0, 1, 0xe0..=0xef, ..]))
}

/// Where PTS and, if there is one, DTS stand in a packet that starts a PES packet.
pub(crate) fn timestamps(packet: &[u8]) -> impl Iterator<Item = usize> {
    let flags_and_start = payload_start(packet).filter(|_| starts_unit(packet)).and_then(|start| {
        let pes = packet.get(start..)?;
        let is_media = matches!(pes, [0, 0, 1, 0xbd | 0xc0..=0xef | 0xfd, ..]);
        (is_media && pes.len() >= 19).then(|| (pes[7] >> 6, start))
    });
    let (flags, start) = flags_and_start.unwrap_or((0, 0));
    let pts = (flags & 2 != 0).then_some(start + 9);
    let dts = (flags == 3).then_some(start + 14);
    pts.into_iter().chain(dts)
}

pub(crate) fn read_timestamp(field: &[u8]) -> u64 {
    let [a, b, c, d, e] = [field[0], field[1], field[2], field[3], field[4]].map(u64::from);
    (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
}

pub(crate) fn write_timestamp(field: &mut [u8], value: u64) {
    field[0] = field[0] & 0xf1 | ((value >> 30) as u8 & 7) << 1;
    field[1] = (value >> 22) as u8;
    field[2] = field[2] & 1 | ((value >> 15) as u8) << 1;
    field[3] = (value >> 7) as u8;
    field[4] = field[4] & 1 | (value as u8) << 1;
}

/// A null packet.
pub(crate) fn null_packet() -> [u8; PACKET] {
    let mut packet = [0xff; PACKET];
    packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    packet
}
