//! Loads the playlists of an HLS upstream.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use mast_media::upstream_playlist::{MAX_BYTES, Media, Multivariant, Playlist};
use tokio::time::Instant;
use url::Url;

use super::{First, Shared};
use crate::outbound::OutboundResponse;
use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::upstream::sniff::{self, Sniffed};

/// Variants that are tried before the upstream is given up.
const VARIANTS_TRIED: usize = 3;

/// Where the media playlist is.
pub(super) struct Source {
    shared: Arc<Shared>,
    named: Url,
    /// Where it was found last, after redirects. Asking there again stays on one server: others may lag behind, count from another
    /// number, or start a session for every redirect.
    found: Url,
    /// The place where it was found did not last.
    moves: bool,
}

/// A playlist that was loaded.
pub(super) struct Loaded {
    pub(super) media: Media,
    /// After redirects: what its URIs are relative to.
    pub(super) base: Url,
}

impl Source {
    /// Reads the first playlist; where that is multivariant, chooses and loads a variant.
    pub(super) async fn start(shared: Arc<Shared>, first: First) -> Result<(Self, Loaded), Failure> {
        let First { text, named, found } = first;
        match parse(&text)? {
            Playlist::Media(media) => {
                let source = Self { shared, named, found: found.clone(), moves: false };
                Ok((source, Loaded { media, base: found }))
            }
            Playlist::Multivariant(multivariant) => Self::choose(shared, &multivariant, &found).await,
        }
    }

    async fn choose(shared: Arc<Shared>, multivariant: &Multivariant, base: &Url) -> Result<(Self, Loaded), Failure> {
        let ranked = multivariant.ranked(shared.settings.variant);
        let mut failed = Failure::from(UpstreamFault::Playlist);
        for variant in ranked.into_iter().take(VARIANTS_TRIED) {
            if let Some(audio) = &variant.separate_audio {
                for uri in [&variant.uri, audio] {
                    shared.look(&resolve(base, uri.expose())?).await?;
                }
                return Err(UpstreamFault::SeparateAudio.into());
            }
            let url = resolve(base, variant.uri.expose())?;
            match load(&shared, &url).await {
                Ok(loaded) => {
                    let (bandwidth, height) = (variant.bandwidth, variant.resolution.map(|(_, height)| height));
                    tracing::debug!(bandwidth, height, "a variant of an HLS upstream is chosen");
                    return Ok((Self { shared, named: url, found: loaded.base.clone(), moves: false }, loaded));
                }
                Err(failure) => failed = failure,
            }
        }
        Err(failed)
    }

    /// Loads the playlist again.
    pub(super) fn load(&self) -> BoxFuture<'static, Result<Loaded, Failure>> {
        let (shared, url) = (Arc::clone(&self.shared), if self.moves { &self.named } else { &self.found }.clone());
        Box::pin(async move { load(&shared, &url).await })
    }

    /// A load succeeded.
    pub(super) fn loaded(&mut self, loaded: &Loaded) {
        self.found.clone_from(&loaded.base);
    }

    /// A load failed: next time it is asked for by its name.
    pub(super) fn failed(&mut self) {
        self.moves |= self.found != self.named;
    }
}

impl Shared {
    /// Whether a media playlist is there, and everything that it lists is where it may be. For somebody else who fetches it.
    async fn look(&self, url: &Url) -> Result<(), Failure> {
        let Loaded { media, base } = load(self, url).await?;
        let mut entries = media.entries.iter();
        entries.try_for_each(|entry| self.fetcher.permits(&resolve(&base, entry.uri.expose())?))
    }
}

async fn load(shared: &Shared, url: &Url) -> Result<Loaded, Failure> {
    let response = shared.fetcher.get(url, None).await?;
    let base = Url::parse(&response.url).map_err(|_| UpstreamFault::InvalidAddress)?;
    let text = body(response, &[], MAX_BYTES, shared.settings.patience).await?;
    match parse(&text)? {
        Playlist::Media(media) => Ok(Loaded { media, base }),
        Playlist::Multivariant(_) => {
            let detail = "a multivariant playlist stands where a media playlist belongs".to_owned();
            Err(Failure { fault: UpstreamFault::Playlist, detail })
        }
    }
}

fn parse(text: &[u8]) -> Result<Playlist, Failure> {
    Playlist::parse(text).map_err(|error| match sniff::sniff(text) {
        _ if text.is_empty() => UpstreamFault::Empty.into(),
        Sniffed::Fault(fault) => fault.into(),
        _ => Failure { fault: UpstreamFault::Playlist, detail: error.to_string() },
    })
}

/// A URI of a playlist.
pub(super) fn resolve(base: &Url, uri: &str) -> Result<Url, Failure> {
    base.join(uri).map_err(|_| UpstreamFault::InvalidAddress.into())
}

/// The rest of a body of which `head` is there already: at most `limit` bytes, within `patience`.
pub(in crate::tuner::upstream) async fn body(
    mut response: OutboundResponse,
    head: &[u8],
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Failure> {
    let deadline = Instant::now() + patience;
    let mut whole = BytesMut::from(head);
    loop {
        if whole.len() > limit {
            return Err(Failure { fault: UpstreamFault::TooLarge, detail: format!("more than {limit} bytes") });
        }
        match tokio::time::timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(bytes))) => whole.extend_from_slice(&bytes),
            Ok(Ok(None)) => return Ok(whole.freeze()),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(UpstreamFault::NoBytes.into()),
        }
    }
}
