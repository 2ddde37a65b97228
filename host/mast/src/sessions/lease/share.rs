//! A request's share in a connection that several requests of one player have together.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Lease, Leases};

/// While a share lives, its lease lives, unless somebody ends it; after the last one it expires.
pub(crate) struct Share<T> {
    lease: Arc<Lease<T>>,
    leases: Arc<Leases<T>>,
}

impl<T> Share<T> {
    /// A share in a lease that was just granted.
    pub(crate) fn of(lease: Arc<Lease<T>>, leases: Arc<Leases<T>>) -> Self {
        lease.shares.fetch_add(1, Ordering::Relaxed);
        Self { lease, leases }
    }

    /// Whether the lease is there still.
    pub(crate) fn lives(&self) -> bool {
        self.leases.touch(self.lease.channel, self.lease.id).is_some()
    }
}

impl<T> Deref for Share<T> {
    type Target = Lease<T>;

    fn deref(&self) -> &Lease<T> {
        &self.lease
    }
}

impl<T> Drop for Share<T> {
    fn drop(&mut self) {
        self.lease.seen.store(self.leases.now(), Ordering::Relaxed);
        if self.lease.shares.fetch_sub(1, Ordering::Relaxed) == 1 && self.lease.bytes() == 0 {
            // Nothing ever played: no player comes back for more.
            self.lease.lasts(Duration::ZERO);
        }
    }
}
