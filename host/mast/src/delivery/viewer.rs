//! Who sent a request, and how that viewer reaches the host. Forwarding fields are believed from trusted proxies only; whose address it
//! is, `peer` has said.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header, request::Parts};

use super::config::HttpConfig;
use super::peer::Peer;
use crate::sessions::lease::Device;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Where Cloudflare and those who do as it does say the client's country.
const COUNTRY: HeaderName = HeaderName::from_static("cf-ipcountry");

/// Who sent a request.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    /// Never IPv4-mapped.
    pub(super) address: IpAddr,
    /// The country of the address, where a trusted proxy says so: two letters.
    pub(super) country: Option<[u8; 2]>,
    /// As sent, at most 256 bytes of it.
    pub(super) user_agent: String,
    /// Scheme and authority that the viewer used, no slash at the end.
    pub(super) base_url: String,
}

impl Viewer {
    pub(super) fn of(parts: &Parts, http: &HttpConfig, listening: SocketAddr) -> Self {
        let peer = parts.extensions.get::<Peer>().copied();
        let address = peer.map_or(listening.ip(), |peer| peer.client);
        let behind_proxy = peer.is_some_and(|peer| peer.proxied);
        let scheme = if peer.is_some_and(|peer| peer.secure) { "https" } else { "http" };
        let base_url = http.public_url.clone().unwrap_or_else(|| {
            let field = |name: &HeaderName| {
                if behind_proxy { text(&parts.headers, name) } else { None }
            };
            let host = field(&FORWARDED_HOST)
                .or_else(|| text(&parts.headers, &header::HOST))
                .filter(|host| is_authority(host));
            host.map_or_else(|| format!("{scheme}://{listening}"), |host| format!("{scheme}://{host}"))
        });
        let country = text(&parts.headers, &COUNTRY).filter(|_| behind_proxy).and_then(country);
        let mut user_agent = text(&parts.headers, &header::USER_AGENT).unwrap_or_default().to_owned();
        user_agent.truncate(256);
        Self { address, country, user_agent, base_url }
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

/// Two capital letters; `XX` and `T1` stand for addresses without a country.
fn country(text: &str) -> Option<[u8; 2]> {
    let letters: [u8; 2] = text.trim().as_bytes().try_into().ok()?;
    (letters.iter().all(u8::is_ascii_uppercase) && letters != *b"XX").then_some(letters)
}

/// Whether a Host field can be repeated in a playlist.
pub(super) fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::Request;

    use super::*;

    fn viewer(peer: Peer, fields: &[(&str, &str)], http: &HttpConfig) -> Viewer {
        let mut request = Request::builder().uri("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        parts.extensions.insert(peer);
        Viewer::of(&parts, http, "127.0.0.1:8080".parse().expect("an address"))
    }

    const PEER: Peer =
        Peer { client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), exempt: false, secure: false, proxied: false };

    #[test]
    fn forwarding_fields_count_from_trusted_proxies_only() {
        let fields = [("host", "inside:1"), ("x-forwarded-host", "tv.example")];
        let base_url = |peer, fields| viewer(peer, fields, &HttpConfig::default()).base_url;
        assert_eq!(base_url(Peer { proxied: true, ..PEER }, &fields), "http://tv.example");
        assert_eq!(base_url(PEER, &fields), "http://inside:1");
        assert_eq!(base_url(Peer { secure: true, ..PEER }, &fields), "https://inside:1");
        assert_eq!(base_url(Peer { proxied: true, secure: true, ..PEER }, &fields[..1]), "https://inside:1");
    }

    #[test]
    fn the_country_is_what_a_trusted_proxy_says() {
        let country = |peer, field| viewer(peer, &[("cf-ipcountry", field)], &HttpConfig::default()).country;
        let proxied = Peer { proxied: true, ..PEER };
        assert_eq!(country(proxied, "AT"), Some(*b"AT"));
        assert_eq!(country(PEER, "AT"), None);
        for none in ["XX", "T1", "at", "AUT", ""] {
            assert_eq!(country(proxied, none), None, "{none}");
        }
    }

    #[test]
    fn a_host_field_that_is_none_is_not_repeated() {
        let seen = viewer(PEER, &[("host", "a\"b")], &HttpConfig::default());
        assert_eq!(seen.base_url, "http://127.0.0.1:8080");
        let fixed = HttpConfig { public_url: Some("https://tv.example".to_owned()), ..HttpConfig::default() };
        assert_eq!(viewer(PEER, &[("host", "evil.example")], &fixed).base_url, "https://tv.example");
    }
}
