//! The FFmpeg path: what an upstream sends goes through a supervised worker, and the worker's MPEG-TS is cut like any other. The host
//! reads the upstream itself where it can and writes to the worker's standard input, so that destination rules, proxies, header fields
//! and provider slots hold; only what it cannot read (RTSP, RTMP, SRT, DASH) is opened by FFmpeg.
//!
//! It owns the workers: each task runs on its tracker, a worker whose channel let go of it is stopped gently and then hard, and shutdown
//! waits for all of them.

mod flow;
mod peek;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mast_ffmpeg::{
    CommandLine, Encoders, FfmpegError, Input, Job, Launcher, Limits, Look, Output, Release, Sample, SampleError,
    Sampler, SpawnError, Starts, Tracks, Worker,
};
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

use super::config::FfmpegConfig;
use super::fault::{Failure, UpstreamFault};
use super::upstream::{Container, UpstreamBytes};

pub(crate) use mast_ffmpeg::Rung;

/// The hidden subcommand that ties a worker to the host's life.
pub const LAUNCHER: &str = "__worker";

/// What the rung of a ladder with the sound alone is called.
const AUDIO_ONLY: &str = "audio_only";

/// A look at a segment takes a tenth of a second of CPU.
const LOOK_DEADLINE: Duration = Duration::from_secs(10);
/// Looks at once: they are in no hurry, and must not take the cores from those who are.
const LOOKS: usize = 2;
/// Looks let workers go first, however nice those are.
const LOOK_NICE: u8 = 15;

/// Runs workers. Cheap to clone.
#[derive(Clone)]
pub struct Transcoder {
    shared: Arc<Shared>,
}

struct Shared {
    config: FfmpegConfig,
    starts: Starts,
    looks: Starts,
    /// What ties workers to the host's life; none in tests, which are another program.
    launcher: Option<Launcher>,
    tasks: TaskTracker,
    installed: OnceCell<Installed>,
}

/// The FFmpeg of this machine.
#[derive(Debug, Clone)]
struct Installed {
    program: PathBuf,
    release: Option<Release>,
    encoders: Encoders,
}

/// What comes out of a worker.
pub(crate) struct Transcoded {
    pub(crate) pieces: UpstreamBytes,
    /// The programs of the MPEG-TS and what each is; empty where there is but one.
    pub(crate) rungs: Vec<(u16, Rung)>,
}

impl Transcoder {
    /// A transcoder; FFmpeg is looked for when it is first needed.
    pub fn new(config: FfmpegConfig) -> Self {
        let launcher = Launcher::this_program(&[LAUNCHER], config.limits);
        Self::with_launcher(config, Some(launcher))
    }

    /// A transcoder whose workers are children of this program without further ado.
    #[cfg(test)]
    pub(crate) fn bare() -> Self {
        Self::with_launcher(FfmpegConfig::default(), None)
    }

    fn with_launcher(config: FfmpegConfig, launcher: Option<Launcher>) -> Self {
        let starts = match config.starts {
            Some(most) => Starts::new(most, Duration::from_secs(10)),
            None => Starts::by_cores(),
        };
        let looks = Starts::new(LOOKS, LOOK_DEADLINE);
        let shared = Shared { config, starts, looks, launcher, tasks: TaskTracker::new(), installed: OnceCell::new() };
        Self { shared: Arc::new(shared) }
    }

    /// What each quality of a profile or ladder is called, the leading one first; empty where nothing has this name.
    pub(crate) fn names(&self, name: &str) -> Vec<Arc<str>> {
        let Some(output) = self.output(name) else { return Vec::new() };
        let audio_only = matches!(output, Output::Ladder(ladder) if ladder.has_audio_only).then_some(AUDIO_ONLY);
        profiles(output).iter().map(|profile| profile.name.as_str()).chain(audio_only).map(Arc::from).collect()
    }

    /// The same of those that came out of it.
    pub(crate) fn names_of(&self, name: &str, rungs: &[(u16, Rung)]) -> Vec<Arc<str>> {
        let mut all = self.names(name);
        if rungs.is_empty() {
            all.truncate(1);
            return all;
        }
        let name = |(_, rung): &(u16, Rung)| match rung {
            Rung::Variant(place) => all.get(*place).cloned(),
            Rung::AudioOnly => all.last().cloned(),
        };
        rungs.iter().filter_map(name).collect()
    }

    /// The profile or ladder of this name.
    pub(crate) fn output(&self, name: &str) -> Option<&Output> {
        self.shared.config.outputs.get(name)
    }

