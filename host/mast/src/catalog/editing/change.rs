//! Changing edits, bouquets and rules: checked, stored with their entry in the audit log, then laid over a new snapshot.

use std::sync::{Arc, PoisonError};

use mast_model::{CategoryId, ChannelId, Classified, ErrorClass, InstanceId, Side};
use mast_store::{Change, Document, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::records::{Bouquet, CategoryEdit, ChannelEdit, Rules};
use super::rules::{CompiledRules, Effect};
use crate::accounts::stated;
use crate::catalog::Catalog;

/// Channels, sources or categories that one bouquet names.
const MOST_NAMED: usize = 100_000;

/// Why an edit was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// What was asked for is not usable.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// It is there already, or stands in mast.toml.
    #[error("{0}")]
    Conflict(String),
    /// It is not as the caller has seen it.
    #[error("this has changed since: it has revision {0}; read it again")]
    Changed(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host could not do the work.
    #[error("nothing was changed: {0}")]
    Interrupted(String),
}

impl Classified for EditError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) => ErrorClass::Invalid,
            Self::NotFound(_) => ErrorClass::NotFound,
            Self::Conflict(_) | Self::Changed(_) => ErrorClass::Conflict,
            Self::Store(error) => error.class(),
            Self::Interrupted(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

/// A change of a channel; what is missing stays, null is as the source delivers it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelPatch {
    /// What people read.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// In nobody's lineup.
    #[serde(default)]
    pub hidden: Option<bool>,
    /// The logo's URL; an empty text takes it away.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    pub logo: Option<Option<String>>,
    /// Its number, from 1.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<u32>)]
    pub number: Option<Option<u32>>,
    /// The id that guides use for it.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    pub epg_id: Option<Option<String>>,
    /// Its category's id.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<u32>)]
    pub category: Option<Option<CategoryId>>,
    /// Its place: channels with one come first, the lowest first.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<u32>)]
    pub order: Option<Option<u32>>,
    /// Channels whose upstreams are tried after its own.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<Vec<u32>>)]
    pub backups: Option<Option<Vec<ChannelId>>>,
    /// Its profile or ladder.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    pub profile: Option<Option<String>>,
}

/// A change of a category; what is missing stays, null is as the source delivers it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryPatch {
    /// What people read.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// None of its channels is in a lineup.
    #[serde(default)]
    pub hidden: Option<bool>,
    /// Its place: categories with one come first, the lowest first.
    #[serde(default, deserialize_with = "stated")]
    #[schema(value_type = Option<u32>)]
    pub order: Option<Option<u32>>,
}

/// What a bouquet has; in a change, what is missing stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct BouquetPatch {
    /// Its place among bouquets.
    #[serde(default)]
    pub order: Option<u32>,
    /// Every channel of these sources.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub sources: Option<Vec<InstanceId>>,
    /// Every channel whose category has one of these names.
    #[serde(default)]
    pub categories: Option<Vec<String>>,
    /// These channels.
    #[serde(default)]
    #[schema(value_type = Option<Vec<u32>>)]
    pub channels: Option<Vec<ChannelId>>,
}

fn set<T: Clone>(field: &mut T, stated: &Option<T>) {
    if let Some(stated) = stated {
        field.clone_from(stated);
    }
}

fn usable(name: &str, text: Option<&String>, most: usize) -> Result<(), EditError> {
    let bad = text.is_some_and(|text| text.chars().count() > most || text.chars().any(char::is_control));
    if bad { Err(EditError::Invalid(format!("{name} has at most {most} characters, none of control"))) } else { Ok(()) }
}

impl Catalog {
    /// Changes a channel.
    pub async fn edit_channel(
        &self,
        id: ChannelId,
        expected: Option<u64>,
        patch: ChannelPatch,
        change: Change,
    ) -> Result<ChannelEdit, EditError> {
        self.changing(move |catalog| {
            catalog.delivered(id)?;
            let before = catalog.edits().channels.get(&id).cloned();
            let mut after = before.clone().unwrap_or_else(|| ChannelEdit::new(id));
            check_revision(after.revision, expected)?;
            set(&mut after.name, &patch.name);
            set(&mut after.hidden, &patch.hidden);
            set(&mut after.logo, &patch.logo);
            set(&mut after.number, &patch.number);
            set(&mut after.epg_id, &patch.epg_id);
            set(&mut after.category, &patch.category);
            set(&mut after.order, &patch.order);
            set(&mut after.backups, &patch.backups);
            set(&mut after.profile, &patch.profile);
            catalog.check_channel(&after)?;
            after.revision += 1;
            store(catalog, &change, "channel.edit", format!("channel/{id}"), before.as_ref(), &after)?;
            catalog.apply_edits(|edits| drop(edits.channels.insert(id, after.clone())));
            Ok(after)
        })
        .await
    }

