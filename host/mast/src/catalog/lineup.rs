//! Lineups: the numbered channels that a line sees.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mast_model::{Category, CategoryId, Channel, ChannelId};

use super::on_demand::OnDemand;

/// The numbered channels that a line sees.
#[derive(Debug)]
pub struct Lineup {
    /// In order, numbered from 1 without gaps unless the source numbers its channels.
    pub entries: Vec<LineupEntry>,
    /// Categories that occur, in order.
    pub categories: Vec<Arc<Category>>,
    /// Changes when anything that a viewer can see of the lineup does; for ETags. The same content has the same version, also
    /// after a restart.
    pub version: u64,
    /// Movies and series.
    pub on_demand: OnDemand,
    by_id: HashMap<ChannelId, usize>,
    category_by_id: HashMap<CategoryId, usize>,
}

/// A channel of a lineup.
#[derive(Debug, Clone)]
pub struct LineupEntry {
    /// From 1.
    pub number: u32,
    /// The channel.
    pub channel: Arc<Channel>,
}

impl Lineup {
    /// Numbers the channels, which are in lineup order, and keeps those of the categories that occur.
    pub fn new(channels: Vec<Arc<Channel>>, categories: impl IntoIterator<Item = Arc<Category>>) -> Self {
        let numbers = numbers(&channels);
        let entries: Vec<LineupEntry> =
            channels.into_iter().zip(numbers).map(|(channel, number)| LineupEntry { number, channel }).collect();
        let used: HashSet<CategoryId> = entries.iter().filter_map(|entry| entry.channel.category).collect();
        let categories: Vec<Arc<Category>> =
            categories.into_iter().filter(|category| used.contains(&category.id)).collect();
        Self {
            version: version(&entries, &categories),
            on_demand: OnDemand::default(),
            by_id: entries.iter().enumerate().map(|(index, entry)| (entry.channel.id, index)).collect(),
            category_by_id: categories.iter().enumerate().map(|(index, category)| (category.id, index)).collect(),
            entries,
            categories,
        }
    }

    /// With movies and series.
    #[must_use]
    pub fn with(mut self, on_demand: OnDemand) -> Self {
        self.version ^= on_demand.version;
        self.on_demand = on_demand;
        self
    }

    /// The entry of a channel.
    pub fn find(&self, channel: ChannelId) -> Option<&LineupEntry> {
        self.by_id.get(&channel).map(|index| &self.entries[*index])
    }

    /// A category that occurs.
    pub fn category(&self, id: CategoryId) -> Option<&Arc<Category>> {
        self.category_by_id.get(&id).map(|index| &self.categories[*index])
    }
}

/// The upstream's number goes to the first channel that has it; all others take the lowest that nobody has.
fn numbers(channels: &[Arc<Channel>]) -> Vec<u32> {
    let mut taken = HashSet::with_capacity(channels.len());
    let claimed: Vec<Option<u32>> =
        channels.iter().map(|channel| channel.number.filter(|number| *number > 0 && taken.insert(*number))).collect();
    let mut free = (1..=u32::MAX).filter(|number| !taken.contains(number));
    claimed
        .into_iter()
        .map(|number| number.or_else(|| free.next()).expect("there are more numbers than channels"))
        .collect()
}

/// A hash of everything that outputs are shown. Upstreams are not: a provider that rotates them changes nothing for viewers.
fn version(entries: &[LineupEntry], categories: &[Arc<Category>]) -> u64 {
    let mut hash = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for category in categories {
        add(&category.id.0.to_le_bytes());
        add(category.name.as_bytes());
    }
    for LineupEntry { number, channel } in entries {
        add(&number.to_le_bytes());
        add(&channel.id.0.to_le_bytes());
        add(&channel.category.map_or(0, |category| category.0).to_le_bytes());
        add(channel.name.as_bytes());
        add(channel.logo.as_deref().unwrap_or_default().as_bytes());
        add(channel.epg_id.as_deref().unwrap_or_default().as_bytes());
        if let Some(catch_up) = &channel.catch_up {
            add(catch_up.mode.as_bytes());
            add(&catch_up.days.to_le_bytes());
        }
        add(&(channel.attrs.len() as u64).to_le_bytes());
        for (key, value) in &channel.attrs {
            add(key.as_bytes());
            add(value.as_bytes());
        }
    }
    first_eight(&hash.finalize())
}

/// The first bytes of a hash as a number.
pub(super) fn first_eight(digest: &blake3::Hash) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests;
