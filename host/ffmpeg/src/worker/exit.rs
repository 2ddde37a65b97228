//! How a worker ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use crate::log::LogRing;

/// Lines of the log that a reason quotes.
const QUOTED: usize = 2;
/// Characters of a reason.
const REASON: usize = 300;

/// How and why a worker ended. Displays as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// How.
    pub kind: ExitKind,
    /// Why: one line, redacted.
    pub reason: String,
    /// How long it ran.
    pub ran: Duration,
}

/// How a worker ended. Anything but `Stopped` is a failure while somebody watches, status 0 included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// It was told to.
    Stopped {
        /// It took SIGKILL, because it did not react to SIGTERM or because nobody wanted to wait for that.
        forced: bool,
    },
    /// Status 0 and nobody told it to: its input ended, or was silent for too long.
    InputEnded,
    /// Another status.
    Failed {
        /// The status.
        status: i32,
    },
    /// A signal that we did not send.
    Signalled {
        /// The signal.
        signal: i32,
    },
}

impl Exit {
    /// Whether somebody who watches has lost something.
    pub fn is_failure(&self) -> bool {
        !matches!(self.kind, ExitKind::Stopped { .. })
    }

    /// The task was dropped, and the process group killed with it.
    pub(super) fn abandoned() -> Self {
        let kind = ExitKind::Stopped { forced: true };
        Self { kind, reason: "killed with the task that watched it".to_owned(), ran: Duration::ZERO }
    }

    /// `told`: whether it was told to stop, and then whether it took SIGKILL.
    pub(super) fn new(status: Option<ExitStatus>, told: Option<bool>, log: &LogRing, ran: Duration) -> Self {
        let kind = match (told, status.and_then(|status| status.code()), status.and_then(|status| status.signal())) {
            (Some(forced), _, _) => ExitKind::Stopped { forced },
            (None, Some(0), _) => ExitKind::InputEnded,
            (None, _, Some(signal)) => ExitKind::Signalled { signal },
            (None, status, None) => ExitKind::Failed { status: status.unwrap_or(-1) },
        };
        let mut reason = kind.to_string();
        let why = log.why(QUOTED).join("; ");
        if !why.is_empty() && told.is_none() {
            reason = format!("{reason}: {why}");
        }
        if reason.chars().count() > REASON {
            reason = reason.chars().take(REASON - 1).chain(['…']).collect();
        }
        Self { kind, reason, ran }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl fmt::Display for ExitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { forced: false } => f.write_str("stopped"),
            Self::Stopped { forced: true } => f.write_str("killed"),
            Self::InputEnded => {
                f.write_str("ended by itself with status 0 (the input ended, or was silent for too long)")
            }
            Self::Failed { status } => write!(f, "exited with status {status}"),
            Self::Signalled { signal: libc::SIGKILL } => {
                f.write_str("killed by SIGKILL from outside (the kernel does that when memory runs out)")
            }
            Self::Signalled { signal: libc::SIGSEGV } => f.write_str("crashed (SIGSEGV)"),
            Self::Signalled { signal: libc::SIGABRT } => f.write_str("gave up (SIGABRT)"),
            Self::Signalled { signal } => write!(f, "ended by signal {signal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogLine;

    #[test]
    fn kinds_and_reasons() {
        let check = |wait_status: i32, told: Option<bool>, lines: &[&str], kind: ExitKind, reason: &str| {
            let log = LogRing::default();
            lines.iter().for_each(|line| log.push(LogLine::parse(line)));
            let exit = Exit::new(Some(ExitStatus::from_raw(wait_status)), told, &log, Duration::ZERO);
            assert_eq!((exit.kind, exit.reason.as_str()), (kind, reason));
            assert_eq!(exit.is_failure(), told.is_none());
        };
        let failed = ExitKind::Failed { status: 1 };
        check(1 << 8, None, &[], failed, "exited with status 1");
        check(1 << 8, None, &["[warning] odd", "[error] refused", "bye"], failed, "exited with status 1: refused");
        check(255 << 8, Some(false), &["[error] x"], ExitKind::Stopped { forced: false }, "stopped");
        check(9, Some(true), &[], ExitKind::Stopped { forced: true }, "killed");
        check(
            0,
            None,
            &["bye"],
            ExitKind::InputEnded,
            "ended by itself with status 0 (the input ended, or was silent for too long): bye",
        );
        check(11, None, &[], ExitKind::Signalled { signal: 11 }, "crashed (SIGSEGV)");
        let long = "é".repeat(1000);
        let log = LogRing::default();
        log.push(LogLine::parse(&long));
        let exit = Exit::new(None, None, &log, Duration::ZERO);
        assert_eq!((exit.kind, exit.reason.chars().count()), (ExitKind::Failed { status: -1 }, REASON));
    }
}
