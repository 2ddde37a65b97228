//! The importer's side of an import: a bounded queue to the thread that does the work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use mast_model::guide::packed::PackedProgrammes;
use mast_model::{GuideChannel, InstanceId};

use crate::StoreError;
use crate::db::Db;

use super::tables::{self, Names};
use super::writer::{SharedCounts, Writer, Written, check};
use super::{GuideCounts, GuideRecord, ImportedProgramme, Provenance, Staging, StagingOptions};

/// Batches that wait; a batch has 512 records as a rule, and 4,096 at most.
const QUEUE: usize = 8;

enum Push {
    Channels(Vec<GuideChannel>),
    Programmes(Vec<ImportedProgramme>),
    Packed(PackedProgrammes),
    /// Nothing more comes.
    End,
}

/// An import that runs.
pub(super) struct Import {
    db: Arc<Db>,
    guide: InstanceId,
    generation: u64,
    options: StagingOptions,
    shared: SharedCounts,
    cancelled: Arc<AtomicBool>,
    queue: Option<SyncSender<Push>>,
    worker: Option<JoinHandle<Result<Written, StoreError>>>,
    written: Option<Written>,
    committed: bool,
}

impl Import {
    pub(super) fn begin(
        db: Arc<Db>,
        guide: &InstanceId,
        options: StagingOptions,
        run_bytes: usize,
    ) -> Result<Self, StoreError> {
        let generation = db.write_soon("begin an import", tables::next_generation)?;
        let (shared, cancelled) = (SharedCounts::default(), Arc::new(AtomicBool::new(false)));
        let (queue, pushed) = sync_channel(QUEUE);
        let writer = Writer::new(Arc::clone(&db), generation, options, run_bytes, Arc::clone(&shared));
        let stop = Arc::clone(&cancelled);
        let worker =
            std::thread::Builder::new().name("guide-store".to_owned()).spawn(move || work(writer, &pushed, &stop));
        let worker = worker.map_err(|error| db.explain("begin an import", redb::StorageError::Io(error).into()))?;
        Ok(Self {
            db,
            guide: guide.clone(),
            generation,
            options,
            shared,
            cancelled,
            queue: Some(queue),
            worker: Some(worker),
            written: None,
            committed: false,
        })
    }

    fn push(&mut self, push: Push) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::ImportLost)?;
        if queue.send(push).is_ok() {
            return Ok(());
        }
        // It only stops listening when it fails.
        self.join().and(Err(StoreError::ImportLost))
    }

    /// Waits for the worker, once.
    fn join(&mut self) -> Result<Written, StoreError> {
        self.queue = None;
        let worker = self.worker.take().ok_or(StoreError::ImportLost)?;
        worker.join().unwrap_or(Err(StoreError::ImportLost))
    }

    fn finished(&mut self) -> Result<Written, StoreError> {
        if let Some(written) = self.written {
            return Ok(written);
        }
        self.push(Push::End)?;
        let written = self.join()?;
        self.written = Some(written);
        Ok(written)
    }
}

fn work(mut writer: Writer, pushed: &Receiver<Push>, cancelled: &AtomicBool) -> Result<Written, StoreError> {
    loop {
        let push = pushed.recv().map_err(|_| StoreError::Abandoned)?;
        if cancelled.load(Ordering::Relaxed) {
            return Err(StoreError::Abandoned);
        }
        match push {
            Push::Channels(batch) => writer.channels(batch)?,
            Push::Programmes(batch) => writer.programmes(batch)?,
            Push::Packed(batch) => writer.packed(&batch)?,
            Push::End => return writer.finish(),
        }
    }
}

impl Staging for Import {
    fn channels(&mut self, batch: Vec<GuideChannel>) -> Result<(), StoreError> {
        self.push(Push::Channels(batch))
    }

    fn programmes(&mut self, batch: Vec<ImportedProgramme>) -> Result<(), StoreError> {
        self.push(Push::Programmes(batch))
    }

    fn packed(&mut self, batch: PackedProgrammes) -> Result<(), StoreError> {
        self.push(Push::Packed(batch))
    }

    fn counts(&self) -> GuideCounts {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&mut self) -> Result<GuideCounts, StoreError> {
        self.finished().map(|written| written.counts)
    }

    fn commit(mut self: Box<Self>, provenance: Provenance) -> Result<GuideRecord, StoreError> {
        let Written { runs, counts, span } = self.finished()?;
        let time = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let record = GuideRecord {
            guide: self.guide.clone(),
            generation: self.generation,
            imported_at: provenance.at,
            checked_at: provenance.at,
            validators: provenance.validators,
            counts,
            span: span.map(|(first, last)| (time(first), time(last))),
            search: self.options.search,
            attrs: provenance.attrs,
        };
        let before = self.db.write("commit an import", |transaction| {
            check(transaction, &Names::of(self.generation), runs)?;
            let before = tables::record(transaction, self.guide.as_str())?;
            tables::put_record(transaction, &record)?;
            Ok(before)
        })?;
        self.committed = true;
        if let Some(before) = before {
            Writer::discard(&self.db, before.generation);
        }
        Ok(record)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        // It failed already, or is told to give up here; either way nobody asks for its answer any more.
        drop(self.join());
        if !self.committed {
            Writer::discard(&self.db, self.generation);
        }
    }
}
