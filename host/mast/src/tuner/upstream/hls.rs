//! An HLS upstream: its playlist is followed, its segments are fetched, decrypted where that takes no more than AES-128, and handed
//! out one after the other as if they were one long response.
//!
//! What a playlist says and what to do next is `mast_media::upstream_playlist`'s; here the requests are made, each through the
//! [`Fetcher`] of the upstream, so that every entry and redirect is held against the destination rules.
//!
//! Segments come in bursts, a whole one every few seconds. Handed out like that, a channel's own shorter segments would come in bursts
//! too, and its players would run dry in between; so what lies beyond a first window is handed out as fast as it plays.
//!
//! Invariants: at most one segment is on its way besides the one that is being handed out, and one reload; no body is held whole except
//! playlists, keys and initialisation sections, and all have limits; a segment that fails is tried once more from where it broke off, then
//! left out with a break; nothing is spawned.

mod decrypt;
mod download;
mod keys;
mod pace;
mod playlist;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mast_media::upstream_playlist::{Dead, Fetch, Follower, FollowerConfig, Map, Step, VariantPolicy};
use tokio::time::Instant;
use url::Url;

use super::{Fetcher, Piece, UpstreamBytes};
use crate::tuner::fault::{Failure, UpstreamFault};
use download::{Download, Part};
use keys::Keys;
use pace::Pace;
use playlist::{Loaded, Source};

pub(super) use playlist::body;

/// Where a live playlist is joined, in target durations from its end: three as RFC 8216 wants, and one in reserve, so that what comes
/// out goes on while the next segment is waited for.
const START_BEHIND: u32 = 4;

/// What is handed out at once, in target durations, so that the channel has a window at once.
const LEAD: u32 = 3;

/// Segments in a row that may fail before the upstream does.
const MAX_FAILED: u32 = 3;

/// While there is nothing to hand out and nothing wrong, whoever waits is told so this often; oftener where patience is short.
const CALM: Duration = Duration::from_secs(1);

/// How an HLS upstream is read.
#[derive(Debug, Clone)]
pub(crate) struct HlsSettings {
    /// Which variant of a multivariant playlist.
    pub(crate) variant: VariantPolicy,
    /// No new segment for this long (or three target durations), or no bytes of a body, is a fault.
    pub(crate) patience: Duration,
    /// What segments may be.
    pub(crate) accepts: Accepts,
}

/// What segments may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// MPEG-TS; anything else is [`UpstreamFault::NeedsFfmpeg`].
    MpegTs,
    /// Anything, for FFmpeg. Fragmented MP4 starts with its initialisation section, also after every break.
    Anything,
}

/// The playlist that an upstream's URL leads to, media or multivariant.
#[derive(Debug)]
pub(super) struct First {
    pub(super) text: Bytes,
    /// The upstream's URL.
    pub(super) named: Url,
    /// After redirects.
    pub(super) found: Url,
}

/// Reads an HLS upstream whose first playlist is there already.
pub(super) fn read(fetcher: Fetcher, first: First, settings: HlsSettings) -> UpstreamBytes {
    let shared = Arc::new(Shared { fetcher, keys: Keys::default(), settings });
    let reader = async move { Reader::start(shared, first).await };
    let pieces = |reader| {
        stream::try_unfold(reader, async |mut reader: Reader| {
            reader.calm_at = Instant::now() + CALM.min(reader.shared.settings.patience / 4);
            let piece = reader.next().await?;
            Ok(Some((piece, reader)))
        })
    };
    stream::once(reader).map_ok(pieces).try_flatten().boxed()
}

/// What every request needs.
struct Shared {
    fetcher: Fetcher,
    keys: Keys,
    settings: HlsSettings,
}

/// A segment on its way.
struct Segment {
    fetch: Fetch,
    download: Download,
    /// Its first bytes are there.
    ready: bool,
    /// How much of it was handed out, from 0 to 1; none where its length is not known.
    share: Option<f64>,
}

