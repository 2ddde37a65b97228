//! A database that is opened again after its disk failed. redb refuses everything after a failed write (the disk was full, for example)
//! until it is closed and opened; a host goes on, and finds its store usable again as soon as the disk is.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, DatabaseError};

use crate::db::Fault;

type Open = dyn Fn() -> Result<Database, DatabaseError> + Send + Sync;

/// The database of one file.
pub(crate) struct Disk {
    /// None between a failure and the next use.
    database: RwLock<Option<Database>>,
    open: Box<Open>,
}

impl Disk {
    /// Opens it.
    pub(crate) fn new(
        open: impl Fn() -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, DatabaseError> {
        Ok(Self { database: RwLock::new(Some(open()?)), open: Box::new(open) })
    }

    /// One that cannot be opened again, on a backend of a test's own.
    pub(crate) fn once(database: Database) -> Self {
        let open = || Err(DatabaseError::Storage(redb::StorageError::PreviousIo));
        Self { database: RwLock::new(Some(database)), open: Box::new(open) }
    }

    /// Works on the database; a failure of the disk closes it until the next use.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Database) -> Result<T, Fault>) -> Result<T, Fault> {
        let guard = self.opened()?;
        // Somebody else's work may have failed in this very moment.
        let database = guard.as_ref().ok_or(Fault::Database(redb::Error::PreviousIo))?;
        let result = work(database);
        drop(guard);
        if let Err(Fault::Database(redb::Error::Io(_) | redb::Error::PreviousIo)) = &result {
            self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        }
        result
    }

    fn opened(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, Fault> {
        let read = || self.database.read().unwrap_or_else(PoisonError::into_inner);
        let guard = read();
        if guard.is_some() {
            return Ok(guard);
        }
        drop(guard);
        let mut closed = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if closed.is_none() {
            *closed = Some((self.open)().map_err(|error| Fault::Database(error.into()))?);
        }
        drop(closed);
        Ok(read())
    }
}
