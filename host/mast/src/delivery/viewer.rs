//! Who sent a request, and how that viewer reaches the host. Forwarding fields are believed from trusted proxies only.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header, request::Parts};

use super::config::HttpConfig;
use super::lease::Device;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The other end of the connection; the accept loop puts it into each request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Who sent a request.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    /// Never IPv4-mapped.
    pub(super) address: IpAddr,
    /// As sent, at most 256 bytes of it.
    pub(super) user_agent: String,
    /// Scheme and authority that the viewer used, no slash at the end.
    pub(super) base_url: String,
}

impl Viewer {
    pub(super) fn of(parts: &Parts, http: &HttpConfig, listening: SocketAddr) -> Self {
        let peer = parts.extensions.get::<Peer>().map_or(listening.ip(), |peer| peer.0.ip()).to_canonical();
        let trusted = |address: &IpAddr| http.trusted_proxies.iter().any(|net| net.contains(address));
        let behind_proxy = trusted(&peer);
        let address = if behind_proxy { forwarded_for(&parts.headers, trusted).unwrap_or(peer) } else { peer };
        let base_url = http.public_url.clone().unwrap_or_else(|| {
            let field = |name: &HeaderName| {
                if behind_proxy { text(&parts.headers, name) } else { None }
            };
            let scheme = field(&FORWARDED_PROTO).filter(|scheme| *scheme == "https").unwrap_or("http");
            let host = field(&FORWARDED_HOST)
                .or_else(|| text(&parts.headers, &header::HOST))
                .filter(|host| is_authority(host));
            host.map_or_else(|| format!("{scheme}://{listening}"), |host| format!("{scheme}://{host}"))
        });
        let mut user_agent = text(&parts.headers, &header::USER_AGENT).unwrap_or_default().to_owned();
        user_agent.truncate(256);
        Self { address, user_agent, base_url }
    }

    /// This viewer among the devices of one line.
    pub(super) fn device(&self) -> Device {
        let hash = blake3::hash(format!("{}\n{}", self.address, self.user_agent).as_bytes());
        let mut device = [0; 16];
        device.copy_from_slice(&hash.as_bytes()[..16]);
        Device(device)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // `to_str` lets visible ASCII through only, so cutting the text anywhere is safe.
    headers.get(name)?.to_str().ok()
}

/// The last address that no trusted proxy added.
fn forwarded_for(headers: &HeaderMap, trusted: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let hops: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.iter().rev() {
        // What cannot be read was not written by a proxy worth trusting.
        let address = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
        if !trusted(&address) {
            return Some(address);
        }
    }
    None
}

/// Whether a Host field can be repeated in a playlist.
fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn viewer(peer: &str, fields: &[(&str, &str)], http: &HttpConfig) -> Viewer {
        let mut request = Request::builder().uri("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        parts.extensions.insert(Peer(peer.parse().expect("an address")));
        Viewer::of(&parts, http, "127.0.0.1:8080".parse().expect("an address"))
    }

    #[test]
    fn forwarding_fields_count_from_trusted_proxies_only() {
        let open = HttpConfig::default();
        let behind =
            HttpConfig { trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")], ..HttpConfig::default() };
        let fields = [
            ("host", "inside:1"),
            ("x-forwarded-for", "198.51.100.9, 203.0.113.7, 10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "tv.example"),
        ];
        let seen = viewer("10.0.0.1:5", &fields, &behind);
        assert_eq!(
            (seen.address.to_string(), seen.base_url),
            ("203.0.113.7".to_owned(), "https://tv.example".to_owned())
        );
        let seen = viewer("[::ffff:192.0.2.1]:5", &fields, &behind);
        assert_eq!((seen.address.to_string(), seen.base_url), ("192.0.2.1".to_owned(), "http://inside:1".to_owned()));
        let seen = viewer("10.0.0.1:5", &fields, &open);
        assert_eq!(seen.address.to_string(), "10.0.0.1");
    }

    #[test]
    fn a_host_field_that_is_none_is_not_repeated() {
        let seen = viewer("192.0.2.1:5", &[("host", "a\"b")], &HttpConfig::default());
        assert_eq!(seen.base_url, "http://127.0.0.1:8080");
        let fixed = HttpConfig { public_url: Some("https://tv.example".to_owned()), ..HttpConfig::default() };
        assert_eq!(viewer("192.0.2.1:5", &[("host", "evil.example")], &fixed).base_url, "https://tv.example");
    }
}
