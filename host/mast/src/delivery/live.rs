//! The URLs that players are given: `/live/...`. Everything is checked here, in this order: credentials, lineup, policies, profiles,
//! connections; only then is the channel tuned, so that nobody without a right to it can start one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State as AxumState};
use axum::http::{HeaderValue, Method, Response, header, request::Parts};
use axum::response::IntoResponse;
use jiff::Timestamp;
use mast_media::{MultivariantPlaylist, Variant};
use mast_model::{AboveLimit, ChannelId, Line, LineId, Profiles};
use mast_plugin::records::AuthRequest;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::error::DeliveryError;
use super::token::Session;
use super::viewer::Viewer;
use super::{Shared, State, hls};
use crate::extensions::Verdict;
use crate::metrics::{Limit, Metrics, RouteClass};
use crate::sessions::lease::{Kind, Lease, Leases, NoLease, Wanted};
use crate::tuner::{Feed, Follower, Need, Published};

/// Sessions end after this long even if they are used; the player then opens the channel anew.
const SESSION_SECONDS: u64 = 24 * 3600;

/// A channel that gives nothing for this long has lost its viewer: with nothing to write, a dead socket would never show.
const SILENCE: Duration = Duration::from_secs(60);

/// How a channel is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Hls,
    Continuous,
}

impl Format {
    fn lease(self) -> Kind {
        match self {
            Self::Hls => Kind::Hls,
            Self::Continuous => Kind::Continuous,
        }
    }
}

/// What a player asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct File {
    channel: ChannelId,
    kind: Format,
}

/// `7.m3u8`, `7.ts` or `7`, which is MPEG-TS.
fn file(text: &str) -> Option<File> {
    let (digits, kind) = match text.split_once('.') {
        Some((digits, "m3u8")) => (digits, Format::Hls),
        Some((digits, "ts")) => (digits, Format::Continuous),
        Some(_) => return None,
        None => (text, Format::Continuous),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let channel = plain.then(|| digits.parse().ok()).flatten()?;
    Some(File { channel, kind })
}

#[derive(Deserialize)]
pub(super) struct TokenQuery {
    #[serde(default)]
    pub(super) token: String,
}

/// `/live/{username}/{password}/{id}[.m3u8|.ts]`
pub(super) async fn by_credentials(
    AxumState(shared): State,
    Path((username, password, name)): Path<(String, String, String)>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    with_credentials(&shared, (&username, &password, &name), &parts).await
}

/// `/{username}/{password}/{id}[.m3u8|.ts]`, where no output has claimed the path.
pub(super) async fn by_short_path(shared: &Arc<Shared>, parts: &Parts) -> Result<Response<Body>, DeliveryError> {
    let segments: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
    let [username, password, name] = segments[..] else { return Err(DeliveryError::NotFound) };
    let decoded = |text| percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| DeliveryError::NotFound);
    if file(name).is_none() {
        return Err(DeliveryError::NotFound);
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(DeliveryError::Method);
    }
    with_credentials(shared, (&decoded(username)?, &decoded(password)?, name), parts).await
}

async fn with_credentials(
    shared: &Arc<Shared>,
    (username, password, name): (&str, &str, &str),
    parts: &Parts,
) -> Result<Response<Body>, DeliveryError> {
    let file = file(name).ok_or(DeliveryError::NotFound)?;
    let viewer = Viewer::of(parts, &shared.http, shared.listening);
    let line = shared.deps.accounts.by_credentials(username, password, viewer.address).await?;
    open(shared, &line, file, &viewer, &parts.method).await
}

/// `/live/stream_{id}[.m3u8|.ts]?token=T`
pub(super) async fn by_token(
    AxumState(shared): State,
    Path(name): Path<String>,
    Query(query): Query<TokenQuery>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    let file = name.strip_prefix("stream_").and_then(file).ok_or(DeliveryError::NotFound)?;
    let viewer = Viewer::of(&parts, &shared.http, shared.listening);
    let line = shared.deps.accounts.by_token(&query.token, viewer.address)?;
    open(&shared, &line, file, &viewer, &parts.method).await
}

