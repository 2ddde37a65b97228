//! Several qualities in one MPEG-TS.

use mast_ffmpeg::{AudioCodec, Container, Input, Job, Ladder, Output, Profile, Rung, Tracks};

use crate::run::{run, sample, small};
use crate::transport::{AAC, H264, read};

fn job(audio: u8) -> Job {
    let half = Profile { height: Some(64), bitrate: 60, ..small("half") };
    let ladder = Ladder {
        variants: vec![small("whole"), half],
        audio: AudioCodec::Aac,
        audio_bitrate: 64,
        has_audio_only: true,
    };
    let job = Job::new(Input::Pipe(Container::MpegTs), Output::Ladder(ladder));
    Job { tracks: Tracks { video: true, audio }, threads: Some(1), ..job }
}

#[tokio::test]
async fn each_rung_is_a_program_and_keyframes_meet() {
    let ran = run(&job(1), &sample(true).await).await;
    let transport = read(&ran.media);
    let rungs = job(1).command_line().unwrap().rungs;
    assert_eq!(
        transport.programs.keys().copied().collect::<Vec<_>>(),
        rungs.iter().map(|(number, _)| *number).collect::<Vec<_>>()
    );
    let (first, second, sound) = (&transport.programs[&1], &transport.programs[&2], &transport.programs[&3]);
    assert_eq!((first.types(), second.types(), sound.types()), (vec![H264, AAC], vec![H264, AAC], vec![AAC]));
    assert_eq!((first.pid(AAC), second.pid(AAC)), (sound.pid(AAC), sound.pid(AAC)), "the sound is shared");
    assert_eq!(
        (first.pcr, second.pcr, sound.pcr),
        (first.pid(H264), second.pid(H264), sound.pid(AAC)),
        "clocks of their own"
    );
    assert_ne!(first.pcr, second.pcr);
    let keyframes = |pid: u16| &transport.keyframes[&pid];
    assert_eq!(keyframes(first.pid(H264)), keyframes(second.pid(H264)));
    assert_eq!(keyframes(first.pid(H264)).len(), 3);
    // The multiplexer guesses how often the sound's program needs a clock, and says so.
    assert!(ran.log.iter().all(|line| line == "mpegts: frame size not set"), "{:?}", ran.log);
}

#[tokio::test]
async fn a_silent_upstream_makes_no_sound_rung() {
    let ran = run(&job(0), &sample(false).await).await;
    let transport = read(&ran.media);
    let types: Vec<_> = transport.programs.values().map(|program| program.types()).collect();
    assert_eq!(types, [[H264], [H264]], "{:?}", ran.log);
    assert_eq!(job(0).command_line().unwrap().rungs, [(1, Rung::Variant(0)), (2, Rung::Variant(1))]);
}

/// A guess that was wrong costs a program without tracks, not the channel.
#[tokio::test]
async fn sound_that_was_promised_in_vain() {
    let ran = run(&job(1), &sample(false).await).await;
    let transport = read(&ran.media);
    let types: Vec<_> = transport.programs.values().map(|program| program.types()).collect();
    assert_eq!(types, [vec![H264], vec![H264], vec![]], "{:?}", ran.log);
}
