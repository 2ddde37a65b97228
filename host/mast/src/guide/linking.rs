//! Which guide channels a channel of the catalogue has, and why: links made by hand, then ids, then names, then names that are nearly
//! the same. Pure: nothing here reads or keeps anything.
//!
//! Not here: what is done with several guides for one channel (`merge.rs`), and where links made by hand are kept (`manual.rs`).
//!
//! Invariants: the same input gives the same links; a channel that is an hour later (+1) never has its base's times; what is uncertain is
//! not linked but listed for review.

mod fuzzy;
pub mod manual;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mast_model::{ChannelId, GuideChannel, InstanceId};

use fuzzy::NameIndex;
use manual::ManualLink;
use names::Name;

/// What linking needs to know of a channel of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Wanting<'a> {
    /// The channel.
    pub id: ChannelId,
    /// Its name, as people read it.
    pub name: &'a str,
    /// The guide id that its source gives it.
    pub epg_id: Option<&'a str>,
}

/// How much likeness is enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkOptions {
    /// Names at least this alike are linked, 0 to 1; above 1 none are.
    pub threshold: f64,
    /// Names at least this alike are listed for review.
    pub review: f64,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self { threshold: 0.9, review: 0.7 }
    }
}

/// Why a link was made, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Why {
    /// An operator said so.
    Manual,
    /// The channel's guide id is exactly the guide's.
    Id,
    /// The ids differ in case or in spaces round them.
    FoldedId,
    /// The names are the same, apart from case, diacritics, script, quality, country and punctuation.
    Name,
    /// The names are nearly the same: how alike, 0 to 1.
    Alike(f64),
}

/// A link to a guide channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Linked {
    /// The guide.
    pub guide: InstanceId,
    /// The guide's id for the channel.
    pub channel: String,
    /// Why.
    pub why: Why,
    /// Hours that the channel is behind what it is linked to: a +1 channel for which the guide has only the base.
    pub behind: u8,
}

/// Two names that may mean the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubt {
    /// The channel without a guide.
    pub channel: ChannelId,
    /// The guide.
    pub guide: InstanceId,
    /// The guide's id for what may be the channel.
    pub guide_channel: String,
    /// How alike, 0 to 1.
    pub score: f64,
}

/// What linking came to.
#[derive(Debug, Default, PartialEq)]
pub struct Linking {
    /// The links of each channel that has some: one for each guide at most, in the order of the guides.
    pub links: BTreeMap<ChannelId, Vec<Linked>>,
    /// What an operator might look at, the likeliest first: at most three for each channel without links.
    pub review: Vec<Doubt>,
    /// Channels without links, in the order of the catalogue; those marked as having no guide are not among them.
    pub unlinked: Vec<ChannelId>,
    /// Guide channels that no channel has, in the order of their guides.
    pub unused: Vec<(InstanceId, String)>,
}

/// What was found alike before, so that a catalogue that has changed a little is not compared all over again. Comparing names takes
/// nearly all of the time.
#[derive(Debug, Default)]
pub struct Memo {
    /// The guides' contents and the options that it holds for.
    of: Option<(Vec<(InstanceId, u64)>, LinkOptions)>,
    alike: HashMap<String, Alike>,
}

/// Names that are alike, by guide: places in the guide, and how alike.
type Alike = Vec<Vec<(usize, f64)>>;

impl Memo {
    /// Forgets everything unless it is of these guides, told by their generations, and options.
    pub fn keep_for(&mut self, guides: Vec<(InstanceId, u64)>, options: LinkOptions) {
        let of = Some((guides, options));
        if self.of != of {
            *self = Self { of, alike: HashMap::new() };
        }
    }
}

/// Links all channels. `guides` are in the order of their priority; of guide channels and of links made by hand that do not exist (any
/// more) nothing comes.
pub fn link(
    channels: &[Wanting<'_>],
    guides: &[(InstanceId, &[GuideChannel])],
    manual: &BTreeMap<ChannelId, ManualLink>,
    options: LinkOptions,
    memo: &mut Memo,
) -> Linking {
    let shelves: Vec<Shelf<'_>> = guides.iter().map(|(guide, channels)| Shelf::new(guide, channels)).collect();
    let mut linking = Linking::default();
    let (known, mut used) = (std::mem::take(&mut memo.alike), HashMap::new());
    for channel in channels {
        let links = match manual.get(&channel.id) {
            Some(ManualLink::NoGuide) => continue,
            Some(ManualLink::Guide { guide, channel }) => by_hand(&shelves, guide, channel),
            None => {
                let name = Name::of(channel.name);
                let sure: Vec<Linked> = shelves.iter().filter_map(|shelf| shelf.find(channel, &name)).collect();
                if sure.is_empty() {
                    let least = options.review.min(options.threshold);
                    let compare = || shelves.iter().map(|shelf| shelf.names.alike(&name, least)).collect();
                    let alike = known.get(channel.name).cloned().unwrap_or_else(compare);
                    let links = likely(&shelves, channel, options, &alike, &mut linking.review);
                    used.insert(channel.name.to_owned(), alike);
                    links
                } else {
                    sure
                }
            }
        };
        if links.is_empty() {
            linking.unlinked.push(channel.id);
        } else {
            linking.links.insert(channel.id, links);
        }
    }
    memo.alike = used;
    linking.review.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.channel.cmp(&b.channel)));
    let used: BTreeSet<(&InstanceId, &str)> =
        linking.links.values().flatten().map(|link| (&link.guide, link.channel.as_str())).collect();
    let all = shelves.iter().flat_map(|shelf| shelf.channels.iter().map(|channel| (shelf.guide, channel.id.as_str())));
    linking.unused = all.filter(|one| !used.contains(one)).map(|(guide, id)| (guide.clone(), id.to_owned())).collect();
    linking
}

