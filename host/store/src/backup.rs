//! Backups: both files of the store as they were at one moment, each, in one redb file with a manifest; and a store made of such a file.
//!
//! Rows are copied, not bytes: the bytes of a file that somebody writes are no database. A read transaction is one moment however long the
//! copying takes, and keeps nobody from writing. redb has a checksum on every page; the manifest has the number of rows of every table and
//! one checksum over all of them, so that what was left out, or changed with the page's own checksum, is noticed too.
//!
//! Not here: names, folders, who may. A backup is written under a draft's name, which the caller changes when it is whole.

mod restore;
mod tables;

pub use restore::restore;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::db::{Fault, builder};
use crate::schema::{META, SCHEMA, VERSION};
use crate::{PluginKv, StateStore, StoreError};

/// What this code writes, and all that it reads.
const FORMAT: u64 = 1;
const MANIFEST: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("manifest");
const CACHE_BYTES: usize = 16 << 20;

/// What a backup says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the file.
    pub format: u64,
    /// Schema version of the store it was made of.
    pub schema: u64,
    /// When it was begun.
    pub created: Timestamp,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// BLAKE3 of each table, hexadecimal; none in older backups.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
}

impl Manifest {
    /// How many lines it holds.
    pub fn lines(&self) -> u64 {
        self.rows.get("lines").copied().unwrap_or_default()
    }
}

/// A backup that is being written.
pub struct Draft {
    database: Database,
    file: PathBuf,
    manifest: Manifest,
}

impl Draft {
    fn failed(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::Store(error) => error,
            Fault::Database(error) => {
                StoreError::Failed { doing: "write a backup", file: self.file.clone(), cause: error.to_string() }
            }
            Fault::Json { error, .. } => {
                StoreError::Failed { doing: "write a backup", file: self.file.clone(), cause: error.to_string() }
            }
        }
    }

    /// Takes in what a file of the store holds at this moment.
    pub(crate) fn take(&mut self, from: &ReadTransaction, which: Which) -> Result<(), Fault> {
        let copied = match which {
            Which::State => tables::state(from, &self.database, "", "")?,
            Which::Plugins => tables::plugins(from, &self.database, "", PLUGINS)?,
        };
        for (name, table) in copied {
            self.manifest.rows.insert(name.clone(), table.rows);
            self.manifest.digests.insert(name, table.digest);
        }
        Ok(())
    }
}

/// Which file of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// `state.redb`
    State,
    /// `plugins.redb`
    Plugins,
}

/// What names of tables of `plugins.redb` begin with in a backup.
const PLUGINS: &str = "plugins/";

/// Writes a backup of both files under a draft's name, which must be free; the file is this account's only. Whole and on disk where this
/// answers a manifest.
pub fn write(state: &dyn StateStore, kv: &dyn PluginKv, draft: &Path) -> Result<Manifest, StoreError> {
    let open = |cause: String| StoreError::Open { file: draft.to_owned(), cause };
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(draft);
    drop(file.map_err(|error| open(error.to_string()))?);
    let database = builder(draft, CACHE_BYTES).create(draft).map_err(|error| open(error.to_string()))?;
    let (rows, digests) = (BTreeMap::new(), BTreeMap::new());
    let manifest = Manifest { format: FORMAT, schema: VERSION, created: Timestamp::now(), rows, digests };
    let mut backup = Draft { database, file: draft.to_owned(), manifest };
    state.copy_into(&mut backup)?;
    kv.copy_into(&mut backup)?;
    backup.sign().map_err(|fault| backup.failed(fault))?;
    let Draft { database, manifest, .. } = backup;
    drop(database);
    // redb has synced the file; its name must be on disk too.
    let folder = draft.parent().unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| open(error.to_string()))?;
    Ok(manifest)
}

impl Draft {
    fn sign(&self) -> Result<(), Fault> {
        let transaction = self.database.begin_write()?;
        let manifest = crate::db::to_json("manifest", &self.manifest)?;
        transaction.open_table(MANIFEST)?.insert("manifest", manifest.as_slice())?;
        transaction.commit()?;
        Ok(())
    }
}

/// What a backup says of itself, without looking at the rest.
pub fn manifest(file: &Path) -> Result<Manifest, StoreError> {
    let open = |cause: String| StoreError::Open { file: file.to_owned(), cause };
    let database = Database::builder().open_read_only(file).map_err(|error| open(error.to_string()))?;
    let read = || -> Result<Manifest, Fault> { read_manifest(&database.begin_read()?) };
    read().map_err(|fault| not_a_backup(file, &fault))
}

fn read_manifest(transaction: &ReadTransaction) -> Result<Manifest, Fault> {
    let table = transaction.open_table(MANIFEST)?;
    let missing = || Fault::Database(redb::Error::Corrupted("no manifest".to_owned()));
    let row = table.get("manifest")?.ok_or_else(missing)?;
    crate::db::from_json("manifest", row.value())
}

fn not_a_backup(file: &Path, fault: &Fault) -> StoreError {
    let cause = match fault {
        Fault::Database(error) => error.to_string(),
        Fault::Store(error) => error.to_string(),
        Fault::Json { .. } => "its manifest cannot be read".to_owned(),
    };
    StoreError::BadBackup { file: file.to_owned(), cause }
}

/// The schema version that the rows say they have.
fn schema_of(transaction: &ReadTransaction) -> Result<u64, Fault> {
    Ok(transaction.open_table(META)?.get(SCHEMA)?.map_or(0, |version| version.value()))
}
