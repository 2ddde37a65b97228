//! The store: the only crate that names redb. Rooms see the traits; the redb files behind them are `state.redb` (lines,
//! catalogue, sequence numbers) and `plugins.redb` (plugins' key-value storage), each with one writer.
//!
//! All functions block; callers run them off the serving threads. `schema.rs` has the layout of both files.
//!
//! Invariants: what a function returned `Ok` for survives a crash; what it failed at left nothing behind; an id or a sequence
//! number is never handed out twice.

mod catalog;
mod db;
mod error;
mod keys;
mod kv;
mod lines;
mod record;
mod schema;
mod sequence;
mod state;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use record::{ImportedCatalog, ImportedCategory, ImportedChannel, NewLine, SourceRecord, Validator};

use std::path::Path;

use jiff::Timestamp;
use mast_model::{ChannelId, InstanceId, Line, LineId};

/// Durable state of accounts, catalogue and channels.
pub trait StateStore: Send + Sync + 'static {
    /// Every line, by id.
    fn lines(&self) -> Result<Vec<Line>, StoreError>;
    /// Adds a line; `UsernameTaken` or `TokenTaken` where it clashes.
    fn add_line(&self, line: NewLine) -> Result<Line, StoreError>;
    /// Changes a line in one transaction and gives it the next revision; `LineNotFound` where it is gone.
    fn update_line(&self, id: LineId, change: &mut dyn FnMut(&mut Line)) -> Result<Line, StoreError>;

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
}

/// Opens (and creates) `state.redb` in the folder. `InUse` where another process holds it.
pub fn open_state(folder: &Path) -> Result<Box<dyn StateStore>, StoreError> {
    Ok(Box::new(state::State::open(folder)?))
}

/// Opens (and creates) `plugins.redb` in the folder. `InUse` where another process holds it.
pub fn open_plugin_kv(folder: &Path) -> Result<Box<dyn PluginKv>, StoreError> {
    Ok(Box::new(kv::KvFile::open(folder)?))
}
