//! The bytes of one segment: fetched, decrypted, judged, and where it breaks off, fetched once more.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Peekable, StreamExt};
use mast_media::upstream_playlist::{ByteRange, Entry, Key, Map, Protection};
use tokio::time::Instant;
use url::Url;

use super::decrypt::Decryptor;
use super::playlist::{body, resolve};
use super::{Accepts, Shared};
use crate::outbound::OutboundResponse;
use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::upstream::sniff::{self, Sniffed};

/// Larger segments are refused; 64 MiB are ten seconds of 50 Mb/s.
const MAX_SEGMENT: u64 = 64 << 20;

/// Larger initialisation sections are refused.
const MAX_MAP: usize = 1 << 20;

/// A segment that could not be fetched may be there a moment later: playlists are often faster than the files they list.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Bytes at the start of a segment that tell it from every other live segment: they hold timestamps.
const DIGESTED: u64 = 64 << 10;

/// What a download yields.
#[derive(Debug)]
pub(super) enum Part {
    /// Bytes, and how much of the segment lies before them, from 0 to 1; none where its length is not known.
    Bytes { bytes: Bytes, share: Option<f64> },
    /// The end, with a digest of what was sent.
    Done(u64),
}

/// The parts of one segment. Nothing is asked for before it is polled.
pub(super) type Download = Peekable<BoxStream<'static, Result<Part, Failure>>>;

/// Whether no other segment or attempt will fare better.
pub(super) fn is_final(fault: UpstreamFault) -> bool {
    matches!(fault, UpstreamFault::NotGranted | UpstreamFault::Drm(_) | UpstreamFault::NeedsFfmpeg)
}

/// A download of a segment, behind an initialisation section where one is given.
pub(super) fn start(shared: Arc<Shared>, base: &Url, entry: &Entry, map: Option<Arc<Map>>) -> Download {
    let patience = shared.settings.patience;
    let state = State {
        shared,
        base: base.clone(),
        entry: entry.clone(),
        map,
        open: None,
        deadline: None,
        patience: patience + 4 * entry.duration,
        retried: false,
        sent: 0,
        skip: 0,
        over: false,
    };
    let parts = stream::try_unfold(state, async |mut state: State| Ok(state.next().await?.map(|part| (part, state))));
    parts.boxed().peekable()
}

struct State {
    shared: Arc<Shared>,
    base: Url,
    entry: Entry,
    /// What is still to be sent before the segment.
    map: Option<Arc<Map>>,
    open: Option<Open>,
    /// When the attempt is over, and how long it may take. Segments are read as slowly as they play.
    deadline: Option<Instant>,
    patience: Duration,
    retried: bool,
    /// Bytes handed out, and of those the ones that the second attempt repeats.
    sent: u64,
    skip: u64,
    over: bool,
}

impl State {
    async fn next(&mut self) -> Result<Option<Part>, Failure> {
        if self.over {
            return Ok(None);
        }
        loop {
            let failure = match self.map.clone() {
                Some(map) => match self.section(&map).await {
                    Ok(bytes) => {
                        self.map = None;
                        return Ok(Some(Part::Bytes { bytes, share: Some(0.0) }));
                    }
                    Err(failure) => failure,
                },
                None => match self.attempt().await {
                    Ok(Part::Bytes { mut bytes, share }) => {
                        let repeated = self.skip.min(bytes.len() as u64);
                        self.skip -= repeated;
                        bytes.advance(repeated as usize);
                        self.sent += bytes.len() as u64;
                        if bytes.is_empty() {
                            continue;
                        }
                        return Ok(Some(Part::Bytes { bytes, share }));
                    }
                    Ok(done) => {
                        self.over = true;
                        return Ok(Some(done));
                    }
                    Err(failure) => failure,
                },
            };
            if self.retried || is_final(failure.fault) {
                return Err(failure);
            }
            tracing::debug!(reason = failure.fault.code(), "a segment of an HLS upstream is fetched again: {failure}");
            (self.retried, self.open, self.deadline, self.skip) = (true, None, None, self.sent);
            self.forget_key();
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn attempt(&mut self) -> Result<Part, Failure> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.patience);
        if self.open.is_none() {
            self.open = Some(self.open().await?);
        }
        let Some(open) = &mut self.open else { return Err(UpstreamFault::Broken.into()) };
        loop {
            let stalled = (Instant::now() + self.shared.settings.patience).min(deadline);
            match tokio::time::timeout_at(stalled, open.response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    if let Some(part) = open.take(bytes)? {
                        return Ok(part);
                    }
                }
                Ok(Ok(None)) => return open.finish(),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(UpstreamFault::NoBytes.into()),
            }
        }
    }

    async fn open(&self) -> Result<Open, Failure> {
        let accepts = self.shared.settings.accepts;
        if self.entry.map.is_some() && accepts == Accepts::MpegTs {
            return Err(needs_ffmpeg("its segments are fragmented MP4"));
        }
        let decryptor = match &self.entry.protection {
            Protection::None => None,
            Protection::Aes128(key) => Some(self.decryptor(key, self.entry.iv(key)).await?),
            Protection::Refused(refused) => return Err(UpstreamFault::Drm(refused.name()).into()),
        };
        let response = self.get(self.entry.uri.expose(), self.entry.range).await?;
        let length = response.headers.iter().find(|(name, _)| name == "content-length");
        Ok(Open {
            length: length.and_then(|(_, value)| value.parse().ok()),
            expected: self.entry.range.map(|range| range.length),
            response,
            decryptor,
            received: 0,
            before: 0,
            hasher: DefaultHasher::new(),
            head: (accepts == Accepts::MpegTs).then(BytesMut::new),
            over: false,
        })
    }

    /// An initialisation section, whole.
    async fn section(&self, map: &Map) -> Result<Bytes, Failure> {
        let patience = self.shared.settings.patience;
        let response = self.get(map.uri.expose(), map.range).await?;
        let bytes = body(response, &[], MAX_MAP, patience).await?;
        match &map.protection {
            Protection::None => Ok(bytes),
            Protection::Aes128(key) => {
                let mut decryptor = self.decryptor(key, key.iv.unwrap_or_default()).await?;
                Ok([decryptor.push(&bytes)?, decryptor.finish()?].concat().into())
            }
            Protection::Refused(refused) => Err(UpstreamFault::Drm(refused.name()).into()),
        }
    }

    async fn get(&self, uri: &str, range: Option<ByteRange>) -> Result<OutboundResponse, Failure> {
        let range = range.map(|range| (range.offset, range.length));
        self.shared.fetcher.get(&resolve(&self.base, uri)?, range).await
    }

    async fn decryptor(&self, key: &Key, iv: [u8; 16]) -> Result<Decryptor, Failure> {
        let Shared { fetcher, keys, settings } = &*self.shared;
        let key = keys.get(fetcher, &resolve(&self.base, key.uri.expose())?, settings.patience).await?;
        Decryptor::new(&key, iv)
    }

    fn forget_key(&self) {
        if let Protection::Aes128(key) = &self.entry.protection
            && let Ok(url) = resolve(&self.base, key.uri.expose())
        {
            self.shared.keys.forget(&url);
        }
    }
}

