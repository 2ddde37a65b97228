//! Tables that change, several programs, and audio without video.

use super::mux::*;
use super::*;

const GOP: u64 = 50 * FRAME;
const BOTH: &[(u8, u16)] = &[(0x1b, VIDEO), (0x0f, AUDIO)];

#[test]
fn other_audio_is_a_discontinuity_at_the_next_random_access_point() {
    let mut mux = Mux::default();
    mux.gop(0, 25);
    mux.section(MAP, &map(1, &[(0x1b, VIDEO), (0x81, 0x105)]));
    mux.inter(SECOND, 10);
    mux.bare_gop(SECOND + 10 * FRAME, 50, SMALL);
    let run = check(&mux.out, ".D", &[1.4, 2.0]);
    assert_eq!(
        run.codecs.iter().map(|(n, codecs)| (*n, codecs.names[1].as_str())).collect::<Vec<_>>(),
        [(0, "mp4a.40.2"), (1, "ac-3")]
    );
    oracle::check_from(&mux.out, &run, MAP, 0);
}

#[test]
fn another_video_stream_ends_the_segment_on_the_spot() {
    let mut mux = Mux::default();
    mux.gop(0, 25);
    mux.section(MAP, &map(1, &[(0x1b, 0x200), (0x0f, AUDIO)]));
    mux.inter(SECOND, 10);
    for n in 0..50 {
        let body: &[&[u8]] = if n == 10 { &[SMALL, IDR] } else { &[INTER] };
        mux.pes(0x200, 50 * SECOND + n * FRAME, None, &body.concat(), Flags::default());
    }
    check(&mux.out, ".D", &[1.0, 1.6]);
}

#[test]
fn another_sequence_header_is_a_discontinuity() {
    let mut mux = Mux::default();
    mux.gop(0, 25);
    mux.bare_gop(SECOND, 25, LARGE);
    mux.bare_gop(2 * SECOND, 25, LARGE);
    mux.bare_gop(3 * SECOND, 25, LARGE);
    let run = check(&mux.out, ".D.", &[1.0, 2.0, 1.0]);
    let seen: Vec<_> = run.codecs.iter().map(|(n, codecs)| (*n, codecs.names[0].as_str(), codecs.resolution)).collect();
    assert_eq!(seen, [(0, "avc1.64000c", Some((320, 180))), (1, "avc1.64001f", Some((1280, 720)))]);
    oracle::check_from(&mux.out, &run, MAP, 0);
}

#[test]
fn a_new_version_with_the_same_streams_changes_nothing() {
    let mut mux = Mux::default();
    mux.gop(0, 25);
    let mut section = map(1, BOTH);
    section[5] = 0xc3;
    section.truncate(section.len() - 4);
    crate::ts::section::seal(&mut section);
    mux.section(MAP, &section);
    mux.inter(SECOND, 25);
    mux.bare_gop(GOP, 50, SMALL);
    let run = check(&mux.out, "..", &[2.0, 2.0]);
    assert_eq!(run.cuts[1].payload.to_vec()[188 + 10], 0xc3, "the new section is repeated");
}

#[test]
fn the_program_goes_and_another_comes() {
    let mut mux = Mux::default();
    mux.gop(0, 30);
    mux.section(0, &pat(&[(7, 0x1007)]));
    mux.inter(30 * FRAME, 10);
    mux.section(0x1007, &map(7, BOTH));
    mux.bare_gop(40 * FRAME, 50, SMALL);
    let run = run(&mux.out);
    assert_eq!((run.marks(), run.seconds()), (".D".to_owned(), vec![1.2, 2.0]));
    assert_eq!(crate::ts::packet::Packet(run.cuts[1].payload.to_vec()[188..].first_chunk().unwrap()).pid(), 0x1007);
}

