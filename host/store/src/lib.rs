//! The store: the only crate that names redb. Rooms see the traits; the redb files behind them are `state.redb` (lines,
//! operators, resellers, ledger, audit log, catalogue, sequence numbers), `plugins.redb` (plugins' key-value storage) and `guide.redb`, each with
//! one writer.
//!
//! All functions block; callers run them off the serving threads. `schema.rs` and `guide/tables.rs` have the layout of the files.
//!
//! Invariants: what a function returned `Ok` for survives a crash; what it failed at left nothing behind; an id or a sequence
//! number is never handed out twice.

mod audit;
pub mod backup;
mod catalog;
mod db;
mod disk;
mod document;
mod error;
pub mod faults;
pub mod guide;
mod keys;
mod kv;
mod ledger;
mod lines;
mod once;
mod record;
mod rows;
mod schema;
mod sequence;
mod state;
#[cfg(test)]
mod tests;
mod transaction;

pub use audit::{Actor, AuditEntry};
pub use document::{Document, Kind};
pub use error::StoreError;
pub use ledger::{Entry, LedgerError, Movement, Page, Proof, Row, Statement};
pub use once::{Answer, Done, Once, forget_done, trim_audit};
pub use record::{
    ImportedCatalog, ImportedCategory, ImportedChannel, ImportedEpisode, ImportedLibrary, ImportedTitle, SourceRecord,
    Validator,
};
pub use transaction::{Change, Transaction};

use std::path::Path;

use jiff::Timestamp;
use mast_model::{Account, ChannelId, Credits, EntryId, InstanceId, LineId, LineRecord};

/// Durable state of accounts, catalogue and channels.
pub trait StateStore: Send + Sync + 'static {
    /// Hands out every line, by id.
    fn each_line(&self, each: &mut dyn FnMut(LineRecord)) -> Result<(), StoreError>;
    /// These lines, in this order; those that do not exist are left out.
    fn lines(&self, ids: &[LineId]) -> Result<Vec<LineRecord>, StoreError>;

    /// Every row of a kind of documents, by key.
    fn rows(&self, kind: Kind) -> Result<Vec<Vec<u8>>, StoreError>;
    /// One row of a kind of documents.
    fn row(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// The newest entries of the audit log with a number below `before`, newest first, among those that are `wanted`.
    fn audit_log(
        &self,
        before: u64,
        most: usize,
        wanted: &dyn Fn(&AuditEntry) -> bool,
    ) -> Result<Vec<AuditEntry>, StoreError>;
    /// Runs `work` in one transaction: all of it is kept, or nothing where it fails. See [`Change::commit`].
    fn write(
        &self,
        doing: &'static str,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// What an account of the ledger has; none where it never had any.
    fn balance(&self, account: Account) -> Result<Credits, StoreError>;
    /// What every account has that ever had credits.
    fn balances(&self) -> Result<Vec<(Account, Credits)>, StoreError>;
    /// An entry of the ledger.
    fn entry(&self, id: EntryId) -> Result<Option<Entry>, StoreError>;
    /// What an account took in and gave in a period, oldest first, a page at a time.
    fn statement(&self, account: Account, page: &Page) -> Result<Statement, StoreError>;
    /// Whether the balances sum up to zero and are what the last entries left. Looks at accounts, not at every entry: for the start.
    /// `Damaged` says what is wrong.
    fn check_ledger(&self) -> Result<(), StoreError>;
    /// Reckons everything again from the first entry on: ids, times, both sides, balances and refunds. `Damaged` says what is wrong.
    fn prove_ledger(&self) -> Result<Proof, StoreError>;

    /// Everything the sources delivered, by instance.
    fn sources(&self) -> Result<Vec<SourceRecord>, StoreError>;
    /// Replaces a source's catalogue in one transaction. Known (source, key) pairs keep their ids for ever, also over a time
    /// in which they were missing; new ones get the next.
    fn replace_source(
        &self,
        source: &InstanceId,
        imported: ImportedCatalog,
        at: Timestamp,
    ) -> Result<SourceRecord, StoreError>;
    /// Notes that a refresh found nothing changed.
    fn touch_source(&self, source: &InstanceId, at: Timestamp) -> Result<(), StoreError>;

    /// Reserves `count` media sequence numbers (and one discontinuity number for each of `discontinuities`) of a channel durably,
    /// before they are used, and returns the first of each: whatever happens to the host, they are never handed out again.
    fn reserve_sequence(&self, channel: ChannelId, count: u64, discontinuities: u64) -> Result<(u64, u64), StoreError>;
    /// The target duration learned for a channel, seconds.
    fn target_duration(&self, channel: ChannelId) -> Result<Option<u32>, StoreError>;
    /// Remembers it.
    fn set_target_duration(&self, channel: ChannelId, seconds: u32) -> Result<(), StoreError>;

    /// A random key of this installation, made on first use: `session-key` signs viewer sessions.
    fn installation_key(&self, name: &str) -> Result<[u8; 32], StoreError>;
    /// Everything as it is at this moment, into a backup; see [`backup::write`].
    fn copy_into(&self, backup: &mut backup::Draft) -> Result<(), StoreError>;
}

/// Key-value storage of plugin instances.
pub trait PluginKv: Send + Sync + 'static {
    /// The value.
    fn get(&self, instance: &InstanceId, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Stores a value; `QuotaExceeded` where keys and values of the instance would grow beyond `quota` bytes.
    fn set(&self, instance: &InstanceId, key: &str, value: &[u8], quota: u64) -> Result<(), StoreError>;
    /// Removes a value.
    fn delete(&self, instance: &InstanceId, key: &str) -> Result<(), StoreError>;
    /// Keys with a prefix, sorted, after `after`, at most `max`.
    fn list_keys(
        &self,
        instance: &InstanceId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, StoreError>;
    /// Everything as it is at this moment, into a backup; see [`backup::write`].
    fn copy_into(&self, backup: &mut backup::Draft) -> Result<(), StoreError>;
}

/// Opens (and creates) `state.redb` in the folder. `InUse` where another process holds it.
pub fn open_state(folder: &Path) -> Result<Box<dyn StateStore>, StoreError> {
    Ok(Box::new(state::State::open(folder)?))
}

/// Opens (and creates) `plugins.redb` in the folder. `InUse` where another process holds it.
pub fn open_plugin_kv(folder: &Path) -> Result<Box<dyn PluginKv>, StoreError> {
    Ok(Box::new(kv::KvFile::open(folder)?))
}

/// Opens (and creates) `guide.redb` in the folder, and removes what unfinished imports left behind. `InUse` where another process holds it.
pub fn open_guide(folder: &Path) -> Result<Box<dyn guide::GuideStore>, StoreError> {
    Ok(Box::new(guide::GuideFile::open(folder)?))
}
