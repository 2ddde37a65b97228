//! What an upstream carries, from its first map: FFmpeg is told, so that it does not have to guess.

use bytes::Bytes;
use futures_util::StreamExt;
use mast_ffmpeg::Tracks;
use mast_media::ts::tracks::TrackScan;

use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::upstream::{Piece, UpstreamBytes};

/// An upstream that sent this much without a map has none.
const ENOUGH: usize = 4 * 1024 * 1024;

/// Reads until the map is known; what was read is handed back.
pub(super) async fn tracks(pieces: &mut UpstreamBytes) -> Result<(Vec<Bytes>, Tracks), Failure> {
    let (mut head, mut length, mut scan) = (Vec::new(), 0, TrackScan::default());
    loop {
        match pieces.next().await {
            Some(Ok(Piece::Bytes(bytes))) => {
                let found = scan.push(&bytes);
                length += bytes.len();
                head.push(bytes);
                if let Some(found) = found {
                    let audio = u8::try_from(found.audio).unwrap_or(u8::MAX).min(8);
                    return Ok((head, Tracks { video: found.video, audio }));
                }
                if length > ENOUGH {
                    return Err(UpstreamFault::NoAccessUnits.into());
                }
            }
            Some(Ok(Piece::Break | Piece::Date(_) | Piece::Calm)) => {}
            Some(Err(failure)) => return Err(failure),
            None => return Err(UpstreamFault::Ended.into()),
        }
    }
}
