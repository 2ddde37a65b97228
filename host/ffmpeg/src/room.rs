//! Room on a disk. It is here because the few system calls that std does not have are.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Room on the disk of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRoom {
    /// Bytes that this account may still write.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

/// How much room there is where a folder or file is.
#[allow(unsafe_code, reason = "std does not know how full a disk is")]
pub fn disk_room(path: &Path) -> io::Result<DiskRoom> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends in a zero byte and both outlive the call, which writes one struct.
    if unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so that it was written.
    let found = unsafe { found.assume_init() };
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(DiskRoom { free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_disk() {
        let room = disk_room(&std::env::temp_dir()).expect("a folder");
        assert!(room.size > 0 && room.free <= room.size, "{room:?}");
        disk_room(Path::new("no/such/folder")).expect_err("nothing there");
    }
}
