//! What every channel of the catalogue has for a guide, as it is published: one version of it for all readers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::tz::TimeZone;
use mast_model::{ChannelId, GuideChannel, InstanceId};

use super::dummy::Dummy;
use super::linking::manual::{ByHand, ManualLink};
use super::linking::{Doubt, Linked, Linking};

/// What a channel's programmes are made of.
#[derive(Debug, Clone, Default)]
pub struct ChannelGuide {
    /// Guide channels, the one that counts most first.
    pub links: Vec<Link>,
    /// All times are moved by this, seconds.
    pub shift: i64,
    /// Where nothing is linked: what is made up instead.
    pub dummy: Option<Arc<Dummy>>,
    /// Of everything that its programmes depend on.
    version: u64,
}

/// A guide channel, and how its times are read.
#[derive(Debug, Clone)]
pub struct Link {
    /// Which, and why.
    pub to: Linked,
    /// Times are those of the clocks in this zone, whatever the guide says.
    pub zone: Option<TimeZone>,
}

/// A guide that is read.
pub(super) struct Known {
    pub(super) id: InstanceId,
    pub(super) generation: u64,
    pub(super) zone: Option<TimeZone>,
    pub(super) channels: Vec<GuideChannel>,
}

/// All links.
#[derive(Default)]
pub struct Links {
    channels: BTreeMap<ChannelId, ChannelGuide>,
    /// Which channels a guide channel is for, by guide.
    used: BTreeMap<InstanceId, HashMap<String, Vec<ChannelId>>>,
    by_hand: Arc<BTreeMap<ChannelId, ByHand>>,
    doubts: BTreeMap<ChannelId, Vec<Doubt>>,
    unlinked: BTreeSet<ChannelId>,
    unused: Vec<(InstanceId, String)>,
    /// Of the guides' contents and of the links.
    pub(super) version: u64,
}

impl Links {
    /// Of what linking came to. `dummy` says what is made up for a channel that has no links.
    pub(super) fn new(
        linking: Linking,
        guides: &[Known],
        by_hand: Arc<BTreeMap<ChannelId, ByHand>>,
        dummy: impl Fn(ChannelId) -> Option<Arc<Dummy>>,
    ) -> Self {
        let guide = |id: &InstanceId| guides.iter().find(|guide| guide.id == *id);
        let mut all = Self { unused: linking.unused, by_hand: Arc::clone(&by_hand), ..Self::default() };
        for doubt in linking.review {
            all.doubts.entry(doubt.channel).or_default().push(doubt);
        }
        for (channel, links) in linking.links {
            let own = by_hand.get(&channel);
            let zone = own.and_then(|own| own.zone.clone());
            let zoned = |to: Linked| {
                let zone = zone.clone().or_else(|| guide(&to.guide)?.zone.clone());
                Link { to, zone }
            };
            let links: Vec<Link> = links.into_iter().map(zoned).collect();
            for link in &links {
                let used = all.used.entry(link.to.guide.clone()).or_default();
                used.entry(link.to.channel.clone()).or_default().push(channel);
            }
            let one = ChannelGuide { links, shift: own.map_or(0, |own| own.shift), ..ChannelGuide::default() };
            all.channels.insert(channel, one);
        }
        for channel in linking.unlinked {
            if let Some(dummy) = dummy(channel) {
                let one = ChannelGuide { dummy: Some(dummy), ..ChannelGuide::default() };
                all.channels.insert(channel, one);
            }
            all.unlinked.insert(channel);
        }
        let generation = |id: &InstanceId| guide(id).map_or(0, |guide| guide.generation);
        let mut hasher = blake3::Hasher::new();
        for (channel, one) in &mut all.channels {
            one.version = one.hash(generation);
            hasher.update(&channel.0.to_le_bytes());
            hasher.update(&one.version.to_le_bytes());
        }
        all.version = number(&hasher);
        all
    }

    /// What a channel has; none where it has nothing.
    pub fn find(&self, channel: ChannelId) -> Option<&ChannelGuide> {
        self.channels.get(&channel)
    }

    /// Every channel that has programmes, by id.
    pub fn all(&self) -> impl Iterator<Item = (ChannelId, &ChannelGuide)> {
        self.channels.iter().map(|(channel, one)| (*channel, one))
    }

    /// The channels that a guide channel is for.
    pub fn channels_of(&self, guide: &InstanceId, channel: &str) -> &[ChannelId] {
        self.used.get(guide).and_then(|used| used.get(channel)).map_or(&[], Vec::as_slice)
    }

    /// What operators said of a channel.
    pub fn by_hand(&self, channel: ChannelId) -> Option<&ByHand> {
        self.by_hand.get(&channel)
    }

    /// Everything that operators said.
    pub fn all_by_hand(&self) -> &BTreeMap<ChannelId, ByHand> {
        &self.by_hand
    }

    /// What an unlinked channel may be, the likeliest first.
    pub fn doubts(&self, channel: ChannelId) -> &[Doubt] {
        self.doubts.get(&channel).map_or(&[], Vec::as_slice)
    }

    /// Whether a guide was looked for, and none was found.
    pub fn is_unlinked(&self, channel: ChannelId) -> bool {
        self.unlinked.contains(&channel)
    }

    /// Guide channels that no channel has, in the order of their guides.
    pub fn unused(&self) -> &[(InstanceId, String)] {
        &self.unused
    }

    /// Ids of a guide's channels that are linked, in any order.
    pub(super) fn used(&self, guide: &InstanceId) -> impl Iterator<Item = &String> {
        self.used.get(guide).into_iter().flat_map(HashMap::keys)
    }
}

impl ChannelGuide {
    /// Of everything that its programmes depend on.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The one link of a channel whose programmes are as the guide has them.
    pub(super) fn plain(&self) -> Option<&Link> {
        match self.links.as_slice() {
            [link] if self.shift == 0 && link.zone.is_none() && link.to.behind == 0 => Some(link),
            _ => None,
        }
    }

    fn hash(&self, generation: impl Fn(&InstanceId) -> u64) -> u64 {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for link in &self.links {
            add(link.to.guide.as_str());
            add(&generation(&link.to.guide).to_string());
            add(&link.to.channel);
            add(&link.to.behind.to_string());
            add(link.zone.as_ref().and_then(TimeZone::iana_name).unwrap_or_default());
        }
        add(&self.shift.to_string());
        if let Some(dummy) = &self.dummy {
            add(&dummy.key());
        }
        number(&hasher)
    }
}

fn number(hasher: &blake3::Hasher) -> u64 {
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has more than eight bytes"))
}

/// Links as `linking` takes them.
pub(super) fn manual(by_hand: &BTreeMap<ChannelId, ByHand>) -> BTreeMap<ChannelId, ManualLink> {
    by_hand.iter().filter_map(|(channel, own)| Some((*channel, own.link.clone()?))).collect()
}
