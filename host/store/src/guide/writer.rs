//! What an import does on its own thread: take programmes up, and write a run whenever the buffer is full.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mast_model::GuideChannel;
use mast_model::guide::details;
use mast_model::guide::packed::{PackedProgramme, PackedProgrammes};
use redb::{ReadableTableMetadata, WriteTransaction};

use crate::StoreError;
use crate::db::{Db, Fault, to_json};

use super::block::{self, DAY, day};
use super::buffer::Buffer;
use super::tables::Names;
use super::{GuideCounts, ImportedProgramme, StagingOptions, index, tables};

/// Starts before this are nonsense: 1971.
const EARLIEST: i64 = 31_536_000;
/// Starts from here on are nonsense: 9999.
const LATEST: i64 = 253_370_764_800;
/// Nothing is longer, whatever its stop says, seconds.
pub(super) const LONGEST: i64 = 7 * DAY;
/// No guide has more channels.
const CHANNELS_MAX: usize = 250_000;
/// Bytes of all channels of a guide: they are in memory until the import's end.
const CHANNELS_BYTES_MAX: usize = 48 << 20;
/// Bytes of a channel, and of an id.
const CHANNEL_BYTES_MAX: usize = 64 << 10;
const ID_BYTES_MAX: usize = 1 << 10;
/// Bytes of a programme's details.
const PROGRAMME_BYTES_MAX: usize = 256 << 10;

/// Counts that are read while the import runs.
pub(super) type SharedCounts = Arc<Mutex<GuideCounts>>;

/// What is known when everything is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    pub(super) runs: u32,
    pub(super) counts: GuideCounts,
    /// Seconds.
    pub(super) span: Option<(i64, i64)>,
}

/// An import's own side.
pub(super) struct Writer {
    db: Arc<Db>,
    names: Names,
    options: StagingOptions,
    ids: HashMap<Box<str>, u32>,
    /// JSON by number; empty for channels that only programmes name.
    channels: Vec<Vec<u8>>,
    channels_bytes: usize,
    buffer: Buffer,
    block: block::Draft,
    index: index::Draft,
    written: Written,
    shared: SharedCounts,
}

/// A programme without what it is about.
struct Head<'a> {
    channel: &'a str,
    start: u64,
    stop: Option<u64>,
    titled: bool,
}

impl Writer {
    pub(super) fn new(
        db: Arc<Db>,
        generation: u64,
        options: StagingOptions,
        run_bytes: usize,
        shared: SharedCounts,
    ) -> Self {
        Self {
            db,
            names: Names::of(generation),
            options,
            ids: HashMap::new(),
            channels: Vec::new(),
            channels_bytes: 0,
            buffer: Buffer::new(run_bytes),
            block: block::Draft::default(),
            index: index::Draft::new(options.search),
            written: Written { runs: 0, counts: GuideCounts::default(), span: None },
            shared,
        }
    }

    pub(super) fn channels(&mut self, batch: Vec<GuideChannel>) -> Result<(), StoreError> {
        for channel in batch {
            let row = to_json("guide channel", &channel).map_err(|fault| self.db.explain("take up channels", fault))?;
            let full = self.channels_bytes + row.len() > CHANNELS_BYTES_MAX;
            let number = if full || row.len() > CHANNEL_BYTES_MAX { None } else { self.number(&channel.id) };
            let Some(number) = number else {
                self.written.counts.oversized += 1;
                continue;
            };
            let place = &mut self.channels[number as usize];
            if place.is_empty() {
                self.channels_bytes += row.len();
                *place = row;
            }
        }
        self.share();
        Ok(())
    }

    pub(super) fn programmes(&mut self, batch: Vec<ImportedProgramme>) -> Result<(), StoreError> {
        for ImportedProgramme { channel, start, stop, details } in batch {
            let titled = details.titles.iter().any(|title| !title.value.is_empty());
            let head = Head { channel: &channel, start, stop, titled };
            self.programme(&head, |out| details::put(out, &details))?;
        }
        self.share();
        Ok(())
    }

    pub(super) fn packed(&mut self, batch: &PackedProgrammes) -> Result<(), StoreError> {
        for PackedProgramme { channel, start, stop, details, titled } in batch.iter() {
            // The layout is the one of blocks.
            self.programme(&Head { channel, start, stop, titled }, |out| out.extend_from_slice(details))?;
        }
        self.share();
        Ok(())
    }

    /// Takes a programme up, whose details `put` writes.
    fn programme(&mut self, programme: &Head<'_>, put: impl FnOnce(&mut Vec<u8>)) -> Result<(), StoreError> {
        self.buffer_programme(programme, put);
        if self.buffer.is_full() { self.write_run() } else { Ok(()) }
    }

