//! Movies and episodes: `/movie/{username}/{password}/{id}.{extension}`, `/series/...`, and the same with a token. The order of the checks is
//! that of channels: credentials, lineup, policies, connections; only then is the upstream asked.
//!
//! A player opens a file many times, piece by piece and sometimes twice at once: all requests of one device for one file are one
//! connection, which lives while one of them is under way and [`PATIENCE`] longer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, State as AxumState};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use mast_model::{AboveLimit, ChannelId, Line, TitleId, TitleKind};
use tokio_util::sync::CancellationToken;

use super::error::DeliveryError;
use super::live::{self, LeaseGuard, TokenQuery};
use super::viewer::Viewer;
use super::{Shared, State};
use crate::catalog::PlayableFile;
use crate::metrics::{Metrics, RouteClass};
use crate::sessions::lease::{Kind, Share, Wanted};
use crate::tuner::{Feed, FileRequest, OpenFile};

/// How long a connection lives on when nothing is asked for.
const PATIENCE: Duration = Duration::from_secs(10);
/// An upstream or a player that moves nothing for this long has gone; players of paused films come back with a range.
const SILENCE: Duration = Duration::from_secs(300);

/// What the upstream says that players need; its type is looked at before.
const PASSED_ON: [HeaderName; 5] =
    [header::CONTENT_LENGTH, header::CONTENT_RANGE, header::ACCEPT_RANGES, header::LAST_MODIFIED, header::ETAG];

/// `/movie/{username}/{password}/{file}`
pub(super) async fn movie_by_credentials(
    state: State,
    Path(path): Path<(String, String, String)>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    by_credentials(state, TitleKind::Movie, path, parts).await
}

/// `/series/{username}/{password}/{file}`
pub(super) async fn episode_by_credentials(
    state: State,
    Path(path): Path<(String, String, String)>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    by_credentials(state, TitleKind::Series, path, parts).await
}

/// `/movie/{file}?token=T`
pub(super) async fn movie_by_token(
    state: State,
    Path(name): Path<String>,
    query: Query<TokenQuery>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    by_token(state, TitleKind::Movie, &name, query, parts).await
}

/// `/series/{file}?token=T`
pub(super) async fn episode_by_token(
    state: State,
    Path(name): Path<String>,
    query: Query<TokenQuery>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    by_token(state, TitleKind::Series, &name, query, parts).await
}

async fn by_credentials(
    AxumState(shared): State,
    kind: TitleKind,
    (username, password, name): (String, String, String),
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    let id = title_id(&name).ok_or(DeliveryError::NotFound)?;
    let viewer = Viewer::of(&parts, &shared.http, shared.listening);
    let line = shared.deps.accounts.by_credentials(&username, &password, viewer.address).await?;
    open(&shared, &line, (kind, id), &viewer, &parts).await
}

async fn by_token(
    AxumState(shared): State,
    kind: TitleKind,
    name: &str,
    Query(query): Query<TokenQuery>,
    parts: Parts,
) -> Result<Response<Body>, DeliveryError> {
    let id = title_id(name).ok_or(DeliveryError::NotFound)?;
    let viewer = Viewer::of(&parts, &shared.http, shared.listening);
    let line = shared.deps.accounts.by_token(&query.token, viewer.address)?;
    open(&shared, &line, (kind, id), &viewer, &parts).await
}

/// `7.mkv` or `7`; which extension it is does not matter.
fn title_id(name: &str) -> Option<TitleId> {
    let (digits, extension) = name.split_once('.').unwrap_or((name, ""));
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let known = extension.len() <= 8 && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain && known).then(|| digits.parse().ok()).flatten()
}

async fn open(
    shared: &Arc<Shared>,
    line: &Arc<Line>,
    (kind, id): (TitleKind, TitleId),
    viewer: &Viewer,
    parts: &Parts,
) -> Result<Response<Body>, DeliveryError> {
    let on_demand = &shared.deps.catalog.lineup(line).on_demand;
    let file = match kind {
        TitleKind::Movie => on_demand.movie_file(id),
        TitleKind::Series => on_demand.episode_file(id),
    };
    let file = file.ok_or(DeliveryError::NoSuchFile)?;
    let narrowed = live::authorize(shared, line, ChannelId(0), "play", viewer)?;
    let request = request(&parts.method, &parts.headers);
    if request.head {
        return Ok(head(&shared.deps.files.open(&file, &request).await?));
    }
    let limit = narrowed.unwrap_or(u32::MAX).min(line.max_connections);
    let wanted = Wanted {
        line: line.id,
        channel: ChannelId::of_file(id),
        device: viewer.device(),
        kind: Kind::File,
        limit,
        session: None,
        above_limit: if line.above_limit == AboveLimit::StopOldest { line.above_limit } else { shared.above_limit },
        profiles: line.profiles(),
        address: viewer.address,
        country: viewer.country,
        user_agent: &viewer.user_agent,
    };
    let guard = live::grant(shared, wanted)?;
    play(shared, &file, &request, guard).await
}

