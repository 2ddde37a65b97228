//! How many workers may start at once. A start takes a core for a second; four hundred after a reboot would take each other's deadlines.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A start that takes longer than this waits for its upstream rather than for a core.
const LONGEST: Duration = Duration::from_secs(10);

/// Hands out permits to start, first come, first served. A cheap handle.
#[derive(Debug, Clone)]
pub struct Starts {
    semaphore: Arc<Semaphore>,
    longest: Duration,
}

impl Starts {
    /// At most `most` starts at once (at least one); none counts for longer than `longest`.
    pub fn new(most: usize, longest: Duration) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))), longest }
    }

    /// Two for each core.
    pub fn by_cores() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new(2 * cores, LONGEST)
    }

    /// Waits for its turn. Dropping the future gives the place in the queue up.
    pub async fn turn(&self) -> StartPermit {
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.expect("the semaphore is never closed");
        StartPermit { _permit: permit, until: Instant::now() + self.longest }
    }

    /// How many could start at once now.
    pub fn free(&self) -> usize {
        self.semaphore.available_permits()
    }
}

/// The right to start one worker. The worker gives it back with its first progress, at its end, or when it takes too long.
#[derive(Debug)]
pub struct StartPermit {
    _permit: OwnedSemaphorePermit,
    until: Instant,
}

impl StartPermit {
    pub(crate) fn until(&self) -> Instant {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_after_the_other() {
        let starts = Starts::new(1, Duration::from_secs(5));
        let first = starts.turn().await;
        assert_eq!(starts.free(), 0);
        let mut second = std::pin::pin!(starts.turn());
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut second).await.is_err());
        drop(first);
        tokio::time::timeout(Duration::from_secs(5), second).await.expect("a start is free");
        assert_eq!(starts.free(), 1);
        assert!(Starts::by_cores().free() >= 2 && Starts::new(0, LONGEST).free() == 1);
    }
}
