//! What the sources delivered, and the ids that outlive it.

mod library;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use mast_model::{Category, CategoryId, Channel, ChannelId, InstanceId};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::db::{Fault, from_json, to_json};
use crate::record::{ImportedCatalog, ImportedChannel, SourceRecord};
use crate::schema::{
    BATCH, BatchTable, CATEGORY_IDS, CHANNEL_IDS, IdTable, META, NEXT_CATEGORY, NEXT_CHANNEL, SOURCE_CATEGORIES,
    SOURCE_CHANNELS, SOURCES, SourceHead,
};

const HEAD: &str = "source";
/// Ids stay below 2^31: some clients hold them in an `i32`.
const END_OF_IDS: u64 = 1 << 31;

pub(crate) fn all(transaction: &ReadTransaction) -> Result<Vec<SourceRecord>, Fault> {
    let sources = transaction.open_table(SOURCES)?;
    let record = |row: Result<_, redb::StorageError>| {
        let (name, head): (redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>) = row?;
        let head: SourceHead = from_json(HEAD, head.value())?;
        Ok(SourceRecord {
            source: InstanceId::new(name.value())
                .map_err(|error| Fault::Database(redb::Error::Corrupted(error.to_string())))?,
            categories: read_batches(transaction, SOURCE_CATEGORIES, "category", name.value())?,
            channels: read_batches(transaction, SOURCE_CHANNELS, "channel", name.value())?,
            library: library::read(transaction, name.value())?,
            validators: head.validators,
            refreshed_at: head.refreshed_at,
        })
    };
    sources.iter()?.map(record).collect()
}

pub(crate) fn replace(
    transaction: &WriteTransaction,
    source: &InstanceId,
    imported: ImportedCatalog,
    at: Timestamp,
) -> Result<SourceRecord, Fault> {
    let ImportedCatalog { categories, channels, library, validators } = imported;
    let (categories, channels) = (first_of_each(categories, |c| &c.key), first_of_each(channels, |c| &c.key));

    let category_keys: Vec<&str> = categories.iter().map(|category| category.key.as_str()).collect();
    let category_ids = assign_ids(transaction, (CATEGORY_IDS, NEXT_CATEGORY, "category"), source, &category_keys)?;
    let channel_keys: Vec<&str> = channels.iter().map(|channel| channel.key.as_str()).collect();
    let channel_ids = assign_ids(transaction, (CHANNEL_IDS, NEXT_CHANNEL, "channel"), source, &channel_keys)?;
    let by_key: BTreeMap<String, CategoryId> =
        categories.iter().zip(&category_ids).map(|(category, id)| (category.key.clone(), CategoryId(*id))).collect();

    let numbered = (0..).zip(categories).zip(category_ids);
    let categories: Vec<Category> = numbered
        .map(|((order, imported), id)| Category {
            id: CategoryId(id),
            source: source.clone(),
            key: imported.key,
            name: imported.name,
            order,
        })
        .collect();
    let channels: Vec<Channel> =
        channels.into_iter().zip(channel_ids).map(|(imported, id)| channel(source, imported, id, &by_key)).collect();

    write_batches(transaction, SOURCE_CATEGORIES, "category", source, &categories)?;
    write_batches(transaction, SOURCE_CHANNELS, "channel", source, &channels)?;
    let library = library::replace(transaction, source, library)?;
    let head = SourceHead { validators, refreshed_at: at };
    transaction.open_table(SOURCES)?.insert(source.as_str(), to_json(HEAD, &head)?.as_slice())?;
    let SourceHead { validators, refreshed_at } = head;
    Ok(SourceRecord { source: source.clone(), categories, channels, library, validators, refreshed_at })
}

/// A source that never delivered has nothing to note.
pub(crate) fn touch(transaction: &WriteTransaction, source: &InstanceId, at: Timestamp) -> Result<(), Fault> {
    let mut sources = transaction.open_table(SOURCES)?;
    let head: Option<SourceHead> = match sources.get(source.as_str())? {
        Some(row) => Some(from_json(HEAD, row.value())?),
        None => None,
    };
    if let Some(head) = head {
        let head = SourceHead { refreshed_at: at, ..head };
        sources.insert(source.as_str(), to_json(HEAD, &head)?.as_slice())?;
    }
    Ok(())
}

fn channel(
    source: &InstanceId,
    imported: ImportedChannel,
    id: u32,
    categories: &BTreeMap<String, CategoryId>,
) -> Channel {
    Channel {
        id: ChannelId(id),
        source: source.clone(),
        category: imported.category.and_then(|key| categories.get(&key).copied()),
        key: imported.key,
        name: imported.name,
        number: imported.number,
        logo: imported.logo,
        epg_id: imported.epg_id,
        upstreams: imported.upstreams,
        catch_up: imported.catch_up,
        attrs: imported.attrs,
    }
}

/// Two records with one key would share an id; the first stays.
fn first_of_each<T>(mut records: Vec<T>, key: impl Fn(&T) -> &String) -> Vec<T> {
    let mut seen = HashSet::with_capacity(records.len());
    records.retain(|record| seen.insert(key(record).clone()));
    records
}

/// The id of each key, in order: the one it always had, or the next.
fn assign_ids(
    transaction: &WriteTransaction,
    (table, next_key, what): (IdTable, &'static str, &'static str),
    source: &InstanceId,
    keys: &[&str],
) -> Result<Vec<u32>, Fault> {
    let mut table = transaction.open_table(table)?;
    let mut meta = transaction.open_table(META)?;
    let mut next = meta.get(next_key)?.map_or(1, |next| next.value());
    let mut ids = Vec::with_capacity(keys.len());
    // Sorted rows go in faster and leave a smaller file.
    let mut new = BTreeSet::new();
    for key in keys {
        let known = table.get((source.as_str(), *key))?.map(|id| id.value());
        let id = match known {
            Some(id) => id,
            None => {
                let id = u32::try_from(next).ok().filter(|_| next < END_OF_IDS).ok_or(StoreError::OutOfIds(what))?;
                next += 1;
                new.insert((*key, id));
                id
            }
        };
        ids.push(id);
    }
    for (key, id) in new {
        table.insert((source.as_str(), key), id)?;
    }
    meta.insert(next_key, next)?;
    Ok(ids)
}

fn read_batches<T: DeserializeOwned>(
    transaction: &ReadTransaction,
    table: BatchTable,
    record: &'static str,
    source: &str,
) -> Result<Vec<T>, Fault> {
    let table = transaction.open_table(table)?;
    let mut all = Vec::new();
    for row in table.range((source, 0)..=(source, u32::MAX))? {
        let batch: Vec<T> = from_json(record, row?.1.value())?;
        all.extend(batch);
    }
    Ok(all)
}

fn write_batches<T: Serialize>(
    transaction: &WriteTransaction,
    table: BatchTable,
    record: &'static str,
    source: &InstanceId,
    all: &[T],
) -> Result<(), Fault> {
    let mut table = transaction.open_table(table)?;
    table.retain_in((source.as_str(), 0)..=(source.as_str(), u32::MAX), |_, _| false)?;
    for (index, batch) in (0_u32..).zip(all.chunks(BATCH)) {
        table.insert((source.as_str(), index), to_json(record, &batch)?.as_slice())?;
    }
    Ok(())
}
