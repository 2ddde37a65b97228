//! One redb file: opening, transactions, and redb's errors turned into ours.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, StorageBackend, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::disk::Disk;
use crate::schema::{META, SCHEMA, VERSION};

/// An open file. Holds an advisory lock on it until dropped.
pub(crate) struct Db {
    database: Disk,
    file: PathBuf,
}

/// What an operation inside a transaction fails at, before it knows the file.
pub(crate) enum Fault {
    Store(StoreError),
    Database(redb::Error),
    Json { record: &'static str, error: serde_json::Error },
}

impl Db {
    /// Opens or creates a file that only this account can read; `tables` makes the tables that are missing.
    pub(crate) fn open(
        folder: &Path,
        name: &str,
        cache_bytes: usize,
        tables: fn(&WriteTransaction) -> Result<(), Fault>,
    ) -> Result<Self, StoreError> {
        let file = folder.join(name);
        let failed = |cause: &dyn std::fmt::Display| StoreError::Open { file: file.clone(), cause: cause.to_string() };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))?;
        // redb would create it with whatever the umask leaves.
        let private = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&file);
        drop(private.map_err(|error| failed(&error))?);
        let path = file.clone();
        let open = move || builder(&path, cache_bytes).create(&path);
        let database = Disk::new(open).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(file.clone()),
            other => failed(&other),
        })?;
        Self::prepare(Self { database, file }, tables)
    }

    /// The same on a backend of a test's own.
    pub(crate) fn open_on(
        file: PathBuf,
        backend: impl StorageBackend,
        cache_bytes: usize,
        tables: fn(&WriteTransaction) -> Result<(), Fault>,
    ) -> Result<Self, StoreError> {
        let database = builder(&file, cache_bytes).create_with_backend(backend);
        let database = database.map_err(|error| StoreError::Open { file: file.clone(), cause: error.to_string() })?;
        Self::prepare(Self { database: Disk::once(database), file }, tables)
    }

    fn prepare(db: Self, tables: fn(&WriteTransaction) -> Result<(), Fault>) -> Result<Self, StoreError> {
        db.check_version()?;
        db.write("prepare the tables", |transaction| {
            transaction.open_table(META)?.insert(SCHEMA, VERSION)?;
            tables(transaction)
        })?;
        Ok(db)
    }

    /// Refuses a file of a newer version before anything is written to it.
    fn check_version(&self) -> Result<(), StoreError> {
        let found = self.read("read the schema version", |transaction| match transaction.open_table(META) {
            Ok(meta) => Ok(meta.get(SCHEMA)?.map(|version| version.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })?;
        match found {
            Some(found) if found > VERSION => {
                Err(StoreError::NewerSchema { file: self.file.clone(), found, known: VERSION })
            }
            _ => Ok(()),
        }
    }

    /// Runs a read transaction: one consistent view.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        operation: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let run = self.database.run(|database| operation(&database.begin_read()?));
        run.map_err(|fault| self.explain(doing, fault))
    }

    /// A read transaction that the caller keeps.
    pub(crate) fn begin_read(&self, doing: &'static str) -> Result<ReadTransaction, StoreError> {
        self.database.run(|database| Ok(database.begin_read()?)).map_err(|fault| self.explain(doing, fault))
    }

    /// Runs a write transaction and commits it; nothing is kept where `operation` fails.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        operation: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.write_as(doing, Durability::Immediate, operation)
    }

    /// The same without waiting for the disk: a crash may undo it, until a later [`Db::write`] makes it durable too.
    pub(crate) fn write_soon<T>(
        &self,
        doing: &'static str,
        operation: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.write_as(doing, Durability::None, operation)
    }

    fn write_as<T>(
        &self,
        doing: &'static str,
        durability: Durability,
        operation: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let run = self.database.run(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability).expect("there are no savepoints, and one process");
            transaction.set_quick_repair(matches!(durability, Durability::Immediate));
            let result = operation(&transaction)?;
            transaction.commit()?;
            Ok(result)
        });
        run.map_err(|fault| self.explain(doing, fault))
    }

    pub(crate) fn explain(&self, doing: &'static str, fault: Fault) -> StoreError {
        match fault {
            Fault::Store(error) => error,
            Fault::Database(error) => StoreError::Failed { doing, file: self.file.clone(), cause: error.to_string() },
            // serde_json's own text repeats values of the row, which may be credentials.
            Fault::Json { record, error } => {
                let cause = format!("{:?} error in column {}", error.classify(), error.column());
                StoreError::Damaged { file: self.file.clone(), record, cause }
            }
        }
    }
}

pub(crate) fn builder(file: &Path, cache_bytes: usize) -> redb::Builder {
    let repairing = file.to_owned();
    let mut builder = Database::builder();
    builder
        .set_cache_size(cache_bytes)
        .set_repair_callback(move |_| tracing::warn!(file = %repairing.display(), "repairing after a crash"));
    builder
}

/// A record as it is stored.
pub(crate) fn to_json<T: Serialize>(record: &'static str, value: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::Json { record, error })
}

/// A stored record.
pub(crate) fn from_json<T: DeserializeOwned>(record: &'static str, bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::Json { record, error })
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

macro_rules! database_faults {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        })*
    };
}

database_faults!(redb::TableError, redb::StorageError, redb::TransactionError, redb::CommitError);
