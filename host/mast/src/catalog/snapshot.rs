//! What the sources delivered, and the snapshots of it that everybody reads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use mast_model::{Category, CategoryId, Channel, ChannelId, InstanceId};
use mast_store::{SourceRecord, Validator};
use quick_cache::sync::Cache;

use super::changes::LastLineup;
use super::config::BouquetConfig;
use super::editing::{ChannelEdit, Edits, Overlay};
use super::lineup::Lineup;
use super::on_demand::{OnDemand, SourceLibrary};

/// Different sets of bouquets whose lineups are kept ready.
const LINEUPS: usize = 256;

/// One version of everything. Never changes, except that lineups are made when they are first asked for.
pub(super) struct Snapshot {
    channels: HashMap<ChannelId, Arc<Channel>>,
    /// In lineup order.
    sources: Vec<Arc<Source>>,
    categories: HashMap<CategoryId, Arc<Category>>,
    /// What operators changed.
    pub(super) overlay: Overlay,
    bouquets: Vec<BouquetConfig>,
    lineups: Cache<Vec<String>, Arc<Lineup>>,
}

/// What one source delivered.
struct Source {
    id: InstanceId,
    categories: Vec<Arc<Category>>,
    channels: Vec<Arc<Channel>>,
    library: Arc<SourceLibrary>,
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
    edits: Edits,
}

/// What a refresh needs to know of the last accepted one.
pub(super) struct LastImport {
    pub(super) validators: Vec<Validator>,
    pub(super) refreshed_at: jiff::Timestamp,
    pub(super) channels: usize,
    pub(super) categories: usize,
    pub(super) titles: usize,
    pub(super) episodes: usize,
}

impl Delivered {
    pub(super) fn new(records: Vec<SourceRecord>, bouquets: Vec<BouquetConfig>, edits: Edits) -> Self {
        let sources =
            records.into_iter().map(|record| (record.source.clone(), Arc::new(Source::new(record)))).collect();
        Self { bouquets: bouquets.into(), state: Mutex::new(State { sources, present: None, edits }) }
    }

    /// Bouquets of the configuration.
    pub(super) fn configured(&self) -> &[BouquetConfig] {
        &self.bouquets
    }

    pub(super) fn is_configured(&self, name: &str) -> bool {
        self.bouquets.iter().any(|bouquet| bouquet.name == name)
    }

    pub(super) fn edits(&self) -> Edits {
        self.state().edits.clone()
    }

    pub(super) fn channel_edit(&self, id: ChannelId) -> Option<ChannelEdit> {
        self.state().edits.channels.get(&id).cloned()
    }

    pub(super) fn change_edits(&self, change: impl FnOnce(&mut Edits)) {
        change(&mut self.state().edits);
    }

