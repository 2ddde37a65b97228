//! What a refresh came to, and what the last one did.

use std::collections::{BTreeMap, BTreeSet};

use mast_sdk::source::Catalog;
use mast_sdk::{Error, Result, Summary, kv};

use crate::settings::{Content, Settings};

/// Where the counts of the last refresh are.
const KEY: &str = "counts";
/// Warnings of one kind; the host shows a hundred in all.
const MOST_WARNINGS: u64 = 100;

/// What a refresh came to.
#[derive(Default)]
pub(crate) struct Counts {
    /// Records by content.
    pub(crate) listed: BTreeMap<&'static str, u64>,
    pub(crate) episodes: u64,
    pub(crate) filtered: u64,
    pub(crate) skipped: u64,
    pub(crate) mended: u64,
    /// Series whose episodes were asked for now.
    pub(crate) asked: u64,
    /// Series whose episodes are known from before.
    pub(crate) remembered: u64,
    /// Series whose episodes are asked for in a later refresh.
    pub(crate) waiting: u64,
    /// Names of all categories, as they are compared.
    pub(crate) category_names: BTreeSet<String>,
}

impl Counts {
    pub(crate) fn add(&mut self, content: Content) {
        *self.listed.entry(content.code()).or_default() += 1;
    }

    /// Reports a row that is left out.
    pub(crate) fn skip(&mut self, out: &mut Catalog<'_>, item: &str, why: &str) {
        self.skipped += 1;
        if self.skipped <= MOST_WARNINGS {
            out.warn(item, why);
        }
    }

    /// Reports a row that had to be mended.
    pub(crate) fn mend(&mut self, out: &mut Catalog<'_>, item: &str, how: &str) {
        self.mended += 1;
        if self.mended <= MOST_WARNINGS {
            out.warn(item, how);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.listed.values().sum()
    }

    /// A list that is empty where the last accepted one was not is an upstream's trouble more often than its will.
    pub(crate) fn refuse_what_was_emptied(&self, settings: &Settings) -> Result<()> {
        for content in &settings.content {
            let before = before().get(content.code()).copied().unwrap_or_default();
            if before > 0 && self.listed.get(content.code()).is_none_or(|now| *now == 0) {
                return Err(Error::malformed(format!(
                    "the upstream lists no {} where it had {before}; if that is meant, take {:?} out of content",
                    content.plural(),
                    content.code()
                )));
            }
        }
        Ok(())
    }

    /// Stores the counts where storage is granted, and tells them.
    pub(crate) fn remember(&self, summary: Summary) -> Summary {
        if let Ok(text) = serde_json::to_vec(&self.listed)
            && before() != self.listed.iter().map(|(content, count)| ((*content).to_owned(), *count)).collect()
            && let Err(error) = kv::set(KEY, &text)
        {
            mast_sdk::debug!("the counts are not stored: {error}");
        }
        let of = |content: Content| self.listed.get(content.code()).copied().unwrap_or_default();
        let mut summary = summary.with("channels", of(Content::Live));
        for (key, count) in [
            ("movies", of(Content::Movie)),
            ("series", of(Content::Series)),
            ("episodes", self.episodes),
            ("series-asked", self.asked),
            ("series-remembered", self.remembered),
            ("series-waiting", self.waiting),
            ("filtered", self.filtered),
            ("skipped", self.skipped),
            ("mended", self.mended),
        ] {
            if count > 0 {
                summary = summary.with(key, count);
            }
        }
        summary
    }
}

/// The counts of the last refresh; none without storage.
fn before() -> BTreeMap<String, u64> {
    let stored = kv::get(KEY).ok().flatten();
    stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
