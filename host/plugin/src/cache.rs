//! The AOT cache: compiled components in a folder of the host's own, so that a restart compiles nothing.
//!
//! Compiled code runs outside the sandbox, so a file is trusted only if this host wrote it: each carries a MAC under a key
//! that the host made itself and keeps in the same folder (0600 in 0700). Whoever can read that key can run code as the host
//! anyway. Any other file is compiled again and overwritten; the cache is never a reason to fail.
//!
//! File: magic (8 bytes), MAC (32 bytes) over file name and code, code.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"MASTAOT1";
const MAC_LENGTH: usize = 32;
const KEY_FILE: &str = "key";
const SUFFIX: &str = "aot";

/// Compiled components kept; the longest unused go first.
const FILES_MAX: usize = 128;

pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; 32],
}

impl Cache {
    /// Opens the folder, or makes it with a fresh key.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        let path = dir.join(KEY_FILE);
        let key = match fs::read(&path).map(<[u8; 32]>::try_from) {
            Ok(Ok(key)) => key,
            // Cut off: what it authenticated is lost with it.
            Ok(Err(_)) => make_key(dir, &path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(dir, &path)?,
            Err(error) => return Err(error),
        };
        Ok(Self { dir: dir.to_owned(), key })
    }

    /// The compiled component, from the folder where it is there and authentic.
    pub(crate) fn component(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        let name = file_name(engine, wasm);
        let path = self.dir.join(&name);
        if let Some(component) = self.read(engine, &name, &path) {
            return Ok(component);
        }
        let component = Component::from_binary(engine, wasm)?;
        if let Err(error) =
            component.serialize().map_err(io::Error::other).and_then(|code| self.write(&name, &path, &code))
        {
            tracing::warn!(file = %path.display(), %error, "could not write to the plugin cache; the plugin is compiled again at the next start");
        }
        Ok(component)
    }

    fn read(&self, engine: &Engine, name: &str, path: &Path) -> Option<Component> {
        let file = fs::read(path).ok()?;
        let code = self.authentic(name, &file);
        let component = code.and_then(|code| deserialize(engine, code));
        if component.is_none() {
            tracing::warn!(file = %path.display(), "not a file that this host wrote; compiling the plugin again");
        } else {
            // The modification time tells what was used last; failing to set it only makes eviction less apt.
            let _ = fs::File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        component
    }

    fn authentic<'a>(&self, name: &str, file: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, code) = file.strip_prefix(MAGIC)?.split_at_checked(MAC_LENGTH)?;
        let mac = blake3::Hash::from_bytes(mac.try_into().ok()?);
        // `blake3::Hash` compares in constant time.
        (self.mac(name, code) == mac).then_some(code)
    }

    fn mac(&self, name: &str, code: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key).update(name.as_bytes()).update(code).finalize()
    }

    fn write(&self, name: &str, path: &Path, code: &[u8]) -> io::Result<()> {
        let mac = self.mac(name, code);
        write_atomically(&self.dir, path, &[MAGIC, mac.as_bytes(), code])?;
        self.evict();
        Ok(())
    }

    fn evict(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut files: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|suffix| suffix == SUFFIX))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(FILES_MAX)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Names the wasm, the engine's kind (through its settings) and wasmtime's version.
fn file_name(engine: &Engine, wasm: &[u8]) -> String {
    let mut compatibility = Blake3Hasher(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    let engine = compatibility.0.finalize().to_hex();
    format!("{}-{}.{SUFFIX}", blake3::hash(wasm).to_hex(), &engine[..32])
}

struct Blake3Hasher(blake3::Hasher);

impl Hasher for Blake3Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}

fn make_key(dir: &Path, path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    write_atomically(dir, path, &[&key])?;
    Ok(key)
}

fn write_atomically(dir: &Path, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let temporary = dir.join(format!("{:016x}.tmp", u64::from_le_bytes(random)));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[allow(unsafe_code, reason = "wasmtime cannot prove that compiled code is its own; the MAC does")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` carried a MAC under this host's own key over exactly these bytes and this engine's compatibility hash,
    // so it is what `Component::serialize` gave this host for an engine with the same settings and version.
    unsafe { Component::deserialize(engine, code) }.ok()
}
