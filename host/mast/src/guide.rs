//! The guide: what importers deliver, fetched on schedule, kept as whole generations, and what is on now in memory.
//!
//! It is not its business how a guide is written (importers'), how it is stored, or how it is shown. Lower rooms it knows: the catalogue,
//! for the channels that guides are for.
//!
//! Invariants: what a guide delivered last stays until it delivers something better, whatever happens to its download, its plugin, the
//! disk or the host; readers never wait for an import; what is on now is answered without the store.

pub mod config;
pub mod dummy;
mod fetch;
mod folders;
mod import;
pub mod linking;
mod links;
pub mod merge;
mod open;
mod sink;
mod source;
mod status;
mod supervisor;
mod table;

pub use links::{Link, Links};
pub use source::{GuideCalls, GuideEntry, GuideInput, GuideSet};
pub use status::{GuideProgress, GuideReading, GuideStatus, GuideWarning};
pub use table::NowNext;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use mast_model::{ChannelId, InstanceId, Programme};
use mast_store::StoreError;
use mast_store::guide::{GuideRecord, GuideSnapshot, GuideStore};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::{Catalog, Timing};
use crate::outbound::Outbound;
use config::GuideConfig;
use fetch::Downloads;
use status::Statuses;
use table::Table;

/// Where downloads are spooled, in the data folder.
const SPOOL: &str = "guide-spool";

/// The guide. Cheap to clone.
#[derive(Clone)]
pub struct Guide {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn GuideStore>,
    catalog: Catalog,
    config: GuideConfig,
    downloads: Downloads,
    set: ArcSwap<GuideSet>,
    /// What the store holds, by guide.
    records: ArcSwap<BTreeMap<InstanceId, GuideRecord>>,
    links: ArcSwap<Links>,
    table: ArcSwap<Table>,
    statuses: Statuses,
    /// How to reach the tasks of guides.
    controls: Mutex<BTreeMap<InstanceId, Arc<Control>>>,
    changes: watch::Sender<u64>,
    /// Held over the store's records, links and table, so that they change in one order.
    publishing: Mutex<()>,
}

/// What can be asked of a guide's task.
#[derive(Default)]
struct Control {
    wake: Notify,
    /// Ends the import that is under way.
    cancel: Mutex<CancellationToken>,
    /// The next import is taken over even if it has lost most of its programmes.
    accept: std::sync::atomic::AtomicBool,
}

/// One version of all guides.
pub struct Reading {
    links: Arc<Links>,
    snapshot: Box<dyn GuideSnapshot>,
}

impl Reading {
    /// Programmes of a channel that are on between two times, in order. Blocks.
    pub fn programmes(
        &self,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Programme>, GuideError> {
        let Some(link) = self.links.find(channel) else { return Ok(Vec::new()) };
        Ok(self.snapshot.programmes(&link.guide, &link.channel, from, until)?)
    }
}

/// Why something cannot be asked of a guide.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GuideError {
    /// There is none of this name.
    #[error("there is no guide {0}")]
    NotFound(String),
    /// Its plugin is not loaded.
    #[error("guide {0} is switched off, or its plugin could not be loaded")]
    NotLoaded(String),
    /// The store.
    #[error("the guide cannot be read: {0}")]
    Store(String),
}

impl From<StoreError> for GuideError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl Guide {
    /// Loads what the store knows of the guides. Blocks.
    pub fn open(
        store: Arc<dyn GuideStore>,
        catalog: Catalog,
        outbound: Outbound,
        data_dir: &Path,
        config: GuideConfig,
    ) -> Result<Self, StoreError> {
        let downloads =
            Downloads { outbound, folder: data_dir.join(SPOOL), cap: config.download, backoff: Duration::from_secs(1) };
        let shared = Shared {
            store,
            catalog,
            config,
            downloads,
            set: ArcSwap::default(),
            records: ArcSwap::default(),
            links: ArcSwap::default(),
            table: ArcSwap::default(),
            statuses: Statuses::default(),
            controls: Mutex::default(),
            changes: watch::Sender::new(0),
            publishing: Mutex::default(),
        };
        let guide = Self { shared: Arc::new(shared) };
        guide.load_records()?;
        Ok(guide)
    }

    /// Follows the set of guides and keeps each up to date until `stop`; keeps what is on now up to date, too.
    pub fn run(&self, guides: watch::Receiver<Arc<GuideSet>>, tasks: &TaskTracker, stop: CancellationToken) {
        self.run_with(guides, tasks, stop, Timing::default());
    }

    fn run_with(
        &self,
        guides: watch::Receiver<Arc<GuideSet>>,
        tasks: &TaskTracker,
        stop: CancellationToken,
        timing: Timing,
    ) {
        supervisor::start(self.clone(), guides, tasks, stop, timing);
    }

    /// How each guide is doing, by name.
    pub fn statuses(&self) -> Vec<GuideStatus> {
        let records = self.shared.records.load();
        self.shared.statuses.all().iter().map(|(id, doing)| doing.view(id, records.get(id))).collect()
    }

