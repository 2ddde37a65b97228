//! What the first program with a map carries, found without cutting anything.

use super::framing::Framer;
use super::packet::{PAT_PID, Packet};
use super::psi::Kind;
use super::tables::Tables;

/// Elementary streams of a program, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackCount {
    /// There are pictures.
    pub video: bool,
    /// Audio tracks.
    pub audio: usize,
}

/// Looks for the first map.
#[derive(Debug, Default)]
pub struct TrackScan {
    framer: Framer,
    tables: Tables,
}

impl TrackScan {
    /// Takes bytes of any size and alignment; the tracks, once they are known.
    pub fn push(&mut self, bytes: &[u8]) -> Option<TrackCount> {
        let (tables, mut events) = (&mut self.tables, Vec::new());
        self.framer.push(bytes, |packet| {
            let packet = Packet(packet);
            let pid = packet.pid();
            if pid == PAT_PID || tables.map_pids().any(|map| map == pid) {
                tables.push(packet, &mut events);
            }
        });
        let map = self.tables.program()?.map();
        let audio = map.elementary.iter().filter(|stream| matches!(stream.kind, Kind::Audio(_))).count();
        Some(TrackCount { video: map.elementary.iter().any(|stream| matches!(stream.kind, Kind::Video(_))), audio })
    }
}