fn by_hand(shelves: &[Shelf<'_>], guide: &InstanceId, channel: &str) -> Vec<Linked> {
    let shelf = shelves.iter().find(|shelf| shelf.guide == guide);
    let place = shelf.and_then(|shelf| Some((shelf, *shelf.ids.get(channel)?)));
    place.map(|(shelf, place)| shelf.linked(place, Why::Manual, 0)).into_iter().collect()
}

/// Links to names that are alike enough; the others are for review.
fn likely(
    shelves: &[Shelf<'_>],
    channel: &Wanting<'_>,
    options: LinkOptions,
    alike: &Alike,
    review: &mut Vec<Doubt>,
) -> Vec<Linked> {
    let (mut links, mut doubts) = (Vec::new(), Vec::new());
    for (shelf, alike) in shelves.iter().zip(alike) {
        if let Some((place, score)) = alike.first().filter(|(_, score)| *score >= options.threshold) {
            links.push(shelf.linked(*place, Why::Alike(*score), 0));
            continue;
        }
        doubts.extend(alike.iter().map(|(place, score)| Doubt {
            channel: channel.id,
            guide: shelf.guide.clone(),
            guide_channel: shelf.channels[*place].id.clone(),
            score: *score,
        }));
    }
    if links.is_empty() {
        doubts.sort_by(|a, b| b.score.total_cmp(&a.score));
        review.extend(doubts.into_iter().take(3));
    }
    links
}

/// A guide's channels, to be found by id and by name.
struct Shelf<'a> {
    guide: &'a InstanceId,
    channels: &'a [GuideChannel],
    ids: HashMap<&'a str, usize>,
    folded_ids: HashMap<String, usize>,
    names: NameIndex,
}

impl<'a> Shelf<'a> {
    fn new(guide: &'a InstanceId, channels: &'a [GuideChannel]) -> Self {
        let (mut ids, mut folded_ids, mut names) = (HashMap::new(), HashMap::new(), NameIndex::default());
        for (place, channel) in channels.iter().enumerate() {
            ids.entry(channel.id.as_str()).or_insert(place);
            folded_ids.entry(folded_id(&channel.id)).or_insert(place);
            let country = names::country_of_id(&channel.id);
            for name in &channel.names {
                names.add(place, Name::of(&name.value).or_country(country));
            }
        }
        Self { guide, channels, ids, folded_ids, names }
    }

    /// What surely is the channel's.
    fn find(&self, channel: &Wanting<'_>, name: &Name) -> Option<Linked> {
        let by_id = channel.epg_id.and_then(|id| {
            let exact = self.ids.get(id).map(|place| (*place, Why::Id));
            exact.or_else(|| self.folded_ids.get(&folded_id(id)).map(|place| (*place, Why::FoldedId)))
        });
        if let Some((place, why)) = by_id {
            // Sources like to give a +1 channel its base's id.
            let known = &self.channels[place].names;
            let base =
                name.behind > 0 && !known.is_empty() && known.iter().all(|name| Name::of(&name.value).behind == 0);
            return Some(self.linked(place, why, if base { name.behind } else { 0 }));
        }
        if let Some(place) = self.names.same(name) {
            return Some(self.linked(place, Why::Name, 0));
        }
        let base = (name.behind > 0).then(|| self.names.same(&name.base()))??;
        Some(self.linked(base, Why::Name, name.behind))
    }

    fn linked(&self, place: usize, why: Why, behind: u8) -> Linked {
        Linked { guide: self.guide.clone(), channel: self.channels[place].id.clone(), why, behind }
    }
}

fn folded_id(id: &str) -> String {
    id.trim().to_lowercase()
}

/// Tells which channels of a guide are worth keeping before the guide is there: those that some channel of the catalogue could be linked to.
pub struct Wishes {
    ids: BTreeSet<String>,
    /// Guide channels that links made by hand name.
    manual: BTreeSet<(InstanceId, String)>,
    names: NameIndex,
    least: f64,
}

impl Wishes {
    /// What these channels could be linked to.
    pub fn new(channels: &[Wanting<'_>], manual: &BTreeMap<ChannelId, ManualLink>, options: LinkOptions) -> Self {
        let mut names = NameIndex::default();
        for (place, channel) in channels.iter().enumerate() {
            let name = Name::of(channel.name);
            names.add(place, name.base());
        }
        let by_hand = manual.values().filter_map(|link| match link {
            ManualLink::Guide { guide, channel } => Some((guide.clone(), channel.clone())),
            ManualLink::NoGuide => None,
        });
        Self {
            ids: channels.iter().filter_map(|channel| channel.epg_id.map(folded_id)).collect(),
            manual: by_hand.collect(),
            names,
            least: options.threshold,
        }
    }

    /// Whether a channel of a guide of which nothing but its id is known may be linked to.
    pub fn want_id(&self, guide: &InstanceId, id: &str) -> bool {
        self.ids.contains(&folded_id(id)) || self.manual.contains(&(guide.clone(), id.to_owned()))
    }

    /// Whether a channel of a guide may be linked to.
    pub fn want(&self, guide: &InstanceId, channel: &GuideChannel) -> bool {
        self.want_id(guide, &channel.id)
            || channel.names.iter().any(|name| {
                let name = Name::of(&name.value).base();
                self.names.same(&name).is_some() || !self.names.alike(&name, self.least).is_empty()
            })
    }
}
