//! Which guide channel a channel of the catalogue has.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mast_model::{Channel, ChannelId, GuideChannel, InstanceId};
use mast_store::guide::GuideRecord;

/// A guide channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The guide.
    pub guide: InstanceId,
    /// The guide's id for the channel.
    pub channel: String,
}

/// All links.
#[derive(Debug, Default)]
pub struct Links {
    links: BTreeMap<ChannelId, Link>,
    /// Ids of guide channels, in lower case, by guide.
    known: BTreeMap<InstanceId, HashSet<String>>,
    /// Of the content of each guide.
    generations: BTreeMap<InstanceId, u64>,
    /// Of the guides' contents and of the links.
    pub(super) version: u64,
}

/// What is compared of a guide id.
pub(super) fn folded(id: &str) -> String {
    id.trim().to_lowercase()
}

impl Links {
    /// Links channels whose guide id is that of a guide channel; of several guides the first has it.
    pub(super) fn by_id(channels: &[Arc<Channel>], guides: &[(u32, &GuideRecord, Vec<GuideChannel>)]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut found: HashMap<String, Link> = HashMap::new();
        let mut known = BTreeMap::new();
        for (_, record, guide_channels) in guides {
            hasher.update(record.guide.as_str().as_bytes());
            hasher.update(&record.generation.to_le_bytes());
            for channel in guide_channels {
                let link = || Link { guide: record.guide.clone(), channel: channel.id.clone() };
                found.entry(folded(&channel.id)).or_insert_with(link);
            }
            known.insert(record.guide.clone(), guide_channels.iter().map(|channel| folded(&channel.id)).collect());
        }
        let link = |channel: &Arc<Channel>| Some((channel.id, found.get(&folded(channel.epg_id.as_ref()?))?.clone()));
        let links: BTreeMap<ChannelId, Link> = channels.iter().filter_map(link).collect();
        for (channel, link) in &links {
            hasher.update(&channel.0.to_le_bytes());
            hasher.update(link.channel.as_bytes());
            hasher.update(&[0]);
        }
        let version = number(&hasher);
        let generations = guides.iter().map(|(_, record, _)| (record.guide.clone(), record.generation)).collect();
        Self { links, known, generations, version }
    }

    /// Of what a channel's programmes depend on.
    pub(super) fn version_of(&self, channel: ChannelId) -> u64 {
        let mut hasher = blake3::Hasher::new();
        if let Some(link) = self.links.get(&channel) {
            hasher.update(link.guide.as_str().as_bytes());
            hasher.update(&self.generations.get(&link.guide).copied().unwrap_or_default().to_le_bytes());
            hasher.update(link.channel.as_bytes());
        }
        number(&hasher)
    }

    /// The guide channel of a channel.
    pub fn find(&self, channel: ChannelId) -> Option<&Link> {
        self.links.get(&channel)
    }

    /// Every channel that has one, by id.
    pub fn all(&self) -> impl Iterator<Item = (ChannelId, &Link)> {
        self.links.iter().map(|(channel, link)| (*channel, link))
    }

    /// Ids of a guide's channels, in lower case; none where it was never imported.
    pub(super) fn known(&self, guide: &InstanceId) -> Option<&HashSet<String>> {
        self.known.get(guide)
    }
}

fn number(hasher: &blake3::Hasher) -> u64 {
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has more than eight bytes"))
}
