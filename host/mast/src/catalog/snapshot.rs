//! What the sources delivered, and the snapshots of it that everybody reads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use mast_model::{Category, Channel, ChannelId, InstanceId};
use mast_store::{SourceRecord, Validator};
use quick_cache::sync::Cache;

use super::config::BouquetConfig;
use super::lineup::Lineup;

/// Different sets of bouquets whose lineups are kept ready.
const LINEUPS: usize = 256;

/// One version of everything. Never changes, except that lineups are made when they are first asked for.
pub(super) struct Snapshot {
    channels: HashMap<ChannelId, Arc<Channel>>,
    /// In lineup order.
    sources: Vec<Arc<Source>>,
    bouquets: Arc<[BouquetConfig]>,
    lineups: Cache<Vec<String>, Arc<Lineup>>,
}

/// What one source delivered.
struct Source {
    id: InstanceId,
    categories: Vec<Arc<Category>>,
    channels: Vec<Arc<Channel>>,
    validators: Vec<Validator>,
    refreshed_at: jiff::Timestamp,
}

/// What all sources delivered, also those that are not in the set now.
pub(super) struct Delivered {
    bouquets: Arc<[BouquetConfig]>,
    state: Mutex<State>,
}

struct State {
    sources: BTreeMap<InstanceId, Arc<Source>>,
    /// None until the set of sources is known: everything counts.
    present: Option<BTreeSet<InstanceId>>,
}

/// What a refresh needs to know of the last accepted one.
pub(super) struct LastImport {
    pub(super) validators: Vec<Validator>,
    pub(super) refreshed_at: jiff::Timestamp,
    pub(super) channels: usize,
    pub(super) categories: usize,
}

impl Delivered {
    pub(super) fn new(records: Vec<SourceRecord>, bouquets: Vec<BouquetConfig>) -> Self {
        let sources =
            records.into_iter().map(|record| (record.source.clone(), Arc::new(Source::new(record)))).collect();
        Self { bouquets: bouquets.into(), state: Mutex::new(State { sources, present: None }) }
    }

    pub(super) fn has(&self, source: &InstanceId) -> bool {
        self.state().sources.contains_key(source)
    }

    pub(super) fn last_import(&self, source: &InstanceId) -> Option<LastImport> {
        let source = Arc::clone(self.state().sources.get(source)?);
        Some(LastImport {
            validators: source.validators.clone(),
            refreshed_at: source.refreshed_at,
            channels: source.channels.len(),
            categories: source.categories.len(),
        })
    }

    pub(super) fn keep_only(&self, present: BTreeSet<InstanceId>) {
        self.state().present = Some(present);
    }

    /// A source delivered something new.
    pub(super) fn replace(&self, record: SourceRecord) {
        let source = Arc::new(Source::new(record));
        self.state().sources.insert(source.id.clone(), source);
    }

    /// A source delivered the same again.
    pub(super) fn touch(&self, source: &InstanceId, at: jiff::Timestamp) {
        if let Some(source) = self.state().sources.get_mut(source) {
            *source = Arc::new(Source { refreshed_at: at, ..Source::clone_of(source) });
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.snapshot_of(&self.state())
    }

    /// Swaps in a snapshot. Under the lock, so that an older one never replaces a newer.
    pub(super) fn publish(&self, current: &ArcSwap<Snapshot>) {
        let state = self.state();
        current.store(Arc::new(self.snapshot_of(&state)));
    }

    fn snapshot_of(&self, state: &State) -> Snapshot {
        let counts = |id: &InstanceId| state.present.as_ref().is_none_or(|present| present.contains(id));
        let sources: Vec<Arc<Source>> =
            state.sources.values().filter(|source| counts(&source.id)).map(Arc::clone).collect();
        let channels = sources.iter().flat_map(|source| &source.channels);
        let snapshot = Snapshot {
            channels: channels.map(|channel| (channel.id, Arc::clone(channel))).collect(),
            sources,
            bouquets: Arc::clone(&self.bouquets),
            lineups: Cache::new(LINEUPS),
        };
        // The lineup of everything is asked for first and costs most; make it here rather than in a viewer's request.
        snapshot.lineup(&[]);
        snapshot
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn new(record: SourceRecord) -> Self {
        Self {
            id: record.source,
            categories: record.categories.into_iter().map(Arc::new).collect(),
            channels: record.channels.into_iter().map(Arc::new).collect(),
            validators: record.validators,
            refreshed_at: record.refreshed_at,
        }
    }

    fn clone_of(other: &Self) -> Self {
        Self {
            id: other.id.clone(),
            categories: other.categories.clone(),
            channels: other.channels.clone(),
            validators: other.validators.clone(),
            refreshed_at: other.refreshed_at,
        }
    }
}

impl Snapshot {
    pub(super) fn channel(&self, id: ChannelId) -> Option<Arc<Channel>> {
        self.channels.get(&id).map(Arc::clone)
    }

    /// The lineup of these bouquets, all together; of everything where there are none.
    pub(super) fn lineup(&self, bouquets: &[String]) -> Arc<Lineup> {
        if let Some(lineup) = self.lineups.get(bouquets) {
            return lineup;
        }
        let lineup = Arc::new(self.make_lineup(bouquets));
        self.lineups.insert(bouquets.to_vec(), Arc::clone(&lineup));
        lineup
    }

    fn make_lineup(&self, bouquets: &[String]) -> Lineup {
        let sold = (!bouquets.is_empty()).then(|| Sold::new(&self.bouquets, bouquets));
        let mut channels = Vec::new();
        for source in &self.sources {
            let names: HashMap<_, _> =
                source.categories.iter().map(|category| (category.id, category.name.as_str())).collect();
            let visible = |channel: &&Arc<Channel>| {
                let category = channel.category.and_then(|id| names.get(&id).copied());
                sold.as_ref().is_none_or(|sold| sold.has(channel, category))
            };
            channels.extend(source.channels.iter().filter(visible).map(Arc::clone));
        }
        Lineup::new(channels, self.sources.iter().flat_map(|source| source.categories.iter().map(Arc::clone)))
    }
}

/// What a set of bouquets contains.
#[derive(Default)]
struct Sold<'a> {
    sources: HashSet<&'a InstanceId>,
    categories: HashSet<&'a str>,
    channels: HashSet<ChannelId>,
}

impl<'a> Sold<'a> {
    fn new(known: &'a [BouquetConfig], names: &[String]) -> Self {
        let mut sold = Self::default();
        for bouquet in known.iter().filter(|bouquet| names.contains(&bouquet.name)) {
            sold.sources.extend(&bouquet.sources);
            sold.categories.extend(bouquet.categories.iter().map(String::as_str));
            sold.channels.extend(&bouquet.channels);
        }
        sold
    }

    fn has(&self, channel: &Channel, category: Option<&str>) -> bool {
        self.channels.contains(&channel.id)
            || self.sources.contains(&channel.source)
            || category.is_some_and(|category| self.categories.contains(category))
    }
}
