//! The soft limit of file descriptors: a host raises its own as far as it may, and its workers get the old one back, because a
//! program that uses `select` breaks above 1024.

use std::io;
use std::sync::OnceLock;

/// What was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// The soft limit before.
    pub before: u64,
    /// The soft limit now; as high as the hard one, unless the system did not want that.
    pub now: u64,
}

/// The soft limit that this process was started with, once it was raised.
static ORIGINAL: OnceLock<u64> = OnceLock::new();

/// Raises this process's soft limit to its hard limit. To be called once, at the start; what was started before keeps its own.
pub fn raise_descriptors() -> io::Result<Descriptors> {
    let limit = limit()?;
    let before = *ORIGINAL.get_or_init(|| limit.rlim_cur);
    if limit.rlim_cur < limit.rlim_max {
        set(libc::rlimit { rlim_cur: limit.rlim_max, ..limit })?;
    }
    Ok(Descriptors { before, now: self::limit()?.rlim_cur })
}

/// The soft limit that workers are to have; none where it was not raised.
pub(crate) fn original() -> Option<u64> {
    ORIGINAL.get().copied()
}

/// Sets the soft limit, below the hard one.
pub(crate) fn set_soft(soft: u64) -> io::Result<()> {
    let limit = limit()?;
    set(libc::rlimit { rlim_cur: soft.min(limit.rlim_max), ..limit })
}

#[allow(unsafe_code, reason = "std knows no resource limits")]
fn limit() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes one struct, which outlives the call.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(limit),
    }
}

#[allow(unsafe_code, reason = "std knows no resource limits")]
fn set(limit: libc::rlimit) -> io::Result<()> {
    // SAFETY: setrlimit reads one struct, which outlives the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Limits are the process's: one test, so that none disturbs another.
    #[test]
    fn the_soft_limit_is_raised_and_can_be_given_back() {
        let start = limit().unwrap();
        set_soft(start.rlim_cur.min(700)).unwrap();
        let raised = raise_descriptors().unwrap();
        assert_eq!(raised, Descriptors { before: start.rlim_cur.min(700), now: start.rlim_max });
        // The first one counts.
        assert_eq!(raise_descriptors().unwrap().before, raised.before);
        assert_eq!(original(), Some(raised.before));
        set_soft(raised.before).unwrap();
        assert_eq!(limit().unwrap().rlim_cur, raised.before);
        set_soft(u64::MAX).unwrap();
        assert_eq!(limit().unwrap().rlim_cur, start.rlim_max);
    }
}