/// A segment whose response head is there.
struct Open {
    response: OutboundResponse,
    /// What the response says.
    length: Option<u64>,
    /// What the playlist says.
    expected: Option<u64>,
    received: u64,
    /// What was received of it before the part that comes next.
    before: u64,
    decryptor: Option<Decryptor>,
    hasher: DefaultHasher,
    /// The first bytes, until it is sure what they are.
    head: Option<BytesMut>,
    over: bool,
}

impl Open {
    /// Takes bytes as they were sent.
    fn take(&mut self, bytes: Bytes) -> Result<Option<Part>, Failure> {
        let digested = DIGESTED.saturating_sub(self.received).min(bytes.len() as u64) as usize;
        self.hasher.write(&bytes[..digested]);
        self.received += bytes.len() as u64;
        if self.received > MAX_SEGMENT {
            return Err(Failure { fault: UpstreamFault::TooLarge, detail: "a segment of more than 64 MiB".to_owned() });
        }
        let plain = match &mut self.decryptor {
            Some(decryptor) => decryptor.push(&bytes)?,
            None => bytes,
        };
        let plain = match &mut self.head {
            None => plain,
            Some(head) => {
                head.extend_from_slice(&plain);
                match judge(head)? {
                    true => self.head.take().unwrap_or_default().freeze(),
                    false => return Ok(None),
                }
            }
        };
        Ok(Some(self.part(plain)))
    }

    fn part(&mut self, bytes: Bytes) -> Part {
        let before = std::mem::replace(&mut self.before, self.received);
        let share = |length| (before as f64 / length as f64).min(1.0);
        Part::Bytes { bytes, share: self.length.filter(|length| *length > 0).map(share) }
    }

    /// The response ended: the last bytes, then the end.
    fn finish(&mut self) -> Result<Part, Failure> {
        if !std::mem::replace(&mut self.over, true) {
            if self.received == 0 {
                return Err(UpstreamFault::Empty.into());
            }
            if self.expected.is_some_and(|expected| expected != self.received) {
                return Err(Failure {
                    fault: UpstreamFault::Broken,
                    detail: "a segment is not as long as its range".to_owned(),
                });
            }
            let last = self.decryptor.as_mut().map(Decryptor::finish).transpose()?.unwrap_or_default();
            let mut plain = self.head.take().unwrap_or_default();
            let undecided = !plain.is_empty();
            plain.extend_from_slice(&last);
            if undecided && plain[0] != 0x47 {
                return Err(sniff::ended(&plain).into());
            }
            return Ok(self.part(plain.freeze()));
        }
        self.hasher.write_u64(self.received);
        Ok(Part::Done(self.hasher.finish()))
    }
}

/// Whether the first bytes of a segment are MPEG-TS; false while there are too few.
fn judge(head: &[u8]) -> Result<bool, Failure> {
    const BOXES: [&[u8]; 6] = [b"ftyp", b"styp", b"moof", b"sidx", b"moov", b"emsg"];
    if head.get(4..8).is_some_and(|kind| BOXES.contains(&kind)) {
        return Err(needs_ffmpeg("its segments are fragmented MP4"));
    }
    if head.starts_with(b"ID3") || matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0) {
        return Err(needs_ffmpeg("its segments are packed audio"));
    }
    match sniff::sniff(head) {
        Sniffed::MpegTs => Ok(true),
        Sniffed::Undecided => Ok(false),
        Sniffed::Playlist => Err(UpstreamFault::Garbage.into()),
        Sniffed::Fault(fault) => Err(fault.into()),
    }
}

fn needs_ffmpeg(detail: &str) -> Failure {
    Failure { fault: UpstreamFault::NeedsFfmpeg, detail: detail.to_owned() }
}
