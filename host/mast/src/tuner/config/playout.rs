//! `[playout.NAME]`: a channel of the operator's own, from files along a schedule.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;

use super::HOUR;
use crate::config::reader::Section;
use crate::tuner::playout::schedule::{DAYS, Entry, Schedule, Start};

/// One playout.
#[derive(Debug, Clone)]
pub struct PlayoutConfig {
    /// `name`: what people read; default the NAME of the section, which is 1 to 64 lower-case letters, digits and dashes.
    pub name: Option<String>,
    /// `number`: where it stands in lineups, from 1; none by default.
    pub number: Option<u32>,
    /// `category`; none by default.
    pub category: Option<String>,
    /// `logo`: its URL; none by default.
    pub logo: Option<String>,
    /// `epg_id`: the id that guides use for it; none by default.
    pub epg_id: Option<String>,
    /// `timezone` of `at`, for example `Europe/Vienna`; default the machine's.
    pub zone: TimeZone,
    /// `filler`: an MPEG-TS file that is repeated while nothing is scheduled; none by default, and then the channel is off the air.
    pub filler: Option<PathBuf>,
    /// `entries`: what is played; at least one.
    pub entries: Vec<PlayoutEntry>,
}

/// One of `entries`.
#[derive(Debug, Clone)]
pub struct PlayoutEntry {
    /// `file`: MPEG-TS.
    pub file: PathBuf,
    /// `at`: the time of day that it starts (`"20:15"` or `"20:15:30"`), with `days` (default every day); without it, it follows the entry
    /// before. Where no entry has one, they go round for ever.
    start: Option<Start>,
    /// `duration`: the time it is given, 1s to 7d; default as long as the file is. A longer file is cut short, a shorter one leaves a gap.
    duration: Option<Duration>,
}

impl PlayoutConfig {
    /// All of `[playout]`, by name.
    pub(crate) fn read_all(playouts: &Section<'_>) -> BTreeMap<String, Self> {
        let read = |(name, section): (String, Section<'_>)| {
            if mast_model::InstanceId::new(&name).is_err() {
                playouts.problem(&name, "expected a name of 1 to 64 lower-case letters, digits and dashes");
            }
            let config = Self::read(&section);
            (name, config)
        };
        playouts.named_sections().into_iter().map(read).collect()
    }

    fn read(section: &Section<'_>) -> Self {
        let entries = section.listed_sections("entries");
        let timed = entries.iter().any(|entry| entry.has("at"));
        if let Some(first) = entries.first().filter(|first| timed && !first.has("at")) {
            first.problem("at", "is missing; where an entry has a time of day, the first one needs one too");
        }
        let empty = entries.is_empty();
        let entries = entries.iter().filter_map(PlayoutEntry::read).collect();
        if empty {
            section.problem("entries", "is missing; list at least one file");
        }
        Self {
            name: section.optional("name"),
            number: section.has("number").then(|| section.integer("number", 1, 1..=100_000)),
            category: section.optional("category"),
            logo: section.optional("logo"),
            epg_id: section.optional("epg_id"),
            zone: zone(section),
            filler: section.optional_path("filler"),
            entries,
        }
    }

    /// When what is on.
    pub(crate) fn schedule(&self) -> Schedule {
        let entry = |entry: &PlayoutEntry| Entry { start: entry.start.clone(), duration: entry.duration };
        Schedule { zone: self.zone.clone(), entries: self.entries.iter().map(entry).collect() }
    }
}

impl PlayoutEntry {
    fn read(section: &Section<'_>) -> Option<Self> {
        let file = section.optional_path("file");
        if !section.has("file") {
            section.problem("file", "is missing; expected the path of an MPEG-TS file");
        }
        let at: Option<civil::Time> = section.optional("at");
        let days: Option<Vec<String>> = section.optional_list("days");
        if days.is_some() && !section.has("at") {
            section.problem("days", "belongs to at; what has no time of day follows the entry before");
        }
        let day = |word: &String| {
            let day = DAYS.iter().find(|(name, _)| name == word).map(|(_, day)| *day);
            if day.is_none() {
                let known = DAYS.map(|(name, _)| format!("\"{name}\"")).join(", ");
                section.problem("days", format!("does not know \"{word}\"; known are {known}"));
            }
            day
        };
        let days: Vec<_> = match &days {
            Some(days) => days.iter().filter_map(day).collect(),
            None => DAYS.map(|(_, day)| day).to_vec(),
        };
        if days.is_empty() {
            section.problem("days", "names no day; leave it out for every day");
        }
        let duration =
            section.has("duration").then(|| section.span("duration", HOUR, Duration::from_secs(1)..=7 * 24 * HOUR));
        Some(Self { file: file?, start: at.map(|at| Start { at, days }), duration })
    }
}

fn zone(section: &Section<'_>) -> TimeZone {
    let Some(name) = section.optional::<String>("timezone") else { return TimeZone::system() };
    TimeZone::get(&name).unwrap_or_else(|_| {
        section.problem("timezone", "is not a time zone that this machine knows; write it as in \"Europe/Vienna\"");
        TimeZone::UTC
    })
}
