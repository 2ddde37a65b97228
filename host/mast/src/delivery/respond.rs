//! What every response has in common: CORS, preflight, counting.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State as AxumState};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;

use super::Shared;
use super::viewer::Viewer;
use crate::metrics::RouteClass;
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
        "hls" if path.ends_with(".ts") => RouteClass::Segment,
        "hls" => RouteClass::Playlist,
        "healthz" | "readyz" | "metrics" => RouteClass::Status,
        _ => RouteClass::Output,
    }
}

/// Runs around every handler.
pub(super) async fn finish(AxumState(shared): AxumState<Arc<Shared>>, request: Request, next: Next) -> Response<Body> {
    let class = class(request.uri().path());
    let mut response = if request.method() == Method::OPTIONS { preflight() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Date, Content-Length, Retry-After, Mast-Error"),
    );
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
}
