//! Backups of the store under names, in the folder `backups` beside it; and putting one back in place of a store.
//!
//! What is in a backup, and whether it can be used, is the store's business. Not in it: `mast.toml`, `plugins.d`, certificates and everything else
//! that operators keep in files of their own.
//!
//! Invariants: a file under a backup's name is whole, whatever happened while it was written; no name leads out of the folder; nothing is
//! overwritten; a store that is replaced is kept.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};

use jiff::Timestamp;
use mast_model::{Classified, ErrorClass, Side};
use mast_store::backup::{self, Manifest, restore as restore_into};
use mast_store::{Change, PluginKv, StateStore, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const FOLDER: &str = "backups";
const EXTENSION: &str = ".backup";
/// While it is written. No name begins with a dot.
const DRAFT: &str = ".draft";

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backup {
    /// Its name.
    pub name: String,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Size of the file.
    pub bytes: u64,
    /// Lines in it.
    pub lines: u64,
}

/// Why there is no backup, or none that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupsError {
    /// It could lead out of the folder, or be hidden in it.
    #[error(
        "{0:?} is no name of a backup: use 1 to 100 letters, digits, dots, dashes and underscores, a letter or digit first, no two dots together"
    )]
    Name(String),
    /// Nothing is overwritten.
    #[error("there is a backup {0} already")]
    Exists(String),
    /// There is none.
    #[error("there is no backup {0}")]
    NoSuchBackup(String),
    /// One at a time.
    #[error("a backup is being written right now")]
    Busy,
    /// The system refused.
    #[error("{file} could not be {doing}: {cause}")]
    File {
        /// Which.
        file: PathBuf,
        /// The failed step.
        doing: &'static str,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host could not do the work.
    #[error("nothing was written: {0}")]
    Interrupted(String),
}

impl Classified for BackupsError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Name(_) => ErrorClass::Invalid,
            Self::Exists(_) | Self::Busy => ErrorClass::Conflict,
            Self::NoSuchBackup(_) => ErrorClass::NotFound,
            Self::File { .. } | Self::Interrupted(_) => ErrorClass::Internal,
            Self::Store(error) => error.class(),
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

fn failed(file: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> BackupsError {
    move |cause| BackupsError::File { file: file.to_owned(), doing, cause }
}

/// The backups of a host. Cheap to clone.
#[derive(Clone)]
pub struct Backups {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn StateStore>,
    kv: Arc<dyn PluginKv>,
    folder: PathBuf,
    writing: Mutex<()>,
}

impl Backups {
    /// Backups of these files, in the data folder that they are in.
    pub fn new(store: Arc<dyn StateStore>, kv: Arc<dyn PluginKv>, data_dir: &Path) -> Self {
        let inner = Inner { store, kv, folder: data_dir.join(FOLDER), writing: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The file of a backup of a data folder.
    pub fn path(data_dir: &Path, name: &str) -> Result<PathBuf, BackupsError> {
        check_name(name)?;
        Ok(data_dir.join(FOLDER).join(format!("{name}{EXTENSION}")))
    }

    /// Writes a backup of this moment; under the time's name where none is given.
    pub async fn create(&self, name: Option<String>, change: Change) -> Result<Backup, BackupsError> {
        let name = name.unwrap_or_else(|| Timestamp::now().strftime("mast-%Y%m%dT%H%M%SZ").to_string());
        check_name(&name)?;
        self.blocking(move |inner| inner.create(name, &change)).await
    }

    /// Every backup, by name.
    pub async fn list(&self) -> Result<Vec<Backup>, BackupsError> {
        self.blocking(Inner::list).await
    }

    /// Removes a backup.
    pub async fn remove(&self, name: String, change: Change) -> Result<(), BackupsError> {
        check_name(&name)?;
        self.blocking(move |inner| {
            let file = inner.file(&name);
            let known = look(&file, name).ok_or_else(|| BackupsError::NoSuchBackup(file_name(&file)))?;
            change.commit(&*inner.store, "note that a backup is removed", |transaction| {
                let subject = format!("backup/{}", known.name);
                transaction.audit(&change.actor, "backup.delete", subject, (Some(&known), None))?;
                Ok::<_, BackupsError>(())
            })?;
            std::fs::remove_file(&file).map_err(failed(&file, "removed"))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, BackupsError> + Send + 'static,
    ) -> Result<T, BackupsError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(BackupsError::Interrupted(error.to_string())))
    }
}

impl Inner {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{EXTENSION}"))
    }

    fn create(&self, name: String, change: &Change) -> Result<Backup, BackupsError> {
        let _one = match self.writing.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(BackupsError::Busy),
            // A draft that was left behind is removed like any other.
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Ok(held) => held,
        };
        make_private(&self.folder)?;
        self.remove_drafts();
        let (file, draft) = (self.file(&name), self.folder.join(format!(".{name}{DRAFT}")));
        if file.symlink_metadata().is_ok() {
            return Err(BackupsError::Exists(name));
        }
        let written = backup::write(&*self.store, &*self.kv, &draft).map_err(BackupsError::from);
        let placed = written.and_then(|manifest| place(&draft, &file, false).map(|()| manifest));
        let manifest: Manifest = placed.inspect_err(|_| drop(std::fs::remove_file(&draft)))?;
        let bytes = std::fs::metadata(&file).map_err(failed(&file, "looked at"))?.len();
        let backup = Backup { name, created: manifest.created, bytes, lines: manifest.lines() };
        change.commit(&*self.store, "note a backup", |transaction| {
            let subject = format!("backup/{}", backup.name);
            transaction.audit(&change.actor, "backup.create", subject, (None, Some(&backup)))?;
            Ok::<_, BackupsError>(())
        })?;
        Ok(backup)
    }

    /// What was being written when a host was killed.
    fn remove_drafts(&self) {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") && name.as_encoded_bytes().ends_with(DRAFT.as_bytes()) {
                tracing::info!(file = %entry.path().display(), "a backup that was never finished is removed");
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    fn list(&self) -> Result<Vec<Backup>, BackupsError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed(&self.folder, "listed"))?,
        };
        let backup = |entry: io::Result<std::fs::DirEntry>| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.to_owned();
            check_name(&name).ok()?;
            look(&path, name)
        };
        let mut all: Vec<Backup> = entries.filter_map(backup).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

