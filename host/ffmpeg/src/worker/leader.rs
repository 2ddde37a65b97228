//! The process itself: FFmpeg, leader of its group. Owned by the task; dropping it kills the group, and the runtime reaps it later.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;

use crate::group::Group;

#[derive(Debug)]
pub(super) struct Leader {
    child: Child,
    pub(super) group: Arc<Group>,
    /// Tells the end *before* the process is reaped, as long as nobody else can get its number: so the rest of its group can be
    /// killed. None where the kernel is too old (before 5.3) or forbids it; then the group is killed just after.
    ending: Option<AsyncFd<OwnedFd>>,
}

impl Leader {
    pub(super) fn new(child: Child, group: Arc<Group>) -> Self {
        let ending = child.id().and_then(|id| watch(process_descriptor(id).ok()?).ok());
        Self { child, group, ending }
    }

    /// Waits until the process ended. Cancel safe.
    pub(super) async fn ended(&mut self) {
        let is_told = match &self.ending {
            Some(ending) => ending.readable().await.is_ok(),
            None => false,
        };
        if !is_told {
            // Whether that fails or not, it is over.
            let _ = self.child.wait().await;
        }
    }

    /// Kills what is left of the group and reaps the process, which ended.
    pub(super) async fn reap(&mut self) -> Option<ExitStatus> {
        self.group.kill();
        self.child.wait().await.ok()
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.group.kill();
    }
}

#[allow(unsafe_code, reason = "tokio takes descriptors only so")]
fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is open, and stays what it is until the AsyncFd that owns it closes it.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "neither std nor tokio hands out a process descriptor")]
fn process_descriptor(id: u32) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd as _;
    let id = libc::pid_t::try_from(id).map_err(io::Error::other)?;
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) };
    match i32::try_from(descriptor) {
        // SAFETY: the kernel just opened it for us, and nobody else knows of it.
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn process_descriptor(_id: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
