//! `[http]`, `[limits]` and `[tls]`.

mod tls;

pub use tls::{AcmeConfig, CertificateFrom, Challenge, TlsConfig};

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use mast_model::{AboveLimit, ByteSize};
use url::Url;

use crate::config::reader::Section;

/// `[http]`
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `listen`, default `127.0.0.1:8080`; port 0 picks a free one (the log line `listening` tells which).
    pub listen: SocketAddr,
    /// `public_url`: how viewers reach the host, without a slash at the end; default: the request's own scheme and Host.
    pub public_url: Option<String>,
    /// `more`: further addresses to listen on in the same way; default none.
    pub more: Vec<SocketAddr>,
    /// `trusted_proxies`: networks whose forwarding fields and PROXY headers are believed; default none.
    pub trusted_proxies: Vec<IpNet>,
    /// `client_address`: header fields in which trusted proxies name the client; the first that a request has counts. Default
    /// X-Forwarded-For, Forwarded, CF-Connecting-IP, X-Real-IP.
    pub client_address: Vec<AddressField>,
    /// `proxy_protocol`, default false: trusted proxies begin each connection with a PROXY header, version 1 or 2.
    pub proxy_protocol: bool,
    /// `cors_origins`: web pages that may read playlists, segments and outputs; `*` for all, the default. None: no page may.
    pub cors_origins: Vec<String>,
}

/// A header field that names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressField {
    /// `Forwarded` (RFC 7239), read from the right.
    Forwarded,
    /// A list of addresses, read from the right.
    ForwardedFor,
    /// One address, under this name in lower case.
    Single(&'static str),
}

const ADDRESS_FIELDS: [(&str, AddressField); 4] = [
    ("x-forwarded-for", AddressField::ForwardedFor),
    ("forwarded", AddressField::Forwarded),
    ("cf-connecting-ip", AddressField::Single("cf-connecting-ip")),
    ("x-real-ip", AddressField::Single("x-real-ip")),
];

impl HttpConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        Self {
            listen: section.or("listen", SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url: public_url(section),
            more: section.list("more"),
            trusted_proxies: section.list("trusted_proxies"),
            client_address: client_address(section),
            proxy_protocol: section.or("proxy_protocol", false),
            cors_origins: cors_origins(section),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}

fn public_url(section: &Section<'_>) -> Option<String> {
    let text: String = section.optional("public_url")?;
    let plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match Url::parse(&text).ok().filter(plain) {
        Some(url) => Some(url.as_str().trim_end_matches('/').to_owned()),
        None => {
            section.problem(
                "public_url",
                "expected an http or https URL without credentials, query and fragment, for example https://tv.example",
            );
            None
        }
    }
}

fn client_address(section: &Section<'_>) -> Vec<AddressField> {
    let Some(names) = section.optional_list::<String>("client_address") else {
        return ADDRESS_FIELDS.map(|(_, field)| field).to_vec();
    };
    let known = |name: &String| ADDRESS_FIELDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some(other) = names.iter().find(|name| known(name).is_none()) {
        let all = ADDRESS_FIELDS.map(|(name, _)| name).join(", ");
        section.problem("client_address", format!("{other:?} is none of {all}"));
    }
    names.iter().filter_map(known).map(|(_, field)| *field).collect()
}

fn cors_origins(section: &Section<'_>) -> Vec<String> {
    let Some(origins) = section.optional_list::<String>("cors_origins") else { return vec!["*".to_owned()] };
    // An origin is what a browser sends: without a path, without a slash at the end.
    let fits = |origin: &String| {
        origin == "*" || Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin)
    };
    if let Some(wrong) = origins.iter().find(|origin| !fits(origin)) {
        section.problem(
            "cors_origins",
            format!("{wrong:?} is no origin; write it like https://tv.example, or \"*\" for all"),
        );
    }
    origins
}

