//! `[guide]` of `mast.toml`, and `[guide]` of an instance file.

use std::time::Duration;

use mast_model::ByteSize;
use mast_store::guide::SearchIndex;

use crate::config::reader::Section;

const DAY: Duration = Duration::from_secs(86_400);

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
            search: section.choice("search", SearchIndex::Titles, &SEARCH),
        }
    }
}

/// `[guide]` of an instance file of kind `epg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceGuideConfig {
    /// `keep = "all"`: also programmes of guide channels that no channel is linked to; `"wanted"` by default.
    pub keep_all: bool,
    /// `shift`: all times of this guide are moved by this, in seconds; written as `"1h"` or `"-1h30m"`, at most a day.
    pub shift: i64,
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
