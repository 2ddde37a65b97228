//! The command line of a worker: a list of arguments, never a shell. A URL or path that comes from a plugin is one argument after
//! `-i`, of a scheme that its kind of input allows; nothing it holds can become another argument.

mod input;
mod ladder;
mod output;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

pub use input::{Container, HttpRequest, Input, Pattern, Transport};
pub use ladder::{Ladder, Rung};

use crate::encoder::Encoder;
use crate::profile::{Problem, Profile};
use crate::redact::Redactor;
use crate::version::Release;
use crate::worker::{StandardInput, WorkerSpec};

/// How long FFmpeg looks at an input before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Analyze {
    /// 1.5 MB or 1.5 s.
    #[default]
    Quick,
    /// 10 MB or 10 s: for an input whose picture size or sound `Quick` did not find. Try it once, and remember what helped.
    Thorough,
}

/// What the caller knows of the tracks of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracks {
    /// There is a picture.
    pub video: bool,
    /// How many audio tracks. One more than there are does no harm: FFmpeg leaves it out, and notes an error for each rung of a ladder.
    pub audio: u8,
}

impl Default for Tracks {
    /// What most channels have, for an input that only FFmpeg has read.
    fn default() -> Self {
        Self { video: true, audio: 1 }
    }
}

/// What a worker writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// One picture and all audio tracks.
    Single(Profile),
    /// Several qualities at once, each a program of one MPEG-TS.
    Ladder(Ladder),
}

/// What a worker is to do.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where media come from.
    pub input: Input,
    /// How long to look at it.
    pub analyze: Analyze,
    /// What is known of it.
    pub tracks: Tracks,
    /// What becomes of it.
    pub output: Output,
    /// What encodes it.
    pub encoder: Encoder,
    /// Threads for each of decoding, filtering and encoding; `None` leaves it to FFmpeg, which takes all cores.
    pub threads: Option<u8>,
    /// Which FFmpeg will do it; `None` stands for a recent one.
    pub release: Option<Release>,
}

/// Everything that FFmpeg needs to be told.
#[derive(Clone)]
pub struct CommandLine {
    /// All arguments.
    pub arguments: Vec<OsString>,
    /// Whether the host writes the input.
    pub input: StandardInput,
    /// Hides what the arguments carry.
    pub redactor: Redactor,
    /// What each program of the output is: `program_number` and rung. Empty if there is but one program.
    pub rungs: Vec<(u16, Rung)>,
}

impl CommandLine {
    /// A worker with these arguments.
    pub fn spec(self, program: impl Into<std::path::PathBuf>) -> WorkerSpec {
        let mut spec = WorkerSpec::new(program, self.arguments, self.input);
        spec.redactor = self.redactor;
        spec
    }
}

/// Why there is no command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// A URL that FFmpeg must not get.
    #[error("this upstream URL is refused ({url}): {problem}")]
    Url {
        /// The URL, redacted.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// A header that would add others.
    #[error("header {name} is refused: {problem}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A path that depends on where the host was started.
    #[error("file {0} is refused: give an absolute path")]
    Path(String),
    /// Settings that make no sense.
    #[error("these settings cannot be used: {}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<Problem>),
    /// The input has nothing of what would be kept.
    #[error("nothing would be left: the upstream has {}", .0.describe())]
    Nothing(Tracks),
}

impl Tracks {
    fn describe(self) -> &'static str {
        match (self.video, self.audio) {
            (true, 0) => "a picture but no sound",
            (true, _) => "picture and sound",
            (false, 0) => "neither picture nor sound",
            (false, _) => "sound but no picture",
        }
    }
}

impl Job {
    /// A job with everything usual: software encoding, a quick look, a picture and one audio track.
    pub fn new(input: Input, output: Output) -> Self {
        let (analyze, tracks) = (Analyze::default(), Tracks::default());
        Self { input, analyze, tracks, output, encoder: Encoder::Software, threads: None, release: None }
    }

    /// The command line, or the first reason why there is none.
    pub fn command_line(&self) -> Result<CommandLine, ArgumentError> {
        let mut problems = self.encoder.validate();
        problems.extend(match &self.output {
            Output::Single(profile) => profile.validate(),
            Output::Ladder(ladder) => ladder.validate(),
        });
        if !problems.is_empty() {
            return Err(ArgumentError::Settings(problems));
        }
        let mut line = Line::default();
        line.add(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+warning", "-progress", "pipe:2"]);
        if let Some(threads) = self.threads() {
            line.add(["-filter_threads", &threads, "-filter_complex_threads", &threads]);
        }
        line.add(self.encoder.device());
        self.add_input(&mut line)?;
        let rungs = match &self.output {
            Output::Single(profile) => output::single(&mut line, self, profile).map(|()| Vec::new()),
            Output::Ladder(ladder) => output::ladder(&mut line, self, ladder),
        }?;
        line.add(["-sn", "-dn"]);
        if let Some(threads) = self.threads() {
            line.add(["-threads", &threads]);
        }
        line.add(["-muxdelay", "0", "-muxpreload", "0", "-flush_packets", "1", "-f", "mpegts"]);
        line.add(["-mpegts_flags", "+resend_headers+initial_discontinuity", "pipe:1"]);
        Ok(CommandLine {
            arguments: line.arguments,
            input: self.input.standard_input(),
            redactor: line.redactor,
            rungs,
        })
    }

    fn add_input(&self, line: &mut Line) -> Result<(), ArgumentError> {
        if let Some(threads) = self.threads() {
            line.add(["-threads", &threads]);
        }
        let (duration, size) = match self.analyze {
            Analyze::Quick => ("1500000", "1500000"),
            Analyze::Thorough => ("10000000", "10000000"),
        };
        line.add(["-fflags", "+genpts+discardcorrupt", "-analyzeduration", duration, "-probesize", size]);
        self.input.add(line, self.release)
    }

    fn threads(&self) -> Option<String> {
        self.threads.map(|threads| threads.max(1).to_string())
    }
}

/// A command line being written, and what in it is secret.
#[derive(Default)]
struct Line {
    arguments: Vec<OsString>,
    redactor: Redactor,
}

impl Line {
    fn add<T: Into<OsString>>(&mut self, arguments: impl IntoIterator<Item = T>) {
        self.arguments.extend(arguments.into_iter().map(Into::into));
    }
}