async fn play(
    shared: &Arc<Shared>,
    file: &PlayableFile,
    request: &FileRequest,
    guard: LeaseGuard,
) -> Result<Response<Body>, DeliveryError> {
    // Whether it plays, fails or is given up, the others of the same player go on.
    let share = Share::of(guard.keep(), Arc::clone(&shared.leases));
    share.lasts(PATIENCE);
    let opened = shared.deps.files.open(file, request).await?;
    let mut response = head(&opened);
    let taken = Taken { file: opened, share, shutdown: shared.shutdown.clone(), metrics: shared.deps.metrics.clone() };
    *response.body_mut() = Body::from_stream(futures_util::stream::unfold(Some(taken), |taken| async {
        let mut taken = taken?;
        match taken.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(taken))),
            Ok(None) => None,
            // The player must not take half a file for the whole.
            Err(broken) => Some((Err(broken), None)),
        }
    }));
    Ok(response)
}

/// One range of bytes is passed on; of several, and of other units, the whole file is an answer.
fn request(method: &Method, headers: &HeaderMap) -> FileRequest {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let single = |range: &String| {
        let range = range.trim().strip_prefix("bytes=");
        range.is_some_and(|range| range.len() <= 64 && range.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'))
    };
    let range = text(&header::RANGE).filter(single);
    let if_range = range.as_ref().and_then(|_| text(&header::IF_RANGE)).filter(|tag| tag.len() <= 256);
    FileRequest { head: method == Method::HEAD, range, if_range }
}

fn head(file: &OpenFile) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(file.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_TYPE, media_type(&file.headers));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in &file.headers {
        let name = PASSED_ON.iter().find(|known| known.as_str() == name);
        if let Some((name, Ok(value))) = name.map(|name| (name, HeaderValue::from_str(value))) {
            headers.insert(name, value);
        }
    }
    response
}

/// The upstream's type where it is one of a film. Any other would have a browser do something with it, on the host's own origin.
fn media_type(headers: &[(String, String)]) -> HeaderValue {
    let said = headers.iter().find(|(name, _)| name == header::CONTENT_TYPE.as_str()).map(|(_, value)| value.trim());
    let essence = said.and_then(|said| said.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    let is_media = ["video/", "audio/"].iter().any(|kind| essence.starts_with(kind));
    let value = is_media.then(|| HeaderValue::from_str(&essence).ok()).flatten();
    value.unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// What a response owns while its bytes are taken.
struct Taken {
    file: OpenFile,
    share: Share<Feed>,
    shutdown: CancellationToken,
    metrics: Metrics,
}

impl Taken {
    async fn next(&mut self) -> Result<Option<axum::body::Bytes>, std::io::Error> {
        if !self.share.lives() {
            return Err(ended());
        }
        let chunk = tokio::select! {
            chunk = tokio::time::timeout(SILENCE, self.file.chunk()) => chunk,
            () = self.share.ended.cancelled() => return Err(ended()),
            () = self.shutdown.cancelled() => return Err(ended()),
        };
        let chunk = chunk.map_err(|_| ended())?.map_err(|_| std::io::Error::other("the upstream broke off"))?;
        if let Some(bytes) = &chunk {
            self.metrics.bytes_sent(RouteClass::File, bytes.len() as u64);
            self.share.sent(bytes.len() as u64);
        }
        Ok(chunk)
    }
}

fn ended() -> std::io::Error {
    std::io::Error::other("the session ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for (name, expected) in [
            ("7.mkv", Some(7)),
            ("7", Some(7)),
            ("7.", Some(7)),
            ("", None),
            (".mkv", None),
            ("+7.mkv", None),
            ("7.mkv.ts", None),
            ("7.../x", None),
            ("99999999999.mkv", None),
        ] {
            assert_eq!(title_id(name), expected.map(TitleId), "{name}");
        }
    }

    #[test]
    fn types_that_a_browser_would_open_are_not_passed_on() {
        for (said, expected) in [
            ("video/mp4", "video/mp4"),
            ("Video/X-Matroska; codecs=\"avc1\"", "video/x-matroska"),
            ("audio/mpeg", "audio/mpeg"),
            ("image/svg+xml", "application/octet-stream"),
            ("application/xhtml+xml", "application/octet-stream"),
            ("text/javascript", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            let headers = [("content-type".to_owned(), said.to_owned())];
            assert_eq!(media_type(&headers), expected, "{said}");
        }
    }

    #[test]
    fn only_one_range_of_bytes_is_passed_on() {
        for (sent, expected) in [
            ("bytes=0-", Some("bytes=0-")),
            ("bytes=5-9", Some("bytes=5-9")),
            ("bytes=-500", Some("bytes=-500")),
            ("bytes=0-1,5-6", None),
            ("items=0-1", None),
            ("bytes=0-\u{e4}", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_bytes(sent.as_bytes()).expect("a value"));
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"tag\""));
            let asked = request(&Method::GET, &headers);
            assert_eq!(asked.range.as_deref(), expected, "{sent}");
            assert_eq!(asked.if_range.is_some(), expected.is_some(), "{sent}");
        }
    }
}
