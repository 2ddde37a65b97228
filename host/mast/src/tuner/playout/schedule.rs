//! What a playout shows at a time: a function of the clock and of nothing else, so that whoever tunes in joins the right file at the
//! right place, and a restart goes on there. No I/O, no clock of its own: lengths and times are handed in.
//!
//! | entries | what they make |
//! |---|---|
//! | none has a time of day | a rotation: one after the other, for ever, counted from 1970-01-01T00:00:00Z |
//! | one has a time of day | it starts then, on its days; those after it without one follow it |
//!
//! Times of day are those of the playout's time zone. One that the zone leaves out (summer time begins) is as much later as the
//! gap is long; of one that comes twice (summer time ends) the first is meant. What follows takes its real time, and whatever starts
//! later ends what still plays. In between there is the filler, from its start at each gap.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{self, Weekday};
use jiff::tz::TimeZone;

/// As far as anybody looks ahead.
const HORIZON: Duration = Duration::from_secs(7 * 24 * 3600);

/// Days of the week, from Monday.
pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// When an entry starts by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) at: civil::Time,
    /// At least one.
    pub(crate) days: Vec<Weekday>,
}

/// One entry of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// None where it follows the entry before.
    pub(crate) start: Option<Start>,
    /// The time it is given, instead of its file's length.
    pub(crate) duration: Option<Duration>,
}

/// Entries and the zone of their times.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) zone: TimeZone,
    pub(crate) entries: Vec<Entry>,
}

/// What is on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) show: Show,
    /// When what is on started; the beginning of its file.
    pub(crate) since: Timestamp,
    /// When it makes way.
    pub(crate) until: Timestamp,
}

/// What a slot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// The file of the entry with this index.
    Entry(usize),
    /// Nothing is scheduled: the filler, where there is one.
    Gap,
}

/// One airing of an entry.
#[derive(Debug, Clone, Copy)]
struct Airing {
    entry: usize,
    since: Timestamp,
    until: Timestamp,
}

impl Schedule {
    /// What is on at `now`. `lengths` are those of the entries' files; an entry whose file is not usable has none, and is a gap for as long
    /// as it was given.
    pub(crate) fn slot(&self, lengths: &[Option<Duration>], now: Timestamp) -> Slot {
        let mut airings = match self.entries.iter().any(|entry| entry.start.is_some()) {
            true => self.timed(lengths, now),
            false => self.rotation(lengths, now),
        };
        airings.retain(|airing| airing.since < airing.until);
        if let Some(airing) = airings.iter().rev().find(|airing| airing.since <= now && now < airing.until) {
            return Slot { show: Show::Entry(airing.entry), since: airing.since, until: airing.until };
        }
        // `now` itself where nothing was ever on, or ever will be: then there is no place in the filler to keep.
        let since = airings.iter().map(|airing| airing.until).filter(|until| *until <= now).max();
        let until = airings.iter().map(|airing| airing.since).filter(|since| *since > now).min();
        Slot { show: Show::Gap, since: since.unwrap_or(now), until: until.unwrap_or_else(|| add(now, HORIZON)) }
    }

    /// Entries whose starts cut others short, in the first week of any year without a change of the clock: (the one cut short, the one
    /// that starts, by how much).
    pub(crate) fn overlaps(&self, lengths: &[Option<Duration>]) -> Vec<(usize, usize, Duration)> {
        let plain = Self { zone: TimeZone::UTC, entries: self.entries.clone() };
        let (monday, mut found) = (civil::date(2024, 1, 8), Vec::new());
        let airings = plain.starting(lengths, monday, 0..=7);
        for (at, airing) in airings.iter().enumerate() {
            // The next one of another start.
            let next = airings[at + 1..].iter().find(|next| self.entries[next.entry].start.is_some());
            let Some(next) = next.filter(|next| next.since < airing.until) else { continue };
            let by = Duration::try_from(airing.until.duration_since(next.since)).unwrap_or_default();
            if !found.iter().any(|(cut, starts, _)| (*cut, *starts) == (airing.entry, next.entry)) {
                found.push((airing.entry, next.entry, by));
            }
        }
        found
    }

