//! The catalogue: what the sources delivered, refreshed on schedule, and the lineups made of it.
//!
//! Reads are memory only: a snapshot is swapped in after each change. It is not the catalogue's business how a source talks to its
//! provider, nor whether a channel can be played.
//!
//! Invariants: what a source delivered last stays until it delivers something better, whatever happens to its refreshes, its
//! plugin or the host; a channel keeps its id while its (source, key) pair lives in the store.

mod changes;
pub mod config;
mod editing;
mod import;
mod lineup;
mod on_demand;
mod provider;
mod refresh;
mod resolve;
mod schedule;
mod snapshot;
mod source;
mod status;
mod supervisor;
mod tasks;

pub use changes::{ChangedNames, ChangedRecords, SourceChanges};
pub use editing::{
    Bouquet, BouquetPatch, CategoryEdit, CategoryPatch, ChannelEdit, ChannelPatch, DedupeBy, EditError, Effect, Rule,
    Rules,
};
pub use lineup::{Lineup, LineupEntry};
pub use on_demand::{OnDemand, PlayableFile};
pub use provider::SourceProvider;
pub use resolve::ResolveError;
pub(crate) use schedule::Timing;
pub use source::{SourceCalls, SourceEntry, SourceSet};
pub use status::{SourceStatus, SourceWarning};
pub(crate) use tasks::InstanceTasks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use mast_model::{Category, CategoryId, Channel, ChannelId, InstanceId, Line, TitleId};
use mast_store::{StateStore, StoreError};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use config::{BouquetConfig, CatalogConfig};
use editing::Edits;
use snapshot::{Delivered, Snapshot};
use status::Statuses;

/// The catalogue. Cheap to clone; reads are memory only.
#[derive(Clone)]
pub struct Catalog {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn StateStore>,
    delivered: Delivered,
    snapshot: ArcSwap<Snapshot>,
    sources: ArcSwap<SourceSet>,
    statuses: Statuses,
    /// How to reach the tasks of sources.
    controls: Mutex<BTreeMap<InstanceId, Arc<Control>>>,
    /// What providers said last, also before a restart.
    providers: Mutex<BTreeMap<InstanceId, SourceProvider>>,
    /// `[catalog] max_loss`, percent.
    max_loss: AtomicU8,
    changes: watch::Sender<u64>,
    /// Held over store and snapshot, so that both change in one order.
    editing: Mutex<()>,
}

/// What can be asked of a source's task.
#[derive(Default)]
struct Control {
    /// Somebody does not want to wait until it is due.
    wake: Notify,
    /// The next refresh is taken over even if it has lost most of its channels.
    accept: AtomicBool,
}

