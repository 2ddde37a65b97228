//! A process group that does not outlive its guard.

use tokio::process::Child;

/// Kills a process, and everything it started, when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Option<libc::pid_t>,
}

impl Group {
    /// The group that `child` leads: it must have been spawned with `process_group(0)`.
    pub(crate) fn led_by(child: &Child) -> Self {
        Self { leader: child.id().and_then(|id| libc::pid_t::try_from(id).ok()).filter(|id| *id > 1) }
    }

    /// The leader was reaped: its number may belong to somebody else from here on.
    pub(crate) fn reaped(mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            kill_group(leader);
        }
    }
}

#[allow(unsafe_code, reason = "there is no safe way in std to signal a process group")]
fn kill_group(leader: libc::pid_t) {
    // SAFETY: killpg takes two integers and touches no memory of ours; the leader was not reaped, so the group is still its.
    unsafe { libc::killpg(leader, libc::SIGKILL) };
}
