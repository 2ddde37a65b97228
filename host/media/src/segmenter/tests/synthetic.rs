//! One rule of cutting per test.

use super::mux::*;
use super::*;
use crate::ts::packet::Packet;

const GOP: u64 = 50 * FRAME;

#[test]
fn cuts_at_random_access_points() {
    let input = channel(7 * SECOND, &[50, 50, 25, 25, 75]);
    let run = check(&input, "....", &[2.0, 2.0, 2.0, 3.0]);
    oracle::check_from(&input, &run, MAP, 0);
    let names = vec!["avc1.64000c".to_owned(), "mp4a.40.2".to_owned()];
    assert_eq!(run.codecs, [(0, Codecs { names, resolution: Some((320, 180)), frame_rate: Some(25.0) })]);
    assert_eq!(run.counters.access_units, 225);
}

#[test]
fn nothing_comes_before_the_first_random_access_point() {
    let mut mux = Mux::default();
    mux.tables(&[(0x1b, VIDEO), (0x0f, AUDIO)]);
    for n in 0..60 * 25 {
        mux.inter(n * FRAME, 1);
    }
    let nothing = check(&mux.out, "", &[]);
    assert!(nothing.held < 10_000 && nothing.codecs.is_empty());
    let before = oracle::passing(&mux.out, MAP).len();
    mux.gop(60 * SECOND, 50);
    let run = check(&mux.out, ".", &[2.0]);
    oracle::check_from(&mux.out, &run, MAP, before);
}

#[test]
fn a_wrap_of_the_clock_is_no_jump() {
    let input = channel(MASK + 1 - GOP - 17, &[50, 50, 50]);
    let run = check(&input, "...", &[2.0, 2.0, 2.0]);
    assert_eq!(run.counters.clock_jumps, 0);
    oracle::check_from(&input, &run, MAP, 0);
}

#[test]
fn a_jump_is_a_discontinuity() {
    for (from, to) in [(100, 10), (100, 110), (100, 95_440), (100, 0)] {
        let mut mux = Mux::default();
        mux.gop(from * SECOND, 30);
        mux.gop(to * SECOND, 50);
        mux.gop(to * SECOND + GOP, 50);
        let run = check(&mux.out, ".D.", &[1.2, 2.0, 2.0]);
        assert_eq!((run.counters.clock_jumps, run.counters.continuity_errors), (1, 0), "{from} to {to}");
        oracle::check_from(&mux.out, &run, MAP, 0);
    }
}

#[test]
fn behind_a_jump_within_a_gop_nothing_comes_until_the_next() {
    let mut mux = Mux::default();
    mux.gop(100 * SECOND, 30);
    mux.inter(10 * SECOND, 20);
    mux.gop(10 * SECOND + 20 * FRAME, 50);
    let jumped = check(&mux.out, ".D", &[1.2, 2.0]);
    assert_eq!((jumped.counters.clock_jumps, jumped.counters.forced_cuts), (1, 0));
    // The first frame behind the jump might have been damaged. It waits for the second and is not put into the old segment.
    let mut before = Mux::default();
    before.gop(100 * SECOND, 30);
    assert_eq!(jumped.cuts[0].payload.to_vec(), run(&before.out).cuts[0].payload.to_vec());
}

#[test]
fn a_wrong_time_at_the_end_of_the_input_is_left_out() {
    let mut before = Mux::default();
    before.gop(100 * SECOND, 30);
    let mut mux = before.clone();
    mux.inter(10 * SECOND, 1);
    assert_eq!(run(&mux.out).cuts[0].payload.to_vec(), run(&before.out).cuts[0].payload.to_vec());
}

#[test]
fn a_single_wrong_time_is_no_jump() {
    let mut mux = Mux::default();
    mux.gop(100 * SECOND, 20);
    mux.inter(777 * SECOND, 1);
    mux.inter(100 * SECOND + 21 * FRAME, 29);
    mux.gop(100 * SECOND + GOP, 50);
    let run = check(&mux.out, "..", &[2.0, 2.0]);
    assert_eq!(run.counters.clock_jumps, 0);
}

#[test]
fn a_jump_of_the_clock_reference_alone_marks_the_next_random_access_point() {
    let mut mux = Mux::default();
    mux.gop(100 * SECOND, 20);
    for n in 20..50 {
        let time = (100 * SECOND) + n * FRAME;
        mux.frame(time, &[INTER], Flags { pcr: Some(time - 50 * SECOND), ..Flags::default() });
    }
    mux.frame(100 * SECOND + GOP, &[SMALL, IDR], Flags { pcr: Some(50 * SECOND + GOP), ..Flags::default() });
    mux.frame(100 * SECOND + GOP + FRAME, &[INTER], Flags::default());
    let run = check(&mux.out, ".D", &[2.0, 0.08]);
    assert_eq!(run.counters.clock_jumps, 1);
    oracle::check_from(&mux.out, &run, MAP, 0);
}