    /// The same with counts, for the metrics.
    pub fn readings(&self) -> Vec<GuideReading> {
        let records = self.shared.records.load();
        let reading = |(id, doing): (&InstanceId, &status::Doing)| GuideReading {
            status: doing.view(id, records.get(id)),
            succeeded: doing.succeeded,
            failed: doing.failed,
        };
        self.shared.statuses.all().iter().map(reading).collect()
    }

    /// Has a guide imported now, before it is due. One that is being imported is imported once more behind that.
    pub fn refresh(&self, guide: &str) -> Result<(), GuideError> {
        self.control(guide)?.wake.notify_one();
        Ok(())
    }

    /// Ends the import that is under way, if there is one; the next is tried when it is due.
    pub fn cancel(&self, guide: &str) -> Result<(), GuideError> {
        self.control(guide)?.cancel.lock().unwrap_or_else(PoisonError::into_inner).cancel();
        Ok(())
    }

    /// Has a guide imported now, and taken over even if it has lost most of its programmes.
    pub fn accept(&self, guide: &str) -> Result<(), GuideError> {
        let control = self.control(guide)?;
        control.accept.store(true, std::sync::atomic::Ordering::Relaxed);
        control.wake.notify_one();
        Ok(())
    }

    fn control(&self, guide: &str) -> Result<Arc<Control>, GuideError> {
        let controls = self.controls();
        match controls.iter().find(|(id, _)| id.as_str() == guide) {
            Some((_, control)) => Ok(Arc::clone(control)),
            None if self.shared.set.load().iter().any(|entry| entry.id.as_str() == guide) => {
                Err(GuideError::NotLoaded(guide.to_owned()))
            }
            None => Err(GuideError::NotFound(guide.to_owned())),
        }
    }

    fn controls(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Arc<Control>>> {
        self.shared.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on a channel now, and what comes next. Memory only.
    pub fn now_next(&self, channel: ChannelId) -> Option<Arc<NowNext>> {
        self.shared.table.load().find(channel)
    }

    /// Which guide channel each channel has.
    pub fn links(&self) -> Arc<Links> {
        self.shared.links.load_full()
    }

    /// Programmes of a channel that are on between two times, in order. Blocks.
    pub fn programmes(
        &self,
        channel: ChannelId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Programme>, GuideError> {
        self.read()?.programmes(channel, from, until)
    }

    /// One version of all guides, to read several channels from. Held for as long as an answer takes, not longer. Blocks.
    pub fn read(&self) -> Result<Reading, GuideError> {
        Ok(Reading { links: self.shared.links.load_full(), snapshot: self.shared.store.snapshot()? })
    }

    /// Moves with every change of any guide, or of what is linked to it.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// A number for what outputs would show: it differs where any guide differs, also after a restart.
    pub fn version(&self) -> u64 {
        self.shared.links.load().version
    }

    /// The same of one channel: it stays where only other channels' guides change.
    pub fn channel_version(&self, channel: ChannelId) -> u64 {
        self.shared.links.load().version_of(channel)
    }

    /// Takes over what the store holds. Blocks.
    fn load_records(&self) -> Result<(), StoreError> {
        let records = self.shared.store.snapshot()?.guides()?;
        let records = records.into_iter().map(|record| (record.guide.clone(), record)).collect();
        self.shared.records.store(Arc::new(records));
        Ok(())
    }

    /// Brings records, links and table up to date. Blocks.
    fn publish(&self) {
        let _one = self.shared.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let published = self.load_records().and_then(|()| self.link()).and_then(|()| self.tabulate());
        if let Err(error) = published {
            tracing::error!(%error, "the guide cannot be read; what was on before stays");
        }
        self.shared.changes.send_modify(|version| *version += 1);
    }

    fn link(&self) -> Result<(), StoreError> {
        let snapshot = self.shared.store.snapshot()?;
        let (set, records) = (self.shared.set.load(), self.shared.records.load());
        let mut guides = Vec::new();
        for entry in set.iter().filter(|entry| entry.enabled) {
            if let Some(record) = records.get(&entry.id) {
                guides.push((entry.settings.priority, record, snapshot.channels(&entry.id)?));
            }
        }
        guides.sort_by(|(a, x, _), (b, y, _)| (a, &x.guide).cmp(&(b, &y.guide)));
        let ids = self.shared.catalog.channel_ids();
        let channels: Vec<_> = ids.into_iter().filter_map(|id| self.shared.catalog.channel(id)).collect();
        self.shared.links.store(Arc::new(Links::by_id(&channels, &guides)));
        Ok(())
    }

    /// What is on now.
    fn tabulate(&self) -> Result<(), StoreError> {
        let links = self.shared.links.load();
        let snapshot = self.shared.store.snapshot()?;
        self.shared.table.store(Arc::new(Table::read(&*snapshot, &links, Timestamp::now())?));
        Ok(())
    }
}
