use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use super::*;
use crate::starts::Starts;

const BOTH: Look = Look { pictures: true, sound: true };

fn sampler() -> Sampler {
    let program = crate::find(std::env::var_os("PATH").as_deref()).expect("ffmpeg is installed");
    Sampler { program, launcher: None, deadline: Duration::from_secs(20) }
}

/// Some seconds of MPEG-TS out of FFmpeg's own sources; the encoders fit what there is.
async fn clip(seconds: u32, sources: &[&str]) -> Vec<u8> {
    let mut command = tokio::process::Command::new(sampler().program);
    command.args(["-nostdin", "-v", "error"]);
    for source in sources {
        command.args(["-f", "lavfi", "-i", source]);
    }
    command.args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac"]);
    let made = command.args(["-f", "mpegts", "pipe:1"]).output().await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

async fn look(sampler: &Sampler, mpegts: &[u8], look: Look) -> Result<Sample, SampleError> {
    let permit = Starts::by_cores().turn().await;
    sampler.sample(mpegts, look, permit).await
}

fn darkest_and_brightest(pictures: &[Picture]) -> (u8, u8) {
    let cells = || pictures.iter().flatten().copied();
    (cells().min().unwrap(), cells().max().unwrap())
}

#[tokio::test]
async fn pictures_and_sound_are_what_was_sent() {
    let sampler = sampler();
    let black = clip(2, &["color=black:size=320x180:rate=25", "anullsrc"]).await;
    let black = look(&sampler, &black, BOTH).await.unwrap();
    let pictures = black.pictures.unwrap();
    assert_eq!(pictures.len(), 4, "two a second");
    assert!(darkest_and_brightest(&pictures).1 < 4, "{pictures:?}");
    assert!(black.peak.unwrap() < 8, "{:?}", black.peak);

    let still = clip(2, &["color=red:size=320x180:rate=25", "sine"]).await;
    let still = look(&sampler, &still, BOTH).await.unwrap();
    let pictures = still.pictures.unwrap();
    let (darkest, brightest) = darkest_and_brightest(&pictures);
    assert!(darkest > 40 && brightest - darkest <= 2, "{darkest} to {brightest}");
    assert!(still.peak.unwrap() > 1000, "{:?}", still.peak);

    // Of a long segment only the start is looked at.
    let moving = clip(6, &["testsrc2=size=320x180:rate=25"]).await;
    let moving = look(&sampler, &moving, BOTH).await.unwrap();
    let pictures = moving.pictures.unwrap();
    assert_eq!((pictures.len(), moving.peak), (8, None));
    assert!(pictures.windows(2).all(|pair| pair[0] != pair[1]));
}

#[tokio::test]
async fn what_is_missing_or_not_asked_for_is_none() {
    let sampler = sampler();
    let sound = clip(1, &["sine"]).await;
    let sample = look(&sampler, &sound, BOTH).await.unwrap();
    assert!(sample.pictures.is_none() && sample.peak.is_some(), "{sample:?}");
    let sample = look(&sampler, &sound, Look { pictures: true, sound: false }).await.unwrap();
    assert_eq!(sample, Sample::default());
    for bytes in [&b""[..], &[0x47; 18_800], &[7; 100_000]] {
        assert_eq!(look(&sampler, bytes, BOTH).await.unwrap(), Sample::default());
    }
}

/// A program in FFmpeg's place.
fn program(folder: &std::path::Path, script: &str) -> Sampler {
    let file = folder.join("ffmpeg");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    Sampler { program: file, launcher: None, deadline: Duration::from_secs(20) }
}

#[tokio::test]
async fn a_look_that_takes_too_long_is_ended_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("pid");
    let script = format!("trap '' TERM INT; sleep 600 & echo $! > {}; wait", mark.display());
    let sampler = Sampler { deadline: Duration::from_millis(1500), ..program(folder.path(), &script) };
    let starts = Starts::new(1, Duration::from_secs(5));
    // More than a pipe holds.
    let late = sampler.sample(&vec![0x47; 1 << 20], BOTH, starts.turn().await).await;
    assert!(matches!(late, Err(SampleError::Late { .. })), "{late:?}");
    assert_eq!(starts.free(), 1);
    let child = std::fs::read_to_string(&mark).unwrap();
    let process = PathBuf::from(format!("/proc/{}/stat", child.trim()));
    let begun = Instant::now();
    // A zombie that nobody reaps yet is dead too.
    while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < Duration::from_secs(10), "the child outlived its group");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn output_without_end_is_cut_and_no_program_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let endless = program(folder.path(), "exec cat /dev/zero");
    let sample = look(&endless, &[0x47; 188], BOTH).await.unwrap();
    assert_eq!((sample.pictures.map(|pictures| pictures.len()), sample.peak), (Some(8), Some(0)));
    let missing = Sampler { program: folder.path().join("missing"), ..endless };
    let missing = look(&missing, b"", BOTH).await;
    assert!(matches!(missing, Err(SampleError::Spawn(SpawnError::NotFound { .. }))), "{missing:?}");
}
