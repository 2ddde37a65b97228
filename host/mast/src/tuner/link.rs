//! The connection of a channel to its upstream: nothing, being opened, or open. Waiting on it never holds anything else up and
//! may be cancelled at any point.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;

use super::fault::{Failure, UpstreamFault};
use super::numbers::Loaded;
use super::sniff::{self, Sniffed};
use super::upstream::UpstreamBytes;

/// The connection.
pub(crate) enum Link {
    Closed,
    Opening(BoxFuture<'static, Result<Opened, Failure>>),
    Open { bytes: UpstreamBytes, head: Option<BytesMut> },
}

/// What an attempt to open came back with.
pub(crate) struct Opened {
    pub(crate) bytes: UpstreamBytes,
    pub(crate) numbers: Option<Loaded>,
}

/// What happened on the connection.
pub(crate) enum LinkEvent {
    /// The response head is there.
    Opened(Opened),
    /// MPEG-TS came; empty while it is not sure yet.
    Bytes(Bytes),
    /// It failed or ended.
    Failed(Failure),
}

impl Link {
    /// An open connection whose first bytes are still to be judged.
    pub(crate) fn open(bytes: UpstreamBytes) -> Self {
        Self::Open { bytes, head: Some(BytesMut::new()) }
    }

    /// Whether there is a response.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// The next thing that happens; never returns while closed. Safe to cancel.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        match self {
            Self::Closed => std::future::pending().await,
            Self::Opening(opening) => match opening.await {
                Ok(opened) => LinkEvent::Opened(opened),
                Err(failure) => LinkEvent::Failed(failure),
            },
            Self::Open { bytes, head } => match (bytes.next().await, head) {
                (Some(Ok(bytes)), None) => LinkEvent::Bytes(bytes),
                (Some(Ok(bytes)), Some(_)) => self.judge(&bytes),
                (Some(Err(failure)), _) => LinkEvent::Failed(failure),
                (None, Some(head)) => LinkEvent::Failed(sniff::ended(head).into()),
                (None, None) => LinkEvent::Failed(UpstreamFault::Ended.into()),
            },
        }
    }

    fn judge(&mut self, more: &[u8]) -> LinkEvent {
        let Self::Open { head: slot @ Some(_), .. } = self else { return LinkEvent::Bytes(Bytes::new()) };
        let Some(mut head) = slot.take() else { return LinkEvent::Bytes(Bytes::new()) };
        head.extend_from_slice(more);
        match sniff::sniff(&head) {
            Sniffed::MpegTs => LinkEvent::Bytes(head.freeze()),
            Sniffed::Fault(fault) => LinkEvent::Failed(fault.into()),
            Sniffed::Undecided => {
                *slot = Some(head);
                LinkEvent::Bytes(Bytes::new())
            }
        }
    }
}
