//! `[guide]` of `mast.toml`, and `[guide]` of an instance file.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use mast_model::ByteSize;
use mast_store::guide::SearchIndex;

use super::dummy::{DummyRule, EventPattern};
use super::linking::LinkOptions;
use crate::config::reader::Section;

const DAY: Duration = Duration::from_secs(86_400);
const DAYS_LENGTH: SignedDuration = SignedDuration::from_hours(24);
/// The shortest block or event.
const SHORTEST: Duration = Duration::from_secs(300);

const SEARCH: [(&str, SearchIndex); 3] =
    [("none", SearchIndex::None), ("titles", SearchIndex::Titles), ("everything", SearchIndex::Everything)];

/// `[guide]` of `mast.toml`.
#[derive(Debug, Clone)]
pub struct GuideConfig {
    /// `imports`: guides that are imported at a time, 1 to 8; 1 by default.
    pub imports: usize,
    /// `download`: most bytes of a download, 1MiB to 64GiB; 2GiB by default. `input` under `[limits]` of the instance bounds what it
    /// unpacks to.
    pub download: ByteSize,
    /// `past`: programmes that ended longer ago are dropped, up to 1y; 3d by default.
    pub past: Duration,
    /// `future`: programmes that start later than this from now are dropped, 1d to 1y; 21d by default.
    pub future: Duration,
    /// `link_threshold`: names that are at least so alike are linked, 50 to 100 percent; 90 by default. `review_threshold`: those that are
    /// at least so alike are listed for review; 70 by default.
    pub links: LinkOptions,
    /// `languages`: those that viewers want texts in, the preferred one first, for example `["de", "en"]`; what the guide puts first by
    /// default.
    pub languages: Arc<[String]>,
    /// `[[guide.dummy]]`: what is made up for channels that no guide knows; the first one that fits counts.
    pub dummies: Vec<Arc<DummyRule>>,
    /// `search`: what can be searched for: `none`, `titles` (with subtitles and categories, the default) or `everything`.
    pub search: SearchIndex,
}

impl GuideConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        Self {
            imports: section.integer("imports", 1, 1..=8),
            download: section.size("download", ByteSize::mib(2048), ByteSize::mib(1)..=ByteSize::mib(64 << 10)),
            past: section.span("past", 3 * DAY, Duration::ZERO..=366 * DAY),
            future: section.span("future", 21 * DAY, DAY..=366 * DAY),
            links: LinkOptions {
                threshold: f64::from(section.integer("link_threshold", 90_u8, 50..=100)) / 100.0,
                review: f64::from(section.integer("review_threshold", 70_u8, 50..=100)) / 100.0,
            },
            languages: section.list("languages").into(),
            dummies: section.listed_sections("dummy").iter().map(dummy).map(Arc::new).collect(),
            search: section.choice("search", SearchIndex::Titles, &SEARCH),
        }
    }
}

/// `[[guide.dummy]]`:
/// - `categories`: only for channels of these; all by default.
/// - `block`: length of blocks that repeat, 5m to 1d. `title`: their title, `"{name}"` (the channel's name) by default.
/// - `events`: pattern of names that speak of an event, with the groups `title` and `time`, and `date` and `zone` where they have them.
///   `length`: how long an event is, 5m to 1d; 2h by default. `month_first = true`: `1/5` is the fifth of January.
/// - `zone`: where days begin, and where times are that do not say it; `"UTC"` by default.
fn dummy(section: &Section<'_>) -> DummyRule {
    let zone = zone(section).unwrap_or(TimeZone::UTC);
    let signed = |span: Duration| SignedDuration::try_from(span).unwrap_or(DAYS_LENGTH);
    let length = |key: &str, default: Duration| signed(section.span(key, default, SHORTEST..=DAY));
    let block = section.has("block").then(|| length("block", Duration::from_secs(3 * 3_600)));
    let event_length = length("length", Duration::from_secs(2 * 3_600));
    let month_first = section.or("month_first", false);
    let events = section.optional::<String>("events").and_then(|pattern| {
        let pattern = EventPattern::new(&pattern, zone.clone(), event_length, month_first);
        pattern.map_err(|error| section.problem("events", error.to_string())).ok()
    });
    if block.is_none() && !section.has("events") {
        section.problem("block", "expected block = \"3h\" (blocks that repeat), events (a pattern of names), or both");
    }
    let title = section.or("title", "{name}".to_owned());
    DummyRule { categories: section.list("categories"), title, block, zone, events }
}

/// `zone`: of the time zone database.
fn zone(section: &Section<'_>) -> Option<TimeZone> {
    let name = section.optional::<String>("zone")?;
    let found = TimeZone::get(&name).ok();
    if found.is_none() {
        section.problem("zone", "expected a time zone, for example \"Europe/Berlin\" or \"UTC\"");
    }
    found
}

/// `[guide]` of an instance file of kind `epg`.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceGuideConfig {
    /// `keep = "all"`: also programmes of guide channels that no channel is linked to; `"wanted"` by default.
    pub keep_all: bool,
    /// `shift`: all times of this guide are moved by this, in seconds; written as `"1h"` or `"-1h30m"`, at most a day.
    pub shift: i64,
    /// `zone`: all times of this guide are those of the clocks in this time zone, for example `"Europe/Berlin"`, whatever it says itself.
    pub zone: Option<TimeZone>,
    /// `max_loss`: an import that has lost more than this share of the programmes of the one before is not taken over, in percent, 1 to
    /// 100; 90 by default. 100 takes over everything but an empty one.
    pub max_loss: u8,
    /// `priority`: of two guides that have a channel the one with the smaller number counts, 0 to 1000; 100 by default.
    pub priority: u32,
}

impl Default for InstanceGuideConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}

impl InstanceGuideConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        Self {
            keep_all: section.choice("keep", false, &[("wanted", false), ("all", true)]),
            shift: shift(section),
            zone: zone(section),
            max_loss: section.integer("max_loss", 90, 1..=100),
            priority: section.integer("priority", 100, 0..=1000),
        }
    }
}

fn shift(section: &Section<'_>) -> i64 {
    let Some(text) = section.optional::<String>("shift") else { return 0 };
    let (sign, span) = match text.strip_prefix('-') {
        Some(span) => (-1, span),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    match span.parse::<mast_model::Span>() {
        Ok(span) if span.0 <= DAY => sign * i64::try_from(span.0.as_secs()).unwrap_or_default(),
        _ => {
            section.problem("shift", "expected a span of time of at most a day, for example \"1h\" or \"-30m\"");
            0
        }
    }
}
