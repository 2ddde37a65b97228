//! Guides: their channels and programmes, as an importer delivers them and the store keeps them.
//!
//! A guide channel belongs to its guide and is named by the guide's own id; which channel of the catalogue it is for is decided
//! elsewhere. Nothing here merges guides or mends times.

pub mod bytes;
pub mod details;
mod fold;
pub mod packed;

pub use fold::{fold, folded_words};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A text with its language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuideText {
    /// BCP 47 tag; none where the guide does not say.
    pub lang: Option<String>,
    /// The text; never empty.
    pub value: String,
}

/// A channel of a guide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuideChannel {
    /// The guide's id for it.
    pub id: String,
    /// Names, the preferred one first.
    pub names: Vec<GuideText>,
    /// Icon URLs, the preferred one first.
    pub icons: Vec<String>,
    /// The importer's extension slot.
    pub attrs: Vec<(String, String)>,
}

/// A person who took part in a programme.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuideCredit {
    /// Open set: `actor`, `director`, `writer` and others; an unknown one is treated as `actor`.
    pub role: String,
    /// The person's name.
    pub name: String,
    /// The part an actor plays.
    pub part: Option<String>,
}

/// A number of an episode in some system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeNumber {
    /// Open set, as in XMLTV: `xmltv_ns`, `onscreen` and others.
    pub system: String,
    /// As written.
    pub value: String,
}

/// What a programme is about: everything but its channel and its times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammeDetails {
    /// Titles, the preferred one first.
    pub titles: Vec<GuideText>,
    /// Subtitles or episode titles.
    pub sub_titles: Vec<GuideText>,
    /// Descriptions.
    pub descriptions: Vec<GuideText>,
    /// Genres and the like.
    pub categories: Vec<GuideText>,
    /// Who took part, in order.
    pub credits: Vec<GuideCredit>,
    /// Episode numbers.
    pub episode_numbers: Vec<EpisodeNumber>,
    /// Icon URLs.
    pub icons: Vec<String>,
    /// The importer's extension slot; `wit/epg` has the known keys.
    pub attrs: Vec<(String, String)>,
}

/// A programme of a guide channel. Times are whole seconds and `start` is before `stop`; programmes of one guide channel do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Programme {
    /// When it starts.
    pub start: Timestamp,
    /// When it ends; the next may start at this moment.
    pub stop: Timestamp,
    /// What it is about.
    #[serde(flatten)]
    pub details: ProgrammeDetails,
}
