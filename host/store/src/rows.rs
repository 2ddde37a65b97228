//! Documents' rows, and the transaction that rooms work in.

use jiff::Timestamp;
use mast_model::{Account, Credits, EntryId, LineId, LineRecord};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use crate::db::Fault;
use crate::document::Kind;
use crate::schema::{LEDGER, LEDGER_BALANCES, META};
use crate::{AuditEntry, Entry, Movement, StoreError, Transaction, audit, ledger, lines};

pub(crate) fn table(kind: Kind) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(kind.name())
}

pub(crate) fn all(transaction: &ReadTransaction, kind: Kind) -> Result<Vec<Vec<u8>>, Fault> {
    let table = transaction.open_table(table(kind))?;
    table.iter()?.map(|row| Ok(row?.1.value().to_vec())).collect()
}

pub(crate) fn one(transaction: &ReadTransaction, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    Ok(transaction.open_table(table(kind))?.get(key)?.map(|row| row.value().to_vec()))
}

/// What rooms work in: redb's transaction, and how its errors are told.
pub(crate) struct Working<'a> {
    pub(crate) inner: &'a WriteTransaction,
    pub(crate) explain: &'a dyn Fn(Fault) -> StoreError,
}

impl Working<'_> {
    fn run<T>(&self, work: impl FnOnce(&WriteTransaction) -> Result<T, Fault>) -> Result<T, StoreError> {
        work(self.inner).map_err(self.explain)
    }
}

impl Transaction for Working<'_> {
    fn add_line(&mut self, line: LineRecord) -> Result<LineRecord, StoreError> {
        self.run(|inner| lines::add(inner, line))
    }

    fn line(&mut self, id: LineId) -> Result<Option<LineRecord>, StoreError> {
        self.run(|inner| lines::find(inner, id))
    }

    fn update_line(&mut self, id: LineId, change: &mut dyn FnMut(&mut LineRecord)) -> Result<LineRecord, StoreError> {
        self.run(|inner| lines::update(inner, id, change))
    }

    fn remove_line(&mut self, id: LineId) -> Result<LineRecord, StoreError> {
        self.run(|inner| lines::remove(inner, id))
    }

    fn next_id(&mut self, kind: Kind) -> Result<u64, StoreError> {
        self.run(|inner| {
            let mut meta = inner.open_table(META)?;
            let name = format!("next-{}", kind.name());
            let id = meta.get(name.as_str())?.map_or(1, |next| next.value());
            meta.insert(name.as_str(), id.checked_add(1).ok_or(StoreError::OutOfIds(kind.name()))?)?;
            Ok(id)
        })
    }

    fn row(&mut self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(|inner| Ok(inner.open_table(table(kind))?.get(key)?.map(|row| row.value().to_vec())))
    }

    fn put_row(&mut self, kind: Kind, key: &[u8], row: &[u8]) -> Result<(), StoreError> {
        self.run(|inner| {
            inner.open_table(table(kind))?.insert(key, row)?;
            Ok(())
        })
    }

    fn remove_row(&mut self, kind: Kind, key: &[u8]) -> Result<bool, StoreError> {
        self.run(|inner| Ok(inner.open_table(table(kind))?.remove(key)?.is_some()))
    }

    fn rows(&mut self, kind: Kind) -> Result<Vec<Vec<u8>>, StoreError> {
        self.run(|inner| {
            let table = inner.open_table(table(kind))?;
            table.iter()?.map(|row| Ok(row?.1.value().to_vec())).collect()
        })
    }

    fn append_audit(&mut self, entry: AuditEntry) -> Result<u64, StoreError> {
        self.run(|inner| audit::append(inner, entry))
    }

    fn rewrite_audit(&mut self, ids: &[u64], change: &mut dyn FnMut(&mut AuditEntry)) -> Result<(), StoreError> {
        self.run(|inner| audit::rewrite(inner, ids, change))
    }

    fn trim_audit(&mut self, before: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.run(|inner| audit::trim(inner, before, most))
    }

    fn post(&mut self, movement: Movement) -> Result<Entry, StoreError> {
        self.run(|inner| ledger::post(inner, movement))
    }

    fn balance(&mut self, account: Account) -> Result<Credits, StoreError> {
        self.run(|inner| ledger::balance(&inner.open_table(LEDGER_BALANCES)?, account))
    }

    fn entry(&mut self, id: EntryId) -> Result<Option<Entry>, StoreError> {
        self.run(|inner| ledger::find(&inner.open_table(LEDGER)?, id))
    }
}
