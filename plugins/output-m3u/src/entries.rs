//! What goes into a list: channels, movies and episodes of the line, filtered and sorted as the request asks.
//!
//! Memory does not grow with the lineup. Sorting keeps the [`WINDOW`] smallest entries that were not written yet, writes them, and reads the
//! lineup again for the next ones.

use std::collections::BTreeMap;

use mast_sdk::output::{Channel, Episode, Filter, Line};
use mast_sdk::{Pairs, Result, pair};

/// How many entries are held while sorting.
#[cfg(not(test))]
const WINDOW: usize = 8_192;
#[cfg(test)]
const WINDOW: usize = 4;

/// Names of contents in `key=`, in the order in which lists have them.
pub(crate) const CONTENTS: [&str; 4] = ["live", "radio_streams", "movie", "series"];

/// One entry of a list.
pub(crate) struct Entry<'a> {
    /// `live`, `movie` or `series`.
    pub(crate) content: &'static str,
    pub(crate) id: u32,
    pub(crate) number: u32,
    pub(crate) name: &'a str,
    /// The category's name.
    pub(crate) group: &'a str,
    pub(crate) logo: &'a str,
    pub(crate) epg_id: &'a str,
    pub(crate) url: &'a str,
    pub(crate) catch_up_days: u32,
    pub(crate) attrs: &'a Pairs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Name,
    Number,
    Category,
}

/// Which entries, in which order.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// One for each of [`CONTENTS`].
    pub(crate) contents: [bool; 4],
    pub(crate) category: Option<u32>,
    /// In lower case.
    pub(crate) group: Option<String>,
    /// Part of the name, in lower case.
    pub(crate) words: Option<String>,
    pub(crate) sort: Option<Sort>,
    pub(crate) limit: Option<usize>,
}

type Key = (usize, String, u32, usize);

impl Selection {
    /// Calls `write` with the text that `render` makes of each entry, in order.
    pub(crate) fn write(
        &self,
        line: &Line<'_>,
        playback: &str,
        mut render: impl FnMut(&mut Vec<u8>, &Entry<'_>),
        mut write: impl FnMut(&mut dyn FnMut(&mut Vec<u8>)) -> Result<()>,
    ) -> Result<()> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        let Some(sort) = self.sort else {
            return self.each(line, playback, &mut |entry| {
                if left > 0 {
                    left -= 1;
                    write(&mut |out| render(out, entry))?;
                }
                Ok(left > 0)
            });
        };
        let mut last: Option<Key> = None;
        while left > 0 {
            let room = left.min(WINDOW);
            let window = self.window(line, playback, sort, (last.as_ref(), room), &mut render)?;
            let is_end = window.len() < room;
            left -= window.len();
            last = window.last_key_value().map(|(key, _)| key.clone());
            for text in window.values() {
                write(&mut |out| out.extend_from_slice(text))?;
            }
            if is_end {
                break;
            }
        }
        Ok(())
    }