/// None where the file is not there or no backup.
fn look(file: &Path, name: String) -> Option<Backup> {
    let metadata = file.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
    let manifest = backup::manifest(file).ok()?;
    Some(Backup { name, created: manifest.created, bytes: metadata.len(), lines: manifest.lines() })
}

fn file_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(EXTENSION).unwrap_or(&name).to_owned()
}

fn check_name(name: &str) -> Result<(), BackupsError> {
    let fits = (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && !name.contains("..");
    if fits { Ok(()) } else { Err(BackupsError::Name(name.to_owned())) }
}

/// A folder that only this account can look into; not a link to another.
fn make_private(folder: &Path) -> Result<(), BackupsError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder, "made"))?;
    match folder.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(failed(folder, "used")(io::Error::other("it is not a folder"))),
        Err(error) => Err(failed(folder, "used")(error)),
    }
}

/// Gives a draft its name, in one step; what has that name stays unless it is to be replaced.
pub fn place(draft: &Path, file: &Path, replace: bool) -> Result<(), BackupsError> {
    if replace {
        std::fs::rename(draft, file).map_err(failed(file, "written"))?;
    } else {
        std::fs::hard_link(draft, file).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupsError::Exists(file.display().to_string()),
            _ => failed(file, "written")(error),
        })?;
        std::fs::remove_file(draft).map_err(failed(draft, "removed"))?;
    }
    sync_folder_of(file)
}

fn sync_folder_of(file: &Path) -> Result<(), BackupsError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder, "synced"))
}

/// A store that was put back.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// When the backup was begun.
    pub created: Timestamp,
    /// Lines in it.
    pub lines: u64,
    /// The folder with the store that was there before.
    pub before: Option<PathBuf>,
}

/// Puts a backup in place of the store of a data folder, which nobody may use meanwhile. It is checked before anything is touched; at every
/// moment there is a whole store. Blocks.
pub fn restore(data_dir: &Path, backup: &Path) -> Result<Restored, BackupsError> {
    make_private(data_dir)?;
    // Held to the end: a host that starts meanwhile finds the store in use.
    let (state, plugins) = (data_dir.join("state.redb"), data_dir.join("plugins.redb"));
    let _held = if state.exists() { hold(data_dir)? } else { None };
    let draft = data_dir.join("restore.draft");
    if draft.symlink_metadata().is_ok() {
        std::fs::remove_dir_all(&draft).map_err(failed(&draft, "removed"))?;
    }
    make_private(&draft)?;
    let manifest = restore_into(backup, &draft).inspect_err(|_| drop(std::fs::remove_dir_all(&draft)))?;
    let mut before = None;
    if state.exists() {
        let aside = data_dir.join(Timestamp::now().strftime("before-restore-%Y%m%dT%H%M%S%6fZ").to_string());
        make_private(&aside)?;
        for file in [&state, &plugins].into_iter().filter(|file| file.exists()) {
            let kept = aside.join(file.file_name().unwrap_or_default());
            std::fs::hard_link(file, &kept).map_err(failed(&kept, "kept"))?;
            sync_folder_of(&kept)?;
        }
        before = Some(aside);
    }
    for file in [&plugins, &state] {
        let new = draft.join(file.file_name().unwrap_or_default());
        std::fs::rename(&new, file).map_err(failed(file, "replaced"))?;
    }
    sync_folder_of(&state)?;
    std::fs::remove_dir_all(&draft).map_err(failed(&draft, "removed"))?;
    Ok(Restored { created: manifest.created, lines: manifest.lines(), before })
}

/// Keeps others out of a store; one that cannot be opened is one more reason to restore it.
fn hold(data_dir: &Path) -> Result<Option<Box<dyn StateStore>>, BackupsError> {
    match mast_store::open_state(data_dir) {
        Ok(store) => Ok(Some(store)),
        Err(error @ StoreError::InUse(_)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "the store that is replaced cannot be opened");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["a", "mast-20260101T000000Z", "before_update-3.1", "A.b", &"n".repeat(100)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "n".repeat(101);
        for name in [
            "",
            ".",
            "..",
            ".a",
            "-a",
            "_a",
            "a/b",
            "../a",
            "a/../b",
            "/etc/passwd",
            "a\\b",
            "a..b",
            "a\0",
            "ä",
            "a b",
            &long,
        ] {
            assert!(check_name(name).is_err(), "{name}");
            assert!(Backups::path(Path::new("data"), name).is_err(), "{name}");
        }
    }
}
