//! One picture.

use std::time::Duration;

use mast_ffmpeg::{AudioCodec, Container, Encoder, ExitKind, Input, Pattern, Profile, State, VideoCodec};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::run::{DEADLINE, ffmpeg, pattern, run, sample, single, small, spawn};
use crate::transport::{AAC, H264, HEVC, read};

#[tokio::test]
async fn the_installed_ffmpeg_will_do() {
    let version = mast_ffmpeg::version(&ffmpeg()).await.unwrap();
    version.check().unwrap();
    let encoders = mast_ffmpeg::encoders(&ffmpeg()).await.unwrap();
    encoders.check(&Encoder::Software, VideoCodec::H264).unwrap();
    assert!(encoders.has("aac") && !encoders.has("h264") && !encoders.has("="));
}

#[tokio::test]
async fn a_pattern_is_encoded() {
    let ran = run(&single(pattern(25, 5), Profile::built_in("low").unwrap()), &[]).await;
    assert_eq!(ran.exit.kind, ExitKind::InputEnded, "{:?}", ran.log);
    let transport = read(&ran.media);
    let tracks = &transport.programs[&1];
    assert_eq!(tracks.types(), [H264, AAC]);
    let keyframes = &transport.keyframes[&tracks.pid(H264)];
    let gops: Vec<u64> = keyframes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gops, [180_000, 180_000], "every two seconds");
    let counters = ran.progress.counters;
    assert_eq!((counters.frame, counters.is_last), (125, true));
    assert!(counters.out_time.abs_diff(Duration::from_secs(5)) < Duration::from_millis(200), "{counters:?}");
    assert_eq!(counters.bytes, ran.media.len() as u64);
    assert_eq!(ran.log, Vec::<String>::new());
}

#[tokio::test]
async fn hevc_with_fewer_pictures_and_no_sound() {
    let profile = Profile { video: VideoCodec::Hevc, fps: Some(10), audio: AudioCodec::None, ..small("hevc") };
    let ran = run(&single(pattern(50, 5), profile), &[]).await;
    let transport = read(&ran.media);
    assert_eq!(transport.programs[&1].types(), [HEVC], "{:?}", ran.log);
    assert_eq!(transport.keyframes[&transport.programs[&1].pid(HEVC)].len(), 3);
    assert_eq!(ran.progress.counters.frame, 50);
    assert_eq!(ran.log, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_host_writes_is_copied() {
    let upstream = sample(true).await;
    let ran = run(&single(Input::Pipe(Container::MpegTs), Profile::built_in("copy").unwrap()), &upstream).await;
    assert_eq!(ran.exit.kind, ExitKind::InputEnded, "{:?}", ran.log);
    let transport = read(&ran.media);
    assert_eq!(transport.programs[&1].types(), [H264, AAC]);
    assert_eq!(transport.keyframes[&transport.programs[&1].pid(H264)].len(), 3);
}

#[tokio::test]
async fn the_sound_alone() {
    let profile = Profile { video: VideoCodec::None, height: None, ..small("sound") };
    let ran = run(&single(Input::Pipe(Container::Auto), profile), &sample(true).await).await;
    assert_eq!(read(&ran.media).programs[&1].types(), [AAC], "{:?}", ran.log);
}

/// The host may not know that there is no sound.
#[tokio::test]
async fn sound_that_is_not_there_is_left_out() {
    let ran = run(&single(Input::Pipe(Container::MpegTs), small("small")), &sample(false).await).await;
    assert_eq!(read(&ran.media).programs[&1].types(), [H264], "{:?}", ran.log);
}

#[tokio::test]
async fn garbage_is_told_as_the_reason() {
    let garbage: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x3f).collect();
    let ran = run(&single(Input::Pipe(Container::MpegTs), small("small")), &garbage).await;
    assert!(matches!(ran.exit.kind, ExitKind::Failed { .. }), "{:?} {:?}", ran.exit, ran.log);
    assert!(ran.media.is_empty() && ran.exit.reason.len() > "exited with status 1: ".len(), "{}", ran.exit);
}

/// FFmpeg sits in a read that SIGTERM does not interrupt; it stops gently because its input ends.
#[tokio::test]
async fn a_worker_that_waits_for_input_stops_gently() {
    let upstream = sample(true).await;
    let mut worker = spawn(&single(Input::Pipe(Container::MpegTs), Profile::built_in("copy").unwrap())).await;
    let (mut input, mut output) = (worker.take_input().unwrap(), worker.take_output().unwrap());
    let reader = tokio::spawn(async move {
        let mut media = Vec::new();
        output.read_to_end(&mut media).await.map(|_| media)
    });
    input.write_all(&upstream).await.unwrap();
    let mut state = worker.state();
    tokio::time::timeout(DEADLINE, state.wait_for(|state| *state == State::Running)).await.expect("no media").unwrap();
    worker.stop();
    let exit = tokio::time::timeout(DEADLINE, worker.wait()).await.expect("it goes on");
    assert_eq!(exit.kind, ExitKind::Stopped { forced: false });
    assert!(!read(&reader.await.unwrap().unwrap()).programs.is_empty());
    assert!(input.write_all(&upstream).await.is_err());
}

#[tokio::test]
async fn a_live_worker_stops_gently() {
    let live = Pattern { width: 160, height: 120, rate: 10, seconds: None, is_live: true };
    let mut worker = spawn(&single(Input::Pattern(live), small("live"))).await;
    let mut output = worker.take_output().unwrap();
    let mut packet = [0; 188];
    tokio::time::timeout(DEADLINE, output.read_exact(&mut packet)).await.expect("no media").unwrap();
    worker.stop();
    let mut rest = Vec::new();
    tokio::time::timeout(DEADLINE, output.read_to_end(&mut rest)).await.expect("it goes on").unwrap();
    let exit = tokio::time::timeout(DEADLINE, worker.wait()).await.expect("it goes on");
    assert_eq!(exit.kind, ExitKind::Stopped { forced: false });
}
