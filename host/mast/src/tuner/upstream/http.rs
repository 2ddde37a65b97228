//! An upstream over HTTP: the first bytes of the answer tell what it is, whatever its content type says.

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use url::Url;

use super::sniff::{self, Sniffed};
use super::{Fetcher, Piece, UpstreamBytes};
use crate::outbound::OutboundResponse;
use crate::tuner::fault::{Failure, UpstreamFault};

/// Asks for the URL and waits for the response head.
pub(in crate::tuner) async fn open(fetcher: Fetcher, url: &str) -> Result<UpstreamBytes, Failure> {
    let url = Url::parse(url).map_err(|_| UpstreamFault::InvalidAddress)?;
    let response = fetcher.get(&url, None).await?;
    let state = Body::Judging { response, head: BytesMut::new() };
    Ok(stream::try_unfold(state, Body::next).boxed())
}

enum Body {
    /// Not sure yet.
    Judging { response: OutboundResponse, head: BytesMut },
    /// MPEG-TS, as it comes.
    MpegTs(OutboundResponse),
}

impl Body {
    async fn next(self) -> Result<Option<(Piece, Self)>, Failure> {
        match self {
            Self::MpegTs(mut response) => {
                let bytes = response.chunk().await?;
                Ok(bytes.map(|bytes| (Piece::Bytes(bytes), Self::MpegTs(response))))
            }
            Self::Judging { mut response, mut head } => {
                let Some(more) = response.chunk().await? else { return Err(sniff::ended(&head).into()) };
                head.extend_from_slice(&more);
                match sniff::sniff(&head) {
                    Sniffed::MpegTs => Ok(Some((Piece::Bytes(head.freeze()), Self::MpegTs(response)))),
                    Sniffed::Playlist => Err(UpstreamFault::Hls.into()),
                    Sniffed::Fault(fault) => Err(fault.into()),
                    Sniffed::Undecided => Ok(Some((Piece::Bytes(Bytes::new()), Self::Judging { response, head }))),
                }
            }
        }
    }
}