async fn open(
    shared: &Arc<Shared>,
    line: &Arc<Line>,
    file: File,
    viewer: &Viewer,
    method: &Method,
) -> Result<Response<Body>, DeliveryError> {
    let limit = permit(shared, line, file.channel, file.kind, viewer)?;
    if method == Method::HEAD {
        // Asking whether it would play costs no connection and no upstream.
        return Ok(empty(file.kind));
    }
    let wanted = Wanted {
        line: line.id,
        channel: file.channel,
        device: viewer.device(),
        kind: file.kind.lease(),
        limit,
        session: None,
        above_limit: if line.above_limit == AboveLimit::StopOldest { line.above_limit } else { shared.above_limit },
        profiles: line.profiles(),
        address: viewer.address,
        country: viewer.country,
        user_agent: &viewer.user_agent,
    };
    let guard = grant(shared, wanted)?;
    pretune(shared, line, file.channel);
    match file.kind {
        Format::Continuous => {
            let feed = shared.deps.tuner.watch(file.channel, Need::Bytes).await?;
            guard.still_there(limit)?;
            if !line.profiles().allow(feed.leading().as_deref()) {
                return Err(DeliveryError::LeadingProfile(line.profiles().listed()));
            }
            Ok(continuous(shared, guard, feed))
        }
        Format::Hls => {
            let feed = shared.deps.tuner.watch(file.channel, Need::Playlist).await?;
            guard.still_there(limit)?;
            let published = feed.published();
            let shown = allowed(&published, line.profiles())?;
            guard.lease.hold(feed, published.target_duration);
            let ends = now() + SESSION_SECONDS;
            let session = Session { id: guard.keep().id, line: line.id, channel: file.channel, limit, ends };
            Ok(multivariant(&shared.signer.sign(&session), file.channel, &shown))
        }
    }
}

