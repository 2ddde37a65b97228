//! The operator's settings.

use std::collections::{BTreeMap, BTreeSet};

use mast_sdk::source::Catalog;
use mast_sdk::{Error, Result, location};

use crate::counts::Counts;

/// What an upstream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// Channels.
    Live,
    /// Movies.
    Movie,
    /// Series and their episodes.
    Series,
}

impl Content {
    /// As in keys and in `mast:source`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Movie => "movie",
            Self::Series => "series",
        }
    }

    /// For people.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Live => "channels",
            Self::Movie => "movies",
            Self::Series => "series",
        }
    }
}

/// How live channels are fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Output {
    /// MPEG-TS.
    #[default]
    Ts,
    /// HLS.
    M3u8,
}

impl Output {
    /// The extension in URLs, and the name in `allowed_output_formats`.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::M3u8 => "m3u8",
        }
    }

    /// The kind of upstream.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Ts => "mpegts",
            Self::M3u8 => "hls",
        }
    }
}

/// `[config]`; `plugin.toml` says what each is.
#[derive(serde::Deserialize)]
pub(crate) struct Settings {
    pub(crate) server: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) user_agent: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default = "live")]
    pub(crate) content: BTreeSet<Content>,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    #[serde(default)]
    pub(crate) skip_categories: Vec<String>,
    #[serde(default)]
    pub(crate) output: Output,
    #[serde(default)]
    pub(crate) use_server_url: bool,
    #[serde(default)]
    pub(crate) use_direct_source: bool,
    #[serde(default = "most_series")]
    pub(crate) most_series: usize,
}

fn live() -> BTreeSet<Content> {
    BTreeSet::from([Content::Live])
}

fn most_series() -> usize {
    500
}

impl Settings {
    /// What a schema cannot say.
    pub(crate) fn check(&self) -> Result<()> {
        let scheme =
            |scheme: &str| self.server.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if !scheme("https://") && !scheme("http://") {
            return Err(Error::config("server must begin with http:// or https://"));
        }
        if self.server.contains(['?', '#', '@']) {
            return Err(Error::config(
                "server is an address without ?, # and @; the API's path and the credentials are added to it",
            ));
        }
        if self.server.ends_with(".php") {
            return Err(Error::config("server is the address before player_api.php; leave the file's name out"));
        }
        let texts = [&self.username, &self.password].into_iter().chain(self.headers.values());
        texts.into_iter().try_for_each(|text| location::check_secrets(text))
    }

    /// Names that the operator wrote and no category has: perhaps misspelt, perhaps renamed by the upstream.
    pub(crate) fn warn_of_unknown_categories(&self, counts: &Counts, out: &mut Catalog<'_>) {
        for name in self.categories.iter().chain(&self.skip_categories) {
            if !counts.category_names.contains(&plain(name)) {
                out.warn(name, "no category of the upstream is called so; look at categories and skip_categories");
            }
        }
    }
}

/// A category's name as it is compared.
pub(crate) fn plain(name: &str) -> String {
    name.trim().to_lowercase()
}
