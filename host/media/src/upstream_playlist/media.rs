//! Reads media playlists.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::attributes::{self, Attributes};
use super::protection::Keys;
use super::{Entry, MAX_ENTRIES, Map, Media, PlaylistError, Uri, tag};

/// Longer segments are a mistake.
const MAX_DURATION: Duration = Duration::from_secs(3600);

/// What a target duration is taken to lie between, so that none of the waits that follow from it is absurd.
const TARGETS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The target duration where neither the playlist nor a segment tells.
const USUAL_TARGET: Duration = Duration::from_secs(6);

/// Reads what follows #EXTM3U.
pub(super) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Media, PlaylistError> {
    let mut reader = Reader::default();
    for line in lines {
        match tag(line) {
            Some((name, value)) => reader.tag(name, value),
            None if line.starts_with('#') => {}
            None => reader.uri(line),
        }
    }
    reader.finish()
}

/// What was said about the next URI.
#[derive(Default)]
struct Next {
    duration: Option<Duration>,
    range: Option<String>,
    discontinuities: u64,
    gap: bool,
    date: Option<Timestamp>,
}

#[derive(Default)]
struct Reader {
    target: Option<Duration>,
    media_sequence: u64,
    discontinuity_sequence: u64,
    ended: bool,
    /// A tag that only HLS has, or a segment with a duration: this is no list of channels.
    is_hls: bool,
    next: Next,
    keys: Keys,
    map: Option<Arc<Map>>,
    /// Where the last byte range ended, and in what.
    range_end: Option<(Uri, u64)>,
    /// Segments so far, those that are no longer kept included.
    count: u64,
    /// Discontinuities so far.
    discontinuities: u64,
    /// When the next segment starts, if the last one had a date.
    date: Option<Timestamp>,
    entries: VecDeque<Entry>,
}

impl Reader {
    fn tag(&mut self, name: &str, value: &str) {
        self.is_hls |= name.starts_with("-X-");
        match name {
            "INF" => {
                self.next.duration = attributes::seconds(value).map(|duration| duration.min(MAX_DURATION));
                self.is_hls |= self.next.duration.is_some();
            }
            "-X-TARGETDURATION" => self.target = attributes::seconds(value).filter(|target| !target.is_zero()),
            "-X-MEDIA-SEQUENCE" => self.media_sequence = attributes::integer(value).unwrap_or_default(),
            "-X-DISCONTINUITY-SEQUENCE" => {
                self.discontinuity_sequence = attributes::integer(value).unwrap_or_default();
            }
            "-X-DISCONTINUITY" => self.next.discontinuities += 1,
            "-X-KEY" => self.keys.tag(value),
            "-X-MAP" => self.map(value),
            "-X-BYTERANGE" => self.next.range = Some(value.to_owned()),
            "-X-GAP" => self.next.gap = true,
            "-X-PROGRAM-DATE-TIME" => self.next.date = date(value),
            "-X-ENDLIST" => self.ended = true,
            _ => {}
        }
    }

    fn map(&mut self, list: &str) {
        let list = Attributes::new(list);
        let Some(uri) = list.get("URI") else { return };
        let range = list.get("BYTERANGE").and_then(|range| attributes::byte_range(range, 0));
        self.map = Some(Arc::new(Map { uri: uri.into(), range, protection: self.keys.protection() }));
    }

    fn uri(&mut self, uri: &str) {
        let next = std::mem::take(&mut self.next);
        let uri = Uri::from(uri);
        let before = self.range_end.take();
        let range = next.range.and_then(|range| {
            let follows = before.filter(|(last, _)| *last == uri).map_or(0, |(_, end)| end);
            attributes::byte_range(&range, follows)
        });
        self.range_end = range.map(|range| (uri.clone(), range.offset + range.length));
        self.discontinuities = self.discontinuities.saturating_add(next.discontinuities);
        let carried_on = self.date.take().filter(|_| next.discontinuities == 0);
        let date = next.date.or(carried_on);
        // A segment without a duration gets the target duration in the end; until then nothing can be counted on from it.
        self.date = date.zip(next.duration).and_then(|(date, duration)| later(date, duration));
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            uri,
            range,
            sequence: self.count,
            duration: next.duration.unwrap_or(Duration::MAX),
            discontinuity: next.discontinuities > 0,
            discontinuity_sequence: self.discontinuities,
            gap: next.gap,
            date,
            protection: self.keys.protection(),
            map: self.map.clone(),
        });
        self.count += 1;
    }

    fn finish(self) -> Result<Media, PlaylistError> {
        if !self.is_hls {
            return Err(PlaylistError::Links);
        }
        let mut entries = Vec::from(self.entries);
        let longest = entries.iter().map(|entry| entry.duration).filter(|duration| *duration < Duration::MAX).max();
        let target = self.target.or(longest).unwrap_or(USUAL_TARGET).clamp(TARGETS.0, TARGETS.1);
        // So that no number of a playlist overflows.
        let media_sequence = self.media_sequence.min(u64::MAX - self.count - 1);
        for entry in &mut entries {
            entry.sequence += media_sequence;
            entry.discontinuity_sequence = entry.discontinuity_sequence.saturating_add(self.discontinuity_sequence);
            if entry.duration == Duration::MAX {
                entry.duration = target;
            }
        }
        Ok(Media { target, entries, ended: self.ended })
    }
}

fn later(date: Timestamp, duration: Duration) -> Option<Timestamp> {
    date.checked_add(SignedDuration::try_from(duration).ok()?).ok()
}

/// ISO 8601; a time without an offset is taken as UTC.
fn date(text: &str) -> Option<Timestamp> {
    let without_offset = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| without_offset().map(|zoned| zoned.timestamp()))
}
