//! Movies, series and episodes of a source: replaced and read as a whole, like its channels.

use std::collections::HashMap;

use mast_model::{CategoryId, Episode, InstanceId, Library, Title, TitleId, TitleKind, VodCategory};
use redb::{ReadTransaction, TableError, WriteTransaction};
use serde::de::DeserializeOwned;

use super::{assign_ids, first_of_each, read_batches, write_batches};
use crate::db::Fault;
use crate::record::{ImportedEpisode, ImportedLibrary, ImportedTitle};
use crate::schema::{
    BatchTable, CATEGORY_IDS, NEXT_CATEGORY, NEXT_TITLE, SOURCE_EPISODES, SOURCE_TITLES, SOURCE_VOD_CATEGORIES,
    TITLE_IDS,
};

pub(super) fn read(transaction: &ReadTransaction, source: &str) -> Result<Library, Fault> {
    Ok(Library {
        categories: rows(transaction, SOURCE_VOD_CATEGORIES, "category", source)?,
        titles: rows(transaction, SOURCE_TITLES, "title", source)?,
        episodes: rows(transaction, SOURCE_EPISODES, "episode", source)?,
    })
}

/// A backup of an earlier version has no such tables.
fn rows<T: DeserializeOwned>(
    transaction: &ReadTransaction,
    table: BatchTable,
    record: &'static str,
    source: &str,
) -> Result<Vec<T>, Fault> {
    match transaction.open_table(table) {
        Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
        _ => read_batches(transaction, table, record, source),
    }
}

pub(super) fn replace(
    transaction: &WriteTransaction,
    source: &InstanceId,
    imported: ImportedLibrary,
) -> Result<Library, Fault> {
    let categories = categories(transaction, source, imported.categories)?;
    let shelves: HashMap<(TitleKind, &str), CategoryId> =
        categories.iter().map(|category| ((category.kind, category.key.as_str()), category.id)).collect();
    let titles = titles(transaction, source, imported.titles, &shelves)?;
    let series: HashMap<&str, TitleId> = titles
        .iter()
        .filter(|title| title.kind == TitleKind::Series)
        .map(|title| (title.key.as_str(), title.id))
        .collect();
    let episodes = episodes(transaction, source, imported.episodes, &series)?;
    write_batches(transaction, SOURCE_VOD_CATEGORIES, "category", source, &categories)?;
    write_batches(transaction, SOURCE_TITLES, "title", source, &titles)?;
    write_batches(transaction, SOURCE_EPISODES, "episode", source, &episodes)?;
    Ok(Library { categories, titles, episodes })
}

/// Movies and series may use the same keys.
fn id_key(kind: TitleKind, key: &str) -> String {
    match kind {
        TitleKind::Movie => format!("movie:{key}"),
        TitleKind::Series => format!("series:{key}"),
    }
}

fn categories(
    transaction: &WriteTransaction,
    source: &InstanceId,
    imported: Vec<(TitleKind, crate::record::ImportedCategory)>,
) -> Result<Vec<VodCategory>, Fault> {
    // Channels' categories are in the same table under their keys as they are; no key begins with a control character.
    let mut keyed: Vec<_> =
        imported.into_iter().map(|(kind, one)| (format!("\u{1}{}", id_key(kind, &one.key)), kind, one)).collect();
    keyed = first_of_each(keyed, |(key, _, _)| key);
    let keys: Vec<&str> = keyed.iter().map(|(key, _, _)| key.as_str()).collect();
    let ids = assign_ids(transaction, (CATEGORY_IDS, NEXT_CATEGORY, "category"), source, &keys)?;
    let made = keyed.into_iter().zip(ids).map(|((_, kind, one), id)| VodCategory {
        id: CategoryId(id),
        source: source.clone(),
        key: one.key,
        kind,
        name: one.name,
    });
    Ok(made.collect())
}

fn titles(
    transaction: &WriteTransaction,
    source: &InstanceId,
    imported: Vec<ImportedTitle>,
    shelves: &HashMap<(TitleKind, &str), CategoryId>,
) -> Result<Vec<Title>, Fault> {
    let mut keyed: Vec<_> = imported.into_iter().map(|one| (id_key(one.kind, &one.key), one)).collect();
    keyed = first_of_each(keyed, |(key, _)| key);
    let keys: Vec<&str> = keyed.iter().map(|(key, _)| key.as_str()).collect();
    let ids = assign_ids(transaction, (TITLE_IDS, NEXT_TITLE, "title"), source, &keys)?;
    let made = keyed.into_iter().zip(ids).map(|((_, one), id)| Title {
        id: TitleId(id),
        source: source.clone(),
        category: one.category.and_then(|key| shelves.get(&(one.kind, key.as_str())).copied()),
        key: one.key,
        kind: one.kind,
        name: one.name,
        poster: one.poster,
        file: one.file,
        attrs: one.attrs,
    });
    Ok(made.collect())
}

fn episodes(
    transaction: &WriteTransaction,
    source: &InstanceId,
    imported: Vec<ImportedEpisode>,
    series: &HashMap<&str, TitleId>,
) -> Result<Vec<Episode>, Fault> {
    let known = imported.into_iter().filter_map(|one| Some((*series.get(one.series.as_str())?, one)));
    let mut keyed: Vec<_> = known.map(|(series, one)| (format!("episode:{}", one.key), series, one)).collect();
    keyed = first_of_each(keyed, |(key, _, _)| key);
    let keys: Vec<&str> = keyed.iter().map(|(key, _, _)| key.as_str()).collect();
    let ids = assign_ids(transaction, (TITLE_IDS, NEXT_TITLE, "title"), source, &keys)?;
    let made = keyed.into_iter().zip(ids).map(|((_, series, one), id)| Episode {
        id: TitleId(id),
        source: source.clone(),
        key: one.key,
        series,
        season: one.season,
        number: one.number,
        name: one.name,
        file: one.file,
        attrs: one.attrs,
    });
    Ok(made.collect())
}
