//! A strict reading of playlists, for tests: what is wrong with one, and with how it changed over time.
//!
//! `parse` reads a playlist the way a strict client would; `Linter` takes snapshots of one live media playlist in the order
//! in which they were fetched and collects violations of RFC 8216 (4.3, 6.2.1, 6.2.2). It knows nothing of how Mast makes
//! playlists, and nothing here runs in the host. It does not fetch segments and does not know the time, so it cannot say
//! whether a playlist was late or a removed segment still there.

mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use parse::{Parsed, ParsedSegment, ParsedVariant, parse};

/// How far a segment's date may lie before the end of the segment before it.
const DATE_TOLERANCE: Duration = Duration::from_millis(500);

/// A rule that a playlist breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which snapshot, counted from 0.
    pub snapshot: usize,
    /// Its line, counted from 1; 0 when no single line is to blame.
    pub line: usize,
    /// The line's text.
    pub text: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {}, line {} `{}`: {}", self.snapshot, self.line, self.text, self.message)
    }
}

/// Lints a series of snapshots of one live media playlist.
pub fn lint_live<S: AsRef<str>>(snapshots: impl IntoIterator<Item = S>) -> Vec<Violation> {
    let mut linter = Linter::default();
    snapshots.into_iter().for_each(|snapshot| linter.push(snapshot.as_ref()));
    linter.into_violations()
}

/// What is remembered of a segment for ever.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    uri: String,
    duration: Duration,
    date: Option<jiff::Timestamp>,
    discontinuity_sequence: u64,
}

/// Remembers what earlier snapshots promised.
#[derive(Debug, Default)]
pub struct Linter {
    snapshot: usize,
    target_duration: Option<u64>,
    segments: BTreeMap<u64, Known>,
    uris: BTreeMap<String, u64>,
    /// First and one past the last media sequence number of the snapshot before.
    before: Option<(u64, u64)>,
    violations: Vec<Violation>,
}

impl Linter {
    /// Takes the next snapshot.
    pub fn push(&mut self, text: &str) {
        let (playlist, problems) = parse(text);
        let snapshot = self.snapshot;
        self.violations.extend(problems.into_iter().map(|violation| Violation { snapshot, ..violation }));
        self.live(text, &playlist);
        self.target(text, &playlist);
        self.growth(text, &playlist);
        for segment in &playlist.segments {
            self.segment(text, segment);
        }
        self.dates(text, &playlist);
        self.snapshot += 1;
    }

    /// What was found so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What was found.
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    fn blame(&mut self, text: &str, line: usize, message: impl Into<String>) {
        let snapshot = self.snapshot;
        self.violations.push(Violation { snapshot, ..parse::violation(text, line, message) });
    }

    fn live(&mut self, text: &str, playlist: &Parsed) {
        if !playlist.variants.is_empty() {
            self.blame(text, 0, "this is a multivariant playlist");
        }
        if let Some(line) = playlist.end_list {
            self.blame(text, line, "a live playlist does not end");
        }
        if let Some(line) = playlist.playlist_type {
            self.blame(text, line, "a live playlist has no type");
        }
    }

    fn target(&mut self, text: &str, playlist: &Parsed) {
        let Some((line, target)) = playlist.target_duration else { return };
        let known = *self.target_duration.get_or_insert(target);
        if known != target {
            self.blame(text, line, format!("the target duration was {known} and must never change"));
        }
    }

    /// Segments leave at the start and come at the end, and enough of them stay.
    fn growth(&mut self, text: &str, playlist: &Parsed) {
        let first = playlist.media_sequence;
        let range = (first, first + playlist.segments.len() as u64);
        let Some(before) = self.before.replace(range) else { return };
        let line = playlist.media_sequence_line;
        if range.0 < before.0 {
            self.blame(text, line, format!("the media sequence was {} and must never go back", before.0));
        }
        if range.1 < before.1 {
            self.blame(text, line, format!("segments {} to {} left at the end", range.1, before.1 - 1));
        }
        // A new run of the host may start over behind a gap; it says so with a discontinuity.
        let new_run = range.0 >= before.1 && playlist.segments.first().is_some_and(|segment| segment.discontinuity);
        if range.0 > before.0 && !new_run {
            let length: Duration = playlist.segments.iter().map(|segment| segment.duration).sum();
            let shortest = 3 * playlist.target_duration.map_or(0, |(_, target)| target);
            if length < Duration::from_secs(shortest) {
                self.blame(
                    text,
                    line,
                    format!("segments were removed although only {length:?} are left, less than {shortest} s"),
                );
            }
        }
    }

    /// What was said of a segment once holds for ever.
    fn segment(&mut self, text: &str, segment: &ParsedSegment) {
        let now = Known {
            uri: segment.uri.clone(),
            duration: segment.duration,
            date: segment.date,
            discontinuity_sequence: segment.discontinuity_sequence,
        };
        if let Some(sequence) =
            self.uris.insert(segment.uri.clone(), segment.sequence).filter(|known| *known != segment.sequence)
        {
            self.blame(text, segment.line, format!("this URI was segment {sequence} and is {} now", segment.sequence));
        }
        let neighbour = self.segments.range(..segment.sequence).next_back();
        let older = neighbour.map(|(_, known)| known.discontinuity_sequence);
        if older.is_some_and(|older| older > segment.discontinuity_sequence) {
            self.blame(text, segment.line, "the discontinuity sequence went back");
        }
        let Some(known) = self.segments.insert(segment.sequence, now.clone()) else { return };
        let changes = [
            (known.uri != now.uri, format!("URI {}", known.uri)),
            (known.duration != now.duration, format!("duration {:?}", known.duration)),
            (known.date != now.date, format!("date {:?}", known.date)),
            (
                known.discontinuity_sequence != now.discontinuity_sequence,
                format!("discontinuity sequence {}", known.discontinuity_sequence),
            ),
        ];
        for (_, what) in changes.iter().filter(|(changed, _)| *changed) {
            self.blame(text, segment.line, format!("segment {} had {what} before", segment.sequence));
        }
    }

    fn dates(&mut self, text: &str, playlist: &Parsed) {
        for pair in playlist.segments.windows(2) {
            let (Some(one), Some(two)) = (pair[0].date, pair[1].date) else { continue };
            let apart = two.duration_since(one);
            let least = pair[0].duration.saturating_sub(DATE_TOLERANCE);
            if apart.is_negative() || apart.unsigned_abs() < least {
                self.blame(text, pair[1].line, "its date lies before the end of the segment before it");
            }
        }
    }
}
