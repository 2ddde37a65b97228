//! What the catalogue wants of a guide: told in short, to see whether it has changed, and in full while the guide is imported.
//!
//! A guide channel is wanted by its id or, once it has been met, by its names. One whose programmes come before it is refused by name, is
//! linked when the import is over, and is wanted in the next import because it is linked.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mast_model::{Channel, ChannelId, GuideChannel, InstanceId};

use super::linking::manual::{ByHand, ManualLink};
use super::linking::{LinkOptions, Wanting, Wishes};
use super::links::{Links, manual};

/// What linking is told of channels.
pub(super) fn wanting(channels: &[Arc<Channel>]) -> Vec<Wanting<'_>> {
    channels
        .iter()
        .map(|channel| Wanting { id: channel.id, name: &channel.name, epg_id: channel.epg_id.as_deref() })
        .collect()
}

/// All that is wanted, in short: another one where it is something else.
pub(super) fn digest(channels: &[Arc<Channel>], by_hand: &BTreeMap<ChannelId, ByHand>) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    // The order says nothing.
    let mut all: Vec<(&str, &str)> =
        channels.iter().map(|channel| (channel.name.as_str(), channel.epg_id.as_deref().unwrap_or_default())).collect();
    all.sort_unstable();
    all.dedup();
    for (name, id) in all {
        add(name);
        add(id);
    }
    for (channel, own) in by_hand {
        if let Some(ManualLink::Guide { guide, channel: id }) = &own.link {
            add(&channel.to_string());
            add(guide.as_str());
            add(id);
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The linked channels of a guide, in short.
pub(super) fn linked(links: &Links, guide: &InstanceId) -> u64 {
    // Each on its own, for they come in any order.
    links.used(guide).map(|id| hash(id)).fold(0, u64::wrapping_add)
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// What is wanted of one guide, for one import.
pub(super) struct Demand {
    guide: InstanceId,
    wishes: Wishes,
    /// Guide channels that were linked when the import began.
    linked: HashSet<String>,
    kept: HashSet<String>,
    /// Hashes of ids whose programmes were refused.
    refused: HashSet<u64>,
    /// The last answer.
    last: (String, bool),
}

impl Demand {
    pub(super) fn new(
        guide: &InstanceId,
        channels: &[Arc<Channel>],
        by_hand: &BTreeMap<ChannelId, ByHand>,
        links: &Links,
        options: LinkOptions,
    ) -> Self {
        Self {
            guide: guide.clone(),
            wishes: Wishes::new(&wanting(channels), &manual(by_hand), options),
            linked: links.used(guide).cloned().collect(),
            kept: HashSet::new(),
            refused: HashSet::new(),
            last: (String::new(), false),
        }
    }

    /// A channel of the guide came.
    pub(super) fn meet(&mut self, channel: &GuideChannel) {
        if !self.refused.contains(&hash(&channel.id)) && self.wishes.want(&self.guide, channel) {
            self.kept.insert(channel.id.clone());
            self.last.0.clear();
        }
    }

    /// Whether programmes of a guide channel are kept.
    pub(super) fn passes(&mut self, id: &str) -> bool {
        if self.last.0 == id && !id.is_empty() {
            return self.last.1;
        }
        let passes = self.kept.contains(id)
            || (self.linked.contains(id) || self.wishes.want_id(&self.guide, id)) && self.kept.insert(id.to_owned());
        if !passes {
            self.refused.insert(hash(id));
        }
        self.last.0.clear();
        self.last.0.push_str(id);
        self.last.1 = passes;
        passes
    }

    /// Guide channels whose programmes were all kept.
    pub(super) fn into_kept(self) -> HashSet<String> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use mast_model::GuideText;

    use super::*;

    fn demand(names: &[&str], linked: &[&str]) -> Demand {
        let wanting: Vec<Wanting<'_>> = names
            .iter()
            .zip(1..)
            .map(|(name, id)| Wanting { id: ChannelId(id), name, epg_id: Some("One.Example") })
            .collect();
        Demand {
            guide: InstanceId::new("guide").unwrap(),
            wishes: Wishes::new(&wanting, &BTreeMap::new(), LinkOptions::default()),
            linked: linked.iter().map(|id| (*id).to_owned()).collect(),
            kept: HashSet::new(),
            refused: HashSet::new(),
            last: (String::new(), false),
        }
    }

    fn channel(id: &str, name: &str) -> GuideChannel {
        let names = vec![GuideText { lang: None, value: name.to_owned() }];
        GuideChannel { id: id.to_owned(), names, ..GuideChannel::default() }
    }

    #[test]
    fn wanted_by_id_by_name_or_by_link() {
        let mut demand = demand(&["Nova One HD"], &["linked"]);
        demand.meet(&channel("by-name", "Nova One"));
        demand.meet(&channel("other", "Something else"));
        for (id, expected) in [
            ("one.example", true),
            ("ONE.example", true),
            ("by-name", true),
            ("linked", true),
            ("other", false),
            ("", false),
        ] {
            assert_eq!((demand.passes(id), demand.passes(id)), (expected, expected), "{id}");
        }
        let mut kept: Vec<String> = demand.into_kept().into_iter().collect();
        kept.sort();
        assert_eq!(kept, ["ONE.example", "by-name", "linked", "one.example"]);
    }

    #[test]
    fn a_channel_that_comes_behind_its_programmes_is_not_said_to_be_kept() {
        let mut demand = demand(&["Nova One"], &[]);
        assert!(!demand.passes("late"));
        demand.meet(&channel("late", "Nova One"));
        assert!(!demand.passes("late"), "half of its programmes are worth nothing");
        assert!(demand.into_kept().is_empty());
    }
}
