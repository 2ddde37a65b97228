//! Channels and movies from a Stalker portal, for a box of your own.
//!
//! A refresh reads what there is; where it is fetched from is asked for when somebody tunes, since the portal's links last a few seconds. It keeps no
//! guide and reads no series.
//!
//! Invariants: a key is `live:` or `movie:` and the portal's id; what the portal wants to be asked for (its `cmd`) is in storage under the key, never in
//! the key, since it may hold credentials; no error and no warning holds one.

mod categories;
mod expiry;
mod links;
mod live;
mod movies;
mod pages;
mod portal;
mod row;
mod settings;

use mast_sdk::source::{Catalog, Resolver, Source, Upstream};
use mast_sdk::{Error, Result, Summary};

use links::Links;
use portal::Portal;
use settings::Settings;

/// The plugin: its settings.
struct Stalker(Settings);

/// What a refresh came to.
#[derive(Default)]
struct Counts {
    channels: u64,
    movies: u64,
    /// Entries of series, which are not read.
    series: u64,
    filtered: u64,
    skipped: u64,
}

impl Source for Stalker {
    fn load() -> Result<Self> {
        let settings: Settings = mast_sdk::config()?;
        settings.check()?;
        Ok(Self(settings))
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        let mut portal = Portal::open(&self.0)?;
        let standing = portal.enter()?;
        portal.keep_alive()?;
        let (mut counts, mut links) = (Counts::default(), Links::default());
        if self.0.has("live") {
            live::read(&self.0, &mut portal, &mut counts, &mut links, out)?;
            if counts.channels + counts.filtered == 0 {
                return Err(Error::malformed(
                    "the portal lists no channels; check the subscription of this MAC address",
                ));
            }
        }
        if self.0.has("movie") {
            movies::read(&self.0, &mut portal, &mut counts, &mut links, out)?;
        }
        if counts.channels + counts.movies == 0 {
            return Err(Error::malformed(format!(
                "the portal lists nothing that is wanted ({} filtered out, {} bad); check content and categories",
                counts.filtered, counts.skipped
            )));
        }
        links.store()?;
        let mut summary =
            standing.into_iter().fold(Summary::changed(), |summary, (key, value)| summary.with(&key, value));
        summary = summary.with("channels", counts.channels);
        for (key, count) in [
            ("movies", counts.movies),
            ("series-entries", counts.series),
            ("filtered", counts.filtered),
            ("skipped", counts.skipped),
        ] {
            if count > 0 {
                summary = summary.with(key, count);
            }
        }
        Ok(summary)
    }
}

impl Resolver for Stalker {
    fn resolve(&self, key: &str, _attempt: u32) -> Result<Upstream> {
        let link = links::find(key)?.ok_or_else(|| {
            Error::not_found("the portal's last list does not have it; it is gone, or the next refresh brings it")
        })?;
        let mut portal = Portal::open(&self.0)?;
        let content = key.split_once(':').map_or("live", |(content, _)| content);
        if link.direct {
            return portal.upstream(&link.cmd, content);
        }
        portal.ensure()?;
        portal.keep_alive()?;
        let cmd = portal.create_link(content, &link.cmd)?;
        portal.upstream(&cmd, content)
    }
}

mast_sdk::export_plugin!(Stalker: source, resolver);

#[cfg(test)]
mod tests;
