//! `guide.redb`: opening it, imports, and snapshots.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::InstanceId;
use redb::StorageBackend;

use crate::StoreError;
use crate::db::Db;

use super::buffer::RUN_BYTES;
use super::snapshot::View;
use super::staging::Import;
use super::writer::Writer;
use super::{GuideRecord, GuideSnapshot, GuideStore, Staging, StagingOptions, tables};

/// A run's dirty pages fit, so that writing one does not wait for reads; and what readers come back to.
const CACHE_BYTES: usize = 48 << 20;

/// `guide.redb`.
pub(crate) struct GuideFile {
    db: Arc<Db>,
    run_bytes: usize,
}

impl GuideFile {
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::on(Db::open(folder, "guide.redb", CACHE_BYTES, tables::create)?, RUN_BYTES)
    }

    /// With runs of another size, on a backend of a test's own.
    pub(crate) fn open_on(file: PathBuf, backend: impl StorageBackend, run_bytes: usize) -> Result<Self, StoreError> {
        Self::on(Db::open_on(file, backend, CACHE_BYTES, tables::create)?, run_bytes)
    }

    fn on(db: Db, run_bytes: usize) -> Result<Self, StoreError> {
        let orphans = db.read("look for what an import left behind", tables::orphans)?;
        for generation in orphans {
            tracing::info!(generation, "removing what an unfinished import of a guide left behind");
            db.write("remove what an import left behind", |transaction| {
                tables::remove_generation(transaction, generation)
            })?;
        }
        Ok(Self { db: Arc::new(db), run_bytes })
    }
}

impl GuideStore for GuideFile {
    fn begin(&self, guide: &InstanceId, options: StagingOptions) -> Result<Box<dyn Staging>, StoreError> {
        Ok(Box::new(Import::begin(Arc::clone(&self.db), guide, options, self.run_bytes)?))
    }

    fn touch(&self, guide: &InstanceId, at: Timestamp) -> Result<(), StoreError> {
        self.db.write("note an import without change", |transaction| {
            match tables::record(transaction, guide.as_str())? {
                Some(record) => tables::put_record(transaction, &GuideRecord { checked_at: at, ..record }),
                None => Ok(()),
            }
        })
    }

    fn remove(&self, guide: &InstanceId) -> Result<bool, StoreError> {
        let removed = self.db.write("remove a guide", |transaction| {
            let record = tables::record(transaction, guide.as_str())?;
            transaction.open_table(tables::GUIDES)?.remove(guide.as_str())?;
            Ok(record)
        })?;
        if let Some(record) = &removed {
            Writer::discard(&self.db, record.generation);
        }
        Ok(removed.is_some())
    }

    fn snapshot(&self) -> Result<Box<dyn GuideSnapshot>, StoreError> {
        Ok(Box::new(View::new(Arc::clone(&self.db))?))
    }
}
