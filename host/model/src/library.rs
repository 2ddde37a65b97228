//! Movies and series as the host keeps them: a source's record plus a stable id. Live channels are `catalog`'s.

use serde::{Deserialize, Serialize};

use crate::catalog::Upstream;
use crate::id::{CategoryId, InstanceId, TitleId};

/// What one source has to offer on demand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Library {
    /// In the source's order.
    pub categories: Vec<VodCategory>,
    /// Movies and series, in the source's order.
    pub titles: Vec<Title>,
    /// Of the series.
    pub episodes: Vec<Episode>,
}

/// A category of movies or of series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VodCategory {
    /// Stable id, assigned by the store from (`source`, `kind`, `key`); no channels' category has it.
    pub id: CategoryId,
    /// The source instance it came from.
    pub source: InstanceId,
    /// The upstream's own stable key.
    pub key: String,
    /// What it holds.
    pub kind: TitleKind,
    /// What people read.
    pub name: String,
}

/// What a title is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TitleKind {
    /// One file.
    Movie,
    /// Episodes.
    Series,
}

/// A movie or a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// Stable id, assigned by the store from (`source`, `kind`, `key`).
    pub id: TitleId,
    /// The source instance it came from.
    pub source: InstanceId,
    /// The upstream's own stable key.
    pub key: String,
    /// What it is.
    pub kind: TitleKind,
    /// What people read.
    pub name: String,
    /// Its category.
    pub category: Option<CategoryId>,
    /// Its poster's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<String>,
    /// A movie's file; none for a series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<MediaFile>,
    /// The source's extension slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attrs: Vec<(String, String)>,
}

/// An episode of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Stable id, assigned by the store from (`source`, `key`).
    pub id: TitleId,
    /// The source instance it came from.
    pub source: InstanceId,
    /// The upstream's own stable key.
    pub key: String,
    /// Its series.
    pub series: TitleId,
    /// Season number; 0 holds specials.
    pub season: u32,
    /// Number within the season.
    pub number: u32,
    /// What people read.
    pub name: String,
    /// Its file.
    pub file: MediaFile,
    /// The source's extension slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attrs: Vec<(String, String)>,
}

/// A file that is fetched as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFile {
    /// File name extension, lower-case ASCII letters and digits, never empty.
    pub container: String,
    /// Where it can be fetched, best first; none where the source says so when it is played.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<Upstream>,
}
