//! Reading the blocks of a guide channel and mending what guides get wrong: runs merged, one programme for each start, stops that are
//! missing filled in and none behind the next start. What is mended depends on a programme and the next one only, so that every range
//! of time shows the same.

use std::ops::{Range, RangeBounds};

use jiff::Timestamp;
use mast_model::Programme;
use mast_model::guide::details;
use redb::ReadableTable;

use crate::db::Fault;

use super::block::{self, DAY, Item, day, day_start};
use super::writer::LONGEST;

/// A stop that is missing is the next start within this, seconds.
const NEXT_WITHIN: i64 = DAY;
/// And this behind the start where there is no next one, seconds.
const ASSUMED_LENGTH: i64 = 3_600;
/// Days before a time in which a programme that is on may have begun.
const LOOK_BACK: u32 = (LONGEST / DAY) as u32;

type Key = (u32, u32, u32);

/// A mended programme, not decoded yet.
pub(super) struct Slot {
    pub(super) start: i64,
    stop: i64,
    block: usize,
    details: Range<usize>,
}

/// Programmes of one guide channel.
#[derive(Default)]
pub(super) struct Timeline {
    blocks: Vec<Vec<u8>>,
    pub(super) slots: Vec<Slot>,
}

impl Timeline {
    /// What is on between two times, seconds.
    pub(super) fn read(
        table: &impl ReadableTable<Key, &'static [u8]>,
        channel: u32,
        (from, until): (i64, i64),
    ) -> Result<Self, Fault> {
        let mut timeline = Self::default();
        if from >= until || until <= 0 {
            return Ok(timeline);
        }
        let (first, last) = (day(from), day(until - 1));
        let mut items = timeline.load(table, (channel, first, 0)..=(channel, last, u32::MAX))?;
        if items.first().is_none_or(|(item, _)| item.start > from) {
            // What is on at the beginning began on the last day before that has anything.
            let lowest = first.saturating_sub(LOOK_BACK);
            let before = table.range((channel, lowest, 0)..(channel, first, 0))?.next_back().transpose()?;
            if let Some((key, _)) = before {
                let day = key.value().1;
                let earlier = timeline.load(table, (channel, day, 0)..=(channel, day, u32::MAX))?.pop();
                items.splice(0..0, earlier);
            }
        }
        let behind = timeline.start_behind(table, channel, last)?;
        let starts: Vec<i64> = items.iter().skip(1).map(|(item, _)| item.start).chain(behind).collect();
        let mut starts = starts.into_iter();
        for (item, block) in items {
            let stop = mend(&item, starts.next());
            if stop > from && item.start < until {
                timeline.slots.push(Slot { start: item.start, stop, block, details: item.details });
            }
        }
        Ok(timeline)
    }

    /// The first start behind a day, as far as programmes of that day can reach.
    fn start_behind(
        &mut self,
        table: &impl ReadableTable<Key, &'static [u8]>,
        channel: u32,
        last: u32,
    ) -> Result<Option<i64>, Fault> {
        let next = (channel, last.saturating_add(1), 0)..=(channel, last.saturating_add(1 + LOOK_BACK), u32::MAX);
        let Some((key, _)) = table.range(next)?.next().transpose()? else { return Ok(None) };
        let day = key.value().1;
        let items = self.load(table, (channel, day, 0)..=(channel, day, u32::MAX))?;
        Ok(items.first().map(|(item, _)| item.start))
    }

    /// Unpacks rows: by start, one for each, the one of the last run.
    fn load(
        &mut self,
        table: &impl ReadableTable<Key, &'static [u8]>,
        keys: impl RangeBounds<Key>,
    ) -> Result<Vec<(Item, usize)>, Fault> {
        let mut found = Vec::new();
        for row in table.range(keys)? {
            let (key, row) = row?;
            let (_, day, run) = key.value();
            let (raw, items) = block::unpack(row.value(), day).ok_or_else(damaged)?;
            let place = self.blocks.len();
            self.blocks.push(raw);
            found.extend(items.into_iter().map(|item| (item, place, run)));
        }
        found.sort_by_key(|(item, _, run)| (item.start, std::cmp::Reverse(*run)));
        found.dedup_by_key(|(item, ..)| item.start);
        Ok(found.into_iter().map(|(item, place, _)| (item, place)).collect())
    }

    /// A programme's encoded details.
    pub(super) fn details(&self, slot: &Slot) -> &[u8] {
        &self.blocks[slot.block][slot.details.clone()]
    }

    /// A programme.
    pub(super) fn programme(&self, slot: &Slot) -> Result<Programme, Fault> {
        let time = |second| Timestamp::from_second(second).map_err(|_| damaged());
        let details = details::get(self.details(slot)).ok_or_else(damaged)?;
        Ok(Programme { start: time(slot.start)?, stop: time(slot.stop)?, details })
    }

    /// The first programmes, at most so many.
    pub(super) fn programmes(&self, most: usize) -> Result<Vec<Programme>, Fault> {
        self.slots.iter().take(most).map(|slot| self.programme(slot)).collect()
    }
}

/// The stop of a programme, given the next one's start.
fn mend(item: &Item, next: Option<i64>) -> i64 {
    match (item.stop, next) {
        (Some(stop), Some(next)) => stop.min(next),
        (Some(stop), None) => stop,
        (None, Some(next)) if next - item.start <= NEXT_WITHIN => next,
        (None, _) => item.start + ASSUMED_LENGTH,
    }
}

/// The whole of a day, seconds.
pub(super) fn whole(day: u32) -> (i64, i64) {
    (day_start(day), day_start(day) + DAY)
}

/// Something on disk is not as it was written.
pub(super) fn damaged() -> Fault {
    redb::StorageError::Corrupted("a block of programmes cannot be read".to_owned()).into()
}
