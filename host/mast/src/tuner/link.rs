//! The connection of an intake to its upstream: being opened, or open. Waiting on it never holds anything else up and may be
//! cancelled at any point.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::fault::{Failure, UpstreamFault};
use super::numbers::Loaded;
use super::upstream::{OpenUpstream, Piece, Slot};

/// The connection.
pub(crate) enum Link {
    Opening(BoxFuture<'static, Result<Opened, Failure>>),
    Open(OpenUpstream),
}

/// What an attempt to open came back with.
pub(crate) struct Opened {
    pub(crate) upstream: OpenUpstream,
    pub(crate) numbers: Option<Loaded>,
}

/// What happened on the connection.
pub(crate) enum LinkEvent {
    /// The response head is there.
    Opened(Opened),
    /// MPEG-TS came; empty while it is not sure yet.
    Bytes(Bytes),
    /// What follows does not continue what came before.
    Break,
    /// When what follows is shown.
    Date(Timestamp),
    /// Nothing is due.
    Calm,
    /// Another channel needs the connection.
    Wanted,
    /// It failed or ended.
    Failed(Failure),
}

impl Link {
    /// The next thing that happens; with `yields` also that another channel needs the connection. Safe to cancel.
    pub(crate) async fn next(&mut self, yields: bool) -> LinkEvent {
        match self {
            Self::Opening(opening) => match opening.await {
                Ok(opened) => LinkEvent::Opened(opened),
                Err(failure) => LinkEvent::Failed(failure),
            },
            Self::Open(OpenUpstream { pieces, slot, .. }) => tokio::select! {
                piece = pieces.next() => happened(piece),
                () = wanted(slot), if yields => LinkEvent::Wanted,
            },
        }
    }
}

fn happened(piece: Option<Result<Piece, Failure>>) -> LinkEvent {
    match piece {
        Some(Ok(Piece::Bytes(bytes))) => LinkEvent::Bytes(bytes),
        Some(Ok(Piece::Date(date))) => LinkEvent::Date(date),
        Some(Ok(Piece::Break)) => LinkEvent::Break,
        Some(Ok(Piece::Calm)) => LinkEvent::Calm,
        Some(Err(failure)) => LinkEvent::Failed(failure),
        None => LinkEvent::Failed(UpstreamFault::Ended.into()),
    }
}

async fn wanted(slot: &mut Option<Slot>) {
    match slot {
        Some(slot) => slot.wanted().await,
        None => std::future::pending().await,
    }
}
