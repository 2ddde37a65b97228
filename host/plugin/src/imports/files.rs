//! `mast:base/files`: reading files that were granted one by one.

use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use wasmtime::component::Resource;

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::{base, hot};
use crate::imports::{ByteSource, plugin_error};
use crate::services::Validator;
use crate::state::State;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

type Opened = Result<Option<Resource<ByteSource>>, PluginError>;

impl base::mast::base::files::Host for State {
    fn open(&mut self, path: String, only_if_changed: bool) -> wasmtime::Result<Opened> {
        self.open_file(&path, only_if_changed)
    }
}

impl hot::mast::base::files::Host for State {
    fn open(&mut self, path: String, only_if_changed: bool) -> wasmtime::Result<Opened> {
        self.open_file(&path, only_if_changed)
    }
}

impl State {
    fn open_file(&mut self, path: &str, only_if_changed: bool) -> wasmtime::Result<Opened> {
        let (file, validator) = match self.granted_file(path) {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let unchanged = self.call.validators.contains(&validator);
        self.call.note(validator);
        if only_if_changed && unchanged {
            return Ok(Ok(None));
        }
        let source = match decompressed(file) {
            Ok(reader) => ByteSource::file(reader, self.instance.limits.input),
            Err(error) => return Ok(Err(unreadable(path, &error))),
        };
        Ok(Ok(Some(self.table.push(source)?)))
    }

    fn granted_file(&self, path: &str) -> Result<(File, Validator), PluginError> {
        let real = self.granted_path(Path::new(path)).ok_or_else(|| self.not_granted(path))?;
        let real = real.map_err(|error| unreadable(path, &error))?;
        let metadata = fs::metadata(&real).map_err(|error| unreadable(path, &error))?;
        // Opening a pipe or a device could block for ever.
        if !metadata.is_file() {
            return Err(plugin_error("config", format!("{} is not a regular file", printable(path))));
        }
        let file = File::open(&real).map_err(|error| unreadable(path, &error))?;
        let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
        Ok((file, validator(path, &metadata)))
    }

    /// Where a granted path leads now; none where it is not granted. A path that was not granted as written may still lead to the very
    /// file that was, but a link inside a granted path cannot lead to one that was not.
    fn granted_path(&self, path: &Path) -> Option<io::Result<PathBuf>> {
        if !path.is_absolute() {
            return None;
        }
        let granted = &self.instance.grants.files;
        match path.canonicalize() {
            Ok(real) => granted
                .iter()
                .any(|granted| granted.canonicalize().is_ok_and(|granted| granted == real))
                .then_some(Ok(real)),
            // Whether a file that was not granted exists is not told.
            Err(error) => granted.iter().any(|granted| granted == path).then_some(Err(error)),
        }
    }

    fn not_granted(&self, path: &str) -> PluginError {
        let (path, file) = (printable(path), &self.instance.id);
        plugin_error(
            "not-granted",
            format!("file {path} is not granted; add files = [{path}] to [grant] in {file}.toml (an absolute path)"),
        )
    }
}

fn decompressed(mut file: File) -> io::Result<Box<dyn Read + Send>> {
    let mut head = Vec::with_capacity(GZIP_MAGIC.len());
    file.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut head)?;
    let gzip = head == GZIP_MAGIC;
    let whole = Cursor::new(head).chain(file);
    Ok(if gzip { Box::new(flate2::read::MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

fn validator(path: &str, metadata: &Metadata) -> Validator {
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Validator {
        resource: blake3::hash(path.as_bytes()).to_hex().to_string(),
        etag: None,
        last_modified: Some(format!("{}.{:09} {}", modified.as_secs(), modified.subsec_nanos(), metadata.len())),
    }
}

fn unreadable(path: &str, error: &io::Error) -> PluginError {
    let code = if error.kind() == io::ErrorKind::NotFound { "not-found" } else { "unavailable" };
    plugin_error(code, format!("file {} cannot be read: {error}", printable(path)))
}

fn printable(path: &str) -> String {
    format!("{:?}", crate::guest_log::cut(path, 512))
}