impl Catalog {
    /// Loads what the store holds: the last good lineups are there before any source is asked. Blocks.
    pub fn open(store: Arc<dyn StateStore>, bouquets: Vec<BouquetConfig>) -> Result<Self, StoreError> {
        let delivered = Delivered::new(store.sources()?, bouquets, Edits::load(&*store)?);
        let providers = provider::load(&*store)?.into_iter().collect();
        let shared = Shared {
            store,
            snapshot: ArcSwap::from_pointee(delivered.snapshot()),
            delivered,
            sources: ArcSwap::default(),
            statuses: Statuses::default(),
            controls: Mutex::default(),
            providers: Mutex::new(providers),
            max_loss: AtomicU8::new(CatalogConfig::default().max_loss),
            changes: watch::Sender::new(0),
            editing: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Follows the set of sources and keeps each refreshed until `stop`. From here on only channels of sources in the set are
    /// in lineups. `own` is a source of the host itself, which is always in it; an instance of the same name has to stand back.
    pub fn run(
        &self,
        sources: watch::Receiver<Arc<SourceSet>>,
        own: Option<SourceEntry>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        self.run_with((sources, own), tasks, stop, Timing::default());
    }

    fn run_with(
        &self,
        sources: (watch::Receiver<Arc<SourceSet>>, Option<SourceEntry>),
        tasks: &TaskTracker,
        stop: CancellationToken,
        timing: Timing,
    ) {
        supervisor::start(self.clone(), sources, tasks, stop, timing);
    }

    /// A channel, whoever may see it.
    pub fn channel(&self, id: ChannelId) -> Option<Arc<Channel>> {
        self.shared.snapshot.load().channel(id)
    }

    /// The name of a movie, a series or an episode, whoever may see it.
    pub fn title_name(&self, id: TitleId) -> Option<String> {
        self.shared.snapshot.load().lineup(&[]).on_demand.name(id)
    }

    /// The lineup of a line; shared between lines with the same bouquets.
    pub fn lineup(&self, line: &Line) -> Arc<Lineup> {
        self.shared.snapshot.load().lineup(&line.bouquets)
    }

    /// Whether a channel is in a line's lineup; constant time.
    pub fn sees(&self, line: &Line, channel: ChannelId) -> bool {
        self.lineup(line).find(channel).is_some()
    }

    /// Bouquets of the configuration, then those of the admin API, in their order.
    pub fn bouquets(&self) -> (Vec<BouquetConfig>, Vec<Bouquet>) {
        let configured = self.shared.delivered.configured();
        let mut added: Vec<Bouquet> = self.edits().bouquets.into_values().collect();
        added.retain(|bouquet| configured.iter().all(|known| known.name != bouquet.name));
        added.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
        (configured.to_vec(), added)
    }

    /// Names of the bouquets that lines can have.
    pub fn bouquet_names(&self) -> Vec<String> {
        let (configured, added) = self.bouquets();
        configured.into_iter().map(|one| one.name).chain(added.into_iter().map(|one| one.name)).collect()
    }

    /// Every channel, hidden or not, in lineup order.
    pub fn channel_ids(&self) -> Vec<ChannelId> {
        self.shared.snapshot.load().channel_ids()
    }

    /// Every category, in lineup order.
    pub fn category_ids(&self) -> Vec<CategoryId> {
        self.shared.snapshot.load().category_ids()
    }

    /// A category.
    pub fn category(&self, id: CategoryId) -> Option<Arc<Category>> {
        self.shared.snapshot.load().category(id).cloned()
    }

    /// Whether a channel is in nobody's lineup.
    pub fn hides(&self, channel: &Channel) -> bool {
        self.shared.snapshot.load().overlay.hides(channel)
    }

    /// Channels whose upstreams are tried after this one's own, where an operator or a rule says so.
    pub fn backups(&self, channel: ChannelId) -> Option<Vec<ChannelId>> {
        self.shared.snapshot.load().overlay.backups(channel).cloned()
    }

    /// A channel's profile or ladder, where an operator says so.
    pub fn profile(&self, channel: ChannelId) -> Option<String> {
        self.shared.snapshot.load().overlay.profile(channel).cloned()
    }

    /// What is different about a channel.
    pub fn channel_edit(&self, id: ChannelId) -> Option<ChannelEdit> {
        self.shared.delivered.channel_edit(id)
    }

    /// What is different about a category.
    pub fn category_edit(&self, id: CategoryId) -> Option<CategoryEdit> {
        self.edits().categories.get(&id).cloned()
    }

    /// The rules.
    pub fn rules(&self) -> Rules {
        self.edits().rules
    }

    fn edits(&self) -> Edits {
        self.shared.delivered.edits()
    }

    /// Changes the edits in memory and lays them over a new snapshot.
    fn apply_edits(&self, change: impl FnOnce(&mut Edits)) {
        self.shared.delivered.change_edits(change);
        self.publish();
    }

    /// Moves with every change of any source.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// How each source in the set is doing, by name.
    pub fn statuses(&self) -> Vec<SourceStatus> {
        self.shared.statuses.all()
    }

    /// Follows `[catalog]`. For the start: refreshes that are under way may not notice.
    pub fn configure(&self, config: &CatalogConfig) {
        self.shared.max_loss.store(config.max_loss, Ordering::Relaxed);
    }

    /// Has a source refreshed now, before it is due. One that is being refreshed is refreshed once more behind that.
    pub fn refresh(&self, source: &str) -> Result<(), EditError> {
        self.control(source)?.wake.notify_one();
        Ok(())
    }

    /// Has a source refreshed now, and taken over even if it has lost most of its channels. One without any is not.
    pub fn accept(&self, source: &str) -> Result<(), EditError> {
        let control = self.control(source)?;
        control.accept.store(true, Ordering::Relaxed);
        control.wake.notify_one();
        Ok(())
    }

    fn control(&self, source: &str) -> Result<Arc<Control>, EditError> {
        let controls = self.shared.controls.lock().unwrap_or_else(PoisonError::into_inner);
        match controls.iter().find(|(id, _)| id.as_str() == source) {
            Some((_, control)) => Ok(Arc::clone(control)),
            None if self.statuses().iter().any(|status| status.source == source) => {
                Err(EditError::Conflict(format!("source {source} is not loaded, and cannot be refreshed")))
            }
            None => Err(EditError::NotFound(format!("source {source}"))),
        }
    }

    /// Connections that a source's provider allows at once, where it says so.
    pub fn provider_connections(&self, source: &InstanceId) -> Option<usize> {
        self.provider(source)?.max_connections
    }

    /// What a source's provider said last.
    fn provider(&self, source: &InstanceId) -> Option<SourceProvider> {
        self.providers().get(source).cloned()
    }

    fn providers(&self) -> MutexGuard<'_, BTreeMap<InstanceId, SourceProvider>> {
        self.shared.providers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sources that have neither delivered anything, now or before a restart, nor finished a first attempt. Ready when empty: a
    /// provider that is down does not keep the others' channels from viewers.
    pub fn waiting_for(&self) -> Vec<InstanceId> {
        let sources = self.shared.sources.load();
        let waiting = |entry: &&SourceEntry| {
            entry.calls.is_some() && !self.shared.delivered.has(&entry.id) && !self.shared.statuses.attempted(&entry.id)
        };
        sources.iter().filter(waiting).map(|entry| entry.id.clone()).collect()
    }

    /// Takes over a new set of sources.
    fn set_sources(&self, sources: Arc<SourceSet>) {
        self.shared.delivered.keep_only(sources.iter().map(|entry| entry.id.clone()).collect());
        self.shared.statuses.keep_only(&sources);
        self.shared.sources.store(sources);
        self.publish();
    }

    /// Makes a snapshot of what is delivered.
    fn publish(&self) {
        self.shared.delivered.publish(&self.shared.snapshot);
        self.shared.changes.send_modify(|version| *version += 1);
    }
}

#[cfg(test)]
mod tests;