    /// Takes every edit of a channel back.
    pub async fn reset_channel(&self, id: ChannelId, expected: Option<u64>, change: Change) -> Result<(), EditError> {
        self.changing(move |catalog| {
            catalog.delivered(id)?;
            let Some(before) = catalog.edits().channels.get(&id).cloned() else { return Ok(()) };
            check_revision(before.revision, expected)?;
            remove(catalog, &change, "channel.reset", format!("channel/{id}"), &before)?;
            catalog.apply_edits(|edits| drop(edits.channels.remove(&id)));
            Ok(())
        })
        .await
    }

    /// Changes a category.
    pub async fn edit_category(
        &self,
        id: CategoryId,
        expected: Option<u64>,
        patch: CategoryPatch,
        change: Change,
    ) -> Result<CategoryEdit, EditError> {
        self.changing(move |catalog| {
            if catalog.category(id).is_none() {
                return Err(EditError::NotFound(format!("category {id}")));
            }
            let before = catalog.edits().categories.get(&id).cloned();
            let mut after = before.clone().unwrap_or_else(|| CategoryEdit::new(id));
            check_revision(after.revision, expected)?;
            set(&mut after.name, &patch.name);
            set(&mut after.hidden, &patch.hidden);
            set(&mut after.order, &patch.order);
            usable("name", after.name.as_ref(), 256)?;
            if after.name.as_ref().is_some_and(String::is_empty) {
                return Err(EditError::Invalid("a category's name is not empty".to_owned()));
            }
            after.revision += 1;
            store(catalog, &change, "category.edit", format!("category/{id}"), before.as_ref(), &after)?;
            catalog.apply_edits(|edits| drop(edits.categories.insert(id, after.clone())));
            Ok(after)
        })
        .await
    }

    /// Adds a bouquet, or changes one where `new` is false.
    pub async fn put_bouquet(
        &self,
        name: String,
        new: bool,
        expected: Option<u64>,
        patch: BouquetPatch,
        change: Change,
    ) -> Result<Bouquet, EditError> {
        self.changing(move |catalog| {
            let before = catalog.edits().bouquets.get(&name).cloned();
            let configured = catalog.shared.delivered.is_configured(&name);
            if configured {
                return Err(EditError::Conflict(format!("bouquet \"{name}\" stands in mast.toml; change it there")));
            }
            let mut after = match (&before, new) {
                (None, true) => Bouquet { name: name.clone(), ..Bouquet::default() },
                (Some(before), false) => before.clone(),
                (Some(_), true) => return Err(EditError::Conflict(format!("bouquet \"{name}\" exists already"))),
                (None, false) => return Err(EditError::NotFound(format!("bouquet \"{name}\""))),
            };
            if name.is_empty()
                || name.chars().count() > 64
                || name.chars().any(|c| c.is_control() || c == '/' || c == '|')
            {
                let text = "a bouquet's name has 1 to 64 characters, none of them / or |";
                return Err(EditError::Invalid(text.to_owned()));
            }
            check_revision(after.revision, expected)?;
            set(&mut after.order, &patch.order);
            set(&mut after.sources, &patch.sources);
            set(&mut after.categories, &patch.categories);
            set(&mut after.channels, &patch.channels);
            if after.sources.len() + after.categories.len() + after.channels.len() > MOST_NAMED {
                return Err(EditError::Invalid(format!("a bouquet names at most {MOST_NAMED} things")));
            }
            after.categories.iter().try_for_each(|category| usable("a category's name", Some(category), 256))?;
            after.revision += u64::from(!new);
            let action = if new { "bouquet.create" } else { "bouquet.update" };
            store(catalog, &change, action, format!("bouquet/{name}"), before.as_ref(), &after)?;
            catalog.apply_edits(|edits| drop(edits.bouquets.insert(name, after.clone())));
            Ok(after)
        })
        .await
    }

    /// Removes a bouquet. Whether a line still has it is the caller's to ask.
    pub async fn remove_bouquet(&self, name: String, expected: Option<u64>, change: Change) -> Result<(), EditError> {
        self.changing(move |catalog| {
            let before = catalog.edits().bouquets.get(&name).cloned();
            let before = before.ok_or_else(|| EditError::NotFound(format!("bouquet \"{name}\"")))?;
            check_revision(before.revision, expected)?;
            remove(catalog, &change, "bouquet.delete", format!("bouquet/{name}"), &before)?;
            catalog.apply_edits(|edits| drop(edits.bouquets.remove(&name)));
            Ok(())
        })
        .await
    }

