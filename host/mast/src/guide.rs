//! The guide: what importers deliver, fetched on schedule, kept as whole generations, and what is on now in memory.
//!
//! It is not its business how a guide is written (importers'), how it is stored, or how it is shown. Lower rooms it knows: the catalogue,
//! for the channels that guides are for.
//!
//! Invariants: what a guide delivered last stays until it delivers something better, whatever happens to its download, its plugin, the
//! disk or the host; readers never wait for an import; what is on now is answered without the store.

pub mod config;
mod demand;
pub mod dummy;
mod fetch;
mod folders;
mod import;
pub mod linking;
mod links;
pub mod merge;
mod open;
mod publish;
mod reading;
mod schedule;
mod sink;
mod source;
mod status;
mod supervisor;
mod table;

pub use linking::manual::{ByHand, ManualLink};
pub use linking::{Doubt, Linked, Why};
pub use links::{ChannelGuide, Link, Links};
pub use merge::pick;
pub use reading::{Hit, Query, Reading};
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
use mast_store::guide::{GuideRecord, GuideStore};
use mast_store::{StateStore, StoreError};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::{Catalog, Timing};
use crate::outbound::Outbound;
use config::GuideConfig;
use fetch::Downloads;
use linking::Memo;
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
    /// What operators say of links is kept with everything else that cannot be fetched again.
    state: Arc<dyn StateStore>,
    catalog: Catalog,
    config: GuideConfig,
    downloads: Downloads,
    set: ArcSwap<GuideSet>,
    /// What the store holds, by guide.
    records: ArcSwap<BTreeMap<InstanceId, GuideRecord>>,
    by_hand: ArcSwap<BTreeMap<ChannelId, ByHand>>,
    /// What the catalogue wants, in short.
    demand: ArcSwap<String>,
    links: ArcSwap<Links>,
    table: ArcSwap<Table>,
    statuses: Statuses,
    /// How to reach the tasks of guides.
    controls: Mutex<BTreeMap<InstanceId, Arc<Control>>>,
    changes: watch::Sender<u64>,
    /// Held over the store's records, links and table, so that they change in one order.
    publishing: Mutex<Memo>,
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
        state: Arc<dyn StateStore>,
        catalog: Catalog,
        outbound: Outbound,
        data_dir: &Path,
        config: GuideConfig,
    ) -> Result<Self, StoreError> {
        let downloads =
            Downloads { outbound, folder: data_dir.join(SPOOL), cap: config.download, backoff: Duration::from_secs(1) };
        let by_hand = linking::manual::load(&*state)?;
        let shared = Shared {
            store,
            state,
            catalog,
            config,
            downloads,
            set: ArcSwap::default(),
            records: ArcSwap::default(),
            by_hand: ArcSwap::from_pointee(by_hand),
            demand: ArcSwap::default(),
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
        Ok(Reading::new(self.shared.links.load_full(), self.shared.store.snapshot()?))
    }

    /// Moves with every change of any guide, or of what is linked to it.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// A number for what outputs would show: it differs where any guide differs, also after a restart.
    pub fn version(&self) -> u64 {
        let table = self.shared.table.load();
        self.shared.links.load().version ^ table.events_version()
    }

    /// The same of one channel: it stays where only other channels' guides change.
    pub fn channel_version(&self, channel: ChannelId) -> u64 {
        let links = self.shared.links.load();
        let event = self.shared.table.load().event(channel).map_or(0, |event| event.as_second().cast_unsigned());
        links.find(channel).map_or(0, ChannelGuide::version) ^ event
    }

    /// Languages that viewers want texts in, the preferred one first.
    pub fn languages(&self) -> Arc<[String]> {
        Arc::clone(&self.shared.config.languages)
    }
}
