//! How often clients may ask and how many connections an address may have. Counted by address (IPv6 by /64) and by line, in
//! tables of fixed size or bounded by the open connections; nothing here waits or takes a lock on the way of a request.
//!
//! The networks of `[limits] exempt` are never limited. Who a client is, is `peer`'s business.

mod address;
mod bucket;

pub(super) use address::{AddressSlot, Addresses};

use std::net::IpAddr;
use std::time::Duration;

use mast_model::LineId;

use self::bucket::{Buckets, Rate};
use super::config::LimitsConfig;
use crate::metrics::{Limit, Metrics, RouteClass};

/// What is counted in the table; each kind of request has a bucket of its own for each client.
#[derive(Hash)]
enum Key {
    Api(u64),
    Media(u64),
    Handshake(u64),
    Guess(u64),
    Line(u64),
}

/// The limits of requests.
pub(super) struct Limiter {
    buckets: Buckets,
    api: Option<Rate>,
    media: Option<Rate>,
    handshakes: Option<Rate>,
    guesses: Rate,
    line_per_second: u32,
    burst: Duration,
    metrics: Metrics,
}

/// Too often; ask again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooOften(pub(super) Duration);

impl Limiter {
    pub(super) fn new(limits: &LimitsConfig, metrics: Metrics) -> Self {
        let rate = |per_second: u32| (per_second > 0).then(|| Rate::new(per_second.into(), limits.burst));
        Self {
            buckets: Buckets::new(),
            api: rate(limits.api_requests_per_second),
            media: rate(limits.media_requests_per_second),
            handshakes: rate(limits.handshakes_per_second),
            // A guess a second is far below what guessing needs, and above what an old player with a dead session does.
            guesses: Rate::new(1, Duration::from_secs(limits.failed_logins_per_minute.clamp(1, 60).into())),
            line_per_second: limits.line_requests_per_second,
            burst: limits.burst,
            metrics,
        }
    }

    /// A request of a client.
    pub(super) fn request(&self, class: RouteClass, client: IpAddr) -> Result<(), TooOften> {
        let client = network(client);
        let (key, rate) = match class {
            RouteClass::Playlist | RouteClass::Segment | RouteClass::Continuous | RouteClass::File => {
                (Key::Media(client), self.media)
            }
            RouteClass::Output | RouteClass::Status => (Key::Api(client), self.api),
        };
        self.take(key, rate, Limit::Address)
    }

    /// A playlist or segment of a line that may have so many connections.
    pub(super) fn line(&self, line: LineId, connections: u32) -> Result<(), TooOften> {
        let per_second = u64::from(self.line_per_second) * u64::from(connections.max(1));
        let rate = (per_second > 0).then(|| Rate::new(per_second, self.burst));
        self.take(Key::Line(line.0), rate, Limit::Line)
    }

    /// A TLS handshake of a client.
    pub(super) fn handshake(&self, client: IpAddr) -> Result<(), TooOften> {
        self.take(Key::Handshake(network(client)), self.handshakes, Limit::Handshake)
    }

    /// A session token that nobody signed.
    pub(super) fn guess(&self, client: IpAddr) -> Result<(), TooOften> {
        self.take(Key::Guess(network(client)), Some(self.guesses), Limit::Guess)
    }

    fn take(&self, key: Key, rate: Option<Rate>, limit: Limit) -> Result<(), TooOften> {
        let Some(rate) = rate else { return Ok(()) };
        self.buckets.take(key, rate).map_err(|wait| {
            self.metrics.limited(limit);
            TooOften(wait)
        })
    }
}

/// Whoever has one IPv6 address has 2^64 of them. No IPv4 address is a number that a network of IPv6 has: those in use begin with 2 or f.
fn network(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn limiter(limits: LimitsConfig) -> Limiter {
        Limiter::new(&limits, Metrics::default())
    }

    fn small() -> LimitsConfig {
        LimitsConfig {
            api_requests_per_second: 1,
            media_requests_per_second: 2,
            line_requests_per_second: 1,
            burst: Duration::from_secs(2),
            ..LimitsConfig::default()
        }
    }

    #[test]
    fn kinds_and_clients_are_counted_apart() {
        let limiter = limiter(small());
        let passed = |class, client| (0..10).filter(|_| limiter.request(class, ip(client)).is_ok()).count();
        assert_eq!(passed(RouteClass::Segment, "192.0.2.1"), 4);
        assert_eq!(passed(RouteClass::Playlist, "192.0.2.1"), 0, "playlists and segments together");
        assert_eq!(passed(RouteClass::Output, "192.0.2.1"), 2);
        assert_eq!(passed(RouteClass::Output, "::ffff:192.0.2.1"), 0);
        assert_eq!(passed(RouteClass::Output, "2001:db8:1:2:3::4"), 2);
        assert_eq!(passed(RouteClass::Output, "2001:db8:1:2::9"), 0, "one network");
        assert_eq!(passed(RouteClass::Output, "2001:db8:1:3::9"), 2);
        assert!(limiter.metrics.render().contains("mast_http_limited_total{limit=\"address\"} 60"));
    }

    #[test]
    fn a_line_may_ask_for_each_of_its_connections() {
        let limiter = limiter(small());
        let passed = |line, connections| (0..20).filter(|_| limiter.line(LineId(line), connections).is_ok()).count();
        assert_eq!(passed(1, 1), 2);
        assert_eq!(passed(2, 4), 8);
    }

    #[test]
    fn nothing_is_counted_where_a_limit_is_off() {
        let off = LimitsConfig {
            api_requests_per_second: 0,
            media_requests_per_second: 0,
            line_requests_per_second: 0,
            ..LimitsConfig::default()
        };
        let limiter = limiter(off);
        for _ in 0..10_000 {
            assert!(limiter.request(RouteClass::Segment, ip("192.0.2.1")).is_ok());
            assert!(limiter.request(RouteClass::Output, ip("192.0.2.1")).is_ok());
            assert!(limiter.line(LineId(1), 1).is_ok());
        }
    }
}
