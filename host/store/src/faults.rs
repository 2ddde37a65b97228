//! A store on a disk that fails, for tests of what a crash leaves behind: the file is real, and from a chosen operation on nothing
//! more reaches it. What a host would find afterwards is what `open_state` finds in the folder.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mast_model::{Account, ResellerId};
use redb::backends::FileBackend;
use redb::{ReadableTable, StorageBackend};

use crate::guide::{GuideFile, GuideStore};
use crate::{StateStore, StoreError, schema, state};

/// Decides when the disk fails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FailingDisk {
    left: Arc<AtomicU64>,
}

impl FailingDisk {
    /// One that does not fail yet.
    pub fn new() -> Self {
        Self { left: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// From here on, this many writes, syncs and changes of length succeed; all later ones fail.
    pub fn fail_after(&self, operations: u64) {
        self.left.store(operations, Ordering::SeqCst);
    }

    /// Whether it has failed at something.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    fn operation(&self) -> io::Result<()> {
        let took = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            u64::MAX => Some(u64::MAX),
            left => left.checked_sub(1),
        });
        took.map(|_| ()).map_err(|_| io::Error::other("the disk failed, as a test asked for"))
    }
}

impl Default for FailingDisk {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives a reseller of a closed store a credit that no entry of the ledger knows of.
pub fn spoil_ledger(folder: &Path, reseller: ResellerId) -> Result<(), StoreError> {
    let state = state::State::open(folder)?;
    state.db.write("spoil the ledger", |transaction| {
        let mut balances = transaction.open_table(schema::LEDGER_BALANCES)?;
        let account = Account::Reseller(reseller).to_string();
        let balance = balances.get(account.as_str())?.map_or(0, |balance| balance.value());
        balances.insert(account.as_str(), balance + 1)?;
        Ok(())
    })
}

/// `open_state` on a disk that can fail. The file is not locked against other processes.
pub fn open_state_on(folder: &Path, disk: FailingDisk) -> Result<Box<dyn StateStore>, StoreError> {
    let file = folder.join("state.redb");
    let backend = backend(&file, disk)?;
    Ok(Box::new(state::State::open_on(file, backend)?))
}

fn backend(file: &Path, disk: FailingDisk) -> Result<Backend, StoreError> {
    let failed = |cause: String| StoreError::Open { file: file.to_owned(), cause };
    let handle = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(file);
    let handle = handle.map_err(|error| failed(error.to_string()))?;
    let inner = FileBackend::new(handle).map_err(|error| failed(error.to_string()))?;
    Ok(Backend { inner, disk })
}

/// `open_guide` on a disk that can fail, with runs of another size. The file is not locked against other processes.
pub fn open_guide_on(folder: &Path, disk: FailingDisk, run_bytes: usize) -> Result<Box<dyn GuideStore>, StoreError> {
    let file = folder.join("guide.redb");
    let backend = backend(&file, disk)?;
    Ok(Box::new(GuideFile::open_on(file, backend, run_bytes)?))
}

#[derive(Debug)]
struct Backend {
    inner: FileBackend,
    disk: FailingDisk,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.operation()?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.operation()?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.operation()?;
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}
