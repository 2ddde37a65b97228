//! `[catalog]`, and `[bouquet.NAME]`: what is sold. A channel belongs to a bouquet when any of its lists names it. Bouquets of
//! the admin API stand beside these; a name that is used here cannot be used there.

use mast_model::{ChannelId, InstanceId};

use super::editing::Bouquet;
use crate::config::reader::Section;

/// `[catalog]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogConfig {
    /// `max_loss`: a refresh that has lost more than this share of a source's channels, movies or series, where there were at least 20, is not taken
    /// over, in percent, 1 to 100; 50 by default. 100 takes over everything but an empty one.
    pub max_loss: u8,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}

impl CatalogConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        Self { max_loss: section.integer("max_loss", 50, 1..=100) }
    }
}

/// One bouquet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BouquetConfig {
    /// The name that lines carry.
    pub name: String,
    /// `sources`: every channel of these source instances.
    pub sources: Vec<InstanceId>,
    /// `categories`: every channel whose category has one of these names.
    pub categories: Vec<String>,
    /// `channels`: these channels.
    pub channels: Vec<ChannelId>,
}

impl From<&Bouquet> for BouquetConfig {
    fn from(bouquet: &Bouquet) -> Self {
        let Bouquet { name, sources, categories, channels, .. } = bouquet.clone();
        Self { name, sources, categories, channels }
    }
}

impl BouquetConfig {
    /// All of `[bouquet]`, by name.
    pub(crate) fn read_all(bouquets: &Section<'_>) -> Vec<Self> {
        let read = |(name, section): (String, Section<'_>)| {
            if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
                bouquets.problem(&name, "a bouquet's name has 1 to 64 characters");
            }
            Self {
                name,
                sources: section.list("sources"),
                categories: section.list("categories"),
                channels: section.list("channels"),
            }
        };
        bouquets.named_sections().into_iter().map(read).collect()
    }
}
