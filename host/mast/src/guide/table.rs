//! What is on now and next on every channel, in memory. Made anew when a guide, the links or the time change it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mast_model::{ChannelId, InstanceId, Programme};
use mast_store::StoreError;
use mast_store::guide::GuideSnapshot;

use super::links::Links;

/// Programmes behind the one that is on.
const NEXT: usize = 4;
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
}

impl Table {
    /// Reads all linked guide channels. Blocks.
    pub(super) fn read(snapshot: &dyn GuideSnapshot, links: &Links, now: Timestamp) -> Result<Self, StoreError> {
        let mut wanted: BTreeMap<&InstanceId, HashMap<&str, Vec<ChannelId>>> = BTreeMap::new();
        for (channel, link) in links.all() {
            wanted.entry(&link.guide).or_default().entry(&link.channel).or_default().push(channel);
        }
        let mut table = Self::default();
        for (guide, channels) in wanted {
            snapshot.around(guide, now, NEXT, &mut |id, programmes| {
                let Some(linked) = channels.get(id).filter(|_| !programmes.is_empty()) else { return };
                table.stale = programmes
                    .iter()
                    .take(2)
                    .flat_map(|programme| [programme.start, programme.stop])
                    .filter(|at| *at > now)
                    .chain(table.stale)
                    .min();
                let shared = Arc::new(NowNext { programmes });
                table.channels.extend(linked.iter().map(|channel| (*channel, Arc::clone(&shared))));
            })?;
        }
        Ok(table)
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
