//! `/hls/{session}/{id}/...`: the media playlist and the segments of a session. The path of a segment is the hottest of the host.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Path, State as AxumState};
use axum::http::{HeaderValue, Response, header, request::Parts};
use axum::response::IntoResponse;
use mast_media::SegmentPayload;
use mast_model::{AboveLimit, ChannelId, Line, Profiles};

use super::error::DeliveryError;
use super::peer::Peer;
use super::segment_body::SegmentBody;
use super::token::Session;
use super::viewer::Viewer;
use super::{Shared, State, live, respond};
use crate::accounts::Refusal;
use crate::sessions::lease::{Kind, Wanted};
use crate::tuner::{Feed, Need, Published};

/// RFC 8216, section 4.
pub(super) const PLAYLIST_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// RFC 3555.
pub(super) const MPEGTS_TYPE: HeaderValue = HeaderValue::from_static("video/mp2t");

/// A sequence number never names other bytes, so whoever keeps a segment may keep it; the window is gone long before this.
const SEGMENT_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=600, immutable");

/// What a session may ask for, of one of the channel's rungs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Playlist,
    Segment(u64),
}

/// The media playlist of a rung: `index.m3u8` of the leading one, `index-1.m3u8` of the next.
pub(super) fn playlist_name(rung: usize) -> String {
    if rung == 0 { "index.m3u8".to_owned() } else { format!("index-{rung}.m3u8") }
}

/// `index.m3u8`, `index-{rung}.m3u8`, `{sequence}.ts` or `{rung}-{sequence}.ts`.
fn parse(name: &str) -> Option<(usize, File)> {
    fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    }
    if let Some(name) = name.strip_suffix(".ts") {
        return match name.split_once('-') {
            None => Some((0, File::Segment(number(name)?))),
            Some((rung, sequence)) => Some((number(rung)?, File::Segment(number(sequence)?))),
        };
    }
    let rung = name.strip_prefix("index")?.strip_suffix(".m3u8")?;
    match rung.strip_prefix('-') {
        None => rung.is_empty().then_some((0, File::Playlist)),
        Some(rung) => Some((number(rung)?, File::Playlist)),
    }
}

/// A playlist or a segment of a session.
pub(super) async fn file(
    AxumState(shared): State,
    Path((token, channel, name)): Path<(String, String, String)>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    let channel: ChannelId = channel.parse().map_err(|_| DeliveryError::NotFound)?;
    let (rung, file) = parse(&name).ok_or(DeliveryError::NotFound)?;
    let session = shared.signer.check(&token, live::now()).filter(|session| session.channel == channel);
    let Some(session) = session else { return Err(unsigned(&shared, &parts)) };
    if !Peer::of(&parts.extensions).exempt {
        shared.limiter.line(session.line, session.limit)?;
    }
    let lease = shared.leases.touch(channel, session.id);
    let (published, profiles) = match lease.as_ref().and_then(|lease| Some((lease.look(Feed::published)?, lease))) {
        Some((published, lease)) => (published, lease.profiles.clone()),
        None => {
            let viewer = Viewer::of(&parts, &shared.http, shared.listening);
            if file == File::Playlist {
                readmit(&shared, &session, &viewer).await?
            } else {
                resume(&shared, &session, &viewer)?
            }
        }
    };
    let published = published.rung(rung).ok_or(DeliveryError::NoSuchSegment)?;
    let profile = match file {
        File::Segment(sequence) => published.profile_of(sequence),
        File::Playlist => published.profile(),
    };
    // As if it were not there.
    if !profiles.allow(profile) {
        return Err(DeliveryError::NoSuchSegment);
    }
    let response = match file {
        File::Segment(sequence) => segment(published, sequence)?,
        File::Playlist => playlist(published, respond::accepts_gzip(&parts.headers))?,
    };
    if let Some(lease) = lease {
        lease.sent(response.body().size_hint().lower());
    }
    Ok(response)
}

/// Nobody guesses a signature, but nobody shall try for long either.
fn unsigned(shared: &Shared, parts: &Parts) -> DeliveryError {
    let guessed = shared.limiter.guess(Peer::of(&parts.extensions).client);
    guessed.err().map_or(DeliveryError::BadSession, DeliveryError::from)
}

