//! Statements: what one account took in and gave in a period. Entries have the order of their times, so the ends of a period are found by
//! halving, and a page costs what is on it.

use jiff::Timestamp;
use mast_model::{Account, Credits, EntryId};
use redb::{ReadTransaction, ReadableTable};

use super::{Entry, RECORD, find};
use crate::StoreError;
use crate::db::Fault;
use crate::schema::{LEDGER, LEDGER_SIDES, META, NEXT_ENTRY};

/// Which part of an account's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From this moment on; none for the first entry.
    pub from: Option<Timestamp>,
    /// Before this moment; none for the last entry.
    pub until: Option<Timestamp>,
    /// Behind this entry: the cursor, [`Statement::next`] of the page before.
    pub after: Option<EntryId>,
    /// Entries on a page, at least 1.
    pub most: usize,
}

/// A page of what an account took in and gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Whose.
    pub account: Account,
    /// What it had when the period began, whatever the page.
    pub opening: Credits,
    /// What it had when the period ended.
    pub closing: Credits,
    /// Oldest first.
    pub rows: Vec<Row>,
    /// The cursor of the next page; none on the last one.
    pub next: Option<EntryId>,
}

/// An entry, as one account sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The entry.
    pub entry: Entry,
    /// What came in; negative where it went out.
    pub change: Credits,
    /// What the account had afterwards.
    pub balance: Credits,
}

pub(crate) fn read(transaction: &ReadTransaction, account: Account, page: &Page) -> Result<Statement, Fault> {
    let entries = transaction.open_table(LEDGER)?;
    let sides = transaction.open_table(LEDGER_SIDES)?;
    let end = transaction.open_table(META)?.get(NEXT_ENTRY)?.map_or(1, |next| next.value());
    let first = page.from.map_or(Ok(1), |from| first_at(&entries, from, end))?;
    let end = page.until.map_or(Ok(end), |until| first_at(&entries, until, end))?.max(first);
    let name = account.to_string();
    let before = |id: u64| -> Result<Credits, Fault> {
        let last = sides.range((name.as_str(), 0)..(name.as_str(), id))?.next_back();
        Ok(last.transpose()?.map_or(Credits::ZERO, |(_, balance)| Credits(balance.value())))
    };
    let (opening, closing) = (before(first)?, before(end)?);

    let start = page.after.map_or(first, |after| after.0.saturating_add(1)).clamp(first, end);
    let mut balance = before(start)?;
    let (mut rows, mut next) = (Vec::new(), None);
    for side in sides.range((name.as_str(), start)..(name.as_str(), end))? {
        if rows.len() == page.most.max(1) {
            next = rows.last().map(|row: &Row| row.entry.id);
            break;
        }
        let (key, now) = side?;
        let (_, id) = key.value();
        let entry = find(&entries, EntryId(id))?.ok_or_else(|| missing(id))?;
        let now = Credits(now.value());
        let change = now.checked_sub(balance).unwrap_or(entry.movement.amount);
        balance = now;
        rows.push(Row { entry, change, balance });
    }
    Ok(Statement { account, opening, closing, rows, next })
}

/// The first id whose entry is not before a moment; `end` where all of them are.
fn first_at(entries: &impl ReadableTable<u64, &'static [u8]>, at: Timestamp, end: u64) -> Result<u64, Fault> {
    let (mut low, mut high) = (1, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let entry = find(entries, EntryId(middle))?.ok_or_else(|| missing(middle))?;
        if entry.at < at { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn missing(id: u64) -> StoreError {
    StoreError::Damaged { file: "state.redb".into(), record: RECORD, cause: format!("entry {id} is missing") }
}
