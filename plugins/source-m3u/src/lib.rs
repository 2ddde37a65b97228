//! Channels from an M3U playlist, by URL or file. The playlist is read as it arrives: memory does not grow with its length, apart
//! from eight bytes per entry that tell duplicate keys, and as many per series.
//!
//! Films are told from channels by their URL and by what lists say of them, episodes from movies by their name.

mod entry;
mod key;
pub mod parser;

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use mast_sdk::location::Location;
use mast_sdk::source::{Catalog, Category, Series, Source};
use mast_sdk::text::Lines;
use mast_sdk::{Error, Result, Summary};

use entry::Content;
use key::Keys;
use parser::{Entry, Parser, Step};

/// Longer lines are cut, reported and left out.
const LONGEST_LINE: usize = 64 * 1024;

#[derive(serde::Deserialize)]
struct M3u {
    #[serde(flatten)]
    location: Location,
    /// Only these groups, where there are any.
    #[serde(default)]
    groups: HashSet<String>,
    #[serde(default)]
    skip_groups: HashSet<String>,
    #[serde(default = "yes")]
    movies_by_extension: bool,
}

fn yes() -> bool {
    true
}

/// What one refresh has seen.
#[derive(Default)]
struct Progress {
    keys: Keys,
    categories: HashSet<(&'static str, String)>,
    channels: u64,
    movies: u64,
    episodes: u64,
    /// The series that were handed over, by the hash of their keys.
    series: HashSet<u64>,
    hasher: RandomState,
    filtered: u64,
    skipped: u64,
}

impl Source for M3u {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        own.location.check()?;
        Ok(own)
    }

    fn refresh(&self, out: &mut Catalog<'_>) -> Result<Summary> {
        let Some(input) = self.location.open_if_changed()? else {
            return Ok(Summary::unchanged());
        };
        let mut lines = Lines::new(input, LONGEST_LINE);
        let mut parser = Parser::default();
        let mut progress = Progress::default();
        while let Some(line) = lines.next_line()? {
            let number = line.number;
            let step = if line.cut {
                // The entry that it belongs to is left out with it.
                parser.drop_pending();
                Step::Remark("it is longer than 64 KiB".to_owned())
            } else {
                parser.line(number, &line.text)
            };
            match step {
                Step::Nothing => {}
                Step::Entry(entry) => self.entry(&parser, *entry, &mut progress, out)?,
                Step::Remark(why) => {
                    progress.skipped += 1;
                    out.warn(&format!("line {number}"), &why);
                }
                Step::NotAList(why) => {
                    return Err(Error::malformed(format!("what came back is not a list of channels: {why}")));
                }
            }
        }
        progress.finish(&parser)
    }
}

impl M3u {
    fn entry(&self, parser: &Parser, entry: Entry, progress: &mut Progress, out: &mut Catalog<'_>) -> Result<()> {
        let wanted = |group: &String| self.groups.is_empty() || self.groups.contains(group);
        let is_wanted = self.groups.is_empty() || entry.groups.iter().any(wanted);
        if !is_wanted || entry.groups.iter().any(|group| self.skip_groups.contains(group)) {
            progress.filtered += 1;
            return Ok(());
        }
        let item = format!("line {}", entry.line);
        let (content, remarks) =
            match entry::convert(&parser.header, entry, &mut progress.keys, self.movies_by_extension) {
                Ok(converted) => converted,
                Err(why) => {
                    progress.skipped += 1;
                    out.warn(&item, &why);
                    return Ok(());
                }
            };
        remarks.iter().for_each(|remark| out.warn(&item, remark));
        match content {
            Content::Channel(channel) => {
                progress.category("live", channel.category.as_deref(), out)?;
                progress.channels += 1;
                out.channel(*channel)
            }
            Content::Movie(movie) => {
                progress.category("movie", movie.category.as_deref(), out)?;
                progress.movies += 1;
                out.movie(*movie)
            }
            Content::Episode(both) => {
                let (series, episode) = *both;
                progress.series(series, out)?;
                progress.episodes += 1;
                out.episode(episode)
            }
        }
    }
}

impl Progress {
    /// Announces a category before its first channel.
    fn category(&mut self, content: &'static str, name: Option<&str>, out: &mut Catalog<'_>) -> Result<()> {
        let Some(name) = name else { return Ok(()) };
        if !self.categories.insert((content, name.to_owned())) {
            return Ok(());
        }
        out.category(Category { content: content.to_owned(), ..Category::live(name, name) })
    }

    /// Hands a series over before its first episode.
    fn series(&mut self, series: Series, out: &mut Catalog<'_>) -> Result<()> {
        if !self.series.insert(self.hasher.hash_one(&series.key)) {
            return Ok(());
        }
        self.category("series", series.category.as_deref(), out)?;
        out.series(series)
    }

    fn finish(self, parser: &Parser) -> Result<Summary> {
        if parser.is_inside_an_entry() {
            return Err(Error::malformed("the playlist ends in the middle of an entry; the download was cut short"));
        }
        if self.channels + self.movies + self.episodes == 0 {
            let Self { filtered, skipped, .. } = self;
            return Err(Error::malformed(format!(
                "no channel in the playlist ({filtered} filtered out by group, {skipped} bad)"
            )));
        }
        let mut summary = Summary::changed().with("channels", self.channels);
        for (key, count) in [
            ("movies", self.movies),
            ("series", self.series.len() as u64),
            ("episodes", self.episodes),
            ("filtered", self.filtered),
            ("skipped", self.skipped),
        ] {
            if count > 0 {
                summary = summary.with(key, count);
            }
        }
        // It may hold credentials, and summaries are shown: the playlist itself says where it is.
        if parser.header.first(&["x-tvg-url", "url-tvg"]).is_some() {
            summary = summary.with("guide-url", "the playlist names one");
        }
        Ok(summary)
    }
}

mast_sdk::export_plugin!(M3u: source);

#[cfg(test)]
mod tests;
