//! Movies and episodes: files of upstreams, handed on as they are, with the ranges that the player asks for. They are neither kept nor
//! looked into; what a source is granted, and how many connections its provider allows, holds as for channels.

use std::time::Duration;

use bytes::Bytes;
use mast_model::{Upstream, UpstreamKind};
use url::Url;

use super::fault::{Failure, UpstreamFault};
use super::upstream::{Claim, Fetcher, Slot, Slots};
use crate::catalog::{Catalog, PlayableFile};
use crate::extensions::Extensions;
use crate::extensions::config::UpstreamConfig;
use crate::outbound::{Outbound, OutboundResponse};

/// Upstreams of one file that are tried, one after the other.
const ATTEMPTS: usize = 3;

/// Opens files. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    /// Says where a file is.
    pub catalog: Catalog,
    /// Knows what a source is granted.
    pub extensions: Extensions,
    /// Makes the requests.
    pub outbound: Outbound,
    /// The connections that providers allow, shared with channels.
    pub slots: Slots,
    /// Until the response head is there.
    pub connect_timeout: Duration,
}

/// What a player wants of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileRequest {
    /// Only the head.
    pub(crate) head: bool,
    /// `Range`, one range of bytes.
    pub(crate) range: Option<String>,
    /// `If-Range`.
    pub(crate) if_range: Option<String>,
}

/// An open file: 200, 206 or 416.
pub(crate) struct OpenFile {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    body: OutboundResponse,
    _slot: Option<Slot>,
}

impl OpenFile {
    /// The next bytes; none at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        Ok(self.body.chunk().await?)
    }
}

impl Files {
    /// Asks the file's upstreams, the best first, until one answers.
    pub(crate) async fn open(&self, file: &PlayableFile, request: &FileRequest) -> Result<OpenFile, Failure> {
        let config = self.extensions.upstream(&file.source).ok_or(UpstreamFault::SourceGone)?;
        let slot = self.slot(file, &config).await?;
        let attempts = file.file.upstreams.len().clamp(1, ATTEMPTS);
        let mut last = Failure::from(UpstreamFault::NoUpstream);
        for attempt in 0..u32::try_from(attempts).unwrap_or(1) {
            match self.attempt(file, &config, request, attempt).await {
                Ok((status, headers, body)) => return Ok(OpenFile { status, headers, body, _slot: slot }),
                Err(failure) => {
                    tracing::warn!(source = %file.source, attempt, fault = %failure.fault, detail = %failure.detail, "a file did not open");
                    last = failure;
                }
            }
        }
        Err(last)
    }

    async fn slot(&self, file: &PlayableFile, config: &UpstreamConfig) -> Result<Option<Slot>, Failure> {
        let Some(limit) = config.max_connections else { return Ok(None) };
        let patience = config.connect_timeout.unwrap_or(self.connect_timeout);
        let taken = tokio::time::timeout(patience, self.slots.take(&file.source, limit, Claim::Wanted)).await;
        taken.ok().flatten().map(Some).ok_or_else(|| UpstreamFault::NoSlot.into())
    }

    async fn attempt(
        &self,
        file: &PlayableFile,
        config: &std::sync::Arc<UpstreamConfig>,
        request: &FileRequest,
        attempt: u32,
    ) -> Result<(u16, Vec<(String, String)>, OutboundResponse), Failure> {
        let resolved = self.catalog.resolve_file(file, attempt).await;
        let upstream =
            resolved.map_err(|error| Failure { fault: UpstreamFault::Unresolved, detail: error.to_string() })?;
        let url = plain_url(&upstream)?;
        let fetcher =
            Fetcher::new(self.outbound.clone(), std::sync::Arc::clone(config), &upstream, self.connect_timeout);
        let mut headers = Vec::new();
        headers.extend(request.range.clone().map(|range| ("range".to_owned(), range)));
        headers.extend(request.if_range.clone().map(|tag| ("if-range".to_owned(), tag)));
        let mut body = None;
        if request.head {
            // Many servers of files know no HEAD.
            body = fetcher.ask("HEAD", &url, headers.clone()).await.ok().filter(|answer| answer.status < 300);
        }
        let mut body = match body {
            Some(body) => body,
            None => fetcher.ask("GET", &url, headers).await?,
        };
        match body.status {
            200 | 206 | 416 => {}
            status => return Err(UpstreamFault::Status(status).into()),
        }
        let headers = std::mem::take(&mut body.headers);
        let kind = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value.as_str());
        if kind.starts_with("text/html") {
            return Err(UpstreamFault::Html.into());
        }
        // Its lines would lead players, and whoever reads them, past this host.
        if kind.to_ascii_lowercase().contains("mpegurl") {
            return Err(UpstreamFault::UnsupportedKind.into());
        }
        Ok((body.status, headers, body))
    }
}

/// Files are fetched over HTTP, and are no playlists.
fn plain_url(upstream: &Upstream) -> Result<Url, Failure> {
    let url = Url::parse(upstream.url.expose()).map_err(|_| UpstreamFault::InvalidAddress)?;
    let kinds = [UpstreamKind::Auto, UpstreamKind::Mpegts, UpstreamKind::File, UpstreamKind::Other];
    let plain =
        kinds.contains(&upstream.kind) && matches!(url.scheme(), "http" | "https") && !url.path().ends_with(".m3u8");
    if plain { Ok(url) } else { Err(UpstreamFault::UnsupportedKind.into()) }
}
