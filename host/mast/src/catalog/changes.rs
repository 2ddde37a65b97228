//! What a refresh changes, and whether so much may go at once. A provider that has a bad day must not cost anybody the lineup of the day
//! before.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::{Category, Channel, Title, TitleKind, VodCategory};
use mast_store::ImportedCatalog;
use serde::Serialize;
use utoipa::ToSchema;

/// Names of each kind that are kept.
const MOST_NAMES: usize = 100;
/// Names of each kind in the log.
const LOGGED: usize = 5;
/// Where there were fewer, all but one may go.
const SMALL: usize = 20;

/// What a refresh changed, or would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceChanges {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether it was taken over.
    pub accepted: bool,
    /// Of the channels.
    #[serde(flatten)]
    pub channels: ChangedRecords,
    /// Of the movies.
    pub movies: ChangedRecords,
    /// Of the series.
    pub series: ChangedRecords,
}

/// What became of the channels, the movies or the series of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedRecords {
    /// Those that were not there before.
    pub added: ChangedNames,
    /// Those that are not there any more.
    pub removed: ChangedNames,
    /// Those with another name, written `old -> new`.
    pub renamed: ChangedNames,
    /// Those in another category.
    pub moved: ChangedNames,
    #[serde(skip)]
    before: usize,
    #[serde(skip)]
    after: usize,
}

/// What something happened to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedNames {
    /// How many.
    pub count: usize,
    /// The names of the first hundred.
    pub names: Vec<String>,
}

impl ChangedNames {
    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.names.len() < MOST_NAMES {
            self.names.push(name());
        }
    }
}

/// What a source delivered last, without edits.
#[derive(Default)]
pub(super) struct LastLineup {
    pub(super) channels: Vec<Arc<Channel>>,
    pub(super) categories: Vec<Arc<Category>>,
    pub(super) titles: Vec<Arc<Title>>,
    pub(super) title_categories: Vec<Arc<VodCategory>>,
}

/// A channel or a title, as far as it is compared.
struct Entry<'a> {
    key: &'a str,
    name: &'a str,
    /// The category's key.
    category: Option<&'a str>,
}

impl ChangedRecords {
    /// Compares by the upstream's own keys.
    fn between<'a>(old: impl Iterator<Item = Entry<'a>>, new: impl Iterator<Item = Entry<'a>>) -> Self {
        let mut changed = Self::default();
        // With the place where they stood.
        let mut left: HashMap<&str, (usize, Entry<'a>)> =
            old.enumerate().map(|(at, entry)| (entry.key, (at, entry))).collect();
        changed.before = left.len();
        for Entry { key, name, category } in new {
            changed.after += 1;
            let Some((_, before)) = left.remove(key) else {
                changed.added.add(|| name.to_owned());
                continue;
            };
            if before.name != name {
                changed.renamed.add(|| format!("{} -> {name}", before.name));
            }
            if before.category != category {
                changed.moved.add(|| name.to_owned());
            }
        }
        let mut gone: Vec<_> = left.into_values().collect();
        gone.sort_unstable_by_key(|(at, _)| *at);
        gone.iter().for_each(|(_, entry)| changed.removed.add(|| entry.name.to_owned()));
        changed
    }

