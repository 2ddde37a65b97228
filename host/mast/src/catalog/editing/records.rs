//! Edits, bouquets and rules as they are stored.

use mast_model::{CategoryId, ChannelId, InstanceId};
use mast_store::{Document, Kind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is sold. A channel belongs to it when any of its lists names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bouquet {
    /// The name that lines carry.
    pub name: String,
    /// Its place among bouquets, for those who choose one.
    #[serde(default)]
    pub order: u32,
    /// Every channel of these sources.
    #[serde(default)]
    pub sources: Vec<InstanceId>,
    /// Every channel whose category has one of these names, as it is delivered or as it was edited.
    #[serde(default)]
    pub categories: Vec<String>,
    /// These channels.
    #[serde(default)]
    pub channels: Vec<ChannelId>,
    /// Grows by one with each change.
    #[serde(default)]
    pub revision: u64,
}

impl Document for Bouquet {
    const KIND: Kind = Kind::Bouquets;
    fn key(&self) -> Vec<u8> {
        self.name.as_bytes().to_vec()
    }
}

/// What is different about a channel; what is none is as the source delivers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelEdit {
    /// Which.
    pub channel: ChannelId,
    /// What people read.
    pub name: Option<String>,
    /// In nobody's lineup; it can still be a backup.
    #[serde(default)]
    pub hidden: bool,
    /// The logo's URL; an empty one takes the logo away.
    pub logo: Option<String>,
    /// Its number.
    pub number: Option<u32>,
    /// The id that guides use for it.
    pub epg_id: Option<String>,
    /// Its category, also another source's.
    pub category: Option<CategoryId>,
    /// Its place: channels with one come first, the lowest first.
    pub order: Option<u32>,
    /// Channels whose upstreams are tried after its own, instead of those in `mast.toml`.
    pub backups: Option<Vec<ChannelId>>,
    /// Its profile or ladder, instead of the one in `mast.toml`.
    pub profile: Option<String>,
    /// Grows by one with each change.
    #[serde(default)]
    pub revision: u64,
}

impl ChannelEdit {
    /// Nothing is different yet.
    pub fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            name: None,
            hidden: false,
            logo: None,
            number: None,
            epg_id: None,
            category: None,
            order: None,
            backups: None,
            profile: None,
            revision: 0,
        }
    }
}

impl Document for ChannelEdit {
    const KIND: Kind = Kind::ChannelEdits;
    fn key(&self) -> Vec<u8> {
        self.channel.0.to_be_bytes().to_vec()
    }
}

/// What is different about a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryEdit {
    /// Which.
    pub category: CategoryId,
    /// What people read.
    pub name: Option<String>,
    /// None of its channels is in a lineup.
    #[serde(default)]
    pub hidden: bool,
    /// Its place: categories with one come first, the lowest first.
    pub order: Option<u32>,
    /// Grows by one with each change.
    #[serde(default)]
    pub revision: u64,
}

impl CategoryEdit {
    /// Nothing is different yet.
    pub fn new(category: CategoryId) -> Self {
        Self { category, name: None, hidden: false, order: None, revision: 0 }
    }
}

impl Document for CategoryEdit {
    const KIND: Kind = Kind::CategoryEdits;
    fn key(&self) -> Vec<u8> {
        self.category.0.to_be_bytes().to_vec()
    }
}

/// All rules, in the order in which they apply; edits of single channels come after them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// At most 100.
    pub rules: Vec<Rule>,
    /// Grows by one with each change.
    #[serde(default)]
    pub revision: u64,
}

impl Document for Rules {
    const KIND: Kind = Kind::CatalogRules;
    fn key(&self) -> Vec<u8> {
        b"rules".to_vec()
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Replaces what a regular expression finds in channels' names.
    Rename {
        /// The expression, in the syntax of Rust's regex crate.
        pattern: String,
        /// What stands in its place; `$1` is what its first group found.
        replacement: String,
        /// Only channels of these sources; none for all.
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        sources: Vec<InstanceId>,
    },
    /// Gives categories of one name another.
    Category {
        /// The name so far, exactly.
        from: String,
        /// The new name.
        to: String,
    },
    /// Of channels that are the same, the first stays, and the others become its backups.
    Dedupe {
        /// When they are the same.
        by: DedupeBy,
        /// Sources whose channels stay before others, in this order.
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        prefer: Vec<InstanceId>,
    },
}

/// When two channels of different sources are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DedupeBy {
    /// Their names are, whatever the case and blanks.
    Name,
    /// Their guide ids are; channels without one are all different.
    EpgId,
}