struct Reader {
    shared: Arc<Shared>,
    source: Source,
    follower: Follower,
    /// What the URIs of the playlist are relative to.
    base: Url,
    pace: Pace,
    current: Option<Segment>,
    ahead: Option<Segment>,
    /// The segment to fetch next.
    next: Option<Fetch>,
    /// Bytes of the current segment that are not due yet.
    held: Option<(Instant, Bytes)>,
    reload: Option<BoxFuture<'static, Result<Loaded, Failure>>>,
    /// Why the last reload failed.
    unloaded: Option<Failure>,
    /// The initialisation section that came before the last segment.
    map: Option<Arc<Map>>,
    /// Segments in a row that failed, and why the last one did.
    failed: u32,
    lost: Option<Failure>,
    /// A segment was left out, or part of one.
    torn: bool,
    /// There was no segment to go on with.
    starved: bool,
    /// Something was handed out.
    begun: bool,
    /// When whoever waits is told that nothing is wrong.
    calm_at: Instant,
}

/// What one of the things that a reader waits for came to.
enum Event {
    Due,
    Part(Option<Result<Part, Failure>>),
    Ready,
    Loaded(Result<Loaded, Failure>),
    Again,
    Calm,
}

impl Reader {
    async fn start(shared: Arc<Shared>, first: First) -> Result<Self, Failure> {
        let now = Instant::now();
        let (source, Loaded { media, base }) = Source::start(Arc::clone(&shared), first).await?;
        let config = FollowerConfig {
            start_behind: START_BEHIND,
            patience: shared.settings.patience,
            ..FollowerConfig::default()
        };
        let mut follower = Follower::new(config, now.into_std());
        follower.reloaded(&media, Instant::now().into_std());
        Ok(Self {
            pace: Pace::new(LEAD * media.target),
            shared,
            source,
            follower,
            base,
            current: None,
            ahead: None,
            next: None,
            held: None,
            reload: None,
            unloaded: None,
            map: None,
            failed: 0,
            lost: None,
            torn: false,
            starved: false,
            begun: false,
            calm_at: now,
        })
    }

    /// The next piece. A live playlist goes on until something is wrong with it.
    async fn next(&mut self) -> Result<Piece, Failure> {
        loop {
            let again = self.follow()?;
            if self.promote() {
                return Ok(Piece::Break);
            }
            match self.event(again).await {
                Event::Due => {
                    if let Some((_, bytes)) = self.held.take() {
                        self.begun = true;
                        return Ok(Piece::Bytes(bytes));
                    }
                }
                Event::Part(Some(Ok(Part::Bytes { bytes, share }))) => self.hold(bytes, share),
                Event::Part(Some(Ok(Part::Done(digest)))) => self.done(digest),
                Event::Part(Some(Err(failure))) => self.lost(failure)?,
                Event::Part(None) => self.current = None,
                Event::Ready => {
                    if let Some(ahead) = &mut self.ahead {
                        ahead.ready = true;
                    }
                }
                Event::Loaded(loaded) => self.loaded(loaded)?,
                Event::Again => {}
                Event::Calm => return Ok(Piece::Calm),
            }
        }
    }

    /// Goes on with the segment that was fetched ahead. True where that needs a break.
    fn promote(&mut self) -> bool {
        if self.current.is_some() {
            return false;
        }
        let Some(segment) = self.ahead.take() else {
            self.starved = true;
            return false;
        };
        if std::mem::take(&mut self.starved) && self.begun {
            self.pace.starved(Instant::now());
        }
        let torn = std::mem::take(&mut self.torn) || segment.fetch.seam.is_some();
        if let (true, Some(seam)) = (self.begun, segment.fetch.seam) {
            tracing::debug!(?seam, sequence = segment.fetch.entry.sequence, "an HLS upstream has a seam");
        }
        self.current = Some(segment);
        torn && self.begun
    }

    /// Starts whatever is to be done next. Says when to ask again, where nothing else that happens leads here.
    fn follow(&mut self) -> Result<Option<Instant>, Failure> {
        if self.reload.is_none() && self.next.is_none() {
            match self.follower.next(Instant::now().into_std()) {
                Step::Fetch(fetch) => self.next = Some(fetch),
                Step::Reload => self.reload = Some(self.source.load()),
                Step::Wait(at) => return Ok(Some(Instant::from_std(at))),
                // What is on its way is still of use.
                _ if self.current.is_some() || self.ahead.is_some() => {}
                Step::Ended => return Err(self.why(UpstreamFault::Ended)),
                Step::Dead(Dead::Looping) => return Err(UpstreamFault::Looping.into()),
                Step::Dead(_) => return Err(self.why(UpstreamFault::Frozen)),
            }
        }
        // Not long before it is needed: a server does not wait for ever until somebody reads what it sends.
        let soon = self.current.as_ref().is_none_or(|current| current.share.is_none_or(|share| share >= 0.5));
        if self.ahead.is_none()
            && soon
            && let Some(fetch) = self.next.take()
        {
            self.ahead = Some(self.fetch(fetch));
        }
        Ok(None)
    }