    fn kinds(&self) -> [(&'static str, &ChangedNames); 4] {
        [("added", &self.added), ("removed", &self.removed), ("renamed", &self.renamed), ("moved", &self.moved)]
    }

    /// Whether more than `max_loss` percent went.
    fn lost(&self, max_loss: u8) -> bool {
        let lost = self.before.saturating_sub(self.after);
        self.before >= SMALL && lost * 100 > self.before * usize::from(max_loss)
    }
}

impl SourceChanges {
    /// Compares what was there with what is there now.
    pub(super) fn between(old: &LastLineup, new: &ImportedCatalog, at: Timestamp) -> Self {
        let categories: HashMap<_, &str> = old.categories.iter().map(|one| (one.id, one.key.as_str())).collect();
        let channels = ChangedRecords::between(
            old.channels.iter().map(|channel| Entry {
                key: &channel.key,
                name: &channel.name,
                category: channel.category.and_then(|id| categories.get(&id).copied()),
            }),
            new.channels.iter().map(|channel| Entry {
                key: &channel.key,
                name: &channel.name,
                category: channel.category.as_deref(),
            }),
        );
        let categories: HashMap<_, &str> = old.title_categories.iter().map(|one| (one.id, one.key.as_str())).collect();
        let titles = |kind: TitleKind| {
            ChangedRecords::between(
                old.titles.iter().filter(|title| title.kind == kind).map(|title| Entry {
                    key: &title.key,
                    name: &title.name,
                    category: title.category.and_then(|id| categories.get(&id).copied()),
                }),
                new.library.titles.iter().filter(|title| title.kind == kind).map(|title| Entry {
                    key: &title.key,
                    name: &title.name,
                    category: title.category.as_deref(),
                }),
            )
        };
        let (movies, series) = (titles(TitleKind::Movie), titles(TitleKind::Series));
        Self { at, accepted: false, channels, movies, series }
    }

    fn of_all(&self) -> [(&'static str, &ChangedRecords); 3] {
        [("channels", &self.channels), ("movies", &self.movies), ("series", &self.series)]
    }

    /// Whether everything stayed.
    pub(super) fn is_empty(&self) -> bool {
        self.of_all().iter().all(|(_, changed)| changed.kinds().iter().all(|(_, names)| names.count == 0))
    }

    /// Why the new lineup does not take the place of the old one; none where it does. `max_loss`: percent.
    pub(super) fn refusal(&self, source: &str, max_loss: u8) -> Option<String> {
        let (what, ChangedRecords { before, after, .. }) =
            self.of_all().into_iter().find(|(_, changed)| changed.lost(max_loss))?;
        Some(format!(
            "delivered {after} {what} and had {before}, a loss of more than {max_loss} %; kept the old lineup. To take over the new one, \
             if that is right: mast source accept --name {source}"
        ))
    }
}

/// One line for the log.
impl fmt::Display for SourceChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (what, changed) in self.of_all() {
            for (kind, changed) in changed.kinds().into_iter().filter(|(_, changed)| changed.count > 0) {
                write!(f, "{separator}{} {what} {kind}: ", changed.count)?;
                let first: Vec<String> = changed.names.iter().take(LOGGED).map(|name| format!("{name:?}")).collect();
                f.write_str(&first.join(", "))?;
                if changed.count > LOGGED {
                    f.write_str(" ...")?;
                }
                separator = "; ";
            }
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use mast_model::{CategoryId, ChannelId, InstanceId, TitleId};
    use mast_store::{ImportedChannel, ImportedTitle};

    use super::*;

    fn old(key: &str, name: &str, category: Option<u32>) -> Arc<Channel> {
        Arc::new(Channel {
            id: ChannelId(1),
            source: InstanceId::new("s").unwrap(),
            key: key.into(),
            name: name.into(),
            number: None,
            category: category.map(CategoryId),
            logo: None,
            epg_id: None,
            upstreams: Vec::new(),
            catch_up: None,
            attrs: Vec::new(),
        })
    }

    fn category(id: u32, key: &str) -> Arc<Category> {
        let source = InstanceId::new("s").unwrap();
        Arc::new(Category { id: CategoryId(id), source, key: key.into(), name: key.into(), order: 0 })
    }

    fn new(key: &str, name: &str, category: Option<&str>) -> ImportedChannel {
        ImportedChannel {
            key: key.into(),
            name: name.into(),
            number: None,
            category: category.map(str::to_owned),
            logo: None,
            epg_id: None,
            upstreams: Vec::new(),
            catch_up: None,
            attrs: Vec::new(),
        }
    }

    fn counts(changes: &SourceChanges) -> [usize; 4] {
        changes.channels.kinds().map(|(_, names)| names.count)
    }

