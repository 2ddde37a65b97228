//! Runs a job to its end.

use std::path::PathBuf;
use std::time::Duration;

use mast_ffmpeg::{Exit, Input, Job, Output, Pattern, Profile, Progress, Starts, Worker};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn ffmpeg() -> PathBuf {
    mast_ffmpeg::find(std::env::var_os("PATH").as_deref()).unwrap()
}

pub(crate) fn pattern(rate: u8, seconds: u32) -> Input {
    Input::Pattern(Pattern { width: 320, height: 240, rate, seconds: Some(seconds), is_live: false })
}

/// A small H.264 profile that costs little.
pub(crate) fn small(name: &str) -> Profile {
    let low = Profile::built_in("low").unwrap();
    let preset = mast_ffmpeg::Preset::Ultrafast;
    Profile { name: name.into(), height: Some(120), bitrate: 100, maxrate: 200, buffer: 200, preset, ..low }
}

pub(crate) fn single(input: Input, profile: Profile) -> Job {
    Job { threads: Some(1), ..Job::new(input, Output::Single(profile)) }
}

pub(crate) struct Ran {
    pub(crate) media: Vec<u8>,
    pub(crate) exit: Exit,
    pub(crate) progress: Progress,
    pub(crate) log: Vec<String>,
}

pub(crate) async fn spawn(job: &Job) -> Worker {
    let spec = job.command_line().unwrap().spec(ffmpeg());
    let (worker, task) = Worker::spawn(spec, Starts::by_cores().turn().await).await.unwrap();
    tokio::spawn(task.run());
    worker
}

/// Writes `input`, if the job takes any, and reads what comes until the worker ends by itself.
pub(crate) async fn run(job: &Job, input: &[u8]) -> Ran {
    let mut worker = spawn(job).await;
    if let Some(mut pipe) = worker.take_input() {
        let input = input.to_vec();
        tokio::spawn(async move { pipe.write_all(&input).await });
    }
    let (mut output, mut media) = (worker.take_output().unwrap(), Vec::new());
    tokio::time::timeout(DEADLINE, output.read_to_end(&mut media)).await.expect("it goes on").unwrap();
    let exit = tokio::time::timeout(DEADLINE, worker.wait()).await.expect("it does not end");
    let log = worker.log().lines().into_iter().map(|line| line.text).collect();
    let progress = *worker.progress().borrow();
    Ran { media, exit, progress, log }
}

/// A few seconds of MPEG-TS, with sound or without.
pub(crate) async fn sample(has_sound: bool) -> Vec<u8> {
    let mut profile = small("sample");
    if !has_sound {
        profile.audio = mast_ffmpeg::AudioCodec::None;
    }
    run(&single(pattern(25, 5), profile), &[]).await.media
}
