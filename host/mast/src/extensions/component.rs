//! A component's bytes: from inside the binary or from a file that is checked first.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::bundled::{Bundled, UnknownPlugin};
use super::config::Component;

/// A larger file is not read.
const MAX_COMPONENT: u64 = 64 << 20;

/// Why there are no bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComponentError {
    #[error(transparent)]
    Unknown(#[from] UnknownPlugin),
    #[error("{} does not exist; correct path = or build the plugin", .0.display())]
    Missing(PathBuf),
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    #[error("{} has more than {} MiB, the most a component may have", .path.display(), .max >> 20)]
    TooLarge { path: PathBuf, max: u64 },
    #[error("{} could not be read: {cause}", .path.display())]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("{} has sha256 {actual}, not {expected}; if the file is the one you mean, correct sha256 =", .path.display())]
    Sha256 { path: PathBuf, expected: String, actual: String },
}

/// What tells whether a component's file changed without reading it. A bundled one never changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fingerprint(Option<(SystemTime, u64)>);

impl Fingerprint {
    pub(super) fn of(component: &Component) -> Self {
        match component {
            Component::Bundled(_) => Self(None),
            Component::File { path, .. } => {
                let metadata = std::fs::metadata(path).ok();
                Self(metadata.and_then(|file| Some((file.modified().ok()?, file.len()))))
            }
        }
    }

    /// When the file was last written.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.0.map(|(modified, _)| modified)
    }
}

/// Reads a component. Blocks.
pub(super) fn read(component: &Component, bundled: Bundled) -> Result<Cow<'static, [u8]>, ComponentError> {
    match component {
        Component::Bundled(name) => Ok(Cow::Borrowed(bundled.find(name)?)),
        Component::File { path, sha256 } => {
            let bytes = read_file(path, MAX_COMPONENT)?;
            if let Some(expected) = sha256 {
                check(path, &bytes, expected)?;
            }
            Ok(Cow::Owned(bytes))
        }
    }
}

fn read_file(path: &Path, max: u64) -> Result<Vec<u8>, ComponentError> {
    let failed = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => ComponentError::Missing(path.to_owned()),
        _ => ComponentError::Read { path: path.to_owned(), cause },
    };
    // Asked before opening: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(ComponentError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(ComponentError::TooLarge { path: path.to_owned(), max });
    }
    Ok(bytes)
}

/// In hexadecimal digits, lower case.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn check(path: &Path, bytes: &[u8], expected: &str) -> Result<(), ComponentError> {
    let actual = sha256(bytes);
    if actual.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(ComponentError::Sha256 { path: path.to_owned(), expected: expected.to_owned(), actual })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, sha256: Option<&str>) -> Component {
        Component::File { path: path.to_owned(), sha256: sha256.map(str::to_owned) }
    }

    #[test]
    fn reads_and_checks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.wasm");
        let bundled = Bundled::of(&[("known", b"bytes")]);
        let message = |component: &Component| read(component, bundled).unwrap_err().to_string();

        assert_eq!(read(&Component::Bundled("known".into()), bundled).unwrap().as_ref(), b"bytes");
        assert!(message(&Component::Bundled("knwon".into())).ends_with("did you mean \"known\"?"));
        assert!(message(&file(&path, None)).ends_with("p.wasm does not exist; correct path = or build the plugin"));
        assert!(message(&file(folder.path(), None)).ends_with("is not a file"));

        std::fs::write(&path, b"abc").unwrap();
        assert_eq!(read(&file(&path, None), bundled).unwrap().as_ref(), b"abc");
        // The digest of "abc" in FIPS 180-2, appendix B.1.
        let digest = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert_eq!(read(&file(&path, Some(digest)), bundled).unwrap().as_ref(), b"abc");
        assert!(message(&file(&path, Some(&"0".repeat(64)))).contains("has sha256 ba7816bf"));
        assert!(matches!(read_file(&path, 2), Err(ComponentError::TooLarge { .. })));
    }

    #[test]
    fn a_fingerprint_moves_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let component = file(&folder.path().join("p.wasm"), None);
        let missing = Fingerprint::of(&component);
        std::fs::write(folder.path().join("p.wasm"), b"abc").unwrap();
        let three = Fingerprint::of(&component);
        std::fs::write(folder.path().join("p.wasm"), b"abcd").unwrap();
        let four = Fingerprint::of(&component);
        assert!(missing != three && three != four);
        assert_eq!(four, Fingerprint::of(&component));
    }
}
