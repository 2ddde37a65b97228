//! Where a channel's MPEG-TS comes from: one file per way of fetching it. Whatever the way, the channel's task sees a run of
//! [`Piece`]s and drops it to close the connection.
//!
//! Waiting happens inside the run; nothing here spawns a task, so a dropped run leaves nothing behind.

mod catalog;
mod fetched;
mod fetcher;
pub(super) mod file;
mod hls;
pub(super) mod http;
mod slots;
mod sniff;
mod udp;

pub use catalog::CatalogUpstreams;
pub(crate) use slots::Slot;
pub use slots::Slots;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use mast_model::ChannelId;

use super::fault::Failure;
use super::transcoder::Rung;

pub(crate) use fetcher::Fetcher;
pub(crate) use hls::Accepts;

/// What comes out of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// MPEG-TS of any length and alignment; empty while it is not sure yet that it is MPEG-TS.
    Bytes(Bytes),
    /// What follows does not continue what came before.
    Break,
    /// What follows is shown at this time, which is later than, or the same as, all before since the last break. Where nothing is said, it is
    /// shown when it comes.
    Date(Timestamp),
    /// Nothing is due, and nothing is wrong: the time since the last piece counts for no watchdog.
    Calm,
}

/// The run of pieces of an open upstream. Its end is a fault, because a live channel has none. Dropping it closes the connection.
pub type UpstreamBytes = BoxStream<'static, Result<Piece, Failure>>;

/// An open upstream and what it holds.
pub struct OpenUpstream {
    /// What comes out of it. Declared before the slot: the connection is closed before its place is free again.
    pub pieces: UpstreamBytes,
    /// Its place among the connections that its source may have.
    pub slot: Option<Slot>,
    /// The programs that it carries and what each is, where it is a ladder; otherwise empty.
    pub(crate) rungs: Vec<(u16, Rung)>,
    /// What the qualities are called that lines may be allowed, the leading one first; empty where it is for everybody (a slate).
    pub(crate) names: Vec<Arc<str>>,
}

/// What an upstream's bytes are packed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// MPEG-TS.
    MpegTs,
    /// Fragmented MP4; only FFmpeg can read it.
    Mp4,
}

impl OpenUpstream {
    /// One program.
    pub(crate) fn single(pieces: UpstreamBytes, slot: Option<Slot>) -> Self {
        Self { pieces, slot, rungs: Vec::new(), names: Vec::new() }
    }
}

/// How much a channel insists on an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Viewers wait: a channel that nobody watches gives its connection up.
    Wanted,
    /// It would only be better than what plays now: if there is a connection to spare.
    Spare,
}

/// Opens upstreams of channels.
pub trait Upstreams: Send + Sync + 'static {
    /// How many upstreams a channel has now: its own, then its backups.
    fn count(&self, channel: ChannelId) -> usize;
    /// Opens the `turn`-th upstream, counted round and round, up to its response head.
    fn open(&self, channel: ChannelId, turn: u32, claim: Claim) -> BoxFuture<'static, Result<OpenUpstream, Failure>>;
    /// What the qualities of the channel and of each of its backups will be called, the leading one of each first.
    fn names(&self, _channel: ChannelId) -> Vec<Vec<Arc<str>>> {
        Vec::new()
    }
    /// Scheme and host of the upstream in a place, counted as in turns; none where that is not known.
    fn redacted(&self, _channel: ChannelId, _place: usize) -> Option<String> {
        None
    }
    /// What viewers see while no upstream works; none where the operator supplied nothing.
    fn slate(&self, channel: ChannelId) -> Option<BoxFuture<'static, Result<OpenUpstream, Failure>>>;
}
