//! Guides: staged imports, generations that replace each other whole, and snapshots to read from. They are in `guide.redb`, apart
//! from everything that cannot be fetched again; backups leave it out.
//!
//! Not here: fetching, which guide serves which channel, merging of guides, and what is on now, which rooms keep in memory.
//!
//! Invariants: a guide is always one whole generation, the last one committed, whatever happens to an import; a snapshot sees one
//! state of all guides for as long as it lives, and nobody waits for it.

mod block;
mod buffer;
mod file;
mod index;
mod record;
mod search;
mod snapshot;
mod staging;
mod tables;
mod timeline;
mod writer;

pub(crate) use file::GuideFile;

pub use record::{
    Found, GuideCounts, GuideRecord, ImportedProgramme, Keep, Provenance, Search, SearchIndex, StagingOptions,
};

use std::ops::ControlFlow;

use jiff::Timestamp;
use mast_model::guide::packed::PackedProgrammes;
use mast_model::{GuideChannel, InstanceId, Programme};

use crate::StoreError;

/// All guides. All functions block.
pub trait GuideStore: Send + Sync + 'static {
    /// Starts an import. Several may run at once, also of one guide: the last one committed stays.
    fn begin(&self, guide: &InstanceId, options: StagingOptions) -> Result<Box<dyn Staging>, StoreError>;
    /// Notes that the upstream still has what was imported. A guide that was never imported has nothing to note.
    fn touch(&self, guide: &InstanceId, at: Timestamp) -> Result<(), StoreError>;
    /// Forgets a guide; whether there was one.
    fn remove(&self, guide: &InstanceId) -> Result<bool, StoreError>;
    /// Everything as it is now. Held for as long as an answer takes, not longer: space of what it sees is not used again before.
    fn snapshot(&self) -> Result<Box<dyn GuideSnapshot>, StoreError>;
}

/// An import that nobody sees until it is committed; dropped, it leaves nothing behind. A push blocks while the store has more to do
/// than it may queue. After an error every later call fails too, and the import is lost.
pub trait Staging: Send + 'static {
    /// Adds channels, before or after their programmes; of two with one id the first stays.
    fn channels(&mut self, batch: Vec<GuideChannel>) -> Result<(), StoreError>;
    /// Adds programmes in any order, also of channels that are not in `channels`; of two that start at once the last one pushed stays.
    fn programmes(&mut self, batch: Vec<ImportedProgramme>) -> Result<(), StoreError>;
    /// Adds programmes that are packed; the same as [`Staging::programmes`], but nothing is made of their texts.
    fn packed(&mut self, batch: PackedProgrammes) -> Result<(), StoreError>;
    /// What was taken up so far; lags behind what was pushed.
    fn counts(&self) -> GuideCounts;
    /// Writes out what is still queued, so that the counts are final: the caller judges by them whether to commit.
    fn finish(&mut self) -> Result<GuideCounts, StoreError>;
    /// Makes this the guide's content, durably and at once for all later snapshots.
    fn commit(self: Box<Self>, provenance: Provenance) -> Result<GuideRecord, StoreError>;
}

/// One state of all guides. Guides and guide channels that do not exist have no programmes.
pub trait GuideSnapshot: Send {
    /// What is known of every guide, by name.
    fn guides(&self) -> Result<Vec<GuideRecord>, StoreError>;
    /// The channels of a guide, in the order in which they came.
    fn channels(&self, guide: &InstanceId) -> Result<Vec<GuideChannel>, StoreError>;
    /// Programmes of a guide channel that are on between two times, in their order; also those that began before or end after.
    fn programmes(
        &self,
        guide: &InstanceId,
        channel: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Programme>, StoreError>;
    /// The same for several guide channels, handed out one after the other with their place in `channels`, until `each` breaks.
    fn programmes_of(
        &self,
        guide: &InstanceId,
        channels: &[&str],
        between: (Timestamp, Timestamp),
        each: &mut dyn FnMut(usize, Vec<Programme>) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
    /// What is on at a time, and the programmes after that, `next` at most, of every channel of a guide that has some.
    fn around(
        &self,
        guide: &InstanceId,
        now: Timestamp,
        next: usize,
        each: &mut dyn FnMut(&str, Vec<Programme>),
    ) -> Result<(), StoreError>;
    /// Programmes that fit, by start and then by channel, at most `search.most`; work is bounded, so that very common words may find
    /// less than there is.
    fn search(&self, guide: &InstanceId, search: &Search) -> Result<Vec<Found>, StoreError>;
}

/// Reads bytes that nobody wrote, in every way that bytes of the file are read.
#[cfg(test)]
pub(crate) fn read_anything(bytes: &[u8]) {
    use mast_model::guide::details;

    drop((block::unpack(bytes, 20_000), details::get(bytes), index::order(bytes)));
    let _ = details::each_text(bytes, |_| true, |_, _| {});
    index::mark_anything(bytes);
}
