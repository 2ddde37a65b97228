//! What goes in and out of the store.

use jiff::Timestamp;
use mast_model::{CatchUp, Category, Channel, InstanceId, Library, MediaFile, TitleKind, Upstream};
use serde::{Deserialize, Serialize};

/// A source's catalogue before it has ids.
#[derive(Debug, Clone, Default)]
pub struct ImportedCatalog {
    /// In the source's order.
    pub categories: Vec<ImportedCategory>,
    /// In lineup order, keys without repeats.
    pub channels: Vec<ImportedChannel>,
    /// What there is on demand.
    pub library: ImportedLibrary,
    /// To send with the next conditional requests.
    pub validators: Vec<Validator>,
}

/// A category before it has an id.
#[derive(Debug, Clone)]
pub struct ImportedCategory {
    /// The upstream's own stable key.
    pub key: String,
    /// What people read.
    pub name: String,
}

/// A channel before it has an id.
#[derive(Debug, Clone)]
pub struct ImportedChannel {
    /// The upstream's own stable key.
    pub key: String,
    /// What people read.
    pub name: String,
    /// The number the upstream gives it.
    pub number: Option<u32>,
    /// Key of its category.
    pub category: Option<String>,
    /// Logo URL.
    pub logo: Option<String>,
    /// Guide id.
    pub epg_id: Option<String>,
    /// Where it can be fetched, best first.
    pub upstreams: Vec<Upstream>,
    /// Past programmes.
    pub catch_up: Option<CatchUp>,
    /// The source's extension slot.
    pub attrs: Vec<(String, String)>,
}

/// What a source has on demand, before it has ids.
#[derive(Debug, Clone, Default)]
pub struct ImportedLibrary {
    /// In the source's order.
    pub categories: Vec<(TitleKind, ImportedCategory)>,
    /// In the source's order, keys of a kind without repeats.
    pub titles: Vec<ImportedTitle>,
    /// Keys without repeats.
    pub episodes: Vec<ImportedEpisode>,
}

/// A movie or a series before it has an id.
#[derive(Debug, Clone)]
pub struct ImportedTitle {
    /// What it is.
    pub kind: TitleKind,
    /// The upstream's own stable key.
    pub key: String,
    /// What people read.
    pub name: String,
    /// Key of its category.
    pub category: Option<String>,
    /// Poster URL.
    pub poster: Option<String>,
    /// A movie's file.
    pub file: Option<MediaFile>,
    /// The source's extension slot.
    pub attrs: Vec<(String, String)>,
}

/// An episode before it has an id.
#[derive(Debug, Clone)]
pub struct ImportedEpisode {
    /// The upstream's own stable key.
    pub key: String,
    /// Key of its series; one of an unknown series is dropped.
    pub series: String,
    /// Season number.
    pub season: u32,
    /// Number within the season.
    pub number: u32,
    /// What people read.
    pub name: String,
    /// Its file.
    pub file: MediaFile,
    /// The source's extension slot.
    pub attrs: Vec<(String, String)>,
}

/// What identifies the version of a resource that an accepted import was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// A keyed or plain hash of the URL or path, in hexadecimal: the URL itself may hold credentials.
    pub resource: String,
    /// ETag, as sent.
    pub etag: Option<String>,
    /// Last-Modified as sent, or a file's modification time and size.
    pub last_modified: Option<String>,
}

/// A source as the store knows it.
#[derive(Debug, Clone)]
pub struct SourceRecord {
    /// The source instance.
    pub source: InstanceId,
    /// In the source's order.
    pub categories: Vec<Category>,
    /// In lineup order.
    pub channels: Vec<Channel>,
    /// What there is on demand.
    pub library: Library,
    /// To send with the next conditional requests.
    pub validators: Vec<Validator>,
    /// When a refresh last succeeded, with or without change.
    pub refreshed_at: Timestamp,
}
