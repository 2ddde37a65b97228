//! As much of MPEG-TS as it takes to see what FFmpeg wrote: programs, their tracks, and where keyframes are.

use std::collections::BTreeMap;

pub(crate) const H264: u8 = 0x1b;
pub(crate) const HEVC: u8 = 0x24;
pub(crate) const AAC: u8 = 0x0f;

#[derive(Debug, Default)]
pub(crate) struct Transport {
    pub(crate) programs: BTreeMap<u16, Tracks>,
    /// Presentation times of random access points, in 90 kHz, by PID.
    pub(crate) keyframes: BTreeMap<u16, Vec<u64>>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Tracks {
    pub(crate) pcr: u16,
    /// Stream type and PID of each.
    pub(crate) tracks: Vec<(u8, u16)>,
}

impl Tracks {
    pub(crate) fn types(&self) -> Vec<u8> {
        self.tracks.iter().map(|(kind, _)| *kind).collect()
    }

    pub(crate) fn pid(&self, kind: u8) -> u16 {
        self.tracks.iter().find(|(found, _)| *found == kind).unwrap_or_else(|| panic!("no {kind:#x} in {self:?}")).1
    }
}

fn word(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// Reads tables that fit into one packet, which FFmpeg's do.
pub(crate) fn read(media: &[u8]) -> Transport {
    let mut transport = Transport::default();
    let mut maps: BTreeMap<u16, u16> = BTreeMap::new();
    for packet in media.chunks_exact(188) {
        assert_eq!(packet[0], 0x47, "out of step");
        let (starts, pid) = (packet[1] & 0x40 != 0, word(&packet[1..]) & 0x1fff);
        let has_adaptation = packet[3] & 0x20 != 0;
        let at = if has_adaptation { 5 + usize::from(packet[4]) } else { 4 };
        if !starts || at >= 188 {
            continue;
        }
        let payload = &packet[at..];
        if pid == 0 {
            let table = section(payload);
            maps.extend(
                table[8..table.len() - 4].chunks_exact(4).map(|entry| (word(&entry[2..]) & 0x1fff, word(entry))),
            );
            maps.retain(|_, number| *number != 0);
        } else if let Some(number) = maps.get(&pid) {
            transport.programs.insert(*number, tracks(section(payload)));
        } else if has_adaptation && packet[4] > 0 && packet[5] & 0x40 != 0 && payload.starts_with(&[0, 0, 1]) {
            transport.keyframes.entry(pid).or_default().push(presented_at(payload));
        }
    }
    transport
}

fn section(payload: &[u8]) -> &[u8] {
    let table = &payload[1 + usize::from(payload[0])..];
    &table[..3 + usize::from(word(&table[1..]) & 0xfff)]
}

fn tracks(table: &[u8]) -> Tracks {
    let mut tracks = Tracks { pcr: word(&table[8..]) & 0x1fff, tracks: Vec::new() };
    let mut rest = &table[12 + usize::from(word(&table[10..]) & 0xfff)..table.len() - 4];
    while rest.len() >= 5 {
        tracks.tracks.push((rest[0], word(&rest[1..]) & 0x1fff));
        rest = &rest[5 + usize::from(word(&rest[3..]) & 0xfff)..];
    }
    tracks
}

fn presented_at(packet: &[u8]) -> u64 {
    let time: Vec<u64> = packet[9..14].iter().map(|byte| u64::from(*byte)).collect();
    (time[0] >> 1 & 7) << 30 | time[1] << 22 | time[2] >> 1 << 15 | time[3] << 7 | time[4] >> 1
}
