//! What a refresh changes, and whether so much may go at once. A provider that has a bad day must not cost anybody the lineup of the day
//! before.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::{Category, Channel};
use mast_store::{ImportedCatalog, ImportedChannel};
use serde::Serialize;
use utoipa::ToSchema;

/// Names of each kind that are kept.
const MOST_NAMES: usize = 100;
/// Names of each kind in the log.
const LOGGED: usize = 5;
/// Lineups with fewer channels may lose them all but one.
const SMALL: usize = 20;

/// What a refresh changed, or would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceChanges {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether it was taken over.
    pub accepted: bool,
    /// Channels that were not there before.
    pub added: ChangedNames,
    /// Channels that are not there any more.
    pub removed: ChangedNames,
    /// Channels with another name, written `old -> new`.
    pub renamed: ChangedNames,
    /// Channels in another category.
    pub moved: ChangedNames,
}

/// Channels that something happened to.
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

impl SourceChanges {
    /// Compares by the upstream's own keys.
    pub(super) fn between(
        (old, old_categories): (&[Arc<Channel>], &[Arc<Category>]),
        new: &ImportedCatalog,
        at: Timestamp,
    ) -> Self {
        let mut changes = Self {
            at,
            accepted: false,
            added: ChangedNames::default(),
            removed: ChangedNames::default(),
            renamed: ChangedNames::default(),
            moved: ChangedNames::default(),
        };
        let mut left: HashMap<&str, &Channel> = old.iter().map(|channel| (channel.key.as_str(), &**channel)).collect();
        let categories: HashMap<_, &str> = old_categories.iter().map(|one| (one.id, one.key.as_str())).collect();
        for channel in &new.channels {
            let ImportedChannel { key, name, category, .. } = channel;
            let Some(before) = left.remove(key.as_str()) else {
                changes.added.add(|| name.clone());
                continue;
            };
            if before.name != *name {
                changes.renamed.add(|| format!("{} -> {name}", before.name));
            }
            if before.category.and_then(|id| categories.get(&id).copied()) != category.as_deref() {
                changes.moved.add(|| name.clone());
            }
        }
        // In the order in which they stood.
        for gone in old.iter().filter(|channel| left.contains_key(channel.key.as_str())) {
            changes.removed.add(|| gone.name.clone());
        }
        changes
    }

    /// Whether everything stayed.
    pub(super) fn is_empty(&self) -> bool {
        [&self.added, &self.removed, &self.renamed, &self.moved].iter().all(|kind| kind.count == 0)
    }
}

/// One line for the log.
impl fmt::Display for SourceChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds =
            [("added", &self.added), ("removed", &self.removed), ("renamed", &self.renamed), ("moved", &self.moved)];
        let mut separator = "";
        for (kind, changed) in kinds.into_iter().filter(|(_, changed)| changed.count > 0) {
            write!(f, "{separator}{} {kind}: ", changed.count)?;
            let first: Vec<String> = changed.names.iter().take(LOGGED).map(|name| format!("{name:?}")).collect();
            f.write_str(&first.join(", "))?;
            if changed.count > LOGGED {
                f.write_str(" ...")?;
            }
            separator = "; ";
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

/// Why a lineup of `new` channels does not take the place of one of `old`; none where it does. `max_loss`: percent.
pub(super) fn refusal(source: &str, old: usize, new: usize, max_loss: u8) -> Option<String> {
    let lost = old.saturating_sub(new);
    (old >= SMALL && lost * 100 > old * usize::from(max_loss)).then(|| {
        format!(
            "delivered {new} channels and had {old}, a loss of more than {max_loss} %; kept the old lineup. To take over the new one, if \
             that is right: mast source accept --name {source}"
        )
    })
}

#[cfg(test)]
mod tests {
    use mast_model::{CategoryId, ChannelId, InstanceId};

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
        [changes.added.count, changes.removed.count, changes.renamed.count, changes.moved.count]
    }

    #[test]
    fn channels_are_compared_by_their_keys() {
        let before = [old("a", "A", Some(1)), old("b", "B", Some(1)), old("c", "C", None)];
        let categories = [category(1, "news"), category(2, "sports")];
        let after = |channels: &[ImportedChannel]| {
            let imported = ImportedCatalog { channels: channels.to_vec(), ..ImportedCatalog::default() };
            SourceChanges::between((&before, &categories), &imported, Timestamp::UNIX_EPOCH)
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
        assert_eq!(changes.to_string(), r#"2 removed: "B", "C"; 1 renamed: "A -> AA"; 1 moved: "AA""#);
        let many: Vec<ImportedChannel> = (0..300).map(|key| new(&key.to_string(), "N\n", None)).collect();
        let changes = after(&many);
        assert_eq!((changes.added.count, changes.added.names.len()), (300, MOST_NAMES));
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
            assert_eq!(refusal("s", old, new, max_loss).is_some(), refused, "{old} {new} {max_loss}");
        }
    }
}
