//! What every response has in common: CORS, preflight, counting.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State as AxumState};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

use super::error::DeliveryError;
use super::peer::Peer;
use super::viewer::Viewer;
use super::{Shared, secure};
use crate::metrics::{Limit, RouteClass};
use crate::operators::Client;

/// Whether a client takes gzip.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|value| value.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = parameters.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
        matches!(name.trim(), "gzip" | "x-gzip") && !refused
    })
}

fn class(path: &str) -> RouteClass {
    match path.split('/').nth(1).unwrap_or_default() {
        "live" if path.ends_with(".m3u8") => RouteClass::Playlist,
        "live" => RouteClass::Continuous,
        "movie" | "series" => RouteClass::File,
        "hls" if path.ends_with(".ts") => RouteClass::Segment,
        "hls" => RouteClass::Playlist,
        "healthz" | "readyz" | "metrics" => RouteClass::Status,
        _ => RouteClass::Output,
    }
}

/// Which pages may read what viewers read.
pub(super) enum Cors {
    /// Every page.
    All,
    /// Pages of these origins.
    Only(Vec<HeaderValue>),
}

impl Cors {
    pub(super) fn new(origins: &[String]) -> Self {
        if origins.iter().any(|origin| origin == "*") {
            return Self::All;
        }
        Self::Only(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// What the page of a request is told; `origin` is only looked at where it matters.
    fn tell(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        let allowed = match self {
            Self::All => HeaderValue::from_static("*"),
            Self::Only(origins) => {
                headers.append(header::VARY, HeaderValue::from_static("origin"));
                match origin.filter(|origin| origins.contains(origin)) {
                    Some(origin) => origin,
                    None => return,
                }
            }
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Date, Content-Length, Retry-After, Mast-Error"),
        );
    }
}

/// RFC 9112, section 3.2: a request that names no host, or two, is none.
fn one_host(request: &Request) -> Result<(), DeliveryError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let may_be_missing = request.version() < Version::HTTP_11;
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => Ok(()),
        (None, _) if may_be_missing => Ok(()),
        _ => Err(DeliveryError::BadRequest),
    }
}

/// Whether the client may ask for anything at all now.
fn admit(shared: &Shared, class: RouteClass, peer: Peer) -> Result<(), DeliveryError> {
    if let Some(until) = shared.deps.sessions.bans.address(peer.client) {
        shared.deps.metrics.limited(Limit::Ban);
        return Err(DeliveryError::Banned(until));
    }
    if peer.exempt {
        return Ok(());
    }
    Ok(shared.limiter.request(class, peer.client)?)
}

/// Runs around every handler.
pub(super) async fn finish(AxumState(shared): AxumState<Arc<Shared>>, request: Request, next: Next) -> Response<Body> {
    let class = class(request.uri().path());
    let for_operators = class == RouteClass::Output && secure::is_for_operators(request.uri().path());
    let peer = Peer::of(request.extensions());
    let origin = match &shared.cors {
        Cors::All => None,
        Cors::Only(_) => request.headers().get(header::ORIGIN).cloned(),
    };
    let admitted = one_host(&request).and_then(|()| admit(&shared, class, peer));
    let mut response = match admitted {
        Err(refused) if for_operators => refused.into_problem(),
        Err(refused) => refused.into_response(),
        Ok(()) => match shared.secure.redirect(peer, class, request.uri(), request.headers()) {
            Some(redirect) => redirect,
            None if request.method() == Method::OPTIONS && !for_operators => preflight(),
            None => next.run(request).await,
        },
    };
    let headers = response.headers_mut();
    if for_operators {
        secure::guard(headers);
    } else {
        shared.cors.tell(origin, headers);
    }
    shared.secure.tell(peer, headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    shared.deps.metrics.request(class, response.status().as_u16());
    if let Some(length) = response.body().size_hint().exact() {
        shared.deps.metrics.bytes_sent(class, length);
    }
    response
}

/// Tells the admin room who is asking; it knows nothing of connections and proxies.
pub(super) async fn as_client(
    AxumState(shared): AxumState<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let viewer = Viewer::of(&parts, &shared.http, shared.listening);
    parts.extensions.insert(Client { address: viewer.address, https: viewer.base_url.starts_with("https:") });
    next.run(Request::from_parts(parts, body)).await
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Range, Accept-Encoding, If-None-Match"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_negotiated() {
        for (field, expected) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
            ("x-gzip", true),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(field));
            assert_eq!(accepts_gzip(&headers), expected, "{field}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn pages_of_other_origins_are_told_nothing() {
        let told = |origins: &[&str], origin: Option<&'static str>| {
            let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
            let mut headers = HeaderMap::new();
            Cors::new(&origins).tell(origin.map(HeaderValue::from_static), &mut headers);
            headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(told(&["*"], None).as_deref(), Some("*"));
        let tv = ["https://tv.example", "https://www.tv.example"];
        assert_eq!(told(&tv, Some("https://www.tv.example")).as_deref(), Some("https://www.tv.example"));
        assert_eq!(told(&tv, Some("https://tv.example.evil.example")), None);
        assert_eq!(told(&tv, None), None);
        assert_eq!(told(&[], Some("https://tv.example")), None);
    }
}
