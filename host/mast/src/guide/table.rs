//! What is on now and next on every channel, in memory. Made anew when a guide, the links or the time change it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mast_model::{ChannelId, InstanceId, Programme};
use mast_store::StoreError;
use mast_store::guide::GuideSnapshot;

use super::links::Links;
use super::schedule::by;

/// Programmes behind the one that is on.
const NEXT: usize = 4;
/// Where times are moved or guides merged: how far ahead programmes are looked for.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// However much changes: what is on is looked up by the clock among the programmes that are here, of which there are enough for a while,
/// and with thousands of channels something ends in every second.
const SHORTEST: Duration = Duration::from_secs(60);
/// However little does.
const LONGEST: Duration = Duration::from_secs(300);

/// What is on a channel, and what comes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NowNext {
    /// In order: what is on (unless there is a gap), and up to four more.
    pub programmes: Vec<Programme>,
}

impl NowNext {
    /// What is on at this moment.
    pub fn now(&self, at: Timestamp) -> Option<&Programme> {
        self.programmes.iter().find(|programme| programme.start <= at && at < programme.stop)
    }

    /// What starts after this moment.
    pub fn next(&self, at: Timestamp) -> impl Iterator<Item = &Programme> {
        self.programmes.iter().filter(move |programme| programme.start > at)
    }
}

/// One version of it.
#[derive(Default)]
pub(super) struct Table {
    channels: HashMap<ChannelId, Arc<NowNext>>,
    /// When something ends or begins.
    stale: Option<Timestamp>,
    /// When the events begin that names of channels speak of: dates without a year move with the time.
    events: BTreeMap<ChannelId, Timestamp>,
}

impl Table {
    /// Reads what all channels have. Blocks.
    pub(super) fn read(snapshot: &dyn GuideSnapshot, links: &Links, now: Timestamp) -> Result<Self, StoreError> {
        let mut plain: BTreeMap<&InstanceId, HashMap<&str, Vec<ChannelId>>> = BTreeMap::new();
        let mut table = Self::default();
        for (channel, guide) in links.all() {
            if let Some(link) = guide.plain() {
                plain.entry(&link.to.guide).or_default().entry(&link.to.channel).or_default().push(channel);
                continue;
            }
            let event = guide.dummy.as_ref().and_then(|dummy| dummy.event(now));
            table.events.extend(event.map(|event| (channel, event.start)));
            let mut programmes = guide.programmes(snapshot, (now, by(now, AHEAD)), now)?;
            let on = programmes.first().is_some_and(|programme| programme.start <= now);
            programmes.truncate(if on { NEXT + 1 } else { NEXT });
            table.add(&[channel], programmes, now);
        }
        for (guide, channels) in plain {
            snapshot.around(guide, now, NEXT, &mut |id, programmes| {
                if let Some(linked) = channels.get(id) {
                    table.add(linked, programmes, now);
                }
            })?;
        }
        Ok(table)
    }

    fn add(&mut self, channels: &[ChannelId], programmes: Vec<Programme>, now: Timestamp) {
        if programmes.is_empty() {
            return;
        }
        let soon = programmes.iter().take(2).flat_map(|programme| [programme.start, programme.stop]);
        self.stale = soon.filter(|at| *at > now).chain(self.stale).min();
        let shared = Arc::new(NowNext { programmes });
        self.channels.extend(channels.iter().map(|channel| (*channel, Arc::clone(&shared))));
    }

    /// When the event begins that a channel's name speaks of.
    pub(super) fn event(&self, channel: ChannelId) -> Option<Timestamp> {
        self.events.get(&channel).copied()
    }

    /// A number that differs where an event is at another time.
    pub(super) fn events_version(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.events.hash(&mut hasher);
        if self.events.is_empty() { 0 } else { hasher.finish() }
    }

    pub(super) fn find(&self, channel: ChannelId) -> Option<Arc<NowNext>> {
        self.channels.get(&channel).cloned()
    }

    /// How long it is right.
    pub(super) fn holds(&self, now: Timestamp) -> Duration {
        let left = self.stale.and_then(|stale| Duration::try_from(stale.duration_since(now)).ok());
        left.unwrap_or(LONGEST).clamp(SHORTEST, LONGEST)
    }
}
