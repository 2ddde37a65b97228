//! A process group that does not outlive its guard.

use std::sync::{Mutex, PoisonError};

use tokio::process::Child;

/// Kills a process, and everything it started, when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    /// None: the leader was reaped, and its number may belong to somebody else. Signals are sent under the lock, so that none goes
    /// to a number given back meanwhile.
    leader: Mutex<Option<libc::pid_t>>,
}

impl Group {
    /// The group that `child` leads: it must have been spawned with `process_group(0)`.
    pub(crate) fn led_by(child: &Child) -> Self {
        let leader = child.id().and_then(|id| libc::pid_t::try_from(id).ok()).filter(|id| *id > 1);
        Self { leader: Mutex::new(leader) }
    }

    /// Sends a signal to every process of the group.
    pub(crate) fn signal(&self, signal: libc::c_int) {
        if let Some(leader) = *self.leader.lock().unwrap_or_else(PoisonError::into_inner) {
            signal_group(leader, signal);
        }
    }

    /// Kills every process of the group; it gets no signal afterwards. The leader may be a zombie, but must not have been reaped.
    pub(crate) fn kill(&self) {
        if let Some(leader) = self.leader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            signal_group(leader, libc::SIGKILL);
        }
    }

    /// The leader was reaped: its number may belong to somebody else from here on.
    pub(crate) fn reaped(&self) {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[allow(unsafe_code, reason = "there is no safe way in std to signal a process group")]
fn signal_group(leader: libc::pid_t, signal: libc::c_int) {
    // SAFETY: killpg takes two integers and touches no memory of ours; the leader was not reaped, so the group is still its.
    unsafe { libc::killpg(leader, signal) };
}
