//! Lines and the two indexes that keep usernames and tokens unique.

use jiff::Timestamp;
use mast_model::{Line, LineId};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use crate::StoreError;
use crate::db::{Fault, from_json, to_json};
use crate::record::NewLine;
use crate::schema::{LINE_TOKENS, LINE_USERNAMES, LINES, META, NEXT_LINE};

const RECORD: &str = "line";

pub(crate) fn all(transaction: &ReadTransaction) -> Result<Vec<Line>, Fault> {
    let lines = transaction.open_table(LINES)?;
    lines.iter()?.map(|row| from_json(RECORD, row?.1.value())).collect()
}

pub(crate) fn add(transaction: &WriteTransaction, new: NewLine) -> Result<Line, Fault> {
    let mut meta = transaction.open_table(META)?;
    let id = meta.get(NEXT_LINE)?.map_or(1, |next| next.value());
    meta.insert(NEXT_LINE, id.checked_add(1).ok_or(StoreError::OutOfIds("line"))?)?;
    let mut line = Line {
        id: LineId(id),
        username: new.username,
        password_hash: new.password_hash,
        token: new.token,
        max_connections: new.max_connections,
        expires: new.expires,
        active: true,
        bouquets: new.bouquets,
        macs: new.macs,
        created: Timestamp::now(),
        revision: 0,
    };
    put(transaction, &mut line)?;
    Ok(line)
}

pub(crate) fn update(
    transaction: &WriteTransaction,
    id: LineId,
    change: &mut dyn FnMut(&mut Line),
) -> Result<Line, Fault> {
    let old: Line = {
        let lines = transaction.open_table(LINES)?;
        let row = lines.get(id.0)?.ok_or(StoreError::LineNotFound(id))?;
        from_json(RECORD, row.value())?
    };
    let mut line = old.clone();
    change(&mut line);
    // Not the caller's to change.
    (line.id, line.created, line.revision) = (old.id, old.created, old.revision + 1);
    transaction.open_table(LINE_USERNAMES)?.remove(old.username.as_str())?;
    transaction.open_table(LINE_TOKENS)?.remove(old.token.expose())?;
    put(transaction, &mut line)?;
    Ok(line)
}

/// Writes a line whose username and token are not in the indexes.
fn put(transaction: &WriteTransaction, line: &mut Line) -> Result<(), Fault> {
    for list in [&mut line.bouquets, &mut line.macs] {
        list.sort();
        list.dedup();
    }
    let mut usernames = transaction.open_table(LINE_USERNAMES)?;
    if usernames.insert(line.username.as_str(), line.id.0)?.is_some() {
        return Err(StoreError::UsernameTaken(line.username.clone()).into());
    }
    let mut tokens = transaction.open_table(LINE_TOKENS)?;
    if tokens.insert(line.token.expose(), line.id.0)?.is_some() {
        return Err(StoreError::TokenTaken.into());
    }
    transaction.open_table(LINES)?.insert(line.id.0, to_json(RECORD, line)?.as_slice())?;
    Ok(())
}
