//! Upstreams as ffmpeg makes them.

use std::process::{Command, Stdio};

use super::*;
use crate::ts::clock;

/// Test pattern and tone, six seconds.
fn ffmpeg(args: &str) -> Vec<u8> {
    let sources = "-v error -f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=r=48000 -t 6";
    let args = sources.split(' ').chain(args.split_whitespace()).chain(["-f", "mpegts", "pipe:1"]);
    let output = Command::new("ffmpeg").args(args).stdin(Stdio::null()).output().expect("ffmpeg is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// What ffmpeg complains about when it decodes a file of its own.
fn complaints(segment: &[u8]) -> String {
    let dir = std::env::temp_dir().join(format!("mast-media-{}-{:?}", std::process::id(), std::thread::current().id()));
    std::fs::write(&dir, segment).unwrap();
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&dir).args(["-f", "null", "-"]).output().unwrap();
    std::fs::remove_file(&dir).unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[track_caller]
fn check(args: &str, names: &[&str], seconds: &[f64], reference: u16) {
    let input = ffmpeg(args);
    let run = run(&input);
    assert_eq!(run.seconds(), seconds, "{args}");
    assert!(run.cuts.iter().all(|cut| cut.independent && !cut.discontinuity), "{}", run.marks());
    assert!(run.codecs.iter().all(|(segment, _)| *segment == 0), "{:?}", run.codecs);
    let codecs = &run.codecs.last().unwrap().1;
    assert_eq!(codecs.names, names, "{args}");
    if reference == VIDEO {
        assert_eq!((codecs.resolution, codecs.frame_rate), (Some((320, 180)), Some(25.0)));
    }
    oracle::check_from(&input, &run, MAP, oracle::first_marked(&input, MAP, reference));
    for cut in &run.cuts {
        assert_eq!(complaints(&cut.payload.to_vec()), "", "{args}");
    }
    let Counters { bytes, packets, access_units, .. } = run.counters;
    let expected = Counters { bytes, packets, access_units, ..Counters::default() };
    assert_eq!((run.counters, bytes), (expected, input.len() as u64));
}

/// ffmpeg's own numbers.
const MAP: u16 = 0x1000;
const VIDEO: u16 = 0x100;
const AUDIO: u16 = 0x100;
const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

#[test]
fn h264_with_b_frames_and_aac() {
    check(&format!("{H264} -g 50 -bf 3 -c:a aac"), &["avc1.4d400c", "mp4a.40.2"], &[2.0, 2.0, 2.0], VIDEO);
    let args = "-c:v libx264 -preset medium -pix_fmt yuv420p -g 50 -bf 3 -c:a aac";
    check(args, &["avc1.64000c", "mp4a.40.2"], &[2.0, 2.0, 2.0], VIDEO);
}

#[test]
fn short_gops_are_put_together() {
    check(&format!("{H264} -g 20 -c:a ac3"), &["avc1.42c00c", "ac-3"], &[2.4, 2.4, 1.2], VIDEO);
}

#[test]
fn hevc_and_aac() {
    let x265 = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params log-level=none:open-gop=0:keyint=50:min-keyint=50";
    check(&format!("{x265} -c:a aac"), &["hvc1.1.6.L60.90", "mp4a.40.2"], &[2.0, 2.0, 2.0], VIDEO);
}

#[test]
fn mpeg_audio_and_mpeg_2_video() {
    check(&format!("{H264} -g 50 -c:a mp2"), &["avc1.42c00c", "mp4a.6B"], &[2.0, 2.0, 2.0], VIDEO);
    check(&format!("{H264} -g 50 -c:a libmp3lame"), &["avc1.42c00c", "mp4a.40.34"], &[2.0, 2.0, 2.0], VIDEO);
    check("-c:v mpeg2video -g 50 -c:a eac3", &["mp4v.61", "ec-3"], &[2.0, 2.0, 2.0], VIDEO);
}

#[test]
fn audio_only() {
    for (codec, name) in [("aac", "mp4a.40.2"), ("mp2", "mp4a.6B"), ("ac3", "ac-3")] {
        let input = ffmpeg(&format!("-map 1:a -c:a {codec}"));
        let run = run(&input);
        let total: f64 = run.seconds().iter().sum();
        assert!((total - 6.0).abs() < 0.1, "{codec}: {:?}", run.seconds());
        assert_eq!(run.codecs[0].1.names, [name], "{codec}");
        assert!(run.marks().chars().all(|mark| mark == '.'), "{codec}: {}", run.marks());
        oracle::check_from(&input, &run, MAP, oracle::first_marked(&input, MAP, AUDIO));
    }
}

#[test]
fn any_chunking_gives_the_same() {
    let input = ffmpeg(&format!("{H264} -g 50 -c:a aac"));
    let whole = run(&input);
    for pieces in [&[1][..], &[187, 3], &[188 * 7], &[4096, 1, 999]] {
        let run = run_pieces(&CONFIG, &input, pieces);
        assert_eq!((run.seconds(), run.codecs, run.counters), (whole.seconds(), whole.codecs.clone(), whole.counters));
        assert!(run.cuts.iter().zip(&whole.cuts).all(|(one, other)| one.payload == other.payload), "{pieces:?}");
    }
}

/// Three programs of one multiplex: two pictures and their sound alone, cut where the first one is.
#[test]
fn a_ladder_is_cut_at_the_same_times() {
    let input = ffmpeg(&format!(
        "-filter_complex [0:v]split=2[a][b];[b]scale=160:90[c] -map [a] -map [c] -map 1:a {H264} -bf 2 \
         -force_key_frames expr:gte(t,n_forced*2) -sc_threshold 0 -c:a aac \
         -program program_num=1:st=0:st=2 -program program_num=2:st=1:st=2 -program program_num=3:st=2"
    ));
    let rung = |number: u16| Segmenter::new(SegmenterConfig { program: Some(number), follows: number == 3, ..CONFIG });
    let mut rungs = [rung(1), rung(2), rung(3)];
    let mut cuts: [Vec<Cut>; 3] = Default::default();
    let mut codecs: [Vec<Codecs>; 3] = Default::default();
    for chunk in input.chunks(10_000) {
        let mut marks: Vec<u64> = Vec::new();
        for (at, segmenter) in rungs.iter_mut().enumerate() {
            let mut events = Vec::new();
            marks.iter().for_each(|mark| segmenter.mark(*mark));
            segmenter.push(chunk, Timestamp::UNIX_EPOCH, &mut events);
            if at == 0 {
                let next = |event: &Event| if let Event::Cut(cut) = event { cut.next } else { None };
                marks.extend(events.iter().filter_map(next));
            }
            for event in events {
                match event {
                    Event::Cut(cut) => cuts[at].push(cut),
                    Event::Codecs(known) => codecs[at].push(known),
                    Event::Chunk(_) | Event::Kept(_) => {}
                }
            }
        }
    }
    assert_eq!(cuts[0].len(), 2, "the third segment is still open");
    for at in [1, 2] {
        assert_eq!(cuts[at].len(), cuts[0].len(), "rung {at}");
        for (leader, cut) in cuts[0].iter().zip(&cuts[at]) {
            let apart = clock::distance(leader.start, cut.start).unsigned_abs();
            assert!(apart < 9_000, "rung {at} starts {apart} ticks apart");
            assert!(cut.independent);
            assert_eq!(complaints(&cut.payload.to_vec()), "");
        }
    }
    assert_eq!(codecs[0].last().unwrap().resolution, Some((320, 180)));
    assert_eq!(codecs[1].last().unwrap().resolution, Some((160, 90)));
    assert_eq!(codecs[2].last().unwrap().names, ["mp4a.40.2"]);
}