#[test]
fn an_endless_gop_is_cut_and_not_called_independent() {
    let mut mux = Mux::default();
    mux.gop(0, 60 * 25);
    mux.gop(60 * SECOND, 50);
    let run = run(&mux.out);
    assert_eq!(run.marks(), ".---------.");
    assert!(run.cuts.iter().all(|cut| cut.duration.as_secs_f64() <= 6.45), "{:?}", run.seconds());
    assert!((run.seconds().iter().sum::<f64>() - 62.0).abs() < 1e-6);
    assert_eq!(run.counters.forced_cuts, 9);
    oracle::check_from(&mux.out, &run, MAP, 0);
}

#[test]
fn a_little_more_is_allowed_to_reach_a_random_access_point() {
    check(&channel(0, &[160, 160, 50]), "...", &[6.4, 6.4, 2.0]);
    // With this GOP a second round would overrun; so it is cut early.
    check(&channel(0, &[45, 45, 125, 125]), "...", &[3.6, 5.0, 5.0]);
    check(&channel(0, &[88, 88, 88]), "...", &[3.52, 3.52, 3.52]);
}

#[test]
fn too_many_bytes_force_a_cut() {
    let config = SegmenterConfig { max_bytes: 8_000, ..CONFIG };
    let input = channel(0, &[50, 50]);
    let run = run_pieces(&config, &input, &[input.len()]);
    assert!(run.cuts.iter().all(|cut| cut.payload.len() < 10_000));
    assert!(run.counters.forced_cuts > 3 && run.marks().starts_with(".-"), "{}", run.marks());
    assert!((run.seconds().iter().sum::<f64>() - 4.0).abs() < 1e-6);
    oracle::check_from(&input, &run, MAP, 0);
}

#[test]
fn the_indicator_is_not_believed() {
    let mut mux = Mux::default();
    mux.tables(&[(0x1b, VIDEO), (0x0f, AUDIO)]);
    let lie = Flags { random_access: true, ..Flags::default() };
    mux.frame(0, &[INTER], lie);
    mux.frame(FRAME, &[IDR], lie);
    let before = oracle::passing(&mux.out, MAP).len();
    mux.frame(2 * FRAME, &[SMALL, IDR], Flags::default());
    mux.inter(3 * FRAME, 59);
    mux.frame(62 * FRAME, &[SMALL, RECOVERY, INTER], Flags::default());
    mux.inter(63 * FRAME, 59);
    mux.frame(122 * FRAME, &[SMALL, &[0, 0, 1, 0x41, 0x88, 0x80]], Flags::default());
    let run = check(&mux.out, "...", &[2.4, 2.4, 0.04]);
    oracle::check_from(&mux.out, &run, MAP, before);
}

#[test]
fn headers_may_span_packets() {
    let mut mux = Mux::default();
    mux.tables(&[(0x1b, VIDEO), (0x0f, AUDIO)]);
    let remark = [&[0, 0, 1, 6, 5, 0xff, 0xff, 0xff, 35][..], &[0xaa; 800], &[0x80]].concat();
    for n in 0..3 {
        mux.frame(n * GOP, &[SMALL, &remark, IDR], Flags::default());
        // Tables that come while it is open whether a segment starts belong behind its own.
        let tail = mux.out.split_off(mux.out.len() - 4 * 188);
        mux.tables(&[(0x1b, VIDEO), (0x0f, AUDIO)]);
        mux.out.extend(tail);
        mux.inter(n * GOP + FRAME, 49);
    }
    let run = check(&mux.out, "...", &[2.0, 2.0, 2.0]);
    oracle::check_from(&mux.out, &run, MAP, 0);
    for size in [1, 188, 189, 500] {
        let pieces = run_pieces(&CONFIG, &mux.out, &[size]);
        assert_eq!((pieces.seconds(), pieces.counters), (run.seconds(), run.counters), "{size}");
        oracle::check_from(&mux.out, &pieces, MAP, 0);
    }
}