    /// A snapshot as it would be with other edits.
    pub(super) fn preview(&self, edits: &Edits) -> Snapshot {
        self.snapshot_of(&self.state(), edits)
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
            titles: source.library.titles.len(),
            episodes: source.library.episode_count(),
        })
    }

    /// Nothing where it delivered nothing yet.
    pub(super) fn last_lineup(&self, source: &InstanceId) -> LastLineup {
        let source = self.state().sources.get(source).cloned();
        source.map_or_else(LastLineup::default, |source| LastLineup {
            channels: source.channels.clone(),
            categories: source.categories.clone(),
            titles: source.library.titles.clone(),
            title_categories: source.library.categories.clone(),
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
        let state = self.state();
        self.snapshot_of(&state, &state.edits)
    }

    /// Swaps in a snapshot. Under the lock, so that an older one never replaces a newer.
    pub(super) fn publish(&self, current: &ArcSwap<Snapshot>) {
        let state = self.state();
        current.store(Arc::new(self.snapshot_of(&state, &state.edits)));
    }

    fn snapshot_of(&self, state: &State, edits: &Edits) -> Snapshot {
        let counts = |id: &InstanceId| state.present.as_ref().is_none_or(|present| present.contains(id));
        let delivered = state.sources.values().filter(|source| counts(&source.id));
        let mut sources: Vec<Source> = delivered.map(|source| Source::clone_of(source)).collect();
        let (mut channels, mut categories): (Vec<_>, Vec<_>) =
            sources.iter_mut().map(|source| (&mut source.channels, &mut source.categories)).unzip();
        let overlay = Overlay::apply(edits, &mut channels, &mut categories);
        let (channels, categories) =
            (sources.iter().flat_map(|source| &source.channels), sources.iter().flat_map(|source| &source.categories));
        let added = edits.bouquets.values().filter(|bouquet| !self.is_configured(&bouquet.name));
        let snapshot = Snapshot {
            channels: channels.map(|channel| (channel.id, Arc::clone(channel))).collect(),
            categories: categories.map(|category| (category.id, Arc::clone(category))).collect(),
            overlay,
            bouquets: self.bouquets.iter().cloned().chain(added.map(BouquetConfig::from)).collect(),
            sources: sources.into_iter().map(Arc::new).collect(),
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
            library: Arc::new(SourceLibrary::new(&record.source, record.library)),
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
            library: Arc::clone(&other.library),
            validators: other.validators.clone(),
            refreshed_at: other.refreshed_at,
        }
    }
}

impl Snapshot {
    pub(super) fn channel(&self, id: ChannelId) -> Option<Arc<Channel>> {
        self.channels.get(&id).map(Arc::clone)
    }

    pub(super) fn category(&self, id: CategoryId) -> Option<&Arc<Category>> {
        self.categories.get(&id)
    }

    /// Every channel, hidden or not, in lineup order.
    pub(super) fn channel_ids(&self) -> Vec<ChannelId> {
        let mut all: Vec<Arc<Channel>> =
            self.sources.iter().flat_map(|source| source.channels.iter().cloned()).collect();
        self.overlay.sort(&mut all, &mut []);
        all.iter().map(|channel| channel.id).collect()
    }

    /// Every category, in lineup order.
    pub(super) fn category_ids(&self) -> Vec<CategoryId> {
        let mut all: Vec<Arc<Category>> =
            self.sources.iter().flat_map(|source| source.categories.iter().cloned()).collect();
        self.overlay.sort(&mut [], &mut all);
        all.iter().map(|category| category.id).collect()
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
        // A bouquet that names a category has it under the name that it was delivered with, too.
        let names = |id: CategoryId| [self.category(id).map(|one| one.name.as_str()), self.overlay.delivered_name(id)];
        let visible = |channel: &&Arc<Channel>| {
            let categories = channel.category.map(names).into_iter().flatten().flatten();
            !self.overlay.hides(channel) && sold.as_ref().is_none_or(|sold| sold.has(channel, categories))
        };
        let all = self.sources.iter().flat_map(|source| &source.channels);
        let mut channels: Vec<Arc<Channel>> = all.filter(visible).map(Arc::clone).collect();
        let mut categories: Vec<Arc<Category>> =
            self.sources.iter().flat_map(|source| source.categories.iter().map(Arc::clone)).collect();
        self.overlay.sort(&mut channels, &mut categories);
        let libraries = self.sources.iter().map(|source| Arc::clone(&source.library)).collect();
        let sees = |source: &InstanceId, category: Option<&str>| {
            sold.as_ref().is_none_or(|sold| sold.has_titles(source, category))
        };
        Lineup::new(channels, categories).with(OnDemand::new(libraries, sees))
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

    fn has_titles(&self, source: &InstanceId, category: Option<&str>) -> bool {
        self.sources.contains(source) || category.is_some_and(|name| self.categories.contains(name))
    }

    fn has(&self, channel: &Channel, mut categories: impl Iterator<Item = &'a str>) -> bool {
        self.channels.contains(&channel.id)
            || self.sources.contains(&channel.source)
            || categories.any(|category| self.categories.contains(category))
    }
}