fn segment(published: &Published, sequence: u64) -> Result<Response<Body>, DeliveryError> {
    let segment = published.segment(sequence).ok_or(DeliveryError::NoSuchSegment)?;
    let SegmentPayload::MpegTs(pages) = &segment.payload else { return Err(DeliveryError::NoSuchSegment) };
    let mut response = Response::new(Body::new(SegmentBody::new(pages.clone())));
    // The connection may have a better way to send them.
    response.extensions_mut().insert(pages.clone());
    response.headers_mut().insert(header::CONTENT_TYPE, MPEGTS_TYPE);
    response.headers_mut().insert(header::CACHE_CONTROL, SEGMENT_CACHE);
    Ok(response)
}

fn playlist(published: &Published, gzip: bool) -> Result<Response<Body>, DeliveryError> {
    let playlist = published.playlist.as_ref().ok_or(DeliveryError::NoSuchSegment)?;
    let bytes = if gzip { playlist.gzip() } else { &playlist.plain };
    let mut response = Body::from(bytes.clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PLAYLIST_TYPE);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let max_age = (published.target_duration / 2).max(1);
    if let Ok(value) = HeaderValue::from_str(&format!("private, max-age={max_age}")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    Ok(response)
}

/// A channel's window, and what of it the viewer's line may watch.
type Seen = (Arc<Published>, Profiles);

/// Brings back a session whose lease is gone (it was silent too long, or the host was restarted) under the checks of a new one, except that
/// it never takes another's connection.
async fn readmit(shared: &Shared, session: &Session, viewer: &Viewer) -> Result<Seen, DeliveryError> {
    let line = usable(shared, session)?;
    let limit = live::permit(shared, &line, session.channel, live::Format::Hls, viewer)?;
    let guard = live::grant(shared, wanted(session, &line, viewer, limit))?;
    let feed = shared.deps.tuner.watch(session.channel, Need::Playlist).await?;
    let published = feed.published();
    guard.keep().hold(feed, published.target_duration);
    Ok((published, line.profiles().clone()))
}

/// The same for a segment, by what is in memory: no policy is asked anew, no channel is started, nobody waits.
fn resume(shared: &Shared, session: &Session, viewer: &Viewer) -> Result<Seen, DeliveryError> {
    let line = usable(shared, session)?;
    if !shared.deps.catalog.sees(&line, session.channel) {
        return Err(DeliveryError::NoSuchChannel);
    }
    let feed = shared.deps.tuner.playing(session.channel).ok_or(DeliveryError::NoSuchSegment)?;
    let limit = session.limit.min(line.max_connections);
    let guard = live::grant(shared, wanted(session, &line, viewer, limit))?;
    let published = feed.published();
    guard.keep().hold(feed, published.target_duration);
    Ok((published, line.profiles().clone()))
}

fn usable(shared: &Shared, session: &Session) -> Result<Arc<Line>, DeliveryError> {
    let line = shared.deps.accounts.find(session.line).ok_or(DeliveryError::BadSession)?;
    if line.usable(jiff::Timestamp::now()) {
        live::not_banned(shared, line.id)?;
        return Ok(line);
    }
    Err(if line.active { Refusal::Expired } else { Refusal::Disabled }.into())
}

fn wanted<'a>(session: &Session, line: &'a Line, viewer: &'a Viewer, limit: u32) -> Wanted<'a> {
    Wanted {
        line: session.line,
        channel: session.channel,
        device: viewer.device(),
        kind: Kind::Hls,
        limit,
        session: Some(session.id),
        above_limit: AboveLimit::DenyNew,
        profiles: line.profiles(),
        address: viewer.address,
        country: viewer.country,
        user_agent: &viewer.user_agent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("index.m3u8", Some((0, File::Playlist))),
            ("index-2.m3u8", Some((2, File::Playlist))),
            ("1042.ts", Some((0, File::Segment(1042)))),
            ("1-1042.ts", Some((1, File::Segment(1042)))),
            ("index-.m3u8", None),
            ("index1.m3u8", None),
            ("-1.ts", None),
            ("+1.ts", None),
            ("1-2-3.ts", None),
            ("1042.mp4", None),
            (".ts", None),
            ("", None),
        ] {
            assert_eq!(parse(name), expected, "{name}");
        }
        assert!([0, 1, 7].into_iter().all(|rung| parse(&playlist_name(rung)) == Some((rung, File::Playlist))));
    }
}
