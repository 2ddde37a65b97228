//! `plugins.redb`: the storage lent to plugin instances, each in its own key space under its own quota.

use std::path::Path;

use mast_model::InstanceId;
use redb::{ReadableTable, WriteTransaction};

use crate::backup::{Draft, Which};
use crate::db::{Db, Fault};
use crate::schema::{USAGE, VALUES};
use crate::{PluginKv, StoreError};

/// Plugins read little and seldom.
const CACHE_BYTES: usize = 4 << 20;

/// `plugins.redb`.
pub(crate) struct KvFile {
    db: Db,
}

impl KvFile {
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let tables = |transaction: &WriteTransaction| {
            transaction.open_table(VALUES)?;
            transaction.open_table(USAGE)?;
            Ok(())
        };
        Ok(Self { db: Db::open(folder, "plugins.redb", CACHE_BYTES, tables)? })
    }
}

/// What a row counts for.
fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

fn used(transaction: &WriteTransaction, instance: &InstanceId) -> Result<u64, Fault> {
    Ok(transaction.open_table(USAGE)?.get(instance.as_str())?.map_or(0, |used| used.value()))
}

impl PluginKv for KvFile {
    fn get(&self, instance: &InstanceId, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.read("read a plugin's value", |transaction| {
            let values = transaction.open_table(VALUES)?;
            Ok(values.get((instance.as_str(), key))?.map(|value| value.value().to_vec()))
        })
    }

    fn set(&self, instance: &InstanceId, key: &str, value: &[u8], quota: u64) -> Result<(), StoreError> {
        self.db.write("store a plugin's value", |transaction| {
            let before = used(transaction, instance)?;
            let mut values = transaction.open_table(VALUES)?;
            let replaced = values.insert((instance.as_str(), key), value)?.map_or(0, |old| size(key, old.value()));
            let after = before.saturating_sub(replaced) + size(key, value);
            // Above a quota that was lowered, shrinking must still be possible.
            if after > quota && after > before {
                return Err(StoreError::QuotaExceeded { instance: instance.clone(), quota }.into());
            }
            transaction.open_table(USAGE)?.insert(instance.as_str(), after)?;
            Ok(())
        })
    }

    fn delete(&self, instance: &InstanceId, key: &str) -> Result<(), StoreError> {
        self.db.write("remove a plugin's value", |transaction| {
            let mut values = transaction.open_table(VALUES)?;
            let removed = values.remove((instance.as_str(), key))?.map_or(0, |old| size(key, old.value()));
            let after = used(transaction, instance)?.saturating_sub(removed);
            transaction.open_table(USAGE)?.insert(instance.as_str(), after)?;
            Ok(())
        })
    }

    fn list_keys(
        &self,
        instance: &InstanceId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.db.read("list a plugin's keys", |transaction| {
            let values = transaction.open_table(VALUES)?;
            let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
            let mut keys = Vec::new();
            for row in values.range((instance.as_str(), from)..)? {
                let (row, _) = row?;
                let (owner, key) = row.value();
                if keys.len() == max || owner != instance.as_str() || !key.starts_with(prefix) {
                    break;
                }
                if after.is_none_or(|after| key > after) {
                    keys.push(key.to_owned());
                }
            }
            Ok(keys)
        })
    }

    fn copy_into(&self, backup: &mut Draft) -> Result<(), StoreError> {
        self.db.read("copy itself into a backup", |transaction| backup.take(transaction, Which::Plugins))
    }
}
