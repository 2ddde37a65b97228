//! What goes in and out of a guide's import and its queries.

use jiff::Timestamp;
use mast_model::{InstanceId, Programme, ProgrammeDetails};
use serde::{Deserialize, Serialize};

use crate::record::Validator;

/// A programme as an importer delivers it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedProgramme {
    /// The id of its guide channel.
    pub channel: String,
    /// When it starts, Unix seconds; absurd ones are dropped and counted.
    pub start: u64,
    /// When it ends, Unix seconds. Where there is none, or one not behind the start, the next programme's start is taken.
    pub stop: Option<u64>,
    /// What it is about.
    pub details: ProgrammeDetails,
}

/// Which programmes an import keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Those that end behind this; the programme before it may stay too.
    pub from: Option<Timestamp>,
    /// Those that start before this.
    pub until: Option<Timestamp>,
}

/// How much of a guide full-text search knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchIndex {
    /// Nothing; a search finds nothing.
    None,
    /// Titles, subtitles and categories.
    #[default]
    Titles,
    /// Descriptions and credits as well.
    Everything,
}

/// How an import is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct StagingOptions {
    /// Programmes outside are counted and dropped.
    pub keep: Keep,
    /// What can be searched for.
    pub search: SearchIndex,
}

/// Where an import came from.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// When.
    pub at: Timestamp,
    /// To send with the next conditional requests.
    pub validators: Vec<Validator>,
    /// What the importer said, for the operator.
    pub attrs: Vec<(String, String)>,
}

/// What an import took up and left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuideCounts {
    /// Guide channels, named or only met in programmes.
    pub channels: u64,
    /// Programmes taken up. Those that start when another of the channel does are counted here too where they came far apart.
    pub programmes: u64,
    /// Dropped: another one of the channel starts at once, and came later.
    pub duplicates: u64,
    /// Dropped: starts before 1970 or after 9998.
    pub absurd_times: u64,
    /// Dropped: not in [`Keep`].
    pub not_kept: u64,
    /// Dropped: no title.
    pub untitled: u64,
    /// Dropped: channels or programmes larger than any that is real, or more channels than any guide has.
    pub oversized: u64,
    /// Mended: a stop was missing or not behind the start.
    pub without_stop: u64,
    /// Bytes that the programmes take on disk.
    pub bytes: u64,
}

/// What is known of a guide besides its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuideRecord {
    /// The plugin instance that imports it.
    pub guide: InstanceId,
    /// A number that no other content of any guide ever has: it changes with every import that was committed.
    pub generation: u64,
    /// When the content was imported.
    pub imported_at: Timestamp,
    /// When an import last succeeded, with or without change.
    pub checked_at: Timestamp,
    /// To send with the next conditional requests.
    pub validators: Vec<Validator>,
    /// What the import took up and left out.
    pub counts: GuideCounts,
    /// The earliest start and the latest start or stop; none where there are no programmes.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What can be searched for.
    pub search: SearchIndex,
    /// What the importer said, for the operator.
    #[serde(default)]
    pub attrs: Vec<(String, String)>,
}

/// What to search for: everything given must fit.
#[derive(Debug, Clone)]
pub struct Search {
    /// Words in any order, folded (case, diacritics); the last one may be only begun. Empty: any.
    pub words: String,
    /// Exactly this title in any language, folded: what is to come of a series.
    pub title: Option<String>,
    /// Exactly this category in any language, folded.
    pub category: Option<String>,
    /// Only these guide channels; empty: all.
    pub channels: Vec<String>,
    /// On after this.
    pub from: Timestamp,
    /// Starts before this.
    pub until: Timestamp,
    /// At most so many.
    pub most: usize,
}

/// A programme that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The id of its guide channel.
    pub channel: String,
    /// The programme.
    pub programme: Programme,
}
