//! The control socket: `control.sock` in the data folder, for the host's own account only.

use std::fs::{File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

const NAME: &str = "control.sock";
/// The system allows 107 bytes for the path of a socket.
const LONGEST_PATH: usize = 100;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another server answers on it.
    #[error("{0} answers already: another server runs on this data folder, stop it first")]
    Answers(PathBuf),
    /// The system refused.
    #[error("{file} could not be {doing}: {cause}")]
    Io {
        /// The socket.
        file: PathBuf,
        /// The failed step.
        doing: &'static str,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
}

/// The listening socket. Its file is removed when it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    cleanup: Cleanup,
}

/// Removes the socket's file when dropped.
#[derive(Debug)]
pub(super) struct Cleanup(PathBuf);

impl Drop for Cleanup {
    fn drop(&mut self) {
        // Gone already where the data folder was removed.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl ControlSocket {
    /// Where the socket of a data folder is.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(NAME)
    }

    /// Listens in a data folder. A file that a killed server left there is replaced; one that answers is not.
    pub async fn bind(data_dir: &Path) -> Result<Self, SocketError> {
        let file = Self::path(data_dir);
        let failed = |doing| {
            let file = file.clone();
            move |cause| SocketError::Io { file, doing, cause }
        };
        if connect(data_dir).await.is_ok() {
            return Err(SocketError::Answers(file));
        }
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("replaced")(error)),
            _ => {}
        }
        let (path, _folder) = short_path(data_dir).map_err(failed("opened"))?;
        let listener = UnixListener::bind(path).map_err(failed("opened"))?;
        let cleanup = Cleanup(file.clone());
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).map_err(failed("made private"))?;
        Ok(Self { listener, cleanup })
    }

    pub(super) fn into_parts(self) -> (UnixListener, Cleanup) {
        (self.listener, self.cleanup)
    }
}

/// Connects to the server of a data folder.
pub(super) async fn connect(data_dir: &Path) -> std::io::Result<UnixStream> {
    let (path, _folder) = short_path(data_dir)?;
    UnixStream::connect(path).await
}

/// A path to the socket that is short enough for the system: where the real one is too long, through the open folder, which must
/// stay open while the path is used.
fn short_path(data_dir: &Path) -> std::io::Result<(PathBuf, Option<File>)> {
    let path = ControlSocket::path(data_dir);
    if path.as_os_str().len() <= LONGEST_PATH {
        return Ok((path, None));
    }
    let folder = File::open(data_dir)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd())), Some(folder)))
}