#[test]
fn b_frames_with_and_without_decoding_times() {
    for with_dts in [true, false] {
        let mut mux = Mux::default();
        mux.tables(&[(0x1b, VIDEO)]);
        for n in 0..150u64 {
            // I P B B P B B: shown two frames later, except the B-frames.
            let shown = match n % 50 {
                0 => n + 2,
                m if m % 3 == 1 => n + 4,
                _ => n + 1,
            };
            let body: &[&[u8]] = if n % 50 == 0 { &[SMALL, IDR] } else { &[INTER] };
            let dts = with_dts.then_some((10 + n) * FRAME);
            mux.pes(VIDEO, (10 + shown) * FRAME, dts, &body.concat(), Flags::default());
        }
        let run = run(&mux.out);
        assert_eq!(run.marks(), "...", "{with_dts}");
        assert_eq!(run.seconds()[..2], [2.0, 2.0], "{with_dts}");
        assert_eq!(run.counters.clock_jumps, 0);
    }
}

#[test]
fn the_end_of_input_ends_the_segment_and_what_follows_is_a_discontinuity() {
    let (mut segmenter, mut all) = (Segmenter::new(CONFIG), Run::default());
    end(&mut segmenter, End::Whole, &mut all);
    // The last packet is cut short.
    let input = channel(0, &[50, 30]);
    push(&mut segmenter, &input[..input.len() - 100], &mut all);
    end(&mut segmenter, End::Whole, &mut all);
    end(&mut segmenter, End::Whole, &mut all);
    push(&mut segmenter, &channel(0, &[50, 50]), &mut all);
    end(&mut segmenter, End::Whole, &mut all);
    assert_eq!((all.marks(), all.seconds()), ("..D.".to_owned(), vec![2.0, 1.2, 2.0, 2.0]));
    assert_eq!((all.counters.continuity_errors, all.counters.clock_jumps), (0, 0), "that was another upstream");
    assert_eq!(all.codecs.len(), 1, "with the same codecs");
    oracle::check_tables(&all, MAP);
}

/// The access units of the video, each from its first to its last byte.
fn pictures(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pictures: Vec<Vec<u8>> = Vec::new();
    for packet in bytes.as_chunks().0.iter().map(Packet).filter(|packet| packet.pid() == VIDEO) {
        if packet.unit_start() {
            pictures.push(Vec::new());
        }
        pictures.last_mut().expect("it starts with one").extend(packet.payload());
    }
    pictures
}

#[test]
fn a_severed_input_leaves_no_picture_in_halves() {
    let input = channel(0, &[3, 3]);
    let all = pictures(&input);
    assert_eq!(all.len(), 6);
    for len in (0..=input.len()).step_by(94) {
        let (mut segmenter, mut run) = (Segmenter::new(CONFIG), Run::default());
        push(&mut segmenter, &input[..len], &mut run);
        end(&mut segmenter, End::Severed, &mut run);
        let got: Vec<Vec<u8>> = run.cuts.iter().flat_map(|cut| pictures(&cut.payload.to_vec())).collect();
        let begun = pictures(&input[..len - len % 188]).len();
        // Of the newest one nobody knows whether it is whole.
        assert_eq!(got, all[..begun.saturating_sub(1)], "{len} bytes");
        assert_eq!(run.cuts.len(), usize::from(begun > 1), "{len} bytes");
        let seconds = 0.04 * got.len() as f64;
        assert!(run.seconds().iter().all(|got| (got - seconds).abs() < 0.001), "{len} bytes: {:?}", run.seconds());

        push(&mut segmenter, &channel(0, &[50, 50]), &mut run);
        end(&mut segmenter, End::Severed, &mut run);
        let marks = if begun > 1 { ".D." } else { ".." };
        assert_eq!(run.marks(), marks, "{len} bytes");
    }
}

#[test]
fn dates_are_those_of_the_first_byte() {
    let mut segmenter = Segmenter::new(CONFIG);
    let mut events = Vec::new();
    let mut dates = Vec::new();
    for (n, gop) in (0..5).zip(0u64..) {
        let mut mux = Mux::default();
        mux.gop(gop * GOP, 50);
        segmenter.push(&mux.out, Timestamp::from_second(n).unwrap(), &mut events);
        dates.extend(events.drain(..).filter_map(|event| match event {
            Event::Cut(cut) => Some(cut.started_at.as_second()),
            Event::Chunk(_) | Event::Kept(_) | Event::Codecs(_) => None,
        }));
    }
    assert_eq!(dates, [0, 1, 2, 3]);
}

#[test]
fn the_longest_duration_can_be_changed() {
    let mut mux = Mux::default();
    mux.gop(0, 100);
    let (mut segmenter, mut all) = (Segmenter::new(CONFIG), Run::default());
    segmenter.set_max_duration(Duration::from_secs(2));
    push(&mut segmenter, &mux.out, &mut all);
    end(&mut segmenter, End::Whole, &mut all);
    assert_eq!(all.seconds(), [2.44, 1.56]);
}
