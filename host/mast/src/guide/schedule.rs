//! The programmes of one channel: read from all guide channels that it has, moved in time, and merged; or made up.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use mast_model::Programme;
use mast_store::StoreError;
use mast_store::guide::GuideSnapshot;

use super::links::{ChannelGuide, Link};
use super::merge::{merged, shifted};

/// Zones are at most so far from UTC.
const ZONES: SignedDuration = SignedDuration::from_hours(15);
/// How far round a time span guides are read where several are merged: what is in the gaps at its ends depends on it.
const AROUND: SignedDuration = SignedDuration::from_hours(12);

impl ChannelGuide {
    /// Programmes that are on between two times, in order; they do not overlap. Blocks.
    pub(super) fn programmes(
        &self,
        snapshot: &dyn GuideSnapshot,
        (from, until): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Vec<Programme>, StoreError> {
        if let Some(link) = self.plain() {
            return snapshot.programmes(&link.to.guide, &link.to.channel, from, until);
        }
        if let Some(dummy) = &self.dummy {
            return Ok(dummy.programmes((from, until), now));
        }
        let more = if self.links.len() > 1 { AROUND } else { SignedDuration::ZERO };
        let span = (by(from, -more), by(until, more));
        let schedules: Result<Vec<_>, StoreError> =
            self.links.iter().map(|link| self.one(link, snapshot, span)).collect();
        let mut all = merged(schedules?);
        all.retain(|programme| programme.stop > from && programme.start < until);
        Ok(all)
    }

    /// What one guide has.
    fn one(
        &self,
        link: &Link,
        snapshot: &dyn GuideSnapshot,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<Programme>, StoreError> {
        let moved = self.moved(link);
        let more = if link.zone.is_some() { ZONES } else { SignedDuration::ZERO };
        let (from, until) = (by(from, -moved - more), by(until, more - moved));
        let found = snapshot.programmes(&link.to.guide, &link.to.channel, from, until)?;
        Ok(self.adjusted(link, found))
    }

    /// How far a guide's times are moved.
    fn moved(&self, link: &Link) -> SignedDuration {
        SignedDuration::from_secs(self.shift) + SignedDuration::from_hours(i64::from(link.to.behind))
    }

    /// How far a guide's times may be from the channel's.
    pub(super) fn reach(&self, link: &Link) -> SignedDuration {
        self.moved(link).abs() + if link.zone.is_some() { ZONES } else { SignedDuration::ZERO }
    }

    /// Programmes of a guide as the channel has them.
    pub(super) fn adjusted(&self, link: &Link, programmes: Vec<Programme>) -> Vec<Programme> {
        let programmes = match &link.zone {
            Some(zone) => by_clock(programmes, zone),
            None => programmes,
        };
        shifted(programmes, self.moved(link))
    }
}

/// Reads times as those of the clocks in a zone: what the guide calls 20:00 is 20:00 there. Of an hour that is there twice the first is
/// meant, one that is skipped is the one behind; what does not last any more is dropped.
fn by_clock(mut programmes: Vec<Programme>, zone: &TimeZone) -> Vec<Programme> {
    let there = |at: Timestamp| zone.to_timestamp(civil(at)).ok();
    let mut before = Timestamp::MIN;
    programmes.retain_mut(|programme| {
        let Some((start, stop)) = there(programme.start).zip(there(programme.stop)) else { return false };
        // Clocks that are put back make two of one hour.
        programme.start = start.max(before);
        programme.stop = stop;
        let lasts = programme.start < programme.stop;
        before = if lasts { programme.stop } else { before };
        lasts
    });
    programmes
}

/// A time that is so much later, within the calendar.
pub(super) fn by(at: Timestamp, more: SignedDuration) -> Timestamp {
    let end = if more.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(more).unwrap_or(end)
}

fn civil(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

#[cfg(test)]
mod tests {
    use mast_model::{GuideText, ProgrammeDetails};

    use super::*;

    /// Programmes that last from each of these times to the next.
    fn chain(times: &[&str]) -> Vec<Programme> {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let one = |(number, pair): (usize, &[&str])| {
            let titles = vec![GuideText { lang: None, value: number.to_string() }];
            let details = ProgrammeDetails { titles, ..ProgrammeDetails::default() };
            Programme { start: at(pair[0]), stop: at(pair[1]), details }
        };
        times.windows(2).enumerate().map(one).collect()
    }

    #[test]
    fn clocks_that_are_changed() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (what, times, expected) in [
            (
                "put forward: what is on in the hour that is skipped goes",
                ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T03:00:00Z", "2026-03-29T04:00:00Z"],
                &[
                    ("0", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
                    ("2", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
                ][..],
            ),
            (
                "put back: what is on in the hour that is there twice lasts longer",
                ["2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z", "2026-10-25T04:00:00Z"],
                &[
                    ("0", "2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z"),
                    ("1", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"),
                    ("2", "2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"),
                ],
            ),
        ] {
            let found = by_clock(chain(&times), &berlin);
            let told: Vec<(String, String, String)> = found
                .iter()
                .map(|one| (one.details.titles[0].value.clone(), one.start.to_string(), one.stop.to_string()))
                .collect();
            let expected: Vec<(String, String, String)> =
                expected.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
            assert_eq!(told, expected, "{what}");
            assert!(found.windows(2).all(|two| two[0].stop <= two[1].start), "{what}");
        }
    }
}
