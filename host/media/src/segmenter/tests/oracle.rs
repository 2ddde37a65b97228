//! Concatenated segments equal the input from the first random access point on, PAT/PMT and null packets aside.

use super::{Run, mux};
use crate::ts::packet::{PACKET, PAT_PID, Packet};

/// Packets that pass byte for byte.
pub(super) fn passing(bytes: &[u8], map_pid: u16) -> Vec<&[u8; PACKET]> {
    let aside = [PAT_PID, map_pid, 0x1fff];
    bytes.as_chunks().0.iter().filter(|packet| !aside.contains(&Packet(packet).pid())).collect()
}

/// Checks the segments against the input from its packet number `from` on (of those that pass).
#[track_caller]
pub(super) fn check_from(input: &[u8], run: &Run, map_pid: u16, from: usize) {
    let expected = &passing(input, map_pid)[from..];
    let all: Vec<u8> = run.cuts.iter().flat_map(|cut| cut.payload.to_vec()).collect();
    let got = passing(&all, map_pid);
    let differs = got.iter().zip(expected).position(|(got, expected)| got != expected);
    assert_eq!(differs, None, "of {} packets", expected.len());
    assert_eq!(got.len(), expected.len());
    check_tables(run, map_pid);
}

/// Each segment starts with PAT and PMT, and their continuity counters go on from segment to segment.
#[track_caller]
pub(super) fn check_tables(run: &Run, map_pid: u16) {
    let mut next = [None, None];
    for (n, cut) in run.cuts.iter().enumerate() {
        let payload = cut.payload.to_vec();
        let (packets, []) = payload.as_chunks() else { panic!("segment {n} is not made of packets") };
        let pids: Vec<u16> = packets.iter().take(2).map(|packet| Packet(packet).pid()).collect();
        assert_eq!(pids, [PAT_PID, map_pid], "segment {n}");
        for packet in packets.iter().map(Packet).filter(|packet| [PAT_PID, map_pid].contains(&packet.pid())) {
            let next = &mut next[usize::from(packet.pid() == map_pid)];
            assert!(next.is_none_or(|next| next == packet.counter()), "segment {n}, PID {}", packet.pid());
            *next = Some((packet.counter() + 1) & 15);
        }
    }
}

/// The number of the first packet, of those that pass, that starts an access unit marked as random access point.
pub(super) fn first_marked(input: &[u8], map_pid: u16, pid: u16) -> usize {
    let marked = |packet: Packet<'_>| packet.pid() == pid && packet.unit_start() && packet.random_access();
    passing(input, map_pid).into_iter().position(|packet| marked(Packet(packet))).expect("a random access point")
}

#[test]
fn the_multiplexer_and_the_oracle_agree() {
    let mut mux = mux::Mux::default();
    mux.inter(0, 3);
    mux.nulls(4);
    mux.gop(10 * mux::FRAME, 5);
    let first = first_marked(&mux.out, mux::MAP, mux::VIDEO);
    // Three frames of two packets of video and two of audio.
    assert_eq!(first, 3 * 4);
}
