//! The connections that a source may have at once: its provider counts them. A place is a guard that lives as long as the connection;
//! there is no counter to leak. A channel that waits for a place asks the channels that nobody watches to give theirs up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mast_model::InstanceId;
use tokio::sync::watch;

use super::Claim;

/// The places of all sources. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Slots {
    pools: Arc<Mutex<HashMap<InstanceId, Arc<Pool>>>>,
}

/// One source's places.
#[derive(Debug, Default)]
struct Pool {
    count: Mutex<Count>,
    /// Moves with every change of `count`.
    moved: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Count {
    used: usize,
    /// Channels that wait for a place.
    waiting: usize,
    /// Places whose holders have agreed to go.
    leaving: usize,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    pool: Arc<Pool>,
    moved: watch::Receiver<u64>,
    leaving: bool,
}

impl Slots {
    /// Takes one of `limit` places of a source. With [`Claim::Wanted`] it waits for one, as long as the caller has patience; with
    /// [`Claim::Spare`] there is none when all are in use.
    pub async fn take(&self, source: &InstanceId, limit: usize, claim: Claim) -> Option<Slot> {
        let pool = self.pool(source);
        let mut moved = pool.moved.subscribe();
        if let Some(slot) = pool.try_take(limit) {
            return Some(slot);
        }
        if claim == Claim::Spare {
            return None;
        }
        let _waiting = Waiting::new(&pool);
        loop {
            moved.mark_unchanged();
            if let Some(slot) = pool.try_take(limit) {
                return Some(slot);
            }
            // The pool holds the sender.
            moved.changed().await.ok()?;
        }
    }

    /// Places in use.
    pub fn used(&self, source: &InstanceId) -> usize {
        self.pool(source).count().used
    }

    fn pool(&self, source: &InstanceId) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pools.entry(source.clone()).or_default())
    }
}

impl Pool {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Count)) {
        change(&mut self.count());
        self.moved.send_modify(|version| *version = version.wrapping_add(1));
    }

    fn try_take(self: &Arc<Self>, limit: usize) -> Option<Slot> {
        let mut count = self.count();
        if count.used >= limit {
            return None;
        }
        count.used += 1;
        Some(Slot { pool: Arc::clone(self), moved: self.moved.subscribe(), leaving: false })
    }
}

impl Slot {
    /// Waits until another channel needs this place. Whoever waits here has agreed to go: one holder for each who asks.
    pub async fn wanted(&mut self) {
        while !self.leaving {
            self.moved.mark_unchanged();
            {
                let mut count = self.pool.count();
                if count.waiting > count.leaving {
                    count.leaving += 1;
                    self.leaving = true;
                    return;
                }
            }
            if self.moved.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let leaving = usize::from(self.leaving);
        self.pool.change(|count| {
            count.used -= 1;
            count.leaving -= leaving;
        });
    }
}

struct Waiting<'a>(&'a Pool);

impl<'a> Waiting<'a> {
    fn new(pool: &'a Pool) -> Self {
        pool.change(|count| count.waiting += 1);
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.change(|count| count.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio_util::task::TaskTracker;

    use super::*;

    fn source() -> InstanceId {
        InstanceId::new("provider").unwrap()
    }

    #[tokio::test]
    async fn places_are_guards() {
        let slots = Slots::default();
        let first = slots.take(&source(), 2, Claim::Spare).await;
        let second = slots.take(&source(), 2, Claim::Wanted).await;
        assert!(first.is_some() && second.is_some());
        assert!(slots.take(&source(), 2, Claim::Spare).await.is_none());
        assert!(slots.take(&InstanceId::new("other").unwrap(), 1, Claim::Spare).await.is_some());
        drop(first);
        assert_eq!(slots.used(&source()), 1);
        assert!(slots.take(&source(), 2, Claim::Spare).await.is_some());
    }

    #[tokio::test]
    async fn one_idle_holder_gives_way_to_one_who_waits() {
        let slots = Slots::default();
        let mut idle = [
            slots.take(&source(), 2, Claim::Wanted).await.unwrap(),
            slots.take(&source(), 2, Claim::Wanted).await.unwrap(),
        ];
        assert!(idle[0].wanted().now_or_never().is_none(), "nobody waits");
        let waiting = {
            let slots = slots.clone();
            TaskTracker::new().spawn(async move { slots.take(&source(), 2, Claim::Wanted).await })
        };
        tokio::time::timeout(Duration::from_secs(10), idle[0].wanted()).await.unwrap();
        assert!(idle[1].wanted().now_or_never().is_none(), "one is enough");
        let [gone, stays] = idle;
        drop(gone);
        assert!(waiting.await.unwrap().is_some());
        drop(stays);
        assert_eq!(slots.used(&source()), 0);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_disturbs_nobody() {
        let slots = Slots::default();
        let mut holder = slots.take(&source(), 1, Claim::Wanted).await.unwrap();
        assert!(slots.take(&source(), 1, Claim::Wanted).now_or_never().is_none());
        assert!(holder.wanted().now_or_never().is_none());
    }
}
