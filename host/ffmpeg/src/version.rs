//! Which FFmpeg there is.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::ask::{DEADLINE, ask};
use crate::error::FfmpegError;

/// The oldest release that knows every option workers are started with.
const OLDEST: Release = Release { major: 4, minor: 4 };

/// What `ffmpeg -version` says, for example `5.1.9-0+deb12u1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// A release, for example 5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// The release; none if it was built from the repository, whose versions are no numbers.
    pub fn release(&self) -> Option<Release> {
        let text = self.0.strip_prefix('n').unwrap_or(&self.0);
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        // A build of the day carries its date.
        let is_date = major > 1000;
        (!is_date).then(|| Release { major, minor: numbers.next().and_then(Result::ok).unwrap_or(0) })
    }

    /// Refuses what is too old.
    pub fn check(&self) -> Result<(), FfmpegError> {
        match self.release() {
            Some(found) if found < OLDEST => Err(FfmpegError::TooOld { found, needed: OLDEST }),
            _ => Ok(()),
        }
    }
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
    let answer = ask(program, &["-version"], DEADLINE).await?;
    parse(&answer).ok_or_else(|| FfmpegError::NotFfmpeg { path: program.to_path_buf() })
}

fn parse(output: &str) -> Option<Version> {
    let version = output.lines().next()?.strip_prefix("ffmpeg version ")?.split_whitespace().next()?;
    Some(Version(version.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

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
        let asked = ask(&file, &["-version"], Duration::from_millis(500)).await;
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

    #[test]
    fn releases_and_the_oldest_that_will_do() {
        let check = |version: &str, release: Option<(u32, u32)>, will_do: bool| {
            let version = Version(version.to_owned());
            assert_eq!(version.release(), release.map(|(major, minor)| Release { major, minor }), "{version}");
            assert_eq!(version.check().is_ok(), will_do, "{version}");
        };
        check("5.1.9-0+deb12u1", Some((5, 1)), true);
        check("n7.1-x", Some((7, 1)), true);
        check("8", Some((8, 0)), true);
        check("4.4", Some((4, 4)), true);
        check("4.3.6-0+deb11u1", Some((4, 3)), false);
        check("3.4.11-0ubuntu0.1", Some((3, 4)), false);
        // Built from the repository: nobody can tell, so let it try.
        check("N-112233-gabcdef", None, true);
        check("2024-06-06-git-d55f5cba7b-full_build", None, true);
        check("git-2020-01-01-abc", None, true);
        let old = Version("4.3.6".to_owned()).check().unwrap_err().to_string();
        assert!(old.contains("4.3") && old.contains("install ffmpeg 4.4 or newer"), "{old}");
    }
}