    /// Sends what an upstream gives through a worker. What it carries has to be known within `patience`.
    pub(crate) async fn pipe(
        &self,
        mut pieces: UpstreamBytes,
        container: Container,
        output: &Output,
        patience: Duration,
    ) -> Result<Transcoded, Failure> {
        let (head, tracks) = match container {
            Container::MpegTs => {
                let peeked = tokio::time::timeout(patience, peek::tracks(&mut pieces)).await;
                peeked.unwrap_or_else(|_| Err(UpstreamFault::NoBytes.into()))?
            }
            Container::Mp4 => (Vec::new(), Tracks::default()),
        };
        let container = match container {
            Container::MpegTs => mast_ffmpeg::Container::MpegTs,
            Container::Mp4 => mast_ffmpeg::Container::Mp4,
        };
        let job = Job { tracks, ..Job::new(Input::Pipe(container), output.clone()) };
        self.start(job, Some((head, pieces))).await
    }

    /// Lets a worker open its input itself. The caller has checked the destination.
    pub(crate) async fn open(&self, input: Input, output: &Output) -> Result<Transcoded, Failure> {
        self.start(Job::new(input, output.clone()), None).await
    }

    /// Looks at a finished segment when its turn comes. Shutdown waits for it; dropping the future ends it.
    pub(crate) fn sample(&self, mpegts: Bytes, look: Look) -> impl Future<Output = Result<Sample, Failure>> + use<> {
        let this = self.clone();
        let sample = async move {
            let missing = |error: FfmpegError| Failure { fault: UpstreamFault::NoFfmpeg, detail: error.to_string() };
            let program = this.installed().await.map_err(missing)?.program.clone();
            let permit = this.shared.looks.turn().await;
            let limits = |limits: Limits| Limits {
                cpu_seconds: Some(LOOK_DEADLINE.as_secs()),
                nice: limits.nice.max(LOOK_NICE),
                ..limits
            };
            let launcher = this.shared.launcher.clone();
            let launcher = launcher.map(|launcher| Launcher { limits: limits(launcher.limits), ..launcher });
            let sampler = Sampler { program, launcher, deadline: LOOK_DEADLINE };
            let failed = |cause: SampleError| Failure { fault: UpstreamFault::Transcoder, detail: cause.to_string() };
            sampler.sample(&mpegts, look, permit).await.map_err(failed)
        };
        self.shared.tasks.track_future(sample)
    }

    /// Stops every worker that still runs and waits for it.
    pub async fn shutdown(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Looks for FFmpeg and says what it found; for the log at start-up.
    pub async fn look(&self) -> Result<String, FfmpegError> {
        let installed = self.installed().await?;
        for profile in self.shared.config.outputs.values().flat_map(profiles) {
            installed.encoders.check(&self.shared.config.encoder, profile.video)?;
        }
        let program = installed.program.display();
        Ok(match installed.release {
            Some(release) => format!("FFmpeg {release} at {program}"),
            None => format!("FFmpeg (a development version) at {program}"),
        })
    }

    async fn installed(&self) -> Result<&Installed, FfmpegError> {
        let look = async {
            let program = match &self.shared.config.program {
                Some(program) => program.clone(),
                None => mast_ffmpeg::find(std::env::var_os("PATH").as_deref())?,
            };
            let version = mast_ffmpeg::version(&program).await?;
            version.check()?;
            let encoders = mast_ffmpeg::encoders(&program).await?;
            Ok(Installed { program, release: version.release(), encoders })
        };
        // A failure is not remembered: an FFmpeg that is installed later is found.
        self.shared.installed.get_or_try_init(|| look).await
    }

    async fn start(&self, mut job: Job, feed: Option<(Vec<Bytes>, UpstreamBytes)>) -> Result<Transcoded, Failure> {
        let shared = &self.shared;
        let missing = |error: FfmpegError| Failure { fault: UpstreamFault::NoFfmpeg, detail: error.to_string() };
        let installed = self.installed().await.map_err(missing)?;
        for profile in profiles(&job.output) {
            installed.encoders.check(&shared.config.encoder, profile.video).map_err(missing)?;
        }
        job.encoder = shared.config.encoder.clone();
        job.threads = shared.config.threads;
        job.release = installed.release;
        let line: CommandLine = job
            .command_line()
            .map_err(|error| Failure { fault: UpstreamFault::Transcoder, detail: error.to_string() })?;
        let rungs = line.rungs.clone();
        let mut spec = line.spec(installed.program.clone());
        spec.launcher.clone_from(&shared.launcher);
        let permit = shared.starts.turn().await;
        let (worker, task) = Worker::spawn(spec, permit)
            .await
            .map_err(|error: SpawnError| Failure { fault: UpstreamFault::NoFfmpeg, detail: error.to_string() })?;
        shared.tasks.spawn(task.run());
        let pieces = flow::run(worker, shared.tasks.clone(), feed);
        Ok(Transcoded { pieces, rungs })
    }
}

fn profiles(output: &Output) -> &[mast_ffmpeg::Profile] {
    match output {
        Output::Single(profile) => std::slice::from_ref(profile),
        Output::Ladder(ladder) => &ladder.variants,
    }
}
