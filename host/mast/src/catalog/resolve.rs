//! Upstreams at tune time, for sources whose addresses are temporary.

use std::time::Duration;

use mast_model::{Channel, InstanceId, Upstream};

use super::{Catalog, PlayableFile, import};

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
        source_name: InstanceId,
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
        let found = self.upstream(&channel.source, &channel.key, &channel.upstreams, attempt).await?;
        found.ok_or_else(|| ResolveError::None { channel: channel.id, source_name: channel.source.clone() })
    }

    /// Where to fetch a file from, as for a channel.
    pub async fn resolve_file(&self, file: &PlayableFile, attempt: u32) -> Result<Upstream, ResolveError> {
        let found = self.upstream(&file.source, &file.key, &file.file.upstreams, attempt).await?;
        found.ok_or_else(|| ResolveError::Failed(format!("a file of {} has no upstream", file.source)))
    }

    /// None where there is none and the source makes none.
    async fn upstream(
        &self,
        source: &InstanceId,
        key: &str,
        upstreams: &[Upstream],
        attempt: u32,
    ) -> Result<Option<Upstream>, ResolveError> {
        let stored = stored(upstreams, attempt);
        let sources = self.shared.sources.load_full();
        let calls = sources.iter().find(|entry| entry.id == *source).and_then(|entry| entry.calls.as_ref());
        let Some(calls) = calls.filter(|calls| calls.resolves()) else { return Ok(stored) };
        let failure = match tokio::time::timeout(DEADLINE, calls.resolve(key, attempt)).await {
            Ok(Ok(upstream)) => return Ok(Some(import::upstream(upstream))),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{source}: resolver.resolve took longer than {DEADLINE:?}"),
        };
        if stored.is_none() {
            return Err(ResolveError::Failed(failure));
        }
        tracing::warn!(%source, error = %failure, "upstream not resolved; using one from the catalogue");
        Ok(stored)
    }
}

fn stored(upstreams: &[Upstream], attempt: u32) -> Option<Upstream> {
    let turn = usize::try_from(attempt).unwrap_or_default().checked_rem(upstreams.len())?;
    upstreams.get(turn).cloned()
}
