//! Answers of outputs, kept while nothing changed that they depend on. The key holds the version of everything, so nothing is ever dropped
//! by hand: a changed lineup makes another key, and the old answer falls out.
//!
//! Also kept: since when an answer is as it is, for clients that ask by time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Method, request::Parts};
use jiff::Timestamp;
use mast_model::{ByteSize, Line};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::Shared;
use super::super::viewer::Viewer;
use super::answer::{Answer, Kept};
use super::fragments::Fragments;
use super::request::Fields;
use crate::extensions::{PlaybackUrls, RouteMatch};

/// Bytes of answers kept, over all outputs.
const BUDGET: u64 = 64 << 20;
/// Answers expected at most; only sizes the table.
const ENTRIES: usize = 4096;
/// Answers whose age is known.
const FIRSTS: usize = 16_384;
/// Seconds.
const DAY: i64 = 86_400;
/// Calls of outputs at once; more wait.
const CALLS: usize = 16;
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// Everything that an answer depends on, hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Who asks for what.
    resource: [u8; 16],
    /// The same, and the version of everything.
    version: [u8; 16],
}

fn shortened(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    hash
}

impl Key {
    /// The key of a request; none where its answer must not be kept.
    pub(super) fn of(
        shared: &Shared,
        found: &RouteMatch,
        parts: &Parts,
        fields: &Fields,
        viewer: &Viewer,
        line: Option<&(Arc<Line>, PlaybackUrls)>,
    ) -> Option<Self> {
        let known = |code: &String| matches!(code.as_str(), "lineup" | "line" | "request" | "guide" | "day");
        let depends = &found.route.depends;
        if depends.is_empty() || !depends.iter().all(known) || !matches!(parts.method, Method::GET | Method::HEAD) {
            return None;
        }
        let depends = |on: &str| depends.iter().any(|code| code == on);
        let mut hasher = blake3::Hasher::new();
        let add = |hasher: &mut blake3::Hasher, bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(&mut hasher, found.instance.as_str().as_bytes());
        add(&mut hasher, found.route.id.as_bytes());
        add(&mut hasher, viewer.base_url.as_bytes());
        add(&mut hasher, parts.uri.path().as_bytes());
        for (name, value) in &fields.pairs {
            add(&mut hasher, name.as_bytes());
            add(&mut hasher, value.as_bytes());
        }
        let line = line.map(|(line, _)| line);
        add(&mut hasher, &line.map_or(0, |line| line.id.0).to_le_bytes());
        let resource = shortened(&hasher);
        // A reloaded instance may answer otherwise. Loads are counted since the start, so tags end with it.
        add(&mut hasher, &shared.outputs.run);
        add(&mut hasher, &found.generation.to_le_bytes());
        if let Some(line) = line {
            add(&mut hasher, &line.revision.to_le_bytes());
            add(&mut hasher, &shared.deps.catalog.lineup(line).version.to_le_bytes());
        }
        if depends("guide") {
            add(&mut hasher, &shared.deps.guide.version().to_le_bytes());
        }
        if depends("day") {
            add(&mut hasher, &Timestamp::now().as_second().div_euclid(DAY).to_le_bytes());
        }
        Some(Self { resource, version: shortened(&hasher) })
    }

    /// The entity tag, quoted.
    pub(super) fn tag(&self) -> String {
        format!("\"{}\"", hex::encode(&self.version[..12]))
    }
}

#[derive(Clone)]
struct Size;

impl Weighter<[u8; 16], Arc<Kept>> for Size {
    fn weight(&self, _key: &[u8; 16], kept: &Arc<Kept>) -> u64 {
        kept.size()
    }
}

/// A version of an answer, and when it was first made: seconds since 1970, at least one more than the version before.
#[derive(Clone, Copy)]
struct First {
    version: [u8; 16],
    at: i64,
}

/// Kept answers and fragments, and turns for making new ones.
pub(in super::super) struct OutputCache {
    answers: Cache<[u8; 16], Arc<Kept>, Size>,
    pub(super) fragments: Fragments,
    /// By resource.
    firsts: Mutex<quick_cache::unsync::Cache<[u8; 16], First>>,
    calls: Arc<Semaphore>,
    /// This run of the host.
    run: [u8; 16],
}

impl OutputCache {
    /// Fragments have a budget of their own.
    pub(in super::super) fn new(fragments: ByteSize) -> Self {
        let mut run = [0; 16];
        // Without randomness a viewer may be told "not modified" once too often after a restart.
        let _ = getrandom::fill(&mut run);
        // Each shard has its part of the budget, and one answer may be a third of it.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(ENTRIES)
            .weight_capacity(BUDGET)
            .shards(1)
            .build()
            .expect("both capacities are set");
        let answers = Cache::with_options(options, Size, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self {
            answers,
            fragments: Fragments::new(fragments),
            firsts: Mutex::new(quick_cache::unsync::Cache::new(FIRSTS)),
            calls: Arc::new(Semaphore::new(CALLS)),
            run,
        }
    }

    /// Adds to the metrics.
    pub(in super::super) fn reading(&self) -> impl Fn(&mut String) + Send + Sync + use<> {
        let fragments = self.fragments.clone();
        move |text| fragments.reading(text)
    }

    /// The answer, if it and all its fragments are there.
    pub(super) fn find(&self, key: &Key) -> Option<Answer> {
        self.answers.get(&key.version)?.answer(&self.fragments)
    }

    pub(super) fn keep(&self, key: &Key, answer: &Answer) {
        self.answers.insert(key.version, Arc::new(answer.kept()));
        let now = Timestamp::now().as_second();
        let mut firsts = self.firsts();
        let at = match firsts.get(&key.resource) {
            Some(first) if first.version == key.version => return,
            // Two versions of one second must not look the same to who asks by time.
            Some(first) => now.max(first.at + 1),
            None => now,
        };
        firsts.insert(key.resource, First { version: key.version, at });
    }

    /// When this version of the answer was first made; none where it was not, or where that is still to come.
    pub(super) fn first_made(&self, key: &Key) -> Option<Timestamp> {
        let first = *self.firsts().get(&key.resource)?;
        let at = Timestamp::from_second(first.at).ok()?;
        (first.version == key.version && at <= Timestamp::now()).then_some(at)
    }

    fn firsts(&self) -> MutexGuard<'_, quick_cache::unsync::Cache<[u8; 16], First>> {
        self.firsts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn to call an output; none when it takes too long.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(TURN, Arc::clone(&self.calls).acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
#[path = "cache/tests.rs"]
mod tests;
