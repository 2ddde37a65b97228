//! Media sequence and discontinuity sequence numbers of a channel, reserved durably in blocks before they are used: a host that is
//! killed forgets the rest of a block and never repeats a number. And its target duration, which clients must not see change.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mast_media::SequenceBase;
use mast_model::ChannelId;
use mast_store::{StateStore, StoreError};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::fault::{Failure, UpstreamFault};

/// Numbers reserved at once: at two seconds each more than half an hour, so that a disk write per block is nothing.
const BLOCK: u64 = 1000;
/// With fewer left, the next block is reserved.
const LOW: u64 = 500;

/// With nothing published for so long, nobody plays what was published before.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// The numbers of one channel. The first use asks the store; from then on memory knows.
pub(crate) struct Numbers {
    store: Arc<dyn StateStore>,
    channel: ChannelId,
    /// What the next window starts with.
    base: Option<SequenceBase>,
    /// First number of each kind that is not reserved.
    media_end: u64,
    discontinuity_end: u64,
    topping_up: Option<JoinHandle<Result<(u64, u64), StoreError>>>,
    /// Target duration as stored.
    stored_target: Option<u32>,
    /// A longer one that the channel needs.
    proposal: Option<u32>,
    /// When the newest segment was published.
    used_at: Option<Instant>,
}

/// What the first look into the store gave.
pub(crate) struct Loaded {
    first: (u64, u64),
    target_duration: Option<u32>,
}

impl Numbers {
    pub(crate) fn new(store: Arc<dyn StateStore>, channel: ChannelId) -> Self {
        let (media_end, discontinuity_end) = (0, 0);
        let (stored_target, proposal, used_at) = (None, None, None);
        Self {
            store,
            channel,
            base: None,
            media_end,
            discontinuity_end,
            topping_up: None,
            stored_target,
            proposal,
            used_at,
        }
    }

    /// What has to be done before the first segment: the first reservation, off the serving threads. None later on.
    pub(crate) fn load(&self) -> BoxFuture<'static, Result<Option<Loaded>, Failure>> {
        if self.base.is_some() {
            return Box::pin(async { Ok(None) });
        }
        let (store, channel) = (Arc::clone(&self.store), self.channel);
        let read = tokio::task::spawn_blocking(move || {
            let target_duration = store.target_duration(channel)?;
            Ok::<_, StoreError>(Loaded { first: store.reserve_sequence(channel, BLOCK, BLOCK)?, target_duration })
        });
        Box::pin(async move {
            match read.await {
                Ok(Ok(loaded)) => Ok(Some(loaded)),
                Ok(Err(error)) => Err(failed(&error)),
                Err(error) => Err(failed(&error)),
            }
        })
    }

    /// Takes over what [`Numbers::load`] read.
    pub(crate) fn loaded(&mut self, loaded: Option<Loaded>) {
        let Some(Loaded { first: (media, discontinuity), target_duration }) = loaded else { return };
        (self.media_end, self.discontinuity_end) = (media + BLOCK, discontinuity + BLOCK);
        self.stored_target = target_duration;
        // Read twice, when the slate and an upstream were opened at once: the blocks follow each other, what was used goes on.
        self.base.get_or_insert(SequenceBase { media, discontinuity, target_duration });
    }

    /// Where a new window starts; after `loaded`. A target duration holds on, except that an operator raises it at once, and that it
    /// takes on what was proposed when nobody can know the old one any more.
    pub(crate) fn base(&self, configured: u32) -> SequenceBase {
        let base = self.base.unwrap_or(SequenceBase { media: 0, discontinuity: 0, target_duration: None });
        let forgotten = self.used_at.is_some_and(|at| at.elapsed() >= FORGOTTEN);
        let proposed = self.proposal.filter(|_| forgotten).unwrap_or(0);
        SequenceBase { target_duration: base.target_duration.map(|own| own.max(configured).max(proposed)), ..base }
    }

    /// Notes how far the window has come and what it proposes, reserves more in time, remembers the target duration.
    pub(crate) fn used(&mut self, next: SequenceBase, proposal: Option<u32>) -> Result<(), Failure> {
        self.base = Some(next);
        self.proposal = proposal.or(self.proposal);
        self.used_at = Some(Instant::now());
        self.remember(next.target_duration);
        self.collect()?;
        // A discontinuity may take the number after `next`.
        let left = self
            .media_end
            .saturating_sub(next.media)
            .min(self.discontinuity_end.saturating_sub(next.discontinuity + 1));
        if left < LOW && self.topping_up.is_none() {
            let (store, channel) = (Arc::clone(&self.store), self.channel);
            self.topping_up = Some(tokio::task::spawn_blocking(move || store.reserve_sequence(channel, BLOCK, BLOCK)));
        }
        if left == 0 { Err(UpstreamFault::Store.into()) } else { Ok(()) }
    }

    fn collect(&mut self) -> Result<(), Failure> {
        let Some(done) = self.topping_up.as_mut().and_then(FutureExt::now_or_never) else { return Ok(()) };
        self.topping_up = None;
        let (media, discontinuity) = match done {
            Ok(Ok(first)) => first,
            // There are numbers left; the next segment tries again.
            Ok(Err(error)) => {
                tracing::warn!(channel = %self.channel, error = %error, "sequence numbers not reserved");
                return Ok(());
            }
            Err(error) => return Err(failed(&error)),
        };
        // This host is the only one that reserves, so the block continues the one before.
        (self.media_end, self.discontinuity_end) = (media + BLOCK, discontinuity + BLOCK);
        Ok(())
    }

    fn remember(&mut self, target_duration: Option<u32>) {
        let Some(seconds) = target_duration.filter(|_| target_duration != self.stored_target) else { return };
        self.stored_target = target_duration;
        let (store, channel) = (Arc::clone(&self.store), self.channel);
        // Nobody waits for it: what is lost is learned again.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = store.set_target_duration(channel, seconds) {
                tracing::warn!(%channel, %error, "target duration not stored");
            }
        }));
    }
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure { fault: UpstreamFault::Store, detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> (tempfile::TempDir, Numbers) {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::from(mast_store::open_state(folder.path()).unwrap());
        let mut numbers = Numbers::new(store, ChannelId(1));
        numbers.loaded(Some(Loaded { first: (0, 0), target_duration: None }));
        (folder, numbers)
    }

    #[tokio::test(start_paused = true)]
    async fn a_longer_target_duration_waits_until_nobody_can_know_the_old_one() {
        let (_folder, mut numbers) = numbers();
        assert_eq!(numbers.base(2).target_duration, None, "the first window decides");
        let next = SequenceBase { media: 1, discontinuity: 0, target_duration: Some(2) };
        numbers.used(next, Some(5)).unwrap();
        // A window that proposes nothing does not take it back.
        numbers.used(SequenceBase { media: 2, ..next }, None).unwrap();
        tokio::time::advance(FORGOTTEN - Duration::from_secs(1)).await;
        assert_eq!(numbers.base(2), SequenceBase { media: 2, ..next });
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(numbers.base(2).target_duration, Some(5));
    }

    #[tokio::test]
    async fn an_operator_raises_the_target_duration_at_once_and_does_not_lower_it() {
        let (_folder, mut numbers) = numbers();
        numbers.used(SequenceBase { media: 1, discontinuity: 0, target_duration: Some(4) }, None).unwrap();
        for (configured, expected) in [(2, 4), (4, 4), (6, 6)] {
            assert_eq!(numbers.base(configured).target_duration, Some(expected), "{configured}");
        }
    }
}
