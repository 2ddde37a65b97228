//! `[bouquet.NAME]`: what is sold. A channel belongs to a bouquet when any of its lists names it. Bouquets get their own editor with
//! the admin API; until then they are configuration.

use mast_model::{ChannelId, InstanceId};

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
