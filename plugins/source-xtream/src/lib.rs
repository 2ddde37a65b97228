//! Channels, movies and series from an Xtream API.
//!
//! Lists are read as they arrive: one row is in memory at a time, beside the names of the categories and a few bytes for each series. It makes
//! no guide (`epg-xtream` does) and no URLs at tune time: those of an Xtream upstream last as long as the account.
//!
//! Invariants: keys are `live:`, `movie:`, `series:` or `episode:` and the upstream's id, and depend on nothing else; no error and no warning
//! holds a credential; what ends too early, or is empty where there was more, is an error.

mod account;
mod categories;
mod counts;
mod episodes;
mod live;
mod movies;
mod row;
mod series;
mod settings;

use mast_sdk::source::{Catalog, Source};
use mast_sdk::{Error, Result, Summary};

use account::Account;
use counts::Counts;
use settings::{Content, Settings};

/// The plugin: its settings.
struct Xtream(Settings);

impl Source for Xtream {
    fn load() -> Result<Self> {
        let settings: Settings = mast_sdk::config()?;
        settings.check()?;
        Ok(Self(settings))
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        let account = Account::log_in(&self.0, out)?;
        let mut counts = Counts::default();
        for content in [Content::Live, Content::Movie, Content::Series] {
            if !self.0.content.contains(&content) {
                continue;
            }
            let categories = categories::read(&self.0, &account, content, out)?;
            counts.category_names.extend(categories.names.iter().cloned());
            match content {
                Content::Live => live::read(&self.0, &account, &categories, &mut counts, out)?,
                Content::Movie => movies::read(&self.0, &account, &categories, &mut counts, out)?,
                Content::Series => {
                    let listed = series::read(&account, &categories, &mut counts, out)?;
                    episodes::read(&self.0, &account, listed, &mut counts, out)?;
                }
            }
        }
        self.0.warn_of_unknown_categories(&counts, out);
        if counts.total() == 0 {
            return Err(Error::malformed(format!(
                "the upstream lists nothing that is wanted ({} filtered out by category, {} bad); check content and categories",
                counts.filtered, counts.skipped
            )));
        }
        counts.refuse_what_was_emptied(&self.0)?;
        Ok(counts.remember(account.summary(Summary::changed())))
    }
}

mast_sdk::export_plugin!(Xtream: source);

#[cfg(test)]
mod tests;
