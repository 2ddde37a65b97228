//! What is said to viewers who could come over TLS: the redirect and HSTS. And what surfaces for operators are sent along with.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;

use super::config::TlsConfig;
use super::peer::Peer;
use super::viewer::is_authority;
use crate::metrics::RouteClass;

/// Where an authority looks for its answers.
pub(super) const ACME_PATH: &str = "/.well-known/acme-challenge/";

/// The parts of `[tls]` that responses show.
#[derive(Debug, Default)]
pub(super) struct Secure {
    /// The port of HTTPS, where plain requests are sent there.
    redirect: Option<u16>,
    hsts: Option<HeaderValue>,
}

impl Secure {
    /// `port` is the one that is listened on.
    pub(super) fn new(config: Option<(&TlsConfig, u16)>) -> Self {
        let Some((config, port)) = config else { return Self::default() };
        let hsts = config.hsts.and_then(|span| HeaderValue::from_str(&format!("max-age={}", span.as_secs())).ok());
        Self { redirect: config.redirect.then_some(port), hsts }
    }

    /// The answer to a request that should have come over TLS.
    pub(super) fn redirect(
        &self,
        peer: Peer,
        class: RouteClass,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<Response<Body>> {
        let port = self.redirect.filter(|_| !peer.secure && class != RouteClass::Status)?;
        if uri.path().starts_with(ACME_PATH) {
            return None;
        }
        let host = headers.get(header::HOST)?.to_str().ok().filter(|host| is_authority(host))?;
        let name = match host.rsplit_once(':') {
            // Not inside the brackets of an IPv6 address.
            Some((name, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let port = if port == 443 { String::new() } else { format!(":{port}") };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let to = HeaderValue::from_str(&format!("https://{name}{port}{path}")).ok()?;
        // 308 keeps the method and the body.
        Some((StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response())
    }

    /// Adds HSTS, which only counts over TLS.
    pub(super) fn tell(&self, peer: Peer, headers: &mut HeaderMap) {
        if let Some(hsts) = self.hsts.as_ref().filter(|_| peer.secure) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }
}

/// Whether a path is a surface for operators rather than viewers.
pub(super) fn is_for_operators(path: &str) -> bool {
    ["/api", "/panel", "/admin"]
        .into_iter()
        .any(|surface| path.strip_prefix(surface).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Header fields of surfaces for operators: no page may frame, script or read them, and nothing keeps them. A field that the handler has
/// set, such as a policy of a panel's own page, stays.
pub(super) fn guard(headers: &mut HeaderMap) {
    const FIELDS: [(HeaderName, &str); 6] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in FIELDS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Peer = Peer {
        client: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        exempt: false,
        secure: false,
        proxied: false,
    };

    #[test]
    fn plain_requests_are_sent_to_https() {
        let to = |port: u16, peer: Peer, class, uri: &str, host: &'static str| {
            let secure = Secure { redirect: Some(port), hsts: None };
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            let uri: Uri = uri.parse().expect("a path");
            let response = secure.redirect(peer, class, &uri, &headers)?;
            assert_eq!(response.status(), 308);
            Some(response.headers()[header::LOCATION].to_str().expect("text").to_owned())
        };
        let live = RouteClass::Playlist;
        let expected = Some("https://tv.example/live/a?b=c".to_owned());
        assert_eq!(to(443, PLAIN, live, "/live/a?b=c", "tv.example"), expected);
        assert_eq!(to(443, PLAIN, live, "/live/a?b=c", "tv.example:80"), expected);
        assert_eq!(to(8443, PLAIN, live, "/", "[::1]:80").as_deref(), Some("https://[::1]:8443/"));
        assert_eq!(to(8443, PLAIN, live, "/", "[::1]").as_deref(), Some("https://[::1]:8443/"));
        assert_eq!(to(443, Peer { secure: true, ..PLAIN }, live, "/", "tv.example"), None);
        assert_eq!(to(443, PLAIN, RouteClass::Status, "/healthz", "tv.example"), None);
        assert_eq!(to(443, PLAIN, RouteClass::Output, "/.well-known/acme-challenge/x", "tv.example"), None);
        assert_eq!(to(443, PLAIN, live, "/", "evil.example/\""), None);
    }

    #[test]
    fn surfaces_for_operators() {
        for (path, expected) in
            [("/api/v1/lines", true), ("/api", true), ("/apis", false), ("/live/api/b/1.ts", false), ("/panel/", true)]
        {
            assert_eq!(is_for_operators(path), expected, "{path}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
        guard(&mut headers);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], "default-src 'self'");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
    }
}
