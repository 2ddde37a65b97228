//! Damage, floods and arbitrary bytes: no panic, bounded memory, and back in step afterwards.

use proptest::prelude::*;

use super::mux::*;
use super::*;
use crate::lint::{Violation, lint_live};
use crate::ts::packet::PACKET;
use crate::window::{SequenceBase, Window, WindowConfig};

const GOP: u64 = 50 * FRAME;

#[test]
fn continuity_is_watched() {
    let input = channel(0, &[50, 50]);
    let packets = input.as_chunks::<PACKET>().0;
    let at = packets.iter().rposition(|packet| packet[2] == 1).unwrap();
    let without = |n: usize| [&packets[..n], &packets[n + 1..]].concat().concat();
    assert_eq!(run(&without(at - 30)).counters.continuity_errors, 1);
    // Once more is allowed, twice more is not.
    let twice = [&packets[..at], &packets[at..=at], &packets[at..]].concat().concat();
    assert_eq!(run(&twice).counters.continuity_errors, 0);
    let thrice = [&packets[..at], &[packets[at]; 2], &packets[at..]].concat().concat();
    assert_eq!(run(&thrice).counters.continuity_errors, 1);
}

#[test]
fn a_repeated_packet_starts_nothing_twice() {
    let input = channel(0, &[50, 50]);
    let mut twice = Vec::new();
    for packet in input.as_chunks::<PACKET>().0 {
        twice.extend([*packet, *packet].concat());
    }
    let run = check(&twice, "..", &[2.0, 2.0]);
    assert_eq!((run.counters.access_units, run.counters.continuity_errors), (100, 0));
}

#[test]
fn an_announced_discontinuity_of_the_counter_is_no_error() {
    let mut mux = Mux::default();
    mux.gop(0, 50);
    let mut other = Mux::default();
    other.gop(GOP, 20);
    other.frame(GOP + 20 * FRAME, &[INTER], Flags { discontinuity: true, ..Flags::default() });
    // Two packets of video, in front of two of audio.
    let from = other.out.len() - 4 * PACKET;
    mux.out.extend(&other.out[from..from + 2 * PACKET]);
    assert_eq!(run(&mux.out).counters.continuity_errors, 0);
}

#[test]
fn packets_with_errors_pass_and_are_not_believed() {
    let mut input = channel(0, &[50, 50, 50]);
    // The PAT and the map in front of the second GOP.
    let second =
        input.as_chunks::<PACKET>().0.iter().enumerate().filter(|(_, p)| p[1..3] == [0x40, 0]).nth(1).unwrap().0;
    for n in [second, second + 1] {
        input[n * PACKET + 1] |= 0x80;
        input[n * PACKET + 20] ^= 0xff;
    }
    let run = check(&input, "...", &[2.0, 2.0, 2.0]);
    assert_eq!((run.counters.transport_errors, run.counters.table_errors), (2, 0));
}

#[test]
fn scrambled_packets_are_counted() {
    let mut input = channel(0, &[50]);
    let video = input.as_chunks_mut::<PACKET>().0.iter_mut().filter(|packet| packet[2] == 0 && packet[1] & 1 == 1);
    let scrambled = video.map(|packet| packet[3] |= 0x80).count();
    let run = check(&input, "", &[]);
    assert_eq!(run.counters.scrambled_packets as usize, scrambled);
}

#[test]
fn floods_are_bounded() {
    let limit = CONFIG.max_bytes * 5 / 4 + 300_000;
    let mut nulls = Mux::default();
    nulls.gop(0, 10);
    nulls.nulls(20_000);
    let mut tables = Mux::default();
    tables.gop(0, 10);
    (0..10_000).for_each(|_| tables.tables(&[(0x1b, VIDEO), (0x0f, AUDIO)]));
    let mut endless = Mux::default();
    endless.gop(0, 10);
    (0..20_000).for_each(|_| endless.packet(VIDEO, false, &mut Vec::new(), &[0xab; 184]));
    let mut foreign = Mux::default();
    foreign.gop(0, 10);
    (0..20_000).for_each(|_| foreign.packet(0x333, true, &mut Vec::new(), &[0xab; 184]));
    let mut undecided = Mux::default();
    undecided.gop(0, 10);
    undecided.packet(
        VIDEO,
        true,
        &mut Vec::new(),
        &[&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1, 0, 0, 1, 6][..], &[5; 166]].concat(),
    );
    (0..20_000).for_each(|_| undecided.packet(0x333, false, &mut Vec::new(), &[0xab; 184]));
    for (mux, marks) in [(nulls, "."), (tables, "."), (endless, "."), (foreign, "."), (undecided, ".")] {
        let run = run_pieces(&CONFIG, &mux.out, &[1316]);
        assert!(run.held < limit, "{} held", run.held);
        assert!(run.cuts.iter().all(|cut| cut.payload.len() < limit));
        assert_eq!(run.marks(), marks);
        // And it recovers.
        let mut after = mux.clone();
        after.gop(100 * SECOND, 50);
        assert!(run_pieces(&CONFIG, &after.out, &[4000]).marks().ends_with('D'));
    }
}

/// A valid upstream with garbage between packets; at least five packets, which it takes to get back in step, behind it.
fn with_garbage(garbage: &[(usize, Vec<u8>)]) -> (Vec<u8>, Vec<u8>) {
    let clean = channel(0, &[50, 50, 50]);
    let packets = clean.as_chunks::<PACKET>().0;
    let mut dirty = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        for (_, bytes) in garbage.iter().filter(|(at, _)| *at % (packets.len() / 5 - 1) * 5 == n) {
            dirty.extend(bytes);
        }
        dirty.extend(packet);
    }
    (clean, dirty)
}