/// Whoever opens a channel may go on to the next ones.
fn pretune(shared: &Shared, line: &Line, channel: ChannelId) {
    let count = shared.deps.tuner.pretunes();
    if count > 0 {
        let lineup = shared.deps.catalog.lineup(line);
        let next = lineup.entries.iter().skip_while(|entry| entry.channel.id != channel).skip(1);
        shared.deps.tuner.pretune(next.take(count).map(|entry| entry.channel.id));
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}

/// Whether the line may watch the channel now; with how many connections at most.
pub(super) fn permit(
    shared: &Shared,
    line: &Line,
    channel: ChannelId,
    kind: Format,
    viewer: &Viewer,
) -> Result<u32, DeliveryError> {
    if !shared.deps.catalog.sees(line, channel) {
        return Err(DeliveryError::NoSuchChannel);
    }
    let narrowed = authorize(shared, line, channel, "play", viewer)?;
    let profiles = line.profiles();
    if !profiles.are_all() {
        promising(profiles, &shared.deps.tuner.names(channel), kind)?;
    }
    Ok(narrowed.unwrap_or(u32::MAX).min(line.max_connections))
}

/// Whether there is a quality to watch for these profiles, by what the channel and each of its backups will be called. Which of them
/// plays shows later; where no name is known, why is tuning's to say.
fn promising(profiles: &Profiles, names: &[Vec<Arc<str>>], kind: Format) -> Result<(), DeliveryError> {
    let allowed = |name: &Arc<str>| profiles.allow(Some(name));
    let any = names.iter().flatten().any(allowed);
    match kind {
        _ if names.iter().all(Vec::is_empty) => Ok(()),
        _ if !any => Err(DeliveryError::NoProfile(profiles.listed())),
        Format::Continuous if !names.iter().filter_map(|names| names.first()).any(allowed) => {
            Err(DeliveryError::LeadingProfile(profiles.listed()))
        }
        Format::Hls | Format::Continuous => Ok(()),
    }
}

/// Whether no operator has banned the line.
pub(super) fn not_banned(shared: &Shared, line: LineId) -> Result<(), DeliveryError> {
    match shared.deps.sessions.bans.line(line) {
        Some(until) => {
            shared.deps.metrics.limited(Limit::Ban);
            Err(DeliveryError::Banned(until))
        }
        None => Ok(()),
    }
}

/// Asks the policies.
pub(super) fn authorize(
    shared: &Shared,
    line: &Line,
    channel: ChannelId,
    action: &str,
    viewer: &Viewer,
) -> Result<Option<u32>, DeliveryError> {
    asked(shared, line, (channel, action), (viewer.address, &viewer.user_agent))
}

/// The same for whoever asks from an address.
pub(super) fn asked(
    shared: &Shared,
    line: &Line,
    (channel, action): (ChannelId, &str),
    (address, user_agent): (IpAddr, &str),
) -> Result<Option<u32>, DeliveryError> {
    not_banned(shared, line.id)?;
    let request = AuthRequest {
        username: line.username.to_string(),
        bouquets: line.bouquets.to_vec(),
        action: action.to_owned(),
        channel: channel.0,
        ip: address.to_string(),
        user_agent: user_agent.to_owned(),
        attrs: line.attrs().to_vec(),
        ..AuthRequest::default()
    };
    match shared.deps.extensions.authorize(&request) {
        Verdict::Allow { expires: Some(expires), .. } if expires <= now() => Err(DeliveryError::Denied {
            code: "expired".to_owned(),
            message: "this line may not watch at this time".to_owned(),
        }),
        Verdict::Allow { max_connections, .. } => Ok(max_connections),
        Verdict::Deny { instance, code, message } => {
            tracing::info!(username = %line.username, %instance, code, "denied by policy");
            Err(DeliveryError::Denied { code, message })
        }
    }
}

/// Ends its lease unless it is kept.
pub(super) struct LeaseGuard {
    leases: Arc<Leases<Feed>>,
    lease: Arc<Lease<Feed>>,
    /// Whether it was there before; then a failure of this request must not end it.
    kept: bool,
}

impl LeaseGuard {
    /// Leaves it to expire by itself.
    pub(super) fn keep(mut self) -> Arc<Lease<Feed>> {
        self.kept = true;
        Arc::clone(&self.lease)
    }

    /// Whether it was not taken away while its channel started.
    fn still_there(&self, limit: u32) -> Result<(), DeliveryError> {
        if self.lease.ended.is_cancelled() { Err(DeliveryError::Connections(limit)) } else { Ok(()) }
    }

    pub(super) fn lease(&self) -> &Lease<Feed> {
        &self.lease
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        if !self.kept {
            self.leases.release(&self.lease);
        }
    }
}

/// A connection for the line.
pub(super) fn grant(shared: &Shared, wanted: Wanted<'_>) -> Result<LeaseGuard, DeliveryError> {
    let mut id = [0; 8];
    getrandom::fill(&mut id).map_err(|_| DeliveryError::Busy)?;
    let granted = shared.leases.grant(wanted, || u64::from_be_bytes(id));
    let lease = granted.map_err(|why| match why {
        NoLease::Full => DeliveryError::Connections(wanted.limit),
        NoLease::Kicked => DeliveryError::Kicked,
    })?;
    let kept = lease.look(|_| ()).is_some();
    Ok(LeaseGuard { leases: Arc::clone(&shared.leases), lease, kept })
}

fn empty(kind: Format) -> Response<Body> {
    let mut response = Body::empty().into_response();
    let kind = match kind {
        Format::Hls => hls::PLAYLIST_TYPE,
        Format::Continuous => hls::MPEGTS_TYPE,
    };
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The rungs that may be watched now, each with its place.
fn allowed<'a>(published: &'a Published, profiles: &Profiles) -> Result<Vec<(usize, &'a Published)>, DeliveryError> {
    let rungs = published.rungs().enumerate();
    let shown: Vec<_> = rungs.filter(|(_, rung)| profiles.allow(rung.profile())).collect();
    if shown.is_empty() { Err(DeliveryError::NoProfile(profiles.listed())) } else { Ok(shown) }
}

fn multivariant(token: &str, channel: ChannelId, rungs: &[(usize, &Published)]) -> Response<Body> {
    let variant = |(place, rung): &(usize, &Published)| Variant {
        uri: format!("/hls/{token}/{channel}/{}", hls::playlist_name(*place)),
        bandwidth: rung.bandwidth,
        average_bandwidth: Some(rung.average_bandwidth),
        codecs: rung.codecs.clone(),
    };
    let playlist = MultivariantPlaylist {
        independent_segments: rungs.iter().all(|(_, rung)| rung.independent),
        variants: rungs.iter().map(variant).collect(),
    };
    let mut response = playlist.to_string().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, hls::PLAYLIST_TYPE);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a continuous response owns: dropped with its body, whatever ends the connection.
struct Continuous {
    follower: Follower,
    guard: LeaseGuard,
    shutdown: CancellationToken,
    metrics: Metrics,
}

fn continuous(shared: &Shared, guard: LeaseGuard, feed: Feed) -> Response<Body> {
    let (shutdown, metrics) = (shared.shutdown.clone(), shared.deps.metrics.clone());
    let parts = Continuous { follower: feed.follow(), guard, shutdown, metrics };
    let bytes = futures_util::stream::unfold(parts, |mut parts| async move {
        let chunk = tokio::select! {
            chunk = tokio::time::timeout(SILENCE, parts.follower.next()) => chunk.ok().flatten(),
            () = parts.guard.lease().ended.cancelled() => None,
            () = parts.shutdown.cancelled() => None,
        };
        let chunk: Bytes = chunk?;
        // A backup may be of another profile.
        if !parts.follower.is_allowed(&parts.guard.lease().profiles) {
            return None;
        }
        parts.metrics.bytes_sent(RouteClass::Continuous, chunk.len() as u64);
        parts.guard.lease().sent(chunk.len() as u64);
        Some((Ok::<_, std::convert::Infallible>(chunk), parts))
    });
    let mut response = Body::from_stream(bytes).into_response();
    // Whoever is stopped is told so at once, and the socket goes with its lease.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response.headers_mut().insert(header::CONTENT_TYPE, hls::MPEGTS_TYPE);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let hls = |id| Some(File { channel: ChannelId(id), kind: Format::Hls });
        let continuous = |id| Some(File { channel: ChannelId(id), kind: Format::Continuous });
        for (text, expected) in [
            ("7.m3u8", hls(7)),
            ("7.ts", continuous(7)),
            ("7", continuous(7)),
            ("7.mp4", None),
            ("+7.ts", None),
            ("", None),
            (".ts", None),
            ("7.ts.ts", None),
            ("99999999999.ts", None),
        ] {
            assert_eq!(file(text), expected, "{text}");
        }
    }

    #[test]
    fn a_channel_that_can_have_no_allowed_profile_is_not_started() {
        let names = |text: &str| -> Vec<Vec<Arc<str>>> {
            text.split('/').map(|one| one.split_whitespace().map(Arc::from).collect()).collect()
        };
        for (channel, hls, continuous) in [
            ("high low", "ok", "LeadingProfile"),
            ("low high", "ok", "ok"),
            ("high medium", "NoProfile", "NoProfile"),
            ("copy", "NoProfile", "NoProfile"),
            // A backup may be what plays.
            ("copy/low", "ok", "ok"),
            ("copy/high low", "ok", "LeadingProfile"),
            ("/copy", "NoProfile", "NoProfile"),
            ("", "ok", "ok"),
        ] {
            let said = |kind| match promising(&Profiles::new(&["low".to_owned()]), &names(channel), kind) {
                Ok(()) => "ok".to_owned(),
                Err(error) => format!("{error:?}").split('(').next().unwrap_or_default().to_owned(),
            };
            assert_eq!([said(Format::Hls), said(Format::Continuous)], [hls, continuous], "{channel}");
        }
    }
}
