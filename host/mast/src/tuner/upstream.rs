//! Where the tuner's bytes come from. The trait is what the channel's task sees; [`CatalogUpstreams`] is the real thing.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use mast_model::{ChannelId, Upstream, UpstreamKind};

use super::fault::{Failure, UpstreamFault};
use crate::catalog::{Catalog, ResolveError};
use crate::extensions::Extensions;
use crate::outbound::{Outbound, OutboundRequest};

/// The bytes of an open upstream. Dropping it closes the connection.
pub type UpstreamBytes = BoxStream<'static, Result<Bytes, Failure>>;

/// Opens upstreams of channels.
pub trait Upstreams: Send + Sync + 'static {
    /// How many upstreams a channel has now.
    fn count(&self, channel: ChannelId) -> usize;
    /// Opens the `turn`-th upstream, counted round and round, up to its response head.
    fn open(&self, channel: ChannelId, turn: u32) -> BoxFuture<'static, Result<UpstreamBytes, Failure>>;
}

/// Upstreams as the catalogue lists them, under the rules of their source.
pub struct CatalogUpstreams {
    /// Looks channels up at every start, so that a refreshed URL is used from the next attempt on.
    pub catalog: Catalog,
    /// Knows what a source is granted.
    pub extensions: Extensions,
    /// Makes the requests.
    pub outbound: Outbound,
    /// Until the response head is there.
    pub connect_timeout: Duration,
}

impl Upstreams for CatalogUpstreams {
    fn count(&self, channel: ChannelId) -> usize {
        self.catalog.channel(channel).map_or(0, |channel| channel.upstreams.len())
    }

    fn open(&self, channel: ChannelId, turn: u32) -> BoxFuture<'static, Result<UpstreamBytes, Failure>> {
        let channel = self.catalog.channel(channel);
        let rules = channel.as_ref().and_then(|channel| self.extensions.upstream_rules(&channel.source));
        let (catalog, outbound, head_timeout) = (self.catalog.clone(), self.outbound.clone(), self.connect_timeout);
        Box::pin(async move {
            let channel = channel.ok_or(UpstreamFault::NoUpstream)?;
            let upstream = catalog.resolve(&channel, turn).await.map_err(unresolved)?;
            check_kind(upstream.kind)?;
            let rules = rules.ok_or(UpstreamFault::SourceGone)?;
            let response = outbound.send(&rules, request(&upstream, head_timeout)).await?;
            if response.status != 200 {
                return Err(UpstreamFault::Status(response.status).into());
            }
            let body = stream::try_unfold(response, async |mut response| {
                Ok::<_, Failure>(response.chunk().await?.map(|bytes| (bytes, response)))
            });
            Ok(body.boxed())
        })
    }
}

fn unresolved(error: ResolveError) -> Failure {
    match error {
        ResolveError::None { .. } => UpstreamFault::NoUpstream.into(),
        ResolveError::Failed(_) => Failure { fault: UpstreamFault::Unresolved, detail: error.to_string() },
    }
}

fn check_kind(kind: UpstreamKind) -> Result<(), UpstreamFault> {
    match kind {
        UpstreamKind::Auto | UpstreamKind::Mpegts => Ok(()),
        UpstreamKind::Hls => Err(UpstreamFault::Hls),
        UpstreamKind::Other => Err(UpstreamFault::UnsupportedKind),
    }
}

fn request(upstream: &Upstream, head_timeout: Duration) -> OutboundRequest {
    let headers = upstream.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    OutboundRequest {
        method: "GET".to_owned(),
        url: upstream.url.expose().to_owned(),
        headers: headers.collect(),
        body: None,
        head_timeout,
        decompress: false,
    }
}