    /// Why there is no more: because of what failed last, if something did.
    fn why(&mut self, fault: UpstreamFault) -> Failure {
        self.unloaded.take().or_else(|| self.lost.take()).unwrap_or_else(|| fault.into())
    }

    fn fetch(&mut self, fetch: Fetch) -> Segment {
        let map = fetch.entry.map.clone().filter(|_| self.shared.settings.accepts != Accepts::MpegTs);
        let fresh = self.torn || fetch.seam.is_some() || map != self.map;
        self.map.clone_from(&map);
        let download = download::start(Arc::clone(&self.shared), &self.base, &fetch.entry, map.filter(|_| fresh));
        Segment { fetch, download, ready: false, share: Some(0.0) }
    }

    async fn event(&mut self, again: Option<Instant>) -> Event {
        let due = self.held.as_ref().map(|(due, _)| *due);
        // A body that does not come is no reason to be calm.
        let calm = due.is_some() || (self.current.is_none() && self.ahead.is_none());
        tokio::select! {
            biased;
            () = sleep_until(due) => Event::Due,
            part = next_part(self.current.as_mut()), if due.is_none() => Event::Part(part),
            () = ready(self.ahead.as_mut()) => Event::Ready,
            loaded = next_load(&mut self.reload) => Event::Loaded(loaded),
            () = sleep_until(again) => Event::Again,
            () = tokio::time::sleep_until(self.calm_at), if calm => Event::Calm,
        }
    }

    fn hold(&mut self, bytes: Bytes, share: Option<f64>) {
        let Some(current) = &mut self.current else { return };
        current.share = share;
        let hurried = self.follower.backlog() > 2 * self.follower.target();
        let into = current.fetch.entry.duration.mul_f64(share.unwrap_or_default());
        let due = self.pace.due(Instant::now(), into, hurried);
        self.held = Some((due, bytes));
    }

    fn done(&mut self, digest: u64) {
        let Some(current) = self.current.take() else { return };
        (self.failed, self.lost) = (0, None);
        self.pace.finished(current.fetch.entry.duration);
        self.follower.fetched(&current.fetch, digest, Instant::now().into_std());
    }

    /// The current segment could not be fetched, not even the second time.
    fn lost(&mut self, failure: Failure) -> Result<(), Failure> {
        let sequence = self.current.take().map(|current| current.fetch.entry.sequence);
        self.failed += 1;
        if download::is_final(failure.fault) || self.failed >= MAX_FAILED {
            return Err(failure);
        }
        tracing::debug!(
            ?sequence,
            reason = failure.fault.code(),
            "a segment of an HLS upstream is left out: {failure}"
        );
        (self.torn, self.lost) = (true, Some(failure));
        if self.shared.settings.accepts != Accepts::MpegTs
            && let Some(ahead) = self.ahead.take()
        {
            // It has to start with its initialisation section.
            self.ahead = Some(self.fetch(ahead.fetch));
        }
        Ok(())
    }

    fn loaded(&mut self, loaded: Result<Loaded, Failure>) -> Result<(), Failure> {
        self.reload = None;
        let now = Instant::now().into_std();
        match loaded {
            Ok(loaded) => {
                self.unloaded = None;
                self.source.loaded(&loaded);
                self.follower.reloaded(&loaded.media, now);
                self.base = loaded.base;
            }
            Err(failure) if download::is_final(failure.fault) => return Err(failure),
            Err(failure) => {
                self.source.failed();
                self.unloaded = Some(failure);
                self.follower.reload_failed(now);
            }
        }
        Ok(())
    }
}

async fn next_part(current: Option<&mut Segment>) -> Option<Result<Part, Failure>> {
    match current {
        Some(current) => current.download.next().await,
        None => std::future::pending().await,
    }
}

async fn ready(ahead: Option<&mut Segment>) {
    match ahead {
        Some(ahead) if !ahead.ready => {
            Pin::new(&mut ahead.download).peek().await;
        }
        _ => std::future::pending().await,
    }
}

async fn next_load(reload: &mut Option<BoxFuture<'static, Result<Loaded, Failure>>>) -> Result<Loaded, Failure> {
    match reload {
        Some(reload) => reload.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
