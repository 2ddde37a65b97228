//! An upstream over HTTP: the first bytes of the answer tell what it is, whatever its content type says.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use mast_media::upstream_playlist::MAX_BYTES;
use url::Url;

use super::sniff::{self, Sniffed};
use super::{Accepts, Fetcher, Piece, UpstreamBytes, hls};
use crate::outbound::OutboundResponse;
use crate::tuner::fault::{Failure, UpstreamFault};

/// Asks for the URL and waits for the response head. `patience` is how long HLS may have nothing new.
pub(in crate::tuner) async fn open(
    fetcher: Fetcher,
    url: &str,
    patience: Duration,
    accepts: Accepts,
) -> Result<UpstreamBytes, Failure> {
    let url = Url::parse(url).map_err(|_| UpstreamFault::InvalidAddress)?;
    let response = fetcher.get(&url, None).await?;
    let state = Body::Judging(Judging { fetcher, named: url, patience, accepts, response, head: BytesMut::new() });
    Ok(stream::try_unfold(state, Body::next).boxed())
}

enum Body {
    /// Not sure yet.
    Judging(Judging),
    /// MPEG-TS, as it comes.
    MpegTs(OutboundResponse),
    /// What HLS makes of it.
    Hls(UpstreamBytes),
}

/// What an answer is judged by, and what is needed to go on.
struct Judging {
    fetcher: Fetcher,
    named: Url,
    patience: Duration,
    accepts: Accepts,
    response: OutboundResponse,
    head: BytesMut,
}

impl Body {
    async fn next(self) -> Result<Option<(Piece, Self)>, Failure> {
        match self {
            Self::MpegTs(mut response) => {
                let bytes = response.chunk().await?;
                Ok(bytes.map(|bytes| (Piece::Bytes(bytes), Self::MpegTs(response))))
            }
            Self::Hls(mut pieces) => match pieces.next().await {
                Some(piece) => Ok(Some((piece?, Self::Hls(pieces)))),
                None => Ok(None),
            },
            Self::Judging(mut judging) => {
                let Some(more) = judging.response.chunk().await? else {
                    return Err(sniff::ended(&judging.head).into());
                };
                judging.head.extend_from_slice(&more);
                match sniff::sniff(&judging.head) {
                    Sniffed::MpegTs => Ok(Some((Piece::Bytes(judging.head.freeze()), Self::MpegTs(judging.response)))),
                    Sniffed::Playlist => Ok(Some((Piece::Bytes(Bytes::new()), Self::Hls(judging.hls().await?)))),
                    Sniffed::Fault(fault) => Err(fault.into()),
                    Sniffed::Undecided => Ok(Some((Piece::Bytes(Bytes::new()), Self::Judging(judging)))),
                }
            }
        }
    }
}

impl Judging {
    async fn hls(self) -> Result<UpstreamBytes, Failure> {
        let Self { fetcher, named, patience, accepts, response, head } = self;
        let found = Url::parse(&response.url).map_err(|_| UpstreamFault::InvalidAddress)?;
        let text = hls::body(response, &head, MAX_BYTES, patience).await?;
        let variant = fetcher.config().variant;
        let settings = hls::HlsSettings { variant, patience, accepts };
        Ok(hls::read(fetcher, hls::First { text, named, found }, settings))
    }
}