#[test]
fn the_map_moves_to_another_pid() {
    let mut mux = Mux::default();
    mux.gop(0, 30);
    mux.section(0, &pat(&[(1, 0x1007)]));
    mux.inter(30 * FRAME, 20);
    mux.section(0x1007, &map(1, BOTH));
    mux.bare_gop(GOP, 50, SMALL);
    let run = check(&mux.out, "..", &[2.0, 2.0]);
    assert_eq!(crate::ts::packet::Packet(run.cuts[1].payload.to_vec()[188..].first_chunk().unwrap()).pid(), 0x1007);
}

#[test]
fn of_several_programs_the_first_with_video_is_cut_out() {
    let mut mux = Mux::default();
    for n in 0..2 {
        mux.section(0, &pat(&[(1, 0x1001), (2, MAP), (3, 0x1003)]));
        mux.section(0x1003, &map(3, &[(0x1b, 0x300)]));
        mux.section(MAP, &map(2, BOTH));
        mux.section(0x1001, &map(1, &[(0x0f, 0x110)]));
        for frame in 0..50 {
            let time = n * GOP + frame * FRAME;
            mux.pes(0x300, time, None, &[SMALL, IDR].concat(), Flags::default());
            mux.pes(0x110, time, None, &[0xff, 0xf1, 0x50, 0x80], Flags::default());
            let body: &[&[u8]] = if frame == 0 { &[LARGE, IDR] } else { &[INTER] };
            mux.frame(time, body, Flags::default());
        }
    }
    let run = check(&mux.out, "..", &[2.0, 2.0]);
    assert_eq!(run.codecs[0].1.resolution, Some((1280, 720)));
    let all: Vec<u8> = run.cuts.iter().flat_map(|cut| cut.payload.to_vec()).collect();
    let own: Vec<_> =
        oracle::passing(&mux.out, MAP).into_iter().filter(|p| matches!(p[2], 0 | 1) && p[1] & 0x1f == 1).collect();
    assert_eq!(oracle::passing(&all, MAP), own, "a segment holds a single program");
    assert_eq!(crate::ts::psi::Pat::parse(&all[5..5 + 16]).unwrap().programs, [(2, MAP)]);
    oracle::check_tables(&run, MAP);
}

#[test]
fn a_program_without_a_map_is_passed_over() {
    let mut mux = Mux::default();
    for n in 0..5 {
        mux.section(0, &pat(&[(1, 0x1001), (2, MAP)]));
        mux.section(MAP, &map(2, BOTH));
        mux.bare_gop(n * GOP, 50, SMALL);
    }
    check(&mux.out, "...", &[2.0, 2.0, 2.0]);
}

#[test]
fn long_maps_span_packets() {
    let streams: Vec<(u8, u16)> = BOTH.iter().copied().chain((0..100).map(|n| (0x0f, 0x400 + n))).collect();
    let mut mux = Mux::default();
    for n in 0..3 {
        mux.tables(&streams);
        mux.bare_gop(n * GOP, 50, SMALL);
    }
    let run = check(&mux.out, "...", &[2.0, 2.0, 2.0]);
    oracle::check_from(&mux.out, &run, MAP, 0);
    // A broken one is not repeated, and the good one stays.
    mux.tables(BOTH);
    let at = mux.out.len() - 188 + 30;
    mux.out[at - 10] ^= 1;
    mux.bare_gop(3 * GOP, 50, SMALL);
    let run = check(&mux.out, "....", &[2.0, 2.0, 2.0, 2.0]);
    assert_eq!(run.counters.table_errors, 1);
}

#[test]
fn audio_alone_is_cut_where_a_pes_packet_starts() {
    let mut mux = Mux::default();
    mux.tables(&[(0x0f, AUDIO)]);
    for n in 0..500 {
        mux.sound(n * 1920);
    }
    let run = check(&mux.out, "......", &[1.963, 1.963, 1.963, 1.963, 1.963, 0.853]);
    assert_eq!(run.codecs[0].1.names, ["mp4a.40.2"]);
    oracle::check_from(&mux.out, &run, MAP, 0);
}
