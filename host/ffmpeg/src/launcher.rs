//! What stands between the host and FFmpeg for the length of one `exec`: it makes the kernel end the worker when the host is
//! killed, and sets limits. A program of its own (a hidden subcommand of the host's binary), because only async-signal-safe code
//! may run between fork and exec of a threaded process.
//!
//! PR_SET_PDEATHSIG reaches the direct child only. FFmpeg starts none; a wrapper script in its place does, and its children are ended
//! by the closed pipes at best. The signal follows the *thread* that spawned, not the process: see `spawner.rs`. The kernel forgets it when the
//! program is set-user-ID or carries file capabilities.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::descriptors;

/// What a worker may use. `None` and 0 leave things as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of address space, not of memory in use. On two cores a profile takes 500 MB, a ladder of three 1 GB; each thread adds some,
    /// so set [`crate::Job::threads`] too. Not for every encoder: see [`crate::Encoder::allows_memory_limit`].
    pub memory: Option<u64>,
    /// Seconds of CPU, for a job that has an end.
    pub cpu_seconds: Option<u64>,
    /// Niceness added, 0 to 19: how far other processes go first.
    pub nice: u8,
}

/// How to start the launcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    /// A program that calls [`launch`] with what follows `arguments`.
    pub program: PathBuf,
    /// What makes it do that, such as a hidden subcommand.
    pub arguments: Vec<OsString>,
    /// What the worker may use.
    pub limits: Limits,
}

impl Launcher {
    /// The running program itself, even when its file was replaced meanwhile.
    pub fn this_program(arguments: &[&str], limits: Limits) -> Self {
        let own = PathBuf::from("/proc/self/exe");
        let program = if own.exists() { own } else { std::env::current_exe().unwrap_or(own) };
        Self { program, arguments: arguments.iter().map(OsString::from).collect(), limits }
    }

    /// Everything between the launcher's own program and FFmpeg's.
    pub(crate) fn prefix(&self) -> Vec<OsString> {
        let mut prefix = self.arguments.clone();
        let mut option = |name: &str, value: Option<u64>| {
            if let Some(value) = value {
                prefix.extend([OsString::from(name), OsString::from(value.to_string())]);
            }
        };
        option("--parent", Some(u64::from(std::process::id())));
        option("--memory", self.limits.memory);
        option("--cpu-seconds", self.limits.cpu_seconds);
        option("--descriptors", descriptors::original());
        option("--nice", Some(u64::from(self.limits.nice)).filter(|nice| *nice > 0));
        prefix.push("--".into());
        prefix
    }
}

/// Why nothing was launched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The command line is not one that [`Launcher`] makes.
    #[error("this subcommand is for the host itself: {0}")]
    Usage(String),
    /// The host died before the launcher could tie itself to it.
    #[error("the host that asked for this worker is gone")]
    Orphaned,
    /// A limit cannot be set.
    #[error("cannot set {what}: {cause}")]
    Limit {
        /// Which.
        what: &'static str,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The program does not start.
    #[error("{} does not start: {cause}; install package ffmpeg", .program.display())]
    Exec {
        /// The program.
        program: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Becomes the program that the arguments name, tied to the host's life and limited as they say. Returns only if that fails; print
/// the error to standard error and exit with a status other than 0.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> LaunchError {
    match prepare(arguments.into_iter()) {
        Ok(mut command) => {
            let cause = command.exec();
            LaunchError::Exec { program: command.get_program().into(), cause }
        }
        Err(error) => error,
    }
}

fn prepare(arguments: impl Iterator<Item = OsString>) -> Result<Command, LaunchError> {
    let order = Asked::parse(arguments)?;
    die_with_parent().map_err(|cause| LaunchError::Limit { what: "the signal at the host's death", cause })?;
    // If the host died before that, no signal comes any more.
    if std::os::unix::process::parent_id() != order.parent {
        return Err(LaunchError::Orphaned);
    }
    let limit = |what, result: std::io::Result<()>| result.map_err(|cause| LaunchError::Limit { what, cause });
    limit("the core size limit", set_limit(Resource::Core, 0))?;
    if let Some(bytes) = order.limits.memory {
        limit("the memory limit", set_limit(Resource::AddressSpace, bytes))?;
    }
    if let Some(seconds) = order.limits.cpu_seconds {
        limit("the CPU limit", set_limit(Resource::Cpu, seconds))?;
    }
    if let Some(count) = order.descriptors {
        limit("the limit of file descriptors", descriptors::set_soft(count))?;
    }
    if order.limits.nice > 0 {
        limit("the niceness", set_nice(order.limits.nice))?;
    }
    let mut command = Command::new(order.program);
    command.args(order.arguments);
    Ok(command)
}

/// The command line that [`Launcher::prefix`] makes, and what follows it.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    parent: u32,
    limits: Limits,
    /// The soft limit that the host was started with, where it raised its own.
    descriptors: Option<u64>,
    program: OsString,
    arguments: Vec<OsString>,
}

