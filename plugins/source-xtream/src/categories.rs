//! Categories, and what of them the operator wants.

use std::collections::BTreeSet;

use mast_sdk::json::{self, Fields};
use mast_sdk::source::{Catalog, Category};
use mast_sdk::{Error, Result};
use serde_json::Value;

use crate::account::Account;
use crate::row;
use crate::settings::{Content, Settings, plain};

/// Categories of one content, by the upstream's id.
#[derive(Default)]
pub(crate) struct Categories {
    wanted: BTreeSet<String>,
    /// Named by `skip_categories`, or not by `categories`.
    unwanted: BTreeSet<String>,
    skipped: BTreeSet<String>,
    /// Only what is in a wanted category is wanted.
    only: bool,
    content: &'static str,
    /// As they are compared.
    pub(crate) names: BTreeSet<String>,
}

/// What becomes of a row.
pub(crate) enum Place {
    /// It is in a category with this key, or in none.
    In(Option<String>),
    /// The operator does not want it.
    Filtered,
}

/// Reads the categories and pushes those that are wanted.
pub(crate) fn read(
    settings: &Settings,
    account: &Account,
    content: Content,
    out: &mut Catalog<'_>,
) -> Result<Categories> {
    let action = match content {
        Content::Live => "&action=get_live_categories",
        Content::Movie => "&action=get_vod_categories",
        Content::Series => "&action=get_series_categories",
    };
    let what = format!("the list of {} categories", content.code());
    let only: BTreeSet<String> = settings.categories.iter().map(|name| plain(name)).collect();
    let skipped: BTreeSet<String> = settings.skip_categories.iter().map(|name| plain(name)).collect();
    let mut found = Categories { only: !only.is_empty(), content: content.code(), ..Categories::default() };
    let mut order = 0;
    let outline = json::rows(account.ask(action, &what)?, &what, &["data"], |key, mut row| {
        if !row.0.contains_key("category_id")
            && let Some(key) = key
        {
            row.0.insert("category_id".to_owned(), Value::from(key));
        }
        let Some(id) = row::id(&row, &["category_id", "id"]) else { return Ok(()) };
        if found.wanted.contains(&id) || found.unwanted.contains(&id) {
            return Ok(());
        }
        let name = row::name(&row, &["category_name", "name"]).unwrap_or_else(|| format!("Category {id}"));
        let compared = plain(&name);
        let is_skipped = skipped.contains(&compared);
        let is_wanted = (only.is_empty() || only.contains(&compared)) && !is_skipped;
        found.names.insert(compared);
        if is_skipped {
            found.skipped.insert(id.clone());
        }
        if !is_wanted {
            found.unwanted.insert(id);
            return Ok(());
        }
        let category = Category {
            content: content.code().to_owned(),
            order: Some(order),
            ..Category::live(format!("{}:{id}", content.code()), name)
        };
        order += 1;
        found.wanted.insert(id);
        out.category(category)
    })?;
    refuse_other_objects(&outline, found.wanted.len() + found.unwanted.len(), &what)?;
    Ok(found)
}

/// An object that has neither rows nor is empty is a message or the login object once more: no list.
pub(crate) fn refuse_other_objects(outline: &json::Outline, found: usize, what: &str) -> Result<()> {
    if outline.list || found > 0 || outline.is_nothing() {
        return Ok(());
    }
    Err(Error::malformed(format!(
        "{what} is another answer than a list; the upstream may not know this action or limit requests"
    )))
}

impl Categories {
    /// Categories with nothing in any of them are a list that got lost.
    pub(crate) fn refuse_an_empty_list(&self, found: usize, what: &str) -> Result<()> {
        let count = self.wanted.len() + self.unwanted.len();
        if found > 0 || count == 0 {
            return Ok(());
        }
        Err(Error::malformed(format!(
            "{what} is empty though the upstream has {count} categories for it; if that is meant, take {:?} out of content",
            self.content
        )))
    }

    /// Where a row belongs: `category_id`, else the first of `category_ids` that is known.
    pub(crate) fn place(&self, row: &Fields) -> Place {
        let mut ids: Vec<String> = row::id(row, &["category_id"]).into_iter().collect();
        if let Some(Value::Array(more)) = row.0.get("category_ids") {
            ids.extend(more.iter().filter_map(json::text));
        }
        if ids.iter().any(|id| self.skipped.contains(id)) {
            return Place::Filtered;
        }
        match ids.iter().find(|id| self.wanted.contains(*id)) {
            Some(id) => Place::In(Some(format!("{}:{id}", self.content))),
            None if self.only => Place::Filtered,
            None => Place::In(None),
        }
    }
}
