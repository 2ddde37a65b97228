//! Reading from one version of all guides: a channel's programmes, and what is searched for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mast_model::{ChannelId, InstanceId, Programme};
use mast_store::StoreError;
use mast_store::guide::{Found, GuideSnapshot, Search};

use super::links::Links;
use super::schedule::by;
use super::{Guide, GuideError};

/// One version of all guides.
pub struct Reading {
    links: Arc<Links>,
    snapshot: Box<dyn GuideSnapshot>,
    now: Timestamp,
}

/// What is searched for: everything given must fit.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Words in any order, whatever their case and diacritics; the last one may be only begun.
    pub words: String,
    /// Exactly this title in any language.
    pub title: Option<String>,
    /// Exactly this category in any language.
    pub category: Option<String>,
    /// Only these channels; empty: all.
    pub channels: BTreeSet<ChannelId>,
}

/// A programme that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The channel that it is on.
    pub channel: ChannelId,
    /// The programme, with the channel's own times.
    pub programme: Programme,
}

impl Reading {
    pub(super) fn new(links: Arc<Links>, snapshot: Box<dyn GuideSnapshot>) -> Self {
        Self { links, snapshot, now: Timestamp::now() }
    }

    /// Programmes of a channel that are on between two times, in order. Blocks.
    pub fn programmes(
        &self,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Programme>, GuideError> {
        let Some(guide) = self.links.find(channel) else { return Ok(Vec::new()) };
        Ok(guide.programmes(&*self.snapshot, (from, until), self.now)?)
    }

    /// Programmes of channels of the catalogue that fit and are on between two times, by start and then by channel, at most `most`.
    /// What is made up is not searched. Blocks.
    pub fn search(
        &self,
        query: &Query,
        (from, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<Hit>, GuideError> {
        let mut hits = Vec::new();
        for record in self.snapshot.guides()? {
            let wanted = |channel: &ChannelId| query.channels.is_empty() || query.channels.contains(channel);
            let (mut ids, mut reach) = (Vec::new(), SignedDuration::ZERO);
            for (_, guide) in self.links.all().filter(|(channel, _)| wanted(channel)) {
                for link in guide.links.iter().filter(|link| link.to.guide == record.guide) {
                    ids.push(link.to.channel.clone());
                    reach = reach.max(guide.reach(link));
                }
            }
            ids.sort_unstable();
            ids.dedup();
            if ids.is_empty() {
                continue;
            }
            let search = Search {
                words: query.words.clone(),
                title: query.title.clone(),
                category: query.category.clone(),
                channels: ids,
                from: by(from, -reach),
                until: by(until, reach),
                most,
            };
            for found in self.snapshot.search(&record.guide, &search)? {
                for channel in self.links.channels_of(&record.guide, &found.channel).iter().filter(|id| wanted(id)) {
                    let Some(programme) = self.shown(*channel, &record.guide, &found)? else { continue };
                    if programme.stop > from && programme.start < until {
                        hits.push(Hit { channel: *channel, programme });
                    }
                }
            }
        }
        hits.sort_by_key(|hit| (hit.programme.start, hit.channel));
        hits.dedup();
        hits.truncate(most);
        Ok(hits)
    }

    /// A programme of a guide as a channel has it; none where the channel has something else at that time.
    fn shown(&self, channel: ChannelId, from: &InstanceId, found: &Found) -> Result<Option<Programme>, StoreError> {
        let Some(guide) = self.links.find(channel) else { return Ok(None) };
        let link = guide.links.iter().find(|link| link.to.guide == *from && link.to.channel == found.channel);
        let Some(link) = link else { return Ok(None) };
        let Some(programme) = guide.adjusted(link, vec![found.programme.clone()]).pop() else { return Ok(None) };
        if guide.links.len() == 1 {
            return Ok(Some(programme));
        }
        let there = guide.programmes(&*self.snapshot, (programme.start, programme.stop), self.now)?;
        // It may have been cut to a gap.
        Ok(there.into_iter().find(|other| other.details == programme.details))
    }
}

impl Guide {
    /// See [`Reading::search`]. Blocks.
    pub fn search(&self, query: &Query, between: (Timestamp, Timestamp), most: usize) -> Result<Vec<Hit>, GuideError> {
        self.read()?.search(query, between, most)
    }

    /// Ids of a guide's channels; none where it was never imported. Blocks.
    pub fn channel_ids(&self, guide: &InstanceId) -> Result<Option<BTreeSet<String>>, GuideError> {
        let snapshot = self.shared.store.snapshot()?;
        if !snapshot.guides()?.iter().any(|record| record.guide == *guide) {
            return Ok(None);
        }
        Ok(Some(snapshot.channels(guide)?.into_iter().map(|channel| channel.id).collect()))
    }

    /// Names of guide channels, each told by guide and id. Blocks.
    pub fn channel_names(&self, of: &[(&str, &str)]) -> Result<HashMap<(String, String), Vec<String>>, GuideError> {
        let snapshot = self.shared.store.snapshot()?;
        let mut names = HashMap::new();
        for record in snapshot.guides()? {
            let guide = record.guide.as_str();
            let wanted: HashSet<&str> = of.iter().filter(|(of, _)| *of == guide).map(|(_, id)| *id).collect();
            if wanted.is_empty() {
                continue;
            }
            for channel in snapshot.channels(&record.guide)? {
                if wanted.contains(channel.id.as_str()) {
                    let all = channel.names.into_iter().map(|name| name.value).collect();
                    names.insert((guide.to_owned(), channel.id), all);
                }
            }
        }
        Ok(names)
    }
}