    fn timed(&self, lengths: &[Option<Duration>], now: Timestamp) -> Vec<Airing> {
        let today = now.to_zoned(self.zone.clone()).date();
        let mut airings = self.starting(lengths, today, -8..=8);
        let is_start = |airing: &&Airing| self.entries[airing.entry].start.is_some();
        let starts: Vec<_> = airings.iter().filter(is_start).map(|airing| (airing.since, airing.entry)).collect();
        // Followers of an earlier start make way for a later one, even those that would only start after it. Of two at the same time
        // the one that is listed last counts.
        for airing in &mut airings {
            let own = self.own_start(airing, lengths);
            if let Some((next, _)) = starts.iter().find(|start| **start > own) {
                airing.until = airing.until.min(*next);
            }
        }
        airings
    }

    /// When what an airing belongs to started, and with which entry.
    fn own_start(&self, airing: &Airing, lengths: &[Option<Duration>]) -> (Timestamp, usize) {
        let first = (0..=airing.entry).rev().find(|entry| self.entries[*entry].start.is_some()).unwrap_or(0);
        let before: Duration = (first..airing.entry).map(|entry| self.given(entry, lengths)).sum();
        (airing.since.checked_sub(before).unwrap_or(airing.since), first)
    }

    /// All airings of blocks that start on days around one, in the order of their starts.
    fn starting(
        &self,
        lengths: &[Option<Duration>],
        around: civil::Date,
        days: std::ops::RangeInclusive<i64>,
    ) -> Vec<Airing> {
        let mut airings = Vec::new();
        for date in days.filter_map(|offset| around.checked_add(jiff::Span::new().days(offset)).ok()) {
            for (first, entry) in self.entries.iter().enumerate() {
                let Some(start) = entry.start.as_ref().filter(|start| start.days.contains(&date.weekday())) else {
                    continue;
                };
                let Ok(started) = date.to_datetime(start.at).to_zoned(self.zone.clone()) else { continue };
                let followers = self.entries[first + 1..].iter().take_while(|entry| entry.start.is_none()).count();
                self.line_up(lengths, started.timestamp(), first..=first + followers, &mut airings);
            }
        }
        airings.sort_by_key(|airing| (airing.since, airing.entry));
        airings
    }

    fn rotation(&self, lengths: &[Option<Duration>], now: Timestamp) -> Vec<Airing> {
        let round: Duration = (0..self.entries.len()).map(|entry| self.given(entry, lengths)).sum();
        let Ok(micros @ 1..) = i64::try_from(round.as_micros()) else { return Vec::new() };
        let begun = now.as_microsecond().div_euclid(micros) * micros;
        let mut airings = Vec::new();
        for begun in [begun - micros, begun, begun + micros] {
            let Ok(begun) = Timestamp::from_microsecond(begun) else { continue };
            self.line_up(lengths, begun, 0..=self.entries.len() - 1, &mut airings);
        }
        airings
    }

    /// Entries one after the other from a moment on; those without a usable file for no time.
    fn line_up(
        &self,
        lengths: &[Option<Duration>],
        mut at: Timestamp,
        entries: std::ops::RangeInclusive<usize>,
        airings: &mut Vec<Airing>,
    ) {
        for entry in entries {
            let given = self.given(entry, lengths);
            let shown = lengths.get(entry).copied().flatten().unwrap_or_default().min(given);
            airings.push(Airing { entry, since: at, until: add(at, shown) });
            at = add(at, given);
        }
    }

    /// The time that an entry takes.
    fn given(&self, entry: usize, lengths: &[Option<Duration>]) -> Duration {
        let length = lengths.get(entry).copied().flatten();
        self.entries[entry].duration.or(length).unwrap_or_default()
    }
}

/// Saturates at the end of time.
fn add(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
