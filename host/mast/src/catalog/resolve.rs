//! Upstreams at tune time, for sources whose addresses are temporary.

use std::time::Duration;

use mast_model::{Channel, Upstream};

use super::{Catalog, import};

/// A viewer is waiting.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no upstream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The source delivered none and makes none.
    #[error("channel {channel} of {source_name} has no upstream")]
    None {
        /// The channel.
        channel: mast_model::ChannelId,
        /// Its source instance.
        source_name: mast_model::InstanceId,
    },
    /// The source makes upstreams and failed to.
    #[error("{0}")]
    Failed(String),
}

impl Catalog {
    /// How many upstreams a channel has; one for a source that makes them and stored none.
    pub fn upstream_count(&self, channel: &Channel) -> usize {
        let sources = self.shared.sources.load();
        let resolves = || {
            let entry = sources.iter().find(|entry| entry.id == channel.source);
            entry.and_then(|entry| entry.calls.as_ref()).is_some_and(|calls| calls.resolves())
        };
        match channel.upstreams.len() {
            0 => usize::from(resolves()),
            stored => stored,
        }
    }

    /// Where to fetch a channel from. `attempt` counts from 0 while tuning fails: stored upstreams take turns, a source that makes
    /// them is asked again. Where it fails to, stored upstreams serve.
    pub async fn resolve(&self, channel: &Channel, attempt: u32) -> Result<Upstream, ResolveError> {
        let stored = stored(channel, attempt);
        let sources = self.shared.sources.load_full();
        let calls = sources.iter().find(|entry| entry.id == channel.source).and_then(|entry| entry.calls.as_ref());
        let Some(calls) = calls.filter(|calls| calls.resolves()) else {
            return stored
                .ok_or_else(|| ResolveError::None { channel: channel.id, source_name: channel.source.clone() });
        };
        let failure = match tokio::time::timeout(DEADLINE, calls.resolve(&channel.key, attempt)).await {
            Ok(Ok(upstream)) => return Ok(import::upstream(upstream)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{}: resolver.resolve took longer than {DEADLINE:?}", channel.source),
        };
        let Some(stored) = stored else { return Err(ResolveError::Failed(failure)) };
        tracing::warn!(channel = %channel.id, error = %failure, "upstream not resolved; using one from the catalogue");
        Ok(stored)
    }
}

fn stored(channel: &Channel, attempt: u32) -> Option<Upstream> {
    let turn = usize::try_from(attempt).unwrap_or_default().checked_rem(channel.upstreams.len())?;
    channel.upstreams.get(turn).cloned()
}
