//! Getting hold of a guide's files: downloads, spooled to the disk with the data folder, and files that the operator granted.
//!
//! A spool file has no name: nothing is left of it when the host ends, however it ends. Downloads are conditional with the validators of
//! the last accepted import, and go on where they broke off while the upstream has the same version (RFC 9110, sections 13.1.5 and 14.2).
//!
//! What is in the files is not its business.

mod download;
mod files;
#[cfg(test)]
mod tests;

pub(super) use download::{DownloadRequest, Downloads};
pub(super) use files::{Patterns, Stamp};

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use mast_model::{ByteSize, Refused};
use mast_store::Validator;

use crate::outbound::OutboundError;

/// What there is to read.
pub(super) enum Fetched {
    /// The same as at the last accepted import.
    Unchanged,
    /// Something else.
    New(Input),
}

/// Files to be imported, one after the other.
pub(super) struct Input {
    pub(super) pieces: Vec<Piece>,
    /// To be kept with the import.
    pub(super) validators: Vec<Validator>,
}

/// One file.
pub(super) struct Piece {
    /// Host of the URL, or the file's path.
    pub(super) name: String,
    pub(super) file: File,
    /// Bytes.
    pub(super) length: u64,
    /// As the response says.
    pub(super) charset: Option<String>,
    /// For files of the operator: what they were when they were opened.
    pub(super) stamp: Option<(PathBuf, Stamp)>,
}

impl Piece {
    /// Whether the file is still what was opened. Blocks.
    pub(super) fn is_unchanged(&self) -> bool {
        self.stamp.as_ref().is_none_or(|(path, stamp)| Stamp::of(path).is_ok_and(|now| now == *stamp))
    }
}

/// Why there is nothing to read. No path or query of a URL in any message.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// No answer, or one that broke off too often.
    #[error("{0}")]
    Outbound(#[from] OutboundError),
    /// The rules say no.
    #[error("{refused}; {advice}")]
    Refused { refused: Refused, advice: String },
    #[error("{host} answered {status}{}", advice(*.status))]
    Status { host: String, status: u16, retry_after: Option<u32> },
    #[error("{host} answered with another part of the file than it was asked for")]
    WrongPart { host: String },
    #[error("{host} sent nothing for {seconds} s")]
    Paused { host: String, seconds: u64 },
    #[error("{host} takes too long; the download was given up after {minutes} min")]
    Slow { host: String, minutes: u64 },
    #[error("the download is larger than {0}; raise download under [guide] in mast.toml if that is expected")]
    TooLarge(ByteSize),
    #[error("the disk is full: the download does not fit in the data folder ({0})")]
    DiskFull(io::Error),
    #[error("the download cannot be kept in the data folder: {0}")]
    Spool(io::Error),
    #[error("{0} is not granted; add it, or its folder, to files under [grant]")]
    NotGranted(PathBuf),
    #[error("no file is called {0}")]
    NoFile(PathBuf),
    #[error("{0} has more than {1} matches; name fewer files")]
    TooManyFiles(PathBuf, usize),
    #[error("{path} cannot be read: {cause}")]
    Unreadable { path: PathBuf, cause: io::Error },
}

fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "; check the credentials in url",
        404 | 410 => "; check url",
        _ => "",
    }
}

impl FetchError {
    /// Seconds that the upstream wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn written(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(cause),
            _ => Self::Spool(cause),
        }
    }
}

/// A file without a name in a folder. Blocks.
fn nameless(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{:016x}", getrandom::u64().map_err(io::Error::other)?));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
