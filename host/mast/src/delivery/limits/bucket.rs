//! Token buckets for any number of clients in a table of fixed size, without locks.
//!
//! A cell is one word: 20 bits that tell keys apart, and the moment (44 bits of microseconds, which may wrap) up to which the key has used
//! its rate up. That moment lies at most a burst ahead of now, so a cell that lies further ahead is an old one. A key may be in any of
//! four cells; where all are taken, the one that is owed least is forgotten. So a flood of addresses makes the limits of others
//! looser, never tighter, and needs no memory.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Cells of one set: half a cache line.
const WAYS: usize = 4;
/// 64 Ki cells, 512 KiB.
const SETS: usize = 16 * 1024;
const TIME_BITS: u32 = 44;
const TIME: u64 = (1 << TIME_BITS) - 1;
/// No bucket is further ahead than its burst and one request.
const FURTHEST: u64 = 120_000_000;
/// Lost races after which a request passes: it was counted by those who won.
const ATTEMPTS: usize = 16;

/// How often, and how often at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// Microseconds that a request costs.
    interval: u64,
    /// Microseconds that may be owed before the next request.
    tolerance: u64,
}

impl Rate {
    /// `per_second` requests, at least one, and as many at once as come in `burst`, at least one.
    pub(super) fn new(per_second: u64, burst: Duration) -> Self {
        let interval = (1_000_000 / per_second.max(1)).max(1);
        let burst = u64::try_from(burst.as_micros()).unwrap_or(FURTHEST).min(FURTHEST / 2);
        Self { interval, tolerance: burst.saturating_sub(interval) }
    }
}

/// The table.
pub(super) struct Buckets {
    cells: Box<[AtomicU64]>,
    keys: RandomState,
    epoch: Instant,
}

impl Buckets {
    pub(super) fn new() -> Self {
        let cells = (0..SETS * WAYS).map(|_| AtomicU64::new(0)).collect();
        Self { cells, keys: RandomState::new(), epoch: Instant::now() }
    }

    /// Takes one request off the key's bucket, or tells how long to wait for the next.
    pub(super) fn take(&self, key: impl Hash, rate: Rate) -> Result<(), Duration> {
        self.take_at(key, rate, u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or_default())
    }

    fn take_at(&self, key: impl Hash, rate: Rate, now: u64) -> Result<(), Duration> {
        let hash = self.keys.hash_one(key);
        // An empty cell is 0, so no key is.
        let tag = (hash >> TIME_BITS).max(1);
        let start = (hash as usize % SETS) * WAYS;
        let set = &self.cells[start..start + WAYS];
        for _ in 0..ATTEMPTS {
            let (mut place, mut old, mut owed) = (0, 0, u64::MAX);
            for (at, cell) in set.iter().enumerate() {
                let value = cell.load(Ordering::Relaxed);
                let ahead = ahead(value, now);
                if value >> TIME_BITS == tag {
                    (place, old, owed) = (at, value, ahead);
                    break;
                }
                if ahead < owed {
                    (place, old, owed) = (at, value, ahead);
                }
            }
            let mine = if old >> TIME_BITS == tag { owed } else { 0 };
            if mine > rate.tolerance {
                return Err(Duration::from_micros(mine - rate.tolerance));
            }
            let new = (tag << TIME_BITS) | ((now + mine + rate.interval) & TIME);
            if set[place].compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// What a cell has used up beyond now.
fn ahead(cell: u64, now: u64) -> u64 {
    let ahead = (cell & TIME).wrapping_sub(now) & TIME;
    if ahead > FURTHEST { 0 } else { ahead }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn rate(per_second: u64, burst: u64) -> Rate {
        Rate::new(per_second, Duration::from_secs(burst))
    }

    #[test]
    fn a_burst_then_the_rate() {
        let buckets = Buckets::new();
        let rate = rate(10, 4);
        let passed = |now: u64| (0..100).filter(|_| buckets.take_at("a", rate, now).is_ok()).count();
        assert_eq!(passed(7 * SECOND), 40);
        assert_eq!(passed(7 * SECOND), 0);
        assert_eq!(buckets.take_at("a", rate, 7 * SECOND), Err(Duration::from_millis(100)));
        assert_eq!(passed(8 * SECOND), 10);
        assert!(buckets.take_at("b", rate, 8 * SECOND).is_ok(), "another's");
        assert_eq!(passed(60 * SECOND), 40);
    }

    #[test]
    fn time_wraps_and_old_cells_do_not_count() {
        let buckets = Buckets::new();
        let rate = rate(1, 2);
        let end = 1 << TIME_BITS;
        assert!(buckets.take_at("a", rate, end - SECOND / 2).is_ok());
        assert!(buckets.take_at("a", rate, end + SECOND / 4).is_ok());
        assert!(buckets.take_at("a", rate, end + SECOND / 4).is_err(), "over the end of time");
        assert!(buckets.take_at("a", rate, end + end / 2).is_ok(), "half a year later");
    }

    #[test]
    fn a_flood_of_keys_makes_nobody_wait() {
        let buckets = Buckets::new();
        let rate = rate(1, 1);
        assert!((0..1_000_000_u64).all(|key| buckets.take_at(key, rate, 0).is_ok() || key > 1_000));
        let late = (2_000_000..2_001_000_u64).filter(|key| buckets.take_at(key, rate, 0).is_err()).count();
        // Four cells of twenty bits: one in a quarter of a million takes another for itself.
        assert!(late <= 1, "{late} of 1000 were taken for others");
        assert_eq!(buckets.cells.len(), SETS * WAYS);
    }

    #[test]
    fn many_threads_together_get_what_one_gets() {
        let buckets = Buckets::new();
        let rate = rate(100, 1);
        let passed = std::thread::scope(|scope| {
            let one = || (0..1_000).filter(|_| buckets.take_at("a", rate, SECOND).is_ok()).count();
            let all: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().expect("no panic")).sum::<usize>()
        });
        // Lost races may let a few more through.
        assert!((100..110).contains(&passed), "{passed}");
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate(per_second in 1_u64..1_000, burst in 1_u64..60, times in prop::collection::vec(0_u64..2 * SECOND, 1..300)) {
            let buckets = Buckets::new();
            let rate = rate(per_second, burst);
            let mut now = 0;
            let mut passed = 0;
            for step in times {
                now += step / 100;
                passed += u64::from(buckets.take_at(1, rate, now).is_ok());
            }
            // A rate that does not divide a second is rounded up by less than a thousandth.
            prop_assert!(passed <= per_second * burst * 1_001 / 1_000 + now * per_second * 1_001 / 1_000 / SECOND + 2);
        }
    }
}
