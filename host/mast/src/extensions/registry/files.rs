//! The folder of instance files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Fingerprint;

/// Path by stem.
pub(super) type Listing = BTreeMap<String, PathBuf>;

/// A larger file is not an instance file.
const MAX_FILE: u64 = 1 << 20;

/// Every `*.toml`, hidden ones apart (editors leave such beside what they edit). A folder that is not there is empty.
pub(super) fn list(folder: &Path) -> Result<Listing, String> {
    let problem = |error: std::io::Error| format!("{} could not be read: {error}", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Listing::new()),
        Err(error) => return Err(problem(error)),
    };
    let mut listing = Listing::new();
    for entry in entries {
        let path = entry.map_err(problem)?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "toml") && !stem.starts_with('.') {
            listing.insert(stem, path);
        }
    }
    Ok(listing)
}

/// The file's bytes; `Err(None)` where it is gone.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Option<String>> {
    let problem = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => None,
        _ => Some(format!("could not be read: {error}")),
    };
    // Asked before opening: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(problem)?.is_file() {
        return Err(Some("is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(problem)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Some(format!("has more than {} KiB", MAX_FILE >> 10)));
    }
    Ok(bytes)
}

/// When the file or the component was last written.
pub(super) fn changed_at(path: &Path, component: &Fingerprint) -> Option<Timestamp> {
    let file = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let last = file.into_iter().chain(component.modified()).max()?;
    Timestamp::try_from(last).ok()
}
