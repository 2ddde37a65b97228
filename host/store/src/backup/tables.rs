//! Every table of the store, to be copied. A test compares the list with what is in a store's files.

use std::collections::BTreeMap;

use redb::{Database, Key, ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, Value};

use crate::db::Fault;
use crate::document::Kind;
use crate::{rows, schema};

/// Rows in one transaction: enough to be quick, few enough to be kept in memory.
const BATCH: usize = 50_000;

/// What was copied, by table.
pub(super) type Copied = BTreeMap<String, Table>;

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) rows: u64,
    /// BLAKE3 of its keys and values in their order, hexadecimal.
    pub(super) digest: String,
}

/// Copies a table; one that the older file does not have is empty.
fn copy<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &Database,
    (source, target): (TableDefinition<'_, K, V>, TableDefinition<'_, K, V>),
) -> Result<Table, Fault> {
    let mut digest = blake3::Hasher::new();
    let copied = |rows, digest: blake3::Hasher| Table { rows, digest: digest.finalize().to_hex().to_string() };
    let table = match from.open_table(source) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(copied(0, digest)),
        Err(error) => return Err(error.into()),
    };
    let (mut rows, mut count, mut more) = (table.iter()?, 0, true);
    while more {
        let transaction = to.begin_write()?;
        {
            let mut filled = transaction.open_table(target)?;
            for _ in 0..BATCH {
                let Some(row) = rows.next() else {
                    more = false;
                    break;
                };
                let (key, value) = row?;
                let (key, value) = (key.value(), value.value());
                add(&mut digest, K::as_bytes(&key).as_ref());
                add(&mut digest, V::as_bytes(&value).as_ref());
                filled.insert(key, value)?;
                count += 1;
            }
        }
        transaction.commit()?;
    }
    Ok(copied(count, digest))
}

/// With its length, so that nothing can move from one to the next.
fn add(digest: &mut blake3::Hasher, part: &[u8]) {
    digest.update(&(part.len() as u64).to_le_bytes()).update(part);
}

/// Copies tables whose names begin with `was` to such whose names begin with `is`.
struct Copying<'a> {
    from: &'a ReadTransaction,
    to: &'a Database,
    was: &'a str,
    is: &'a str,
    copied: Copied,
}

impl Copying<'_> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<(), Fault> {
        let name = definition.name();
        let (source, target) = (format!("{}{name}", self.was), format!("{}{name}", self.is));
        let pair = (TableDefinition::<K, V>::new(&source), TableDefinition::<K, V>::new(&target));
        let copied = copy(self.from, self.to, pair)?;
        let named = if self.is.is_empty() { source } else { target };
        self.copied.insert(named, copied);
        Ok(())
    }
}

/// Every table of `state.redb`.
pub(super) fn state(from: &ReadTransaction, to: &Database, was: &str, is: &str) -> Result<Copied, Fault> {
    let mut copying = Copying { from, to, was, is, copied: Copied::new() };
    copying.table(schema::META)?;
    copying.table(schema::KEYS)?;
    copying.table(schema::LINES)?;
    copying.table(schema::LINE_USERNAMES)?;
    copying.table(schema::LINE_TOKENS)?;
    copying.table(schema::AUDIT)?;
    copying.table(schema::LEDGER)?;
    copying.table(schema::LEDGER_SIDES)?;
    copying.table(schema::LEDGER_BALANCES)?;
    copying.table(schema::LEDGER_REFUNDS)?;
    for kind in Kind::ALL {
        copying.table(rows::table(kind))?;
    }
    copying.table(schema::CHANNEL_IDS)?;
    copying.table(schema::CATEGORY_IDS)?;
    copying.table(schema::SOURCES)?;
    copying.table(schema::SOURCE_CATEGORIES)?;
    copying.table(schema::SOURCE_CHANNELS)?;
    copying.table(schema::TITLE_IDS)?;
    copying.table(schema::SOURCE_VOD_CATEGORIES)?;
    copying.table(schema::SOURCE_TITLES)?;
    copying.table(schema::SOURCE_EPISODES)?;
    copying.table(schema::SEQUENCES)?;
    copying.table(schema::TARGET_DURATIONS)?;
    Ok(copying.copied)
}

/// Every table of `plugins.redb` but its version, which is that of the other file.
pub(super) fn plugins(from: &ReadTransaction, to: &Database, was: &str, is: &str) -> Result<Copied, Fault> {
    let mut copying = Copying { from, to, was, is, copied: Copied::new() };
    copying.table(schema::VALUES)?;
    copying.table(schema::USAGE)?;
    Ok(copying.copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Db;

    /// A table that nobody copies would be missing after a restore, and nobody would notice in time.
    #[test]
    fn every_table_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        drop(crate::open_state(folder.path()).unwrap());
        drop(crate::open_plugin_kv(folder.path()).unwrap());
        for (file, own, copied) in [("state.redb", "", true), ("plugins.redb", "meta", false)] {
            let db = Db::open(folder.path(), file, 1 << 20, |_| Ok(())).unwrap();
            let names = db.read("list", |from| {
                let mut names: Vec<String> = from.list_tables()?.map(|table| table.name().to_owned()).collect();
                names.sort();
                Ok(names)
            });
            let target = Database::create(folder.path().join(format!("copy-of-{file}"))).unwrap();
            let counts =
                db.read(
                    "copy",
                    |from| {
                        if copied { state(from, &target, "", "") } else { plugins(from, &target, "", "") }
                    },
                );
            let copied: Vec<String> = counts.unwrap().into_keys().collect();
            let wanted: Vec<String> = names.unwrap().into_iter().filter(|name| name != own).collect();
            assert_eq!(copied, wanted, "{file}: add what is missing to this file's lists");
        }
    }
}