    #[test]
    fn channels_are_compared_by_their_keys() {
        let before = LastLineup {
            channels: vec![old("a", "A", Some(1)), old("b", "B", Some(1)), old("c", "C", None)],
            categories: vec![category(1, "news"), category(2, "sports")],
            ..LastLineup::default()
        };
        let after = |channels: &[ImportedChannel]| {
            let imported = ImportedCatalog { channels: channels.to_vec(), ..ImportedCatalog::default() };
            SourceChanges::between(&before, &imported, Timestamp::UNIX_EPOCH)
        };
        let (a, b, c) = (new("a", "A", Some("news")), new("b", "B", Some("news")), new("c", "C", None));
        let same = after(&[c.clone(), a.clone(), b.clone()]);
        assert!(same.is_empty(), "another order is no change");
        assert_eq!(same.to_string(), "nothing");
        for (channels, expected) in [
            (vec![a.clone(), b.clone(), c.clone(), new("d", "D", None)], [1, 0, 0, 0]),
            (vec![b.clone()], [0, 2, 0, 0]),
            (vec![new("a", "AA", Some("sports")), b.clone(), new("c", "C", Some("news"))], [0, 0, 1, 2]),
            (vec![new("x", "A", Some("news"))], [1, 3, 0, 0]),
        ] {
            assert_eq!(counts(&after(&channels)), expected, "{channels:?}");
        }
        let changes = after(&[new("a", "AA", Some("sports"))]);
        assert_eq!(
            changes.to_string(),
            r#"2 channels removed: "B", "C"; 1 channels renamed: "A -> AA"; 1 channels moved: "AA""#
        );
        let many: Vec<ImportedChannel> = (0..300).map(|key| new(&key.to_string(), "N\n", None)).collect();
        let changes = after(&many);
        assert_eq!((changes.channels.added.count, changes.channels.added.names.len()), (300, MOST_NAMES));
        assert!(changes.to_string().lines().count() == 1 && changes.to_string().len() < 200, "{changes}");
    }

    #[test]
    fn what_loses_too_much_is_refused() {
        for (old, new, max_loss, refused) in [
            (0, 5, 50, false),
            (19, 1, 50, false),
            (20, 10, 50, false),
            (20, 9, 50, true),
            (100, 49, 50, true),
            (100, 200, 1, false),
            (100, 98, 1, true),
            (100, 1, 100, false),
        ] {
            let changed = ChangedRecords { before: old, after: new, ..ChangedRecords::default() };
            assert_eq!(changed.lost(max_loss), refused, "{old} {new} {max_loss}");
        }
    }

    #[test]
    fn movies_and_series_are_counted_apart() {
        let title = |kind, key: usize| ImportedTitle {
            kind,
            key: key.to_string(),
            name: format!("Title {key}"),
            category: Some("drama".to_owned()),
            poster: None,
            file: None,
            attrs: Vec::new(),
        };
        let source = InstanceId::new("s").unwrap();
        let stood = |kind, key: u32| {
            Arc::new(Title {
                id: TitleId(key),
                source: source.clone(),
                key: key.to_string(),
                kind,
                name: format!("Title {key}"),
                category: Some(CategoryId(7)),
                poster: None,
                file: None,
                attrs: Vec::new(),
            })
        };
        let (movie, series) = (TitleKind::Movie, TitleKind::Series);
        let drama = VodCategory {
            id: CategoryId(7),
            source: source.clone(),
            key: "drama".into(),
            kind: movie,
            name: "Drama".into(),
        };
        let before = LastLineup {
            titles: (0..40).map(|key| stood(movie, key)).chain((0..30).map(|key| stood(series, key))).collect(),
            title_categories: vec![Arc::new(drama)],
            ..LastLineup::default()
        };
        let mut imported = ImportedCatalog::default();
        imported.library.titles =
            (0..40).map(|key| title(movie, key)).chain((20..30).map(|key| title(series, key))).collect();
        let changes = SourceChanges::between(&before, &imported, Timestamp::UNIX_EPOCH);
        assert_eq!(
            (changes.movies.removed.count, changes.movies.moved.count, changes.series.removed.count),
            (0, 0, 20)
        );
        assert_eq!(changes.series.removed.names[..2], ["Title 0", "Title 1"]);
        let refusal = changes.refusal("s", 50).expect("two thirds of the series are gone");
        assert!(refusal.contains("10 series and had 30") && refusal.contains("--name s"), "{refusal}");
        assert_eq!(changes.refusal("s", 70), None);
    }
}