    /// Replaces all rules.
    pub async fn set_rules(&self, mut rules: Rules, expected: Option<u64>, change: Change) -> Result<Rules, EditError> {
        self.changing(move |catalog| {
            let compiled = CompiledRules::new(&rules)?;
            let before = catalog.edits().rules.clone();
            check_revision(before.revision, expected)?;
            rules.revision = before.revision + 1;
            store(catalog, &change, "rules.replace", "rules".to_owned(), Some(&before), &rules)?;
            catalog.apply_edits(|edits| (edits.rules, edits.compiled) = (rules.clone(), Arc::new(compiled)));
            Ok(rules)
        })
        .await
    }

    /// What rules would change, compared with the catalogue as it is. Changes nothing.
    pub async fn preview(&self, rules: Rules) -> Result<Vec<Effect>, EditError> {
        self.changing(move |catalog| {
            let mut edits = catalog.edits();
            edits.compiled = Arc::new(CompiledRules::new(&rules)?);
            let (now, then) = (catalog.shared.snapshot.load_full(), catalog.shared.delivered.preview(&edits));
            let seen = |snapshot: &crate::catalog::snapshot::Snapshot, id| {
                let channel = snapshot.channel(id).filter(|channel| !snapshot.overlay.hides(channel))?;
                let category = channel.category.and_then(|id| snapshot.category(id)).map(|one| one.name.clone());
                Some((channel.name.clone(), category))
            };
            let effects = now.channel_ids().into_iter().map(|id| Effect {
                channel: id,
                before: seen(&now, id),
                after: seen(&then, id),
            });
            Ok(effects.filter(|effect| effect.before != effect.after).collect())
        })
        .await
    }

    fn delivered(&self, id: ChannelId) -> Result<(), EditError> {
        self.channel(id).map(|_| ()).ok_or_else(|| EditError::NotFound(format!("channel {id}")))
    }

    fn check_channel(&self, edit: &ChannelEdit) -> Result<(), EditError> {
        let invalid = |text: &str| Err(EditError::Invalid(text.to_owned()));
        usable("name", edit.name.as_ref(), 256)?;
        usable("logo", edit.logo.as_ref(), 2_048)?;
        usable("epg_id", edit.epg_id.as_ref(), 256)?;
        usable("profile", edit.profile.as_ref(), 64)?;
        if edit.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return invalid("a channel's name is not empty");
        }
        let web = |logo: &String| logo.is_empty() || logo.starts_with("http://") || logo.starts_with("https://");
        if edit.logo.as_ref().is_some_and(|logo| !web(logo)) {
            return invalid("a logo is an http or https URL");
        }
        if edit.number == Some(0) {
            return invalid("numbers begin at 1");
        }
        if let Some(category) = edit.category.filter(|id| self.category(*id).is_none()) {
            return Err(EditError::Invalid(format!("there is no category {category}")));
        }
        let backups = edit.backups.as_deref().unwrap_or_default();
        if backups.len() > 16 || backups.contains(&edit.channel) {
            return invalid("a channel has at most 16 backups, and is not its own");
        }
        if let Some(missing) = backups.iter().find(|id| self.channel(**id).is_none()) {
            return Err(EditError::Invalid(format!("there is no channel {missing} to be a backup")));
        }
        Ok(())
    }

    /// One change after another, on a thread that may wait; it runs to its end even where the caller goes away.
    async fn changing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, EditError> + Send + 'static,
    ) -> Result<T, EditError> {
        let catalog = self.clone();
        let run = move || {
            let _order = catalog.shared.editing.lock().unwrap_or_else(PoisonError::into_inner);
            work(&catalog)
        };
        let done = tokio::task::spawn_blocking(run).await;
        done.unwrap_or_else(|error| Err(EditError::Interrupted(error.to_string())))
    }
}

fn check_revision(revision: u64, expected: Option<u64>) -> Result<(), EditError> {
    if expected.is_some_and(|expected| expected != revision) { Err(EditError::Changed(revision)) } else { Ok(()) }
}

fn store<D: Document>(
    catalog: &Catalog,
    change: &Change,
    action: &str,
    subject: String,
    before: Option<&D>,
    after: &D,
) -> Result<(), EditError> {
    change.commit(&*catalog.shared.store, "edit the catalogue", |transaction| {
        transaction.put(after)?;
        transaction.audit(&change.actor, action, subject, (before, Some(after)))?;
        Ok(())
    })
}

fn remove<D: Document>(
    catalog: &Catalog,
    change: &Change,
    action: &str,
    subject: String,
    before: &D,
) -> Result<(), EditError> {
    change.commit(&*catalog.shared.store, "edit the catalogue", |transaction| {
        transaction.remove_row(D::KIND, &before.key())?;
        transaction.audit(&change.actor, action, subject, (Some(before), None))?;
        Ok(())
    })
}
