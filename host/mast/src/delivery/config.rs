//! `[http]` and `[limits]`.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

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

/// `[limits]`
#[derive(Debug, Clone)]
pub struct LimitsConfig {
    /// `connections`: open viewer connections at once, default 20,000.
    pub connections: usize,
    /// `header_timeout`, default 10s.
    pub header_timeout: Duration,
    /// `failed_logins_per_minute` of one address, default 30.
    pub failed_logins_per_minute: u32,
}