/// `[limits]`
#[derive(Debug, Clone)]
pub struct LimitsConfig {
    /// `connections`: open viewer connections at once, default 20,000, from 1 to 1,000,000. More are refused.
    pub connections: usize,
    /// `header_timeout`: how long a client may take to send a request's head, default 10s, from 100ms to 5m.
    pub header_timeout: Duration,
    /// `failed_logins_per_minute` of one address, default 30, from 1 to 100,000. Further attempts are refused unseen until the
    /// minute is over.
    pub failed_logins_per_minute: u32,
    /// `api_requests_per_second` of one address (IPv6: of one /64), default 10, up to 1,000,000; 0 for no limit. Outputs, status pages.
    pub api_requests_per_second: u32,
    /// `media_requests_per_second` of one address, default 30, up to 1,000,000; 0 for no limit. Playlists, segments, MPEG-TS.
    pub media_requests_per_second: u32,
    /// `line_requests_per_second`: playlists and segments of one line for each connection that it may have, default 30, up to 1,000,000;
    /// 0 for no limit.
    pub line_requests_per_second: u32,
    /// `handshakes_per_second`: TLS handshakes of one address, default 10, up to 1,000,000; 0 for no limit.
    pub handshakes_per_second: u32,
    /// `burst`: as many requests as come in this span may come at once, default 4s, from 1s to 1m.
    pub burst: Duration,
    /// `connections_per_address`: open at once, default 50, up to 1,000,000; 0 for no limit. Trusted proxies have none.
    pub connections_per_address: u32,
    /// `exempt`: networks that these limits do not hold for, other than `failed_logins_per_minute`; default the host itself.
    pub exempt: Vec<IpNet>,
    /// `body_timeout`: how long a client may take to send a request's body, default 10s, from 100ms to 5m.
    pub body_timeout: Duration,
    /// `output_cache`: memory for parts that answers of outputs have in common, such as the guide of each channel, packed; default 64MiB,
    /// from 1MiB to 64GiB. Where all of a guide fits it is made once for all viewers.
    pub output_cache: ByteSize,
    /// `above_limit`: what happens when a line opens one connection more than it may have, `deny_new` (the default), which leaves it to the
    /// line, or `stop_oldest` for all of them.
    pub above_limit: AboveLimit,
}

impl LimitsConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        Self {
            connections: section.integer("connections", 20_000, 1..=1_000_000),
            header_timeout: section.span(
                "header_timeout",
                Duration::from_secs(10),
                Duration::from_millis(100)..=Duration::from_secs(300),
            ),
            failed_logins_per_minute: section.integer("failed_logins_per_minute", 30, 1..=100_000),
            api_requests_per_second: section.integer("api_requests_per_second", 10, 0..=1_000_000),
            media_requests_per_second: section.integer("media_requests_per_second", 30, 0..=1_000_000),
            line_requests_per_second: section.integer("line_requests_per_second", 30, 0..=1_000_000),
            handshakes_per_second: section.integer("handshakes_per_second", 10, 0..=1_000_000),
            burst: section.span("burst", Duration::from_secs(4), Duration::from_secs(1)..=Duration::from_secs(60)),
            connections_per_address: section.integer("connections_per_address", 50, 0..=1_000_000),
            exempt: section.optional_list("exempt").unwrap_or_else(loopback),
            output_cache: section.size("output_cache", ByteSize::mib(64), ByteSize::mib(1)..=ByteSize::mib(64 << 10)),
            above_limit: section.choice(
                "above_limit",
                AboveLimit::DenyNew,
                &[("deny_new", AboveLimit::DenyNew), ("stop_oldest", AboveLimit::StopOldest)],
            ),
            body_timeout: section.span(
                "body_timeout",
                Duration::from_secs(10),
                Duration::from_millis(100)..=Duration::from_secs(300),
            ),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}

/// A proxy on this machine that is not trusted yet speaks for all viewers, and nobody else comes from there.
fn loopback() -> Vec<IpNet> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let (v4, v6) = (ipnet::Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8), Ipv6Addr::LOCALHOST);
    vec![v4.into(), std::net::IpAddr::from(v6).into()]
}
