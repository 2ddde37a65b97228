//! `[http]` and `[limits]`.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::config::reader::Section;

/// `[http]`
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `listen`, default `127.0.0.1:8080`; port 0 picks a free one (the log line `listening` tells which).
    pub listen: SocketAddr,
    /// `public_url`: how viewers reach the host, without a slash at the end; default: the request's own scheme and Host.
    pub public_url: Option<String>,
    /// `trusted_proxies`: networks whose X-Forwarded-For, -Proto and -Host are believed; default none.
    pub trusted_proxies: Vec<IpNet>,
}

impl HttpConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        Self {
            listen: section.or("listen", SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url: public_url(section),
            trusted_proxies: section.list("trusted_proxies"),
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
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}