    /// The `room` first entries behind `last`.
    fn window(
        &self,
        line: &Line<'_>,
        playback: &str,
        sort: Sort,
        (last, room): (Option<&Key>, usize),
        render: &mut impl FnMut(&mut Vec<u8>, &Entry<'_>),
    ) -> Result<BTreeMap<Key, Vec<u8>>> {
        let mut window: BTreeMap<Key, Vec<u8>> = BTreeMap::new();
        let mut place = 0;
        self.each(line, playback, &mut |entry| {
            place += 1;
            let key = sort.key(entry, place);
            if last.is_some_and(|last| key <= *last) {
                return Ok(true);
            }
            if window.len() == room {
                if window.last_key_value().is_some_and(|(most, _)| *most <= key) {
                    return Ok(true);
                }
                window.pop_last();
            }
            let mut text = Vec::new();
            render(&mut text, entry);
            window.insert(key, text);
            Ok(true)
        })?;
        Ok(window)
    }

    /// Every entry that is wanted, until `visit` answers `false`.
    fn each(&self, line: &Line<'_>, playback: &str, visit: &mut impl FnMut(&Entry<'_>) -> Result<bool>) -> Result<()> {
        let [live, radio, movie, series] = self.contents;
        if live || radio {
            for batch in line.lineup(&Filter::playable("live", playback).category(self.category)) {
                for channel in &batch {
                    let is_wanted = live && radio || is_radio(&channel.attrs) == radio;
                    if is_wanted && !self.visit(&Entry::of("live", channel), visit)? {
                        return Ok(());
                    }
                }
            }
        }
        if movie {
            for batch in line.lineup(&Filter::playable("movie", "movie").category(self.category)) {
                for movie in &batch {
                    if !self.visit(&Entry::of("movie", movie), visit)? {
                        return Ok(());
                    }
                }
            }
        }
        if series {
            for batch in line.lineup(&Filter::of("series").category(self.category)) {
                for series in &batch {
                    if !self.episodes(line, series, visit)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn episodes(
        &self,
        line: &Line<'_>,
        series: &Channel,
        visit: &mut impl FnMut(&Entry<'_>) -> Result<bool>,
    ) -> Result<bool> {
        if !self.is_in_group(&series.category_name, &series.attrs) {
            return Ok(true);
        }
        for batch in line.episodes(series.id) {
            for episode in &batch {
                let name = episode_name(series, episode);
                let of_series = Entry::of("series", series);
                let entry = Entry { id: episode.id, name: &name, url: &episode.playback, ..of_series };
                if !self.visit(&entry, visit)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn visit(&self, entry: &Entry<'_>, visit: &mut impl FnMut(&Entry<'_>) -> Result<bool>) -> Result<bool> {
        // What cannot be played would be an entry without its second line.
        let is_wanted = !entry.url.is_empty()
            && self.is_in_group(entry.group, entry.attrs)
            && self.words.as_ref().is_none_or(|words| entry.name.to_lowercase().contains(words));
        if is_wanted { visit(entry) } else { Ok(true) }
    }

    fn is_in_group(&self, category: &str, attrs: &Pairs) -> bool {
        let Some(wanted) = &self.group else { return true };
        let is_it = |group: &str| group.trim().to_lowercase() == *wanted;
        is_it(category) || pair(attrs, "group-titles").is_some_and(|groups| groups.split(';').any(is_it))
    }
}

impl Sort {
    fn key(self, entry: &Entry<'_>, place: usize) -> Key {
        let (text, number) = match self {
            Self::Name => (entry.name.to_lowercase(), 0),
            Self::Number => (String::new(), entry.number),
            Self::Category => (entry.group.to_lowercase(), 0),
        };
        let content = CONTENTS.iter().position(|content| *content == entry.content).unwrap_or(CONTENTS.len());
        (content, text, number, place)
    }
}

impl<'a> Entry<'a> {
    fn of(content: &'static str, channel: &'a Channel) -> Self {
        Self {
            content,
            id: channel.id,
            number: channel.number,
            name: &channel.name,
            group: &channel.category_name,
            logo: &channel.logo,
            epg_id: &channel.epg_id,
            url: &channel.playback,
            catch_up_days: channel.catch_up_days,
            attrs: &channel.attrs,
        }
    }

    /// All its groups, `;` between them.
    pub(crate) fn groups(&self) -> &'a str {
        pair(self.attrs, "group-titles").unwrap_or(self.group)
    }

    pub(crate) fn is_radio(&self) -> bool {
        is_radio(self.attrs)
    }
}

fn is_radio(attrs: &Pairs) -> bool {
    pair(attrs, "radio") == Some("true")
}

/// `Series S01E02 Title`, without a title that only says the same again.
fn episode_name(series: &Channel, episode: &Episode) -> String {
    let mut name = format!("{} S{:02}E{:02}", series.name, episode.season, episode.number);
    if !episode.name.is_empty() && !episode.name.to_lowercase().starts_with(&series.name.to_lowercase()) {
        name.push(' ');
        name.push_str(&episode.name);
    }
    name
}
