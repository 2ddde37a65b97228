//! The byte budget over the windows of all channels. Each channel holds a [`Share`], a guard that says how much it keeps; what
//! a channel that ended kept is free at once. Over the budget the largest windows shrink to one level, the highest at which
//! everything fits; no channel touches another's window.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

/// No window has to shrink.
const UNLIMITED: usize = usize::MAX;

/// The budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    used: AtomicUsize,
    shares: Mutex<Vec<Weak<AtomicUsize>>>,
    level: watch::Sender<usize>,
}

/// What one channel keeps.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: Arc<AtomicUsize>,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        let shared =
            Shared { limit, used: AtomicUsize::new(0), shares: Mutex::default(), level: watch::Sender::new(UNLIMITED) };
        Self { shared: Arc::new(shared) }
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Share {
        let bytes = Arc::new(AtomicUsize::new(0));
        let mut shares = self.shares();
        shares.retain(|share| share.strong_count() > 0);
        shares.push(Arc::downgrade(&bytes));
        Share { budget: self.clone(), bytes }
    }

    /// Bytes kept by all channels.
    pub(crate) fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// The most that one window may hold now; changes under pressure.
    pub(crate) fn level(&self) -> watch::Receiver<usize> {
        self.shared.level.subscribe()
    }

    fn shares(&self) -> MutexGuard<'_, Vec<Weak<AtomicUsize>>> {
        self.shared.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the level anew where it matters: over the budget, or while a level is set.
    fn settle(&self) {
        let limited = *self.shared.level.borrow() != UNLIMITED;
        if self.used() <= self.shared.limit && !limited {
            return;
        }
        let sizes = self.shares().iter().filter_map(Weak::upgrade).map(|size| size.load(Ordering::Relaxed)).collect();
        let level = level(sizes, self.shared.limit);
        self.shared.level.send_if_modified(|current| std::mem::replace(current, level) != level);
    }
}

impl Share {
    /// Says how much the channel keeps now.
    pub(crate) fn set(&self, bytes: usize) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        let used = &self.budget.shared.used;
        if bytes >= before {
            used.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            used.fetch_sub(before - bytes, Ordering::Relaxed);
        }
        self.budget.settle();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The highest level at which windows of these sizes, cut down to it, fit into the limit.
fn level(mut sizes: Vec<usize>, limit: usize) -> usize {
    sizes.sort_unstable();
    let mut left = limit;
    for (at, size) in sizes.iter().enumerate() {
        let each = left / (sizes.len() - at);
        if *size > each {
            return each;
        }
        left -= size;
    }
    UNLIMITED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (sizes, limit, expected) in [
            (vec![], 10, UNLIMITED),
            (vec![3, 3, 4], 10, UNLIMITED),
            (vec![1, 2, 20], 10, 7),
            (vec![20, 20], 10, 5),
            (vec![2, 8, 8], 10, 4),
            (vec![5], 0, 0),
        ] {
            assert_eq!(level(sizes.clone(), limit), expected, "{sizes:?} in {limit}");
        }
    }

    #[test]
    fn the_largest_shrink_and_a_dropped_share_frees_its_bytes() {
        let budget = Budget::new(100);
        let (small, large) = (budget.share(), budget.share());
        let level = budget.level();
        small.set(30);
        large.set(60);
        assert_eq!(*level.borrow(), UNLIMITED);
        large.set(90);
        assert_eq!(*level.borrow(), 70);
        large.set(70);
        assert_eq!((budget.used(), *level.borrow()), (100, UNLIMITED));
        drop(large);
        assert_eq!(budget.used(), 30);
    }
}
