//! Stable keys. A channel keeps its id, its place in favourites and its recordings as long as its key stays the same.
//!
//! An entry's key depends on nothing but the entry: adding, removing or re-ordering others never changes it. Hosts, credentials and
//! query tokens of URLs are never part of it. In this order:
//!
//! 1. `id:` the `channel-id` attribute, which has no other purpose;
//! 2. `xc:` the number at the end of a panel's URL (`/live/U/P/ID.ts`, `/U/P/ID`, `/movie/U/P/ID.mkv`): panels never re-use it;
//! 3. `tvg:` `tvg-id` and the name, since variants of a channel share the `tvg-id`;
//! 4. `name:` the name and the first group.
//!
//! Names count without regard to case and blanks. Of entries with the same key, the later ones get `#2`, `#3` in playlist order.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::parser::Entry;

/// The keys of one playlist.
#[derive(Default)]
pub(crate) struct Keys {
    /// How often each key was given out, by its hash: keys themselves would be most of the playlist.
    given: HashMap<u64, u32>,
    hasher: RandomState,
}

impl Keys {
    /// The key of the next entry.
    pub(crate) fn next(&mut self, entry: &Entry, name: &str) -> String {
        let mut key = own_key(entry, name);
        loop {
            let count = self.given.entry(self.hasher.hash_one(&key)).or_insert(0);
            *count += 1;
            if *count == 1 {
                return key;
            }
            // A numbered key may be taken by an entry that is really called so; then it is numbered in turn.
            key = format!("{key}#{count}");
        }
    }
}

fn own_key(entry: &Entry, name: &str) -> String {
    if let Some(id) = entry.attributes.get("channel-id") {
        return format!("id:{id}");
    }
    if let Some(panel) = Panel::parse(&entry.url) {
        return format!("xc:{}", panel.id);
    }
    let name = plain(name);
    match entry.attributes.get("tvg-id") {
        Some(id) => format!("tvg:{id}|{name}"),
        None => format!("name:{name}|{}", plain(entry.groups.first().map_or("", String::as_str))),
    }
}

/// The key of a series: its name, which is all that a playlist says of it.
pub(crate) fn series_key(name: &str) -> String {
    format!("series:{}", plain(name))
}

fn plain(name: &str) -> String {
    name.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// A URL of the form that panels give out.
pub(crate) struct Panel<'a> {
    /// The number of the channel, movie or episode.
    pub(crate) id: &'a str,
}

impl<'a> Panel<'a> {
    /// `[live|movie|series/]USERNAME/PASSWORD/ID[.EXTENSION]`, and nothing else in the path.
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let mut segments = path(url).split('/');
        if segments.next() != Some("") {
            return None;
        }
        let segments: Vec<_> = segments.collect();
        let [_, _, last] = match segments[..] {
            ["live" | "movie" | "series", username, password, last] => [username, password, last],
            [username, password, last] => [username, password, last],
            _ => return None,
        };
        let id = last.split_once('.').map_or(last, |(id, _)| id);
        (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(Self { id })
    }
}

/// The path of an absolute URL, without query and fragment.
pub(crate) fn path(url: &str) -> &str {
    let behind_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = behind_scheme.find('/').map_or("", |at| &behind_scheme[at..]);
    path.split(['?', '#']).next().unwrap_or_default()
}
