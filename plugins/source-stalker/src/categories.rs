//! Genres of channels and categories of movies, and what of them the operator wants.

use std::collections::BTreeSet;

use mast_sdk::Result;
use mast_sdk::json::{self, Fields};
use mast_sdk::source::{Catalog, Category};

use crate::pages::ENTER;
use crate::portal::Portal;
use crate::row;
use crate::settings::Settings;

/// Categories of one content, by the portal's id.
pub(crate) struct Categories {
    /// In the portal's order.
    pub(crate) wanted: Vec<String>,
    known: BTreeSet<String>,
    skipped: BTreeSet<String>,
    /// Only what is in a wanted category is wanted.
    pub(crate) only: bool,
    content: &'static str,
}

/// Reads the categories and pushes those that are wanted.
pub(crate) fn read(
    settings: &Settings,
    portal: &mut Portal<'_>,
    content: &'static str,
    out: &mut Catalog<'_>,
) -> Result<Categories> {
    let (query, what) = match content {
        "live" => ("type=itv&action=get_genres", "the list of genres"),
        _ => ("type=vod&action=get_categories", "the list of movie categories"),
    };
    let plain = |name: &String| name.trim().to_lowercase();
    let only: BTreeSet<String> = settings.categories.iter().map(plain).collect();
    let skip: BTreeSet<String> = settings.skip_categories.iter().map(plain).collect();
    let mut found = Categories {
        wanted: Vec::new(),
        known: BTreeSet::new(),
        skipped: BTreeSet::new(),
        only: !only.is_empty(),
        content,
    };
    json::rows(portal.call(query, what)?, what, &ENTER, |_, row| {
        // `*` is all of them.
        let Some(id) = row::id(&row, "id") else { return Ok(()) };
        if found.known.contains(&id) || found.skipped.contains(&id) {
            return Ok(());
        }
        let name = row::name(&row, &["title", "name", "alias"]).unwrap_or_else(|| format!("Category {id}"));
        let compared = plain(&name);
        if skip.contains(&compared) {
            found.skipped.insert(id);
        } else if only.is_empty() || only.contains(&compared) {
            let order = u32::try_from(found.wanted.len()).ok();
            out.category(Category {
                content: content.to_owned(),
                order,
                ..Category::live(format!("{content}:{id}"), name)
            })?;
            found.known.insert(id.clone());
            found.wanted.push(id);
        }
        Ok(())
    })?;
    Ok(found)
}

impl Categories {
    /// The key of a row's category, if any; none at all where the row is not wanted.
    pub(crate) fn place(&self, row: &Fields, field: &str) -> Option<Option<String>> {
        match row::id(row, field) {
            Some(id) if self.skipped.contains(&id) => None,
            Some(id) if self.known.contains(&id) => Some(Some(format!("{}:{id}", self.content))),
            _ if self.only => None,
            _ => Some(None),
        }
    }
}
