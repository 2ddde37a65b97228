//! Schedules for channels that no guide knows: blocks that repeat, or what an event channel's name says ("Nova vs. Luna 5 Jan 20:45 CET").
//! Pure. What is made up is never stored.

use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use mast_model::{GuideText, Programme, ProgrammeDetails};
use regex::{Captures, Regex, RegexBuilder};

use super::merge::merged;

/// Programmes that are made up at once.
const MOST: usize = 2_000;
/// Bytes of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Shortest block.
const SHORTEST: SignedDuration = SignedDuration::from_mins(5);
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Abbreviations of zones that names of events use; where they change with the season, the zone that does so.
const ZONES: [(&str, &str); 16] = [
    ("UTC", "UTC"),
    ("GMT", "Europe/London"),
    ("BST", "Europe/London"),
    ("UK", "Europe/London"),
    ("CET", "Europe/Berlin"),
    ("CEST", "Europe/Berlin"),
    ("EET", "Europe/Athens"),
    ("EEST", "Europe/Athens"),
    ("ET", "America/New_York"),
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("CT", "America/Chicago"),
    ("PT", "America/Los_Angeles"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("AEST", "Australia/Sydney"),
];

/// Blocks of one length and title, from `from` until `until`, as if they had begun at midnight in a zone and never stopped.
pub fn repeating(
    title: &str,
    block: SignedDuration,
    zone: &TimeZone,
    from: Timestamp,
    until: Timestamp,
) -> Vec<Programme> {
    let length = block.max(SHORTEST).as_secs();
    let Ok(midnight) = from.to_zoned(zone.clone()).start_of_day() else { return Vec::new() };
    let midnight = midnight.timestamp().as_second();
    let first = midnight + (from.as_second() - midnight).div_euclid(length) * length;
    let starts =
        (0_i64..).map(|index| first + index * length).take(MOST).take_while(|start| *start < until.as_second());
    starts.filter_map(|start| programme(title, start, start + length)).collect()
}

fn programme(title: &str, start: i64, stop: i64) -> Option<Programme> {
    let titles = vec![GuideText { lang: None, value: title.to_owned() }];
    let (start, stop) = (Timestamp::from_second(start).ok()?, Timestamp::from_second(stop).ok()?);
    Some(Programme { start, stop, details: ProgrammeDetails { titles, ..ProgrammeDetails::default() } })
}

/// How names of event channels are read.
#[derive(Debug, Clone)]
pub struct EventPattern {
    regex: Regex,
    /// Where times are that say nothing of it.
    pub zone: TimeZone,
    /// How long an event is.
    pub length: SignedDuration,
    /// `1/5` is the fifth of January.
    pub month_first: bool,
}

/// `[[guide.dummy]]`: what is made up, and for which channels.
#[derive(Debug, Clone)]
pub struct DummyRule {
    /// Only for channels of these categories, whatever their case; none: for all.
    pub categories: Vec<String>,
    /// Title of a block; `{name}` is the channel's name.
    pub title: String,
    /// How long a block is; none: there are none.
    pub block: Option<SignedDuration>,
    /// Where blocks begin at midnight.
    pub zone: TimeZone,
    /// How events are read from names.
    pub events: Option<EventPattern>,
}

impl DummyRule {
    /// Whether it has something for a channel.
    pub fn fits(&self, name: &str, category: Option<&str>) -> bool {
        let is = |wanted: &String| category.is_some_and(|category| wanted.to_lowercase() == category.to_lowercase());
        let covers = self.categories.is_empty() || self.categories.iter().any(is);
        covers && (self.block.is_some() || self.events.as_ref().is_some_and(|events| events.regex.is_match(name)))
    }
}

/// A rule, and the channel that it is for.
#[derive(Debug, Clone)]
pub struct Dummy {
    /// The rule.
    pub rule: Arc<DummyRule>,
    /// The channel's name.
    pub name: String,
}

impl Dummy {
    /// Names everything that its programmes depend on but the time.
    pub(super) fn key(&self) -> String {
        let DummyRule { title, block, zone, events, .. } = &*self.rule;
        let events = events.as_ref().map(|one| (one.regex.as_str(), one.length, one.month_first, one.zone.iana_name()));
        format!("{:?}", (&self.name, title, block, zone.iana_name(), events))
    }

    /// What the name speaks of.
    pub(super) fn event(&self, now: Timestamp) -> Option<Programme> {
        self.rule.events.as_ref()?.read(&self.name, now)
    }

    /// Programmes that are on between two times: the event, and blocks round it.
    pub(super) fn programmes(&self, (from, until): (Timestamp, Timestamp), now: Timestamp) -> Vec<Programme> {
        let event = self.event(now).filter(|event| event.stop > from && event.start < until);
        let title = self.rule.title.replace("{name}", &self.name);
        let blocks = self.rule.block.map(|block| repeating(&title, block, &self.rule.zone, from, until));
        merged(vec![event.into_iter().collect(), blocks.unwrap_or_default()])
    }
}

/// Why a pattern cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternError {
    /// It is no regular expression, or a huge one.
    #[error("the pattern for event channels cannot be read: {0}")]
    Invalid(String),
    /// A group is missing.
    #[error("the pattern for event channels needs the group (?<{0}>...)")]
    MissingGroup(&'static str),
}

impl EventPattern {
    /// A pattern with the groups `title` and `time`, and, where names have them, `date` and `zone`. Case does not count.
    pub fn new(pattern: &str, zone: TimeZone, length: SignedDuration, month_first: bool) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(pattern).case_insensitive(true).size_limit(PATTERN_BYTES_MAX).build();
        let regex = regex.map_err(|error| PatternError::Invalid(error.to_string()))?;
        for group in ["title", "time"] {
            if !regex.capture_names().flatten().any(|name| name == group) {
                return Err(PatternError::MissingGroup(group));
            }
        }
        Ok(Self { regex, zone, length: length.max(SHORTEST), month_first })
    }

    /// The event that a name speaks of; none where it speaks of none. A date without a year, and a time without a date, are those nearest
    /// to `now`.
    pub fn read(&self, name: &str, now: Timestamp) -> Option<Programme> {
        let groups = self.regex.captures(name)?;
        let title = group(&groups, "title").filter(|title| !title.is_empty())?;
        let zone = match group(&groups, "zone") {
            Some(zone) => read_zone(zone)?,
            None => self.zone.clone(),
        };
        let time = read_time(group(&groups, "time")?)?;
        let dates = match group(&groups, "date") {
            Some(date) => self.read_date(date, now.to_zoned(zone.clone()).date())?,
            None => {
                let today = now.to_zoned(zone.clone()).date();
                [today.yesterday().ok(), Some(today), today.tomorrow().ok()].into_iter().flatten().collect()
            }
        };
        let starts = dates.into_iter().filter_map(|date| {
            let start = zone.to_ambiguous_timestamp(DateTime::from_parts(date, time)).compatible();
            start.ok().map(Timestamp::as_second)
        });
        let start = starts.min_by_key(|start| (start - now.as_second()).abs())?;
        programme(title, start, start.checked_add(self.length.as_secs())?)
    }

    /// What a date may mean.
    fn read_date(&self, text: &str, today: Date) -> Option<Vec<Date>> {
        let parts: Vec<&str> =
            text.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
        let month_named = parts.iter().position(|part| month(part).is_some());
        let number =
            |part: &str| part.trim_end_matches(|letter: char| letter.is_ascii_alphabetic()).parse::<i16>().ok();
        let mut numbers = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            if Some(at) != month_named {
                numbers.push(number(part)?);
            }
        }
        let named = month_named.and_then(|at| month(parts[at]));
        let (year, month, day) = match (named, numbers.as_slice()) {
            (Some(month), [day]) => (None, month, *day),
            (Some(month), [year, day]) if *year > 31 => (Some(*year), month, *day),
            (Some(month), [day, year]) => (Some(*year), month, *day),
            (None, [year, month, day]) if *year > 31 => (Some(*year), *month, *day),
            (None, [month, day, rest @ ..]) if self.month_first && rest.len() < 2 => {
                (rest.first().copied(), *month, *day)
            }
            (None, [day, month, rest @ ..]) if rest.len() < 2 => (rest.first().copied(), *month, *day),
            _ => return None,
        };
        let date = |year: i16| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
        let dates: Vec<Date> = match year {
            Some(year) => date(if year < 100 { 2000 + year } else { year }).into_iter().collect(),
            None => (-1..=1).filter_map(|more| date(today.year() + more)).collect(),
        };
        (!dates.is_empty()).then_some(dates)
    }
}

