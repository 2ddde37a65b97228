//! What to spawn.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::launcher::Launcher;
use crate::redact::Redactor;

/// Where FFmpeg, or a wrapper script in its place, finds programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a worker reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardInput {
    /// The host writes to it.
    Pipe,
    /// Nothing: FFmpeg opens its input itself.
    Null,
}

/// How long a worker that is told to stop may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the first SIGTERM to the second.
    pub first: Duration,
    /// From the second SIGTERM to SIGKILL.
    pub second: Duration,
}

impl Default for Patience {
    /// 1.5 s and 2 s.
    fn default() -> Self {
        Self { first: Duration::from_millis(1500), second: Duration::from_secs(2) }
    }
}

/// One worker to be. `Debug` shows no argument: URLs and headers are among them.
#[derive(Clone)]
pub struct WorkerSpec {
    /// FFmpeg. Its folder does not matter; the worker runs in `/`.
    pub program: PathBuf,
    /// All arguments; [`crate::Job::command_line`] makes them.
    pub arguments: Vec<OsString>,
    /// Where it reads from.
    pub input: StandardInput,
    /// What its environment holds beside a PATH and `LC_ALL=C`: drivers of hardware encoders need some. Nothing is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// What ties it to the host's life and limits it. Without one, a host that is killed leaves it to the closed pipes.
    pub launcher: Option<Launcher>,
    /// How long it may take to stop.
    pub patience: Patience,
    /// What must not appear in its log.
    pub redactor: Redactor,
}

impl fmt::Debug for WorkerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = format_args!("{} arguments", self.arguments.len()).to_string();
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("WorkerSpec")
            .field("program", &self.program)
            .field("arguments", &arguments)
            .field("input", &self.input)
            .field("environment", &names)
            .field("launcher", &self.launcher)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl WorkerSpec {
    /// A program and its arguments, everything else plain: no launcher, the usual patience.
    pub fn new(program: impl Into<PathBuf>, arguments: Vec<OsString>, input: StandardInput) -> Self {
        Self {
            program: program.into(),
            arguments,
            input,
            environment: Vec::new(),
            launcher: None,
            patience: Patience::default(),
            redactor: Redactor::default(),
        }
    }

    /// The file that is executed first.
    pub(crate) fn spawned(&self) -> &Path {
        self.launcher.as_ref().map_or(&self.program, |launcher| &launcher.program)
    }

    pub(crate) fn command(&self) -> Command {
        let absolute = |file: &Path| std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
        let mut command = Command::new(absolute(self.spawned()));
        if let Some(launcher) = &self.launcher {
            command.args(launcher.prefix()).arg(absolute(&self.program));
        }
        command.args(&self.arguments);
        command.env_clear().env("PATH", PATH).env("LC_ALL", "C").envs(self.environment.iter().cloned());
        let input = if self.input == StandardInput::Pipe { Stdio::piped() } else { Stdio::null() };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir("/").process_group(0).kill_on_drop(true);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_inherited_and_nothing_is_shown() {
        let mut spec = WorkerSpec::new("ffmpeg", vec!["http://h.example/SECRET".into()], StandardInput::Null);
        spec.environment = vec![("LIBVA_DRIVER_NAME".into(), "iHD".into())];
        assert!(!format!("{spec:?}").contains("SECRET"));
        let command = spec.command();
        let command = command.as_std();
        let names: Vec<_> = command.get_envs().map(|(name, _)| name).collect();
        assert_eq!(names, ["LC_ALL", "LIBVA_DRIVER_NAME", "PATH"]);
        assert!(Path::new(command.get_program()).is_absolute());
    }
}
