//! Fragments: parts of answers that outputs make once for many viewers. Kept packed and nothing else, the least used make way above a
//! budget; what a viewer is being sent is shared for as long as that takes, kept or not.
//!
//! It is not its business what is in them, or who may see them: the runtime asks the line, and the key holds the version of
//! everything that a fragment depends on. Invariant: a fragment is made by one call at a time, the others wait for it, but not for ever.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use mast_model::{ByteSize, InstanceId};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::packed::Packed;
use crate::metrics::{head, sample};

/// Fragments expected at most; only sizes the table.
const ENTRIES: usize = 4096;
/// What a kept fragment takes beside its bytes.
const OVERHEAD: u64 = 192;
/// Viewers in flight may hold what is not kept any more, all of them together so many times the budget.
const ALIVE: u64 = 16;
/// How long a call waits for another one that makes the same fragment.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hash of what a fragment depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FragmentKey([u8; 16]);

impl FragmentKey {
    /// `generation` counts loads of the instance, `version` is that of the guides.
    pub(super) fn new(instance: &InstanceId, generation: u64, channel: Option<u32>, version: u64, key: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(instance.as_str().len() as u64).to_le_bytes());
        hasher.update(instance.as_str().as_bytes());
        hasher.update(&generation.to_le_bytes());
        hasher.update(&channel.map_or(u64::MAX, u64::from).to_le_bytes());
        hasher.update(&version.to_le_bytes());
        hasher.update(key.as_bytes());
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(hash)
    }
}

#[derive(Clone)]
struct Size;

impl Weighter<FragmentKey, Arc<Packed>> for Size {
    fn weight(&self, _key: &FragmentKey, fragment: &Arc<Packed>) -> u64 {
        fragment.bytes.len() as u64 + OVERHEAD
    }
}

/// All fragments. Cheap to clone.
#[derive(Clone)]
pub(super) struct Fragments(Arc<Shared>);

struct Shared {
    kept: Cache<FragmentKey, Arc<Packed>, Size>,
    budget: u64,
    /// Bytes of all that live.
    alive: Arc<AtomicU64>,
    made: AtomicU64,
    reused: AtomicU64,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Everything that lives, and some that lived.
    known: HashMap<FragmentKey, Weak<Packed>>,
    making: HashSet<FragmentKey>,
    /// The dead are looked for when so many are known.
    sweep_at: usize,
}

/// What is there under a key.
pub(super) enum Look {
    /// It is there.
    Kept(Arc<Packed>),
    /// It is the caller's to make.
    Missing(Making),
}

/// A fragment that is being made; without `keep` the next one who asks makes it.
pub(super) struct Making {
    fragments: Fragments,
    pub(super) key: FragmentKey,
    /// False where waiting for another maker took too long.
    alone: bool,
}

impl Fragments {
    pub(super) fn new(budget: ByteSize) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(ENTRIES)
            .weight_capacity(budget.0)
            .shards(1)
            .build()
            .expect("both capacities are set");
        let kept = Cache::with_options(options, Size, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self(Arc::new(Shared {
            kept,
            budget: budget.0,
            alive: Arc::default(),
            made: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            state: Mutex::default(),
            ended: Condvar::new(),
        }))
    }

    /// What is there.
    pub(super) fn find(&self, key: &FragmentKey) -> Option<Arc<Packed>> {
        self.0.kept.get(key).or_else(|| self.0.alive(&mut self.0.lock(), key))
    }

    /// What is there, or the right to make it. Blocks while somebody else makes it, a few seconds at most.
    pub(super) fn look(&self, key: FragmentKey) -> Look {
        let until = Instant::now() + PATIENCE;
        let mut state = self.0.lock();
        loop {
            if let Some(found) = self.0.kept.get(&key).or_else(|| self.0.alive(&mut state, &key)) {
                self.0.reused.fetch_add(1, Ordering::Relaxed);
                return Look::Kept(found);
            }
            let (alone, left) = (state.making.insert(key), until.saturating_duration_since(Instant::now()));
            if alone || left.is_zero() {
                return Look::Missing(Making { fragments: self.clone(), key, alone });
            }
            state = self.0.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// For the metrics.
    pub(super) fn reading(&self, text: &mut String) {
        let counts = [
            ("made", "Parts of answers that outputs had to make.", &self.0.made),
            ("reused", "Parts of answers that were there already.", &self.0.reused),
        ];
        for (name, help, count) in counts {
            let name = format!("mast_output_fragments_{name}_total");
            head(text, &name, "counter", help);
            sample(text, &name, "", count.load(Ordering::Relaxed));
        }
        let name = "mast_output_fragment_bytes";
        head(text, name, "gauge", "Memory for parts of answers, packed, those included that viewers are being sent.");
        sample(text, name, "", self.0.alive.load(Ordering::Relaxed));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that somebody still holds; it is kept again.
    fn alive(&self, state: &mut State, key: &FragmentKey) -> Option<Arc<Packed>> {
        let found = state.known.get(key)?.upgrade()?;
        self.kept.insert(*key, Arc::clone(&found));
        Some(found)
    }
}

impl Making {
    /// Keeps what was made; none where too much lives.
    pub(super) fn keep(self, made: Packed) -> Option<Arc<Packed>> {
        let shared = &self.fragments.0;
        if shared.alive.load(Ordering::Relaxed) > shared.budget.saturating_mul(ALIVE) {
            return None;
        }
        let made = Arc::new(made.counted(&shared.alive));
        shared.made.fetch_add(1, Ordering::Relaxed);
        let mut state = shared.lock();
        state.known.insert(self.key, Arc::downgrade(&made));
        if state.known.len() > state.sweep_at {
            state.known.retain(|_, fragment| fragment.strong_count() > 0);
            state.sweep_at = (2 * state.known.len()).max(ENTRIES);
        }
        drop(state);
        shared.kept.insert(self.key, Arc::clone(&made));
        Some(made)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.alone {
            self.fragments.0.lock().making.remove(&self.key);
            self.fragments.0.ended.notify_all();
        }
    }
}

#[cfg(test)]
#[path = "fragments/tests.rs"]
mod tests;
