//! What an importer pushes: filtered, shifted, and handed to the store's staging, which does its work on a thread of its own.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mast_model::guide::packed::PackedProgrammes;
use mast_model::{EpisodeNumber, GuideChannel, GuideCredit, GuideText, ProgrammeDetails};
use mast_plugin::records;
use mast_plugin::services::{GuideSink, ServiceError};
use mast_store::StoreError;
use mast_store::guide::{ImportedProgramme, Staging};

use super::demand::Demand;
use super::status::{GuideWarning, Running};

/// Warnings kept, and characters of each.
const MAX_WARNINGS: usize = 100;
const MAX_WARNING: usize = 500;

/// One import being collected. Clones share it: one goes to the plugin, the other is asked when the call is over.
#[derive(Clone)]
pub(super) struct Sink(Arc<Mutex<Collected>>);

/// Which programmes are kept.
pub(super) enum Filter {
    All,
    /// Of the guide channels that the catalogue wants.
    Wanted(Box<Demand>),
}

/// A staged import, or none any more. One that is given up goes on a thread that may wait: the store finishes first what it is at.
#[derive(Default)]
pub(super) struct Held(Option<Box<dyn Staging>>);

struct Collected {
    staging: Held,
    filter: Filter,
    shift: i64,
    running: Arc<Running>,
    seen: u64,
    kept: u64,
    remarks: Remarks,
    error: Option<String>,
}

/// What is worth telling about an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    pub(super) warnings: Vec<GuideWarning>,
    pub(super) warning_count: u64,
}

/// What came of an import.
pub(super) struct Collection {
    /// None where it was taken before.
    pub(super) staging: Held,
    /// Programmes that were pushed.
    pub(super) seen: u64,
    /// Programmes that passed the filter.
    pub(super) kept: u64,
    /// Guide channels whose programmes passed; none where all do.
    pub(super) kept_channels: Option<HashSet<String>>,
    pub(super) remarks: Remarks,
    /// Why the store takes no more.
    pub(super) error: Option<String>,
}

impl Sink {
    pub(super) fn new(staging: Box<dyn Staging>, filter: Filter, shift: i64, running: Arc<Running>) -> Self {
        Self(Arc::new(Mutex::new(Collected {
            staging: Held::new(staging),
            filter,
            shift,
            running,
            seen: 0,
            kept: 0,
            remarks: Remarks::default(),
            error: None,
        })))
    }

    /// Everything; what is pushed later is refused.
    pub(super) fn take(&self) -> Collection {
        let mut all = self.lock();
        Collection {
            staging: std::mem::take(&mut all.staging),
            seen: all.seen,
            kept: all.kept,
            kept_channels: match std::mem::replace(&mut all.filter, Filter::All) {
                Filter::All => None,
                Filter::Wanted(demand) => Some(demand.into_kept()),
            },
            remarks: std::mem::take(&mut all.remarks),
            error: all.error.take(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub(super) fn new(staging: Box<dyn Staging>) -> Self {
        Self(Some(staging))
    }

    pub(super) fn take(&mut self) -> Option<Box<dyn Staging>> {
        self.0.take()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(staging) = self.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(staging))),
            Err(_) => drop(staging),
        }
    }
}

impl GuideSink for Sink {
    fn channels(&mut self, batch: Vec<records::GuideChannel>) -> Result<(), ServiceError> {
        // All of them, wanted or not: what could be linked is looked up among them.
        let batch: Vec<GuideChannel> = batch.into_iter().map(channel).collect();
        let mut all = self.lock();
        if let Filter::Wanted(demand) = &mut all.filter {
            batch.iter().for_each(|channel| demand.meet(channel));
        }
        all.push(|staging| staging.channels(batch))
    }

    fn programmes(&mut self, batch: Vec<records::GuideProgramme>) -> Result<(), ServiceError> {
        let mut all = self.lock();
        all.seen += batch.len() as u64;
        all.running.programmes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let (shift, filter) = (all.shift, &mut all.filter);
        let wanted: Vec<ImportedProgramme> = batch
            .into_iter()
            .filter(|programme| filter.passes(&programme.channel))
            .map(|one| programme(one, shift))
            .collect();
        all.kept += wanted.len() as u64;
        if wanted.is_empty() {
            return Ok(());
        }
        all.push(|staging| staging.programmes(wanted))
    }

    fn packed(&mut self, mut batch: PackedProgrammes) -> Result<(), ServiceError> {
        let mut all = self.lock();
        all.seen += batch.len() as u64;
        all.running.programmes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let filter = &mut all.filter;
        batch.retain(|channel| filter.passes(channel));
        batch.shift(all.shift);
        all.kept += batch.len() as u64;
        if batch.is_empty() {
            return Ok(());
        }
        all.push(|staging| staging.packed(batch))
    }

    fn wanted(&mut self, channels: &[String]) -> Vec<bool> {
        let mut all = self.lock();
        channels.iter().map(|channel| all.filter.passes(channel)).collect()
    }

    fn warn(&mut self, item: String, message: String) {
        self.lock().remarks.warn(&item, &message);
    }
}

impl Collected {
    fn push(&mut self, push: impl FnOnce(&mut dyn Staging) -> Result<(), StoreError>) -> Result<(), ServiceError> {
        let unavailable = |message: String| ServiceError { code: "unavailable", message };
        let Some(staging) = &mut self.staging.0 else { return Err(unavailable("the import is over".to_owned())) };
        push(&mut **staging).map_err(|error| {
            let error = error.to_string();
            self.error = Some(error.clone());
            unavailable(format!("the guide cannot be stored: {error}"))
        })
    }
}

impl Filter {
    fn passes(&mut self, channel: &str) -> bool {
        match self {
            Self::All => true,
            Self::Wanted(demand) => demand.passes(channel),
        }
    }
}

impl Remarks {
    pub(super) fn warn(&mut self, item: &str, message: &str) {
        self.warning_count += 1;
        if self.warnings.len() < MAX_WARNINGS {
            let cut = |text: &str| text.chars().take(MAX_WARNING).collect();
            self.warnings.push(GuideWarning { item: cut(item), message: cut(message) });
        }
    }
}

fn texts(texts: Vec<records::GuideText>) -> Vec<GuideText> {
    texts.into_iter().map(|text| GuideText { lang: text.lang, value: text.value }).collect()
}

fn channel(channel: records::GuideChannel) -> GuideChannel {
    GuideChannel { id: channel.id, names: texts(channel.names), icons: channel.icons, attrs: channel.attrs }
}

fn programme(programme: records::GuideProgramme, shift: i64) -> ImportedProgramme {
    let credit = |credit: records::GuideCredit| GuideCredit { role: credit.role, name: credit.name, part: credit.part };
    ImportedProgramme {
        channel: programme.channel,
        start: programme.start.saturating_add_signed(shift),
        stop: programme.stop.map(|stop| stop.saturating_add_signed(shift)),
        details: ProgrammeDetails {
            titles: texts(programme.titles),
            sub_titles: texts(programme.sub_titles),
            descriptions: texts(programme.descriptions),
            categories: texts(programme.categories),
            credits: programme.credits.into_iter().map(credit).collect(),
            episode_numbers: programme
                .episode_numbers
                .into_iter()
                .map(|(system, value)| EpisodeNumber { system, value })
                .collect(),
            icons: programme.icons,
            attrs: programme.attrs,
        },
    }
}