    fn buffer_programme(&mut self, programme: &Head<'_>, put: impl FnOnce(&mut Vec<u8>)) {
        let counts = &mut self.written.counts;
        let Some(start) = seconds(programme.start) else {
            counts.absurd_times += 1;
            return;
        };
        if !programme.titled {
            counts.untitled += 1;
            return;
        }
        let stated = programme.stop.map(|stop| i64::try_from(stop).unwrap_or(i64::MAX));
        let stop = stated.filter(|stop| *stop > start).map(|stop| stop.min(start + LONGEST));
        let keep = self.options.keep;
        let over = keep.from.is_some_and(|from| stop.unwrap_or(start + DAY) <= from.as_second());
        if over || keep.until.is_some_and(|until| start >= until.as_second()) {
            counts.not_kept += 1;
            return;
        }
        let taken = self
            .number(programme.channel)
            .is_some_and(|channel| self.buffer.push(channel, (start, stop), PROGRAMME_BYTES_MAX, put));
        let counts = &mut self.written.counts;
        if !taken {
            counts.oversized += 1;
            return;
        }
        counts.without_stop += u64::from(stop.is_none());
        counts.programmes += 1;
        let (first, last) = self.written.span.unwrap_or((start, start));
        self.written.span = Some((first.min(start), last.max(stop.unwrap_or(start))));
    }

    /// The number of a guide channel; none where there are too many.
    fn number(&mut self, id: &str) -> Option<u32> {
        if let Some(number) = self.ids.get(id) {
            return Some(*number);
        }
        let full = self.ids.len() >= CHANNELS_MAX || self.channels_bytes + id.len() > CHANNELS_BYTES_MAX;
        if full || id.is_empty() || id.len() > ID_BYTES_MAX {
            return None;
        }
        let number = u32::try_from(self.channels.len()).ok()?;
        self.ids.insert(id.into(), number);
        self.channels.push(Vec::new());
        self.channels_bytes += id.len();
        self.written.counts.channels += 1;
        Some(number)
    }

    /// Writes what is left, and the channels.
    pub(super) fn finish(&mut self) -> Result<Written, StoreError> {
        if !self.buffer.is_empty() {
            self.write_run()?;
        }
        self.db.write_soon("write the channels of a guide", |transaction| self.write_channels(transaction))?;
        self.share();
        Ok(self.written)
    }

    fn share(&self) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = self.written.counts;
    }

    fn write_run(&mut self) -> Result<(), StoreError> {
        let duplicates = self.buffer.sort();
        self.written.counts.duplicates += duplicates;
        self.written.counts.programmes -= duplicates;
        let Self { db, names, buffer, block, index, written, .. } = self;
        let run = written.runs;
        let bytes = db.write_soon("write programmes", |transaction| {
            let mut runs = transaction.open_table(names.runs())?;
            if runs.len()? != u64::from(run) {
                return Err(StoreError::ImportLost.into());
            }
            let mut blocks = transaction.open_table(names.blocks())?;
            let mut bytes = 0;
            for programmes in buffer.entries.chunk_by(|a, b| (a.channel, day(a.start)) == (b.channel, day(b.start))) {
                let Some(first) = programmes.first() else { continue };
                let key = (first.channel, day(first.start), run);
                index.begin(key.0, key.1);
                for programme in programmes {
                    let details = buffer.details(programme);
                    block.push(programme.start, programme.stop, details);
                    index.add(details);
                }
                let packed = block.pack();
                bytes += packed.len() as u64;
                blocks.insert(key, packed)?;
            }
            index.write(run, &mut runs, &mut transaction.open_table(names.words())?)?;
            Ok(bytes)
        })?;
        self.written.counts.bytes += bytes;
        self.written.runs += 1;
        self.buffer.clear();
        Ok(())
    }

    fn write_channels(&self, transaction: &WriteTransaction) -> Result<(), Fault> {
        check(transaction, &self.names, self.written.runs)?;
        transaction.open_table(self.names.blocks())?;
        transaction.open_table(self.names.words())?;
        let mut sorted: Vec<(&str, u32)> = self.ids.iter().map(|(id, number)| (&**id, *number)).collect();
        sorted.sort_unstable();
        let mut ids = transaction.open_table(self.names.ids())?;
        for (id, number) in &sorted {
            ids.insert(*id, *number)?;
        }
        sorted.sort_unstable_by_key(|(_, number)| *number);
        let mut channels = transaction.open_table(self.names.channels())?;
        for (id, number) in sorted {
            let row = &self.channels[number as usize];
            if row.is_empty() {
                let unnamed = GuideChannel { id: id.to_owned(), ..GuideChannel::default() };
                channels.insert(number, to_json("guide channel", &unnamed)?.as_slice())?;
            } else {
                channels.insert(number, row.as_slice())?;
            }
        }
        Ok(())
    }

    /// Takes back what was written, as far as the disk lets it: what stays is removed when the file is opened again.
    pub(super) fn discard(db: &Db, generation: u64) {
        let removed = db.write("discard an import", |transaction| {
            // A commit that failed may have reached the disk all the same.
            if tables::is_used(transaction, generation)? {
                return Ok(());
            }
            tables::remove_generation(transaction, generation)
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "an import of a guide that failed takes space until the next start");
        }
    }
}

/// Fails where runs are missing: a failure of the disk took them, and what was not durable with them.
pub(super) fn check(transaction: &WriteTransaction, names: &Names, runs: u32) -> Result<(), Fault> {
    let found = transaction.open_table(names.runs())?.len()?;
    if found == u64::from(runs) { Ok(()) } else { Err(StoreError::ImportLost.into()) }
}

fn seconds(time: u64) -> Option<i64> {
    i64::try_from(time).ok().filter(|time| (EARLIEST..LATEST).contains(time))
}
