//! Playouts: channels of the operator's own, made of files along a schedule (`[playout.NAME]`). What plays is a function of the clock
//! ([`schedule`]); where in a file that is, [`recording`] finds out; [`run`] reads the files as fast as they play. To the rest of the
//! host a playout is an upstream like any other, and its channel comes from a source like any other.
//!
//! Nothing runs while nobody watches, and nothing is kept but the lengths of files.

pub(crate) mod check;
mod recording;
mod run;
pub(crate) mod schedule;
mod source;
#[cfg(test)]
mod tests;

pub use source::own_channels;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::config::PlayoutConfig;
use super::fault::{Failure, UpstreamFault};
use super::upstream::UpstreamBytes;
use recording::{Recording, Unfit};
use schedule::{Schedule, Slot};

/// The source that the channels of playouts belong to.
pub const SOURCE: &str = "playout";

/// Every playout. Cheap to clone.
#[derive(Clone, Default)]
pub struct Playouts {
    by_name: Arc<BTreeMap<String, Arc<Playout>>>,
}

/// One playout.
struct Playout {
    name: String,
    schedule: Schedule,
    files: Vec<PathBuf>,
    filler: Option<PathBuf>,
    known: Mutex<HashMap<PathBuf, Known>>,
}

/// What was found out about a file as it was then.
#[derive(Clone)]
struct Known {
    size: u64,
    changed: Option<SystemTime>,
    recording: Option<Arc<Recording>>,
}

/// A file and what is known about it.
struct Opened {
    file: File,
    recording: Arc<Recording>,
}

impl Playouts {
    /// The playouts of a configuration.
    pub fn new(configs: &BTreeMap<String, PlayoutConfig>) -> Self {
        let playout = |(name, config): (&String, &PlayoutConfig)| {
            let playout = Playout {
                name: name.clone(),
                schedule: config.schedule(),
                files: config.entries.iter().map(|entry| entry.file.clone()).collect(),
                filler: config.filler.clone(),
                known: Mutex::default(),
            };
            (name.clone(), Arc::new(playout))
        };
        Self { by_name: Arc::new(configs.iter().map(playout).collect()) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Joins a playout where it is now.
    pub(super) async fn open(&self, name: &str) -> Result<UpstreamBytes, Failure> {
        let playout = self.by_name.get(name).ok_or(UpstreamFault::NoUpstream)?;
        run::run(Arc::clone(playout)).await
    }
}

impl Playout {
    /// What is on at a time. Looks at the files, of which those that have not changed are known. Blocks.
    fn slot(&self, now: jiff::Timestamp) -> Slot {
        let lengths: Vec<Option<Duration>> =
            self.files.iter().map(|file| self.recording(file).map(|recording| recording.length)).collect();
        self.schedule.slot(&lengths, now)
    }

    /// Opens a file. Blocks.
    fn open(&self, path: &Path) -> Option<Opened> {
        let recording = self.recording(path)?;
        let file = File::open(path).ok()?;
        Some(Opened { file, recording })
    }

    fn recording(&self, path: &Path) -> Option<Arc<Recording>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, changed) = std::fs::metadata(path).map_or((0, None), |stat| (stat.len(), stat.modified().ok()));
        if let Some(known) = known().get(path).filter(|known| (known.size, known.changed) == (size, changed)) {
            return known.recording.clone();
        }
        let found = File::open(path).map_err(Unfit::from).and_then(|mut file| Recording::of(&mut file));
        if let Err(unfit) = &found {
            tracing::warn!(playout = %self.name, file = %path.display(), "a file of a playout is left out: it {unfit}");
        }
        let recording = found.ok().map(Arc::new);
        known().insert(path.to_owned(), Known { size, changed, recording: recording.clone() });
        recording
    }
}
