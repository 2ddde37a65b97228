//! Lines and the two indexes that keep usernames and tokens unique.

use jiff::Timestamp;
use mast_model::{LineId, LineRecord};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use crate::StoreError;
use crate::db::{Fault, from_json, to_json};
use crate::schema::{LINE_TOKENS, LINE_USERNAMES, LINES, META, NEXT_LINE};

const RECORD: &str = "line";

pub(crate) fn each(transaction: &ReadTransaction, each: &mut dyn FnMut(LineRecord)) -> Result<(), Fault> {
    let lines = transaction.open_table(LINES)?;
    for row in lines.iter()? {
        each(from_json(RECORD, row?.1.value())?);
    }
    Ok(())
}

/// Those that exist, in the order asked for.
pub(crate) fn these(transaction: &ReadTransaction, ids: &[LineId]) -> Result<Vec<LineRecord>, Fault> {
    let lines = transaction.open_table(LINES)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(row) = lines.get(id.0)? {
            found.push(from_json(RECORD, row.value())?);
        }
    }
    Ok(found)
}

pub(crate) fn find(transaction: &WriteTransaction, id: LineId) -> Result<Option<LineRecord>, Fault> {
    let lines = transaction.open_table(LINES)?;
    let row = lines.get(id.0)?;
    row.map(|row| from_json(RECORD, row.value())).transpose()
}

pub(crate) fn add(transaction: &WriteTransaction, mut line: LineRecord) -> Result<LineRecord, Fault> {
    {
        let mut meta = transaction.open_table(META)?;
        let id = meta.get(NEXT_LINE)?.map_or(1, |next| next.value());
        meta.insert(NEXT_LINE, id.checked_add(1).ok_or(StoreError::OutOfIds("line"))?)?;
        (line.id, line.created, line.revision) = (LineId(id), Timestamp::now(), 0);
    }
    put(transaction, &mut line)?;
    Ok(line)
}

pub(crate) fn update(
    transaction: &WriteTransaction,
    id: LineId,
    change: &mut dyn FnMut(&mut LineRecord),
) -> Result<LineRecord, Fault> {
    let old = find(transaction, id)?.ok_or(StoreError::LineNotFound(id))?;
    let mut line = old.clone();
    change(&mut line);
    // Not the caller's to change.
    (line.id, line.created, line.revision) = (old.id, old.created, old.revision + 1);
    transaction.open_table(LINE_USERNAMES)?.remove(old.username.as_str())?;
    transaction.open_table(LINE_TOKENS)?.remove(old.token.expose().as_str())?;
    put(transaction, &mut line)?;
    Ok(line)
}

pub(crate) fn remove(transaction: &WriteTransaction, id: LineId) -> Result<LineRecord, Fault> {
    let line = find(transaction, id)?.ok_or(StoreError::LineNotFound(id))?;
    transaction.open_table(LINE_USERNAMES)?.remove(line.username.as_str())?;
    transaction.open_table(LINE_TOKENS)?.remove(line.token.expose().as_str())?;
    transaction.open_table(LINES)?.remove(id.0)?;
    Ok(line)
}

/// Writes a line whose username and token are not in the indexes.
fn put(transaction: &WriteTransaction, line: &mut LineRecord) -> Result<(), Fault> {
    for list in [&mut line.bouquets, &mut line.macs] {
        list.sort();
        list.dedup();
    }
    let mut usernames = transaction.open_table(LINE_USERNAMES)?;
    if usernames.insert(line.username.as_str(), line.id.0)?.is_some() {
        return Err(StoreError::UsernameTaken(line.username.clone()).into());
    }
    let mut tokens = transaction.open_table(LINE_TOKENS)?;
    if tokens.insert(line.token.expose().as_str(), line.id.0)?.is_some() {
        return Err(StoreError::TokenTaken.into());
    }
    transaction.open_table(LINES)?.insert(line.id.0, to_json(RECORD, line)?.as_slice())?;
    Ok(())
}