/// Damage to a valid upstream.
#[derive(Debug, Clone)]
enum Damage {
    Flip(usize, u8),
    Drop(usize, usize),
    Insert(usize, Vec<u8>),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        (any::<usize>(), 0usize..3000).prop_map(|(at, len)| Damage::Drop(at, len)),
        (any::<usize>(), proptest::collection::vec(any::<u8>(), 0..600))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (any::<usize>(), 0usize..60_000).prop_map(|(at, len)| Damage::Repeat(at, len)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    match damage {
        Damage::Flip(at, mask) => {
            let at = at % bytes.len();
            bytes[at] ^= mask;
        }
        Damage::Drop(at, len) => {
            let at = at % bytes.len();
            bytes.drain(at..(at + len).min(bytes.len() - 1).max(at));
        }
        Damage::Insert(at, garbage) => {
            let at = at % bytes.len();
            bytes.splice(at..at, garbage.iter().copied());
        }
        Damage::Repeat(at, len) => {
            let at = at % bytes.len();
            let piece = bytes[at..(at + len).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

/// Packets of PIDs that matter, with anything in them.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let pid = prop_oneof![Just(0u16), Just(VIDEO), Just(AUDIO), Just(MAP), Just(0x1fff), 0u16..0x2000];
    let start = prop_oneof![
        Just(vec![]),
        Just(vec![0, 0, 1, 0xe0, 0, 0, 0x80]),
        Just(vec![0, 2, 0xb0]),
        Just(vec![0, 0, 0xb0])
    ];
    (pid, any::<[u8; 3]>(), start, proptest::collection::vec(any::<u8>(), 184)).prop_map(|(pid, bits, start, body)| {
        let mut packet = vec![0x47, bits[0] & 0x60 | (pid >> 8) as u8, pid as u8, bits[1] & 0x3f];
        if packet[3] & 0x20 != 0 {
            packet.extend([bits[2] % 190, body[0]]);
        }
        packet.extend(start);
        packet.extend(body);
        packet.truncate(PACKET);
        packet
    })
}

fn same(one: &Run, other: &Run) {
    assert_eq!((one.seconds(), one.marks(), one.counters), (other.seconds(), other.marks(), other.counters));
    assert_eq!(one.codecs, other.codecs);
    assert!(one.cuts.iter().zip(&other.cuts).all(|(one, other)| one.payload == other.payload));
}

/// What is wrong with the playlists that a window makes of these segments.
fn playlists(cuts: Vec<Cut>) -> Vec<Violation> {
    let config = WindowConfig {
        listed_segments: 3,
        listed_duration: Duration::ZERO,
        target_duration: 2,
        uri_prefix: String::new(),
    };
    let mut window = Window::new(config, SequenceBase { media: 7, discontinuity: 3, target_duration: None });
    let mut now = Timestamp::UNIX_EPOCH;
    let snapshots = cuts.into_iter().map(|cut| {
        now += cut.duration;
        window.push(cut, now);
        window.playlist().to_string()
    });
    lint_live(snapshots.collect::<Vec<String>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_between_packets_changes_nothing(
        garbage in proptest::collection::vec((any::<usize>(), proptest::collection::vec(any::<u8>().prop_filter("no sync", |b| *b != 0x47), 1..700)), 0..6),
    ) {
        let (clean, dirty) = with_garbage(&garbage);
        let (clean_run, dirty_run) = (run(&clean), run(&dirty));
        prop_assert_eq!(dirty_run.counters.skipped_bytes as usize, dirty.len() - clean.len());
        let bytes = clean_run.counters.bytes;
        let counters = Counters { bytes, skipped_bytes: 0, ..dirty_run.counters };
        same(&clean_run, &Run { counters, ..dirty_run });
    }

    #[test]
    fn damage_never_panics_and_chunking_does_not_matter(
        damages in proptest::collection::vec(damage(), 1..12),
        pieces in proptest::collection::vec(1usize..3000, 1..20),
    ) {
        let mut bytes = channel(0, &[50, 30, 70]);
        damages.iter().for_each(|damage| apply(&mut bytes, damage));
        let config = SegmenterConfig { max_bytes: 30_000, ..CONFIG };
        let whole = run_pieces(&config, &bytes, &[bytes.len()]);
        let cut = run_pieces(&config, &bytes, &pieces);
        same(&whole, &cut);
        prop_assert!(cut.held < 30_000 * 5 / 4 + 300_000);
        prop_assert_eq!(playlists(whole.cuts), vec![]);
        // Whatever was damaged, what follows undamaged is cut again.
        let mut after = Mux::default();
        (0..4).for_each(|n| after.gop(1000 * SECOND + n * GOP, 50));
        bytes.extend(&after.out);
        prop_assert!(run(&bytes).seconds().ends_with(&[2.0, 2.0]), "{:?}", run(&bytes).seconds());
    }

    #[test]
    fn arbitrary_packets_never_panic(packets in proptest::collection::vec(any_packet(), 0..400)) {
        let (bytes, mut mux) = (packets.concat(), Mux::default());
        mux.gop(0, 5);
        let bytes = [&mux.out[..], &bytes].concat();
        same(&run(&bytes), &run_pieces(&CONFIG, &bytes, &[100, 1000]));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        let run = run_pieces(&CONFIG, &bytes, &[333]);
        prop_assert!(run.cuts.is_empty());
        prop_assert_eq!(run.counters.bytes as usize, bytes.len());
    }
}
