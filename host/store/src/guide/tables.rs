//! What is in `guide.redb`. Keys and integers as in `schema.rs`; days and seconds are UTC.
//!
//! | table | key | value | rule |
//! |---|---|---|---|
//! | `meta` | `schema`, `next-generation` | u64 | generations only grow |
//! | `guides` | guide | JSON [`super::GuideRecord`] | points to the guide's generation |
//! | `GENERATION-channels` | guide channel u32 | JSON of a guide channel | numbered as they came |
//! | `GENERATION-ids` | id of a guide channel | its number u32 | one row for each of `channels` |
//! | `GENERATION-blocks` | (guide channel u32, day u32, run u32) | [`super::block`] | those that start in this day |
//! | `GENERATION-runs` | run u32 | [`super::index`]: its blocks, in order | from 0 without gaps |
//! | `GENERATION-words` | (run u32, first word) | [`super::index`]: words and the blocks they are in | |
//!
//! Runs are written without durability; only the commit of an import waits for the disk, and takes everything along. Tables of a
//! generation that no guide points to are removed when the file is opened.

use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, WriteTransaction};

use crate::StoreError;
use crate::db::{Fault, from_json, to_json};
use crate::schema::META;

use super::GuideRecord;

pub(super) const NEXT_GENERATION: &str = "next-generation";
const RECORD: &str = "guide";

pub(super) const GUIDES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("guides");
const KINDS: [&str; 5] = ["channels", "ids", "blocks", "runs", "words"];

/// The names of a generation's tables.
pub(super) struct Names([String; 5]);

impl Names {
    pub(super) fn of(generation: u64) -> Self {
        Self(KINDS.map(|kind| format!("{generation}-{kind}")))
    }

    pub(super) fn channels(&self) -> TableDefinition<'_, u32, &'static [u8]> {
        TableDefinition::new(&self.0[0])
    }

    pub(super) fn ids(&self) -> TableDefinition<'_, &'static str, u32> {
        TableDefinition::new(&self.0[1])
    }

    pub(super) fn blocks(&self) -> TableDefinition<'_, (u32, u32, u32), &'static [u8]> {
        TableDefinition::new(&self.0[2])
    }

    pub(super) fn runs(&self) -> TableDefinition<'_, u32, &'static [u8]> {
        TableDefinition::new(&self.0[3])
    }

    pub(super) fn words(&self) -> TableDefinition<'_, (u32, &'static str), &'static [u8]> {
        TableDefinition::new(&self.0[4])
    }
}

pub(super) fn create(transaction: &WriteTransaction) -> Result<(), Fault> {
    transaction.open_table(GUIDES)?;
    Ok(())
}

/// The next generation's number.
pub(super) fn next_generation(transaction: &WriteTransaction) -> Result<u64, Fault> {
    let mut meta = transaction.open_table(META)?;
    let generation = meta.get(NEXT_GENERATION)?.map_or(1, |next| next.value());
    meta.insert(NEXT_GENERATION, generation.checked_add(1).ok_or(StoreError::OutOfIds(NEXT_GENERATION))?)?;
    Ok(generation)
}

/// Removes every table of a generation.
pub(super) fn remove_generation(transaction: &WriteTransaction, generation: u64) -> Result<(), Fault> {
    let tables: Vec<_> =
        transaction.list_tables()?.filter(|table| generation_of(table.name()) == Some(generation)).collect();
    for table in tables {
        transaction.delete_table(table)?;
    }
    Ok(())
}

/// Whether a guide points to a generation.
pub(super) fn is_used(transaction: &WriteTransaction, generation: u64) -> Result<bool, Fault> {
    let guides = transaction.open_table(GUIDES)?;
    for row in guides.iter()? {
        let record: GuideRecord = from_json(RECORD, row?.1.value())?;
        if record.generation == generation {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The generations that have tables and that no guide points to.
pub(super) fn orphans(transaction: &ReadTransaction) -> Result<Vec<u64>, Fault> {
    let used: Vec<u64> = records(transaction)?.iter().map(|record| record.generation).collect();
    let mut found: Vec<u64> = transaction.list_tables()?.filter_map(|table| generation_of(table.name())).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|generation| !used.contains(generation));
    Ok(found)
}

fn generation_of(table: &str) -> Option<u64> {
    let (generation, kind) = table.split_once('-')?;
    KINDS.contains(&kind).then(|| generation.parse().ok())?
}

/// What is known of every guide, by name.
pub(super) fn records(transaction: &ReadTransaction) -> Result<Vec<GuideRecord>, Fault> {
    match transaction.open_table(GUIDES) {
        Ok(guides) => guides.iter()?.map(|row| from_json(RECORD, row?.1.value())).collect(),
        Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn record(transaction: &WriteTransaction, guide: &str) -> Result<Option<GuideRecord>, Fault> {
    transaction.open_table(GUIDES)?.get(guide)?.map(|row| from_json(RECORD, row.value())).transpose()
}

pub(super) fn put_record(transaction: &WriteTransaction, record: &GuideRecord) -> Result<(), Fault> {
    transaction.open_table(GUIDES)?.insert(record.guide.as_str(), to_json(RECORD, record)?.as_slice())?;
    Ok(())
}
