//! Reading: one read transaction, and the guides' records as it sees them.

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::{GuideChannel, InstanceId, Programme};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use crate::StoreError;
use crate::db::{Db, Fault, from_json};

use super::block::DAY;
use super::tables::{self, Names};
use super::timeline::Timeline;
use super::writer::LONGEST;
use super::{Found, GuideRecord, GuideSnapshot, Search, search};

/// One state of all guides.
pub(super) struct View {
    db: Arc<Db>,
    transaction: ReadTransaction,
    records: Vec<GuideRecord>,
}

/// The tables of a generation that programmes are found by.
pub(super) struct Tables {
    pub(super) ids: ReadOnlyTable<&'static str, u32>,
    pub(super) blocks: ReadOnlyTable<(u32, u32, u32), &'static [u8]>,
}

impl Tables {
    pub(super) fn open(transaction: &ReadTransaction, names: &Names) -> Result<Self, Fault> {
        Ok(Self { ids: transaction.open_table(names.ids())?, blocks: transaction.open_table(names.blocks())? })
    }

    /// The number of a guide channel.
    pub(super) fn number(&self, id: &str) -> Result<Option<u32>, Fault> {
        Ok(self.ids.get(id)?.map(|number| number.value()))
    }
}

impl View {
    pub(super) fn new(db: Arc<Db>) -> Result<Self, StoreError> {
        let transaction = db.begin_read("read the guides")?;
        let records = tables::records(&transaction).map_err(|fault| db.explain("read the guides", fault))?;
        Ok(Self { db, transaction, records })
    }

    /// Works on a guide, where there is one.
    fn on<T: Default>(
        &self,
        guide: &InstanceId,
        doing: &'static str,
        work: impl FnOnce(&GuideRecord, &Names) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let Some(record) = self.records.iter().find(|record| record.guide == *guide) else { return Ok(T::default()) };
        work(record, &Names::of(record.generation)).map_err(|fault| self.db.explain(doing, fault))
    }
}

impl GuideSnapshot for View {
    fn guides(&self) -> Result<Vec<GuideRecord>, StoreError> {
        Ok(self.records.clone())
    }

    fn channels(&self, guide: &InstanceId) -> Result<Vec<GuideChannel>, StoreError> {
        self.on(guide, "read the channels of a guide", |_, names| {
            let channels = self.transaction.open_table(names.channels())?;
            channels.iter()?.map(|row| from_json("guide channel", row?.1.value())).collect()
        })
    }

    fn programmes(
        &self,
        guide: &InstanceId,
        channel: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Programme>, StoreError> {
        let mut found = Vec::new();
        self.programmes_of(guide, &[channel], (from, until), &mut |_, programmes| {
            found = programmes;
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn programmes_of(
        &self,
        guide: &InstanceId,
        channels: &[&str],
        (from, until): (Timestamp, Timestamp),
        each: &mut dyn FnMut(usize, Vec<Programme>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.on(guide, "read programmes", |_, names| {
            let tables = Tables::open(&self.transaction, names)?;
            for (place, channel) in channels.iter().enumerate() {
                let programmes = match tables.number(channel)? {
                    Some(number) => Timeline::read(&tables.blocks, number, (from.as_second(), until.as_second()))?
                        .programmes(usize::MAX)?,
                    None => Vec::new(),
                };
                if each(place, programmes).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn around(
        &self,
        guide: &InstanceId,
        now: Timestamp,
        next: usize,
        each: &mut dyn FnMut(&str, Vec<Programme>),
    ) -> Result<(), StoreError> {
        let (now, most) = (now.as_second(), next.saturating_add(1));
        self.on(guide, "read what is on", |_, names| {
            let tables = Tables::open(&self.transaction, names)?;
            for row in tables.ids.iter()? {
                let (id, number) = row?;
                let mut timeline = Timeline::read(&tables.blocks, number.value(), (now, now + DAY))?;
                if timeline.slots.len() < most {
                    timeline = Timeline::read(&tables.blocks, number.value(), (now, now + LONGEST))?;
                }
                if !timeline.slots.is_empty() {
                    let on = timeline.slots.first().is_some_and(|slot| slot.start <= now);
                    each(id.value(), timeline.programmes(if on { most } else { next })?);
                }
            }
            Ok(())
        })
    }

    fn search(&self, guide: &InstanceId, search: &Search) -> Result<Vec<Found>, StoreError> {
        self.on(guide, "search a guide", |record, names| search::run(&self.transaction, record, names, search))
    }
}