impl Asked {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, LaunchError> {
        let usage = |what: &str| LaunchError::Usage(what.to_owned());
        let (mut parent, mut limits, mut descriptors) = (None, Limits::default(), None);
        loop {
            let name = arguments.next().ok_or_else(|| usage("no -- before the program"))?;
            if name == "--" {
                break;
            }
            let value = arguments.next().as_deref().and_then(OsStr::to_str).and_then(|text| text.parse::<u64>().ok());
            let value = value.ok_or_else(|| usage("an option without a number"))?;
            match name.to_str() {
                Some("--parent") => parent = u32::try_from(value).ok(),
                Some("--memory") => limits.memory = Some(value),
                Some("--cpu-seconds") => limits.cpu_seconds = Some(value),
                Some("--descriptors") => descriptors = Some(value),
                Some("--nice") => limits.nice = u8::try_from(value.min(19)).unwrap_or(19),
                _ => return Err(usage("an unknown option")),
            }
        }
        let parent = parent.ok_or_else(|| usage("no --parent"))?;
        let program = arguments.next().ok_or_else(|| usage("no program"))?;
        Ok(Self { parent, limits, descriptors, program, arguments: arguments.collect() })
    }
}

enum Resource {
    Core,
    AddressSpace,
    Cpu,
}

#[allow(unsafe_code, reason = "std knows no resource limits")]
fn set_limit(resource: Resource, most: u64) -> std::io::Result<()> {
    let resource = match resource {
        Resource::Core => libc::RLIMIT_CORE,
        Resource::AddressSpace => libc::RLIMIT_AS,
        Resource::Cpu => libc::RLIMIT_CPU,
    };
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: setrlimit reads one struct, which outlives the call.
    result_of(unsafe { libc::setrlimit(resource, &raw const limit) })
}

#[allow(unsafe_code, reason = "std knows no niceness")]
fn set_nice(nice: u8) -> std::io::Result<()> {
    // SAFETY: integers only; 0 is this process.
    result_of(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, i32::from(nice)) })
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "std knows no parent-death signal")]
fn die_with_parent() -> std::io::Result<()> {
    // SAFETY: this operation of prctl takes one integer.
    result_of(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })
}

/// Elsewhere the closed pipes have to do.
#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> std::io::Result<()> {
    Ok(())
}

fn result_of(code: libc::c_int) -> std::io::Result<()> {
    if code == -1 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Asked, LaunchError> {
        Asked::parse(line.iter().map(OsString::from))
    }

    #[test]
    fn what_the_host_asks_is_understood() {
        let limits = Limits { memory: Some(1 << 30), cpu_seconds: Some(5), nice: 10 };
        let launcher = Launcher { program: "host".into(), arguments: Vec::new(), limits };
        let line = launcher.prefix().into_iter().chain(["ffmpeg".into(), "-i".into(), "--".into()]);
        let asked = Asked::parse(line).unwrap();
        let expected = Asked {
            parent: std::process::id(),
            limits,
            descriptors: descriptors::original(),
            program: "ffmpeg".into(),
            arguments: vec!["-i".into(), "--".into()],
        };
        assert_eq!(asked, expected);
    }

    #[test]
    fn anything_else_is_refused() {
        let check = |line: &[&str], what: &str| {
            assert!(matches!(parse(line), Err(LaunchError::Usage(said)) if said == what), "{line:?}");
        };
        check(&[], "no -- before the program");
        check(&["--parent", "1"], "no -- before the program");
        check(&["--parent", "1", "--"], "no program");
        check(&["--", "ffmpeg"], "no --parent");
        check(&["--memory", "lots", "--", "ffmpeg"], "an option without a number");
        check(&["--what", "1", "--", "ffmpeg"], "an unknown option");
    }
}
