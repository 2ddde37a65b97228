//! Files of this machine: patterns, grants, and whether a file is what it was.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use mast_store::Validator;
use regex::Regex;

use super::{FetchError, Fetched, Input, Piece};

/// Files of one pattern.
const MAX_FILES: usize = 1_000;

/// What tells that a file is another than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::guide) struct Stamp {
    length: u64,
    inode: u64,
    /// Seconds and nanoseconds.
    modified: (u64, u32),
}

impl Stamp {
    pub(in crate::guide) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&fs::metadata(path)?))
    }

    fn from(metadata: &fs::Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let modified = (modified.as_secs(), modified.subsec_nanos());
        Self { length: metadata.len(), inode: metadata.ino(), modified }
    }
}

/// The files that an instance names, with what it was granted.
#[derive(Debug, Clone, Default)]
pub(in crate::guide) struct Patterns {
    /// Absolute; `*` and `?` in the last part.
    pub(in crate::guide) paths: Vec<PathBuf>,
    /// Files, and folders with everything below.
    pub(in crate::guide) granted: Vec<PathBuf>,
}

impl Patterns {
    /// Folders in which a change may concern these files.
    pub(in crate::guide) fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<_> = self.paths.iter().filter_map(|path| path.parent()).map(Path::to_owned).collect();
        folders.sort();
        folders.dedup();
        folders
    }

    /// Opens all files, in the order of the patterns and of their names. Blocks.
    pub(in crate::guide) fn fetch(&self, validators: &[Validator]) -> Result<Fetched, FetchError> {
        let mut pieces = Vec::new();
        for pattern in &self.paths {
            for path in matches(pattern)? {
                pieces.push(self.open(path)?);
            }
        }
        let found: Vec<Validator> = pieces.iter().filter_map(validator).collect();
        let files: Vec<&Validator> = validators.iter().filter(|one| one.resource.starts_with(FILE)).collect();
        if !found.is_empty() && found.iter().eq(files) {
            return Ok(Fetched::Unchanged);
        }
        Ok(Fetched::New(Input { pieces, validators: found }))
    }

    fn open(&self, path: PathBuf) -> Result<Piece, FetchError> {
        let unreadable = |cause| FetchError::Unreadable { path: path.clone(), cause };
        // Followed to its real place first: a link below a granted folder grants nothing outside of it.
        let real = path.canonicalize();
        let granted = |real: &Path| {
            self.granted.iter().any(|grant| grant.canonicalize().is_ok_and(|grant| real.starts_with(grant)))
        };
        match &real {
            Ok(real) if granted(real) => {}
            Err(_) if self.granted.iter().any(|grant| path.starts_with(grant)) => {}
            // Whether a file that was not granted exists is not told.
            _ => return Err(FetchError::NotGranted(path)),
        }
        let real = real.map_err(unreadable)?;
        // Asked before opening: opening a pipe would wait for its other end.
        if !fs::metadata(&real).map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::other("it is not a file")));
        }
        let file = File::open(&real).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let stamp = Some((real, Stamp::from(&metadata)));
        Ok(Piece { name: path.display().to_string(), length: metadata.len(), charset: None, stamp, file })
    }
}

/// Marks validators of files.
const FILE: &str = "file:";

fn validator(piece: &Piece) -> Option<Validator> {
    let (path, stamp) = piece.stamp.as_ref()?;
    let Stamp { length, inode, modified: (seconds, nanos) } = stamp;
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
    let last_modified = Some(format!("{seconds}.{nanos:09} {length} {inode}"));
    Some(Validator { resource: format!("{FILE}{}", hash.to_hex()), etag: None, last_modified })
}

/// The files that a pattern means, by name.
fn matches(pattern: &Path) -> Result<Vec<PathBuf>, FetchError> {
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    let (true, Some(folder)) = (name.contains(['*', '?']), pattern.parent()) else {
        return Ok(vec![pattern.to_owned()]);
    };
    let wanted = regex::escape(&name).replace(r"\*", ".*").replace(r"\?", ".");
    let wanted = Regex::new(&format!("(?s)^{wanted}$")).map_err(|_| FetchError::NoFile(pattern.to_owned()))?;
    let unreadable = |cause| FetchError::Unreadable { path: folder.to_owned(), cause };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // As a shell does it: hidden files are not meant.
        if !name.starts_with('.') && wanted.is_match(&name) && entry.path().is_file() {
            found.push(entry.path());
        }
        if found.len() > MAX_FILES {
            return Err(FetchError::TooManyFiles(pattern.to_owned(), MAX_FILES));
        }
    }
    if found.is_empty() {
        return Err(FetchError::NoFile(pattern.to_owned()));
    }
    found.sort();
    Ok(found)
}