fn group<'a>(groups: &Captures<'a>, name: &str) -> Option<&'a str> {
    groups.name(name).map(|found| found.as_str().trim())
}

fn month(text: &str) -> Option<i16> {
    let text = text.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| text.starts_with(month) && text.bytes().all(|b| b.is_ascii_lowercase()))?;
    i16::try_from(at + 1).ok()
}

/// `20:45`, `20h45`, `8.45 pm`, `8pm`.
fn read_time(text: &str) -> Option<Time> {
    let text = text.to_ascii_lowercase();
    let (text, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(text), _) => (text, Some(0)),
        (_, Some(text)) => (text, Some(12)),
        _ => (text.as_str(), None),
    };
    let mut numbers = text.trim().split([':', '.', 'h']);
    let mut hour: i8 = numbers.next()?.trim().parse().ok()?;
    let minute = numbers.next().map(str::trim).filter(|minute| !minute.is_empty());
    let minute: i8 = minute.map_or(Ok(0), str::parse).ok()?;
    if let Some(half) = half {
        hour = (1..=12).contains(&hour).then_some(hour % 12 + half)?;
    }
    Time::new(hour, minute, 0, 0).ok()
}

/// `CET`, `+02:00`, `GMT+1`, `Europe/Berlin`.
fn read_zone(text: &str) -> Option<TimeZone> {
    let upper = text.to_ascii_uppercase();
    let offset = upper.trim_start_matches("UTC").trim_start_matches("GMT").trim();
    if let Some(behind) = offset.strip_prefix('+').or_else(|| offset.strip_prefix('-')) {
        let (hours, minutes) = match behind.split_once(':') {
            Some((hours, minutes)) => (hours, minutes),
            None if behind.len() == 4 => behind.split_at_checked(2)?,
            None => (behind, "0"),
        };
        let seconds = hours.parse::<u16>().ok()? as i32 * 3_600 + minutes.parse::<u16>().ok()? as i32 * 60;
        let seconds = if offset.starts_with('-') { -seconds } else { seconds };
        return Offset::from_seconds(seconds).ok().map(TimeZone::fixed);
    }
    let known = ZONES.iter().find(|(name, _)| *name == upper).map_or(text, |(_, zone)| zone);
    TimeZone::get(known).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERN: &str = r"^(?:[^|:]*[|:]\s)?(?<title>.+?)\s*@?\s*(?<date>\d{4}-\d\d-\d\d|\d\d?[./]\d\d?(?:[./]\d{2,4})?|\d\d? [a-z]{3,9}|[a-z]{3,9} \d\d?)?\.?\s+(?<time>\d\d?(?:[:.h]\d\d)?\s?(?:am|pm)?)\s*(?<zone>[a-z]{2,4}|[a-z]+/[a-z_]+|(?:gmt|utc)?[+-]\d\d?(?::?\d\d)?)?$";

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[test]
    fn names_of_events_are_read() {
        // A Monday, 13:00 in Berlin.
        let now: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
        let pattern = EventPattern::new(PATTERN, berlin(), SignedDuration::from_hours(2), false).unwrap();
        for (name, expected) in [
            ("Event 1 | Nova vs. Luna 2026-01-07 20:45", Some(("Nova vs. Luna", "2026-01-07T19:45:00Z"))),
            ("Nova vs. Luna 7.1. 20:45", Some(("Nova vs. Luna", "2026-01-07T19:45:00Z"))),
            ("Nova vs. Luna @ 7.1 20:45", Some(("Nova vs. Luna", "2026-01-07T19:45:00Z"))),
            ("Nova vs. Luna 7/1/26 8:45 PM ET", Some(("Nova vs. Luna", "2026-01-08T01:45:00Z"))),
            ("Nova vs. Luna 7 Jan 20h45 UTC", Some(("Nova vs. Luna", "2026-01-07T20:45:00Z"))),
            ("Nova vs. Luna Dec 31 23:00 GMT+1", Some(("Nova vs. Luna", "2025-12-31T22:00:00Z"))),
            ("Nova vs. Luna 20:45", Some(("Nova vs. Luna", "2026-01-05T19:45:00Z"))),
            ("Nova vs. Luna 00:30", Some(("Nova vs. Luna", "2026-01-05T23:30:00Z"))),
            ("Nova vs. Luna 12 am", Some(("Nova vs. Luna", "2026-01-05T23:00:00Z"))),
            ("Nova vs. Luna 31.02 20:45", None),
            ("Nova vs. Luna 25:00", None),
            ("Nova vs. Luna 20:45 XYZ", None),
            ("No event today", None),
        ] {
            let found = pattern.read(name, now);
            let expected = expected.map(|(title, start)| (title.to_owned(), start.parse::<Timestamp>().unwrap()));
            let found = found.map(|one| {
                assert_eq!(one.stop.duration_since(one.start), SignedDuration::from_hours(2));
                (one.details.titles[0].value.clone(), one.start)
            });
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn patterns_are_checked() {
        let new = |pattern: &str| EventPattern::new(pattern, TimeZone::UTC, SignedDuration::from_hours(1), true);
        assert!(matches!(new("("), Err(PatternError::Invalid(_))));
        assert!(matches!(new("(?<title>.*)"), Err(PatternError::MissingGroup("time"))));
        let american = new(r"(?<title>\w+) (?<date>[\d/]+) (?<time>\S+)").unwrap();
        let event = american.read("Nova 1/5 8pm", "2026-01-05T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(event.start, "2026-01-05T20:00:00Z".parse().unwrap());
    }

    #[test]
    fn blocks_repeat_from_midnight() {
        let from: Timestamp = "2026-01-05T12:30:00Z".parse().unwrap();
        let blocks =
            repeating("Nova", SignedDuration::from_hours(3), &berlin(), from, from + SignedDuration::from_hours(6));
        let starts: Vec<String> = blocks.iter().map(|block| block.start.to_string()).collect();
        assert_eq!(starts, ["2026-01-05T11:00:00Z", "2026-01-05T14:00:00Z", "2026-01-05T17:00:00Z"]);
        assert!(blocks.windows(2).all(|two| two[0].stop == two[1].start));
        let many = repeating("Nova", SignedDuration::ZERO, &berlin(), from, Timestamp::MAX);
        assert_eq!(many.len(), MOST);
    }

    proptest! {
        #[test]
        fn any_name_can_be_read(name in ".{0,60}", title in "[a-z]{1,5}", numbers in "[0-9:./ a-z+-]{0,30}") {
            let pattern = EventPattern::new(PATTERN, berlin(), SignedDuration::from_hours(2), false).unwrap();
            let now = "2026-01-05T12:00:00Z".parse().unwrap();
            pattern.read(&name, now);
            pattern.read(&format!("{title} {numbers}"), now);
            let loose = EventPattern::new("(?<title>[a-z]+) (?<date>.*?) (?<time>.*) (?<zone>.*)", berlin(), SignedDuration::from_hours(2), true).unwrap();
            loose.read(&format!("{title} {numbers}"), now);
        }
    }
}
