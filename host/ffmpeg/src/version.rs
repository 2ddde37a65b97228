//! Which FFmpeg there is.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::group::Group;

/// `ffmpeg -version` takes milliseconds; a cold disk may take seconds.
const DEADLINE: Duration = Duration::from_secs(5);
/// Of the output, the first line is of interest.
const OUTPUT: u64 = 64 * 1024;

/// What `ffmpeg -version` says, for example `5.1.9-0+deb12u1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why FFmpeg cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FfmpegError {
    /// It is nowhere on the PATH.
    #[error("ffmpeg not found: transcoding will not be available; install package ffmpeg")]
    NotFound,
    /// It does not start.
    #[error("{} does not start: {cause}; install package ffmpeg anew", .path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It starts and says nothing in time.
    #[error("{} did not tell its version within {after:?}", .path.display())]
    Hangs {
        /// The program.
        path: PathBuf,
        /// The deadline.
        after: Duration,
    },
    /// It is something else.
    #[error("{} does not look like ffmpeg: it did not tell its version", .path.display())]
    NotFfmpeg {
        /// The program.
        path: PathBuf,
    },
}

/// Where FFmpeg is, by a PATH as in the environment.
pub fn find(path: Option<&OsStr>) -> Result<PathBuf, FfmpegError> {
    let folders = path.map(std::env::split_paths).into_iter().flatten();
    folders.map(|folder| folder.join("ffmpeg")).find(|file| is_program(file)).ok_or(FfmpegError::NotFound)
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Asks a program for its version, with a deadline.
pub async fn version(program: &Path) -> Result<Version, FfmpegError> {
    ask(program, DEADLINE).await
}

async fn ask(program: &Path, after: Duration) -> Result<Version, FfmpegError> {
    let path = || program.to_path_buf();
    let mut command = Command::new(program);
    command.arg("-version").env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let spawned = command.process_group(0).kill_on_drop(true).spawn();
    let mut child = spawned.map_err(|cause| FfmpegError::Start { path: path(), cause })?;
    let group = Group::led_by(&child);
    let mut output = Vec::new();
    let run = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(OUTPUT).read_to_end(&mut output).await?;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(after, run).await.map_err(|_| FfmpegError::Hangs { path: path(), after })?;
    group.reaped();
    status.map_err(|cause| FfmpegError::Start { path: path(), cause })?;
    parse(&String::from_utf8_lossy(&output)).ok_or_else(|| FfmpegError::NotFfmpeg { path: path() })
}

fn parse(output: &str) -> Option<Version> {
    let version = output.lines().next()?.strip_prefix("ffmpeg version ")?.split_whitespace().next()?;
    Some(Version(version.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn program(folder: &Path, script: &str) -> PathBuf {
        let file = folder.join("ffmpeg");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn found_on_the_path_only() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).unwrap();
        let path = std::env::join_paths([&empty, folder.path()]).unwrap();
        assert!(matches!(find(Some(&path)), Err(FfmpegError::NotFound)));
        assert!(matches!(find(None), Err(FfmpegError::NotFound)));
        std::fs::write(folder.path().join("ffmpeg"), "not a program").unwrap();
        assert!(matches!(find(Some(&path)), Err(FfmpegError::NotFound)));
        let file = program(folder.path(), "true");
        assert_eq!(find(Some(&path)).unwrap(), file);
    }

    #[tokio::test]
    async fn versions_and_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = program(folder.path(), "echo 'ffmpeg version n7.1-x Copyright (c) the authors'; echo more");
        assert_eq!(version(&file).await.unwrap(), Version("n7.1-x".to_owned()));
        let file = program(folder.path(), "echo hello");
        assert!(matches!(version(&file).await, Err(FfmpegError::NotFfmpeg { .. })));
        let missing = folder.path().join("missing");
        assert!(matches!(version(&missing).await, Err(FfmpegError::Start { .. })));
    }

    /// Neither the program nor what it started is left behind.
    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("pid");
        // Signals are ignored by both, and the child holds the pipe open.
        let script = format!("trap '' TERM INT; sleep 600 & echo $! > {}; wait", mark.display());
        let file = program(folder.path(), &script);
        let asked = ask(&file, Duration::from_millis(500)).await;
        assert!(matches!(asked, Err(FfmpegError::Hangs { .. })), "{asked:?}");
        let child = std::fs::read_to_string(&mark).unwrap();
        let process = PathBuf::from(format!("/proc/{}/stat", child.trim()));
        let gone = async {
            // A zombie that nobody reaps yet is dead too.
            while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the child outlived its group");
    }
}
