//! Compares a playlist with what was listed before, by its media sequence numbers.
//!
//! Numbers that go forward are trusted, whatever the URIs say: providers put a new token into each. Numbers that go back are either a
//! cache that answers with an older playlist, or an origin that was restarted and counts anew.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::{Entry, Media};

/// Segments whose names are remembered: more than a cache lags behind.
const REMEMBERED: usize = 64;

/// What was listed.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The number that comes next; none before the first playlist with segments.
    next: Option<u64>,
    /// Numbers and names of the newest segments.
    names: Vec<(u64, u64)>,
}

/// How a playlist differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing was added.
    Nothing,
    /// It is the first one with segments.
    First,
    /// Segments were added, from this index on.
    Grew(usize),
    /// Segments were added, and so many before them are no longer listed.
    Missed(u64),
    /// Other segments under lower numbers.
    Restarted,
}

impl Listing {
    /// Compares and remembers.
    pub(super) fn compare(&mut self, playlist: &Media) -> Change {
        let ([first, ..], [.., last]) = (&playlist.entries[..], &playlist.entries[..]) else { return Change::Nothing };
        let after = last.sequence + 1;
        let change = match self.next {
            None => Change::First,
            Some(next) if next < first.sequence => Change::Missed(first.sequence - next),
            Some(next) if next < after => Change::Grew((next - first.sequence) as usize),
            Some(next) if next == after || self.lists_any(playlist) => Change::Nothing,
            Some(_) => Change::Restarted,
        };
        if change != Change::Nothing {
            self.next = Some(after);
            let newest = &playlist.entries[playlist.entries.len().saturating_sub(REMEMBERED)..];
            self.names = newest.iter().map(|entry| (entry.sequence, name(entry))).collect();
        }
        change
    }

    /// Whether one of these segments was listed under the same number.
    fn lists_any(&self, playlist: &Media) -> bool {
        playlist.entries.iter().any(|entry| self.names.contains(&(entry.sequence, name(entry))))
    }
}

/// What stays the same of a segment's address when its token changes: the file's name and the range.
fn name(entry: &Entry) -> u64 {
    let path = entry.uri.expose().split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    (file, entry.range).hash(&mut hasher);
    hasher.finish()
}
