//! Failed logins of each client address. A client that fails too often within a minute is not looked at until the minute is over.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered; beyond it half of them are forgotten, whichever.
const MOST: usize = 65_536;

pub(crate) struct Throttle {
    limit: u32,
    clients: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Throttle {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, clients: Mutex::default() }
    }

    /// Whether the client has used up its failures.
    pub(crate) fn blocks(&self, client: IpAddr) -> bool {
        self.blocks_at(client, Instant::now())
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, client: IpAddr) {
        self.failed_at(client, Instant::now());
    }

    fn blocks_at(&self, client: IpAddr, now: Instant) -> bool {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = clients.get(&network(client)).filter(|failures| !failures.over(now));
        failures.is_some_and(|failures| failures.count >= self.limit)
    }

    fn failed_at(&self, client: IpAddr, now: Instant) {
        let client = network(client);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST && !clients.contains_key(&client) {
            clients.retain(|_, failures| !failures.over(now));
            // Half, so that this is not done for every address of a flood.
            if clients.len() >= MOST {
                let mut keep = MOST / 2;
                clients.retain(|_, _| {
                    keep = keep.saturating_sub(1);
                    keep > 0
                });
            }
        }
        let failures = clients.entry(client).or_insert(Failures { since: now, count: 0 });
        if failures.over(now) {
            *failures = Failures { since: now, count: 0 };
        }
        failures.count = failures.count.saturating_add(1);
    }
}

impl Failures {
    fn over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }
}

/// Whoever has one IPv6 address has 2^64 of them.
pub(crate) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_is_blocked_until_its_minute_is_over() {
        let throttle = Throttle::new(2);
        let start = Instant::now();
        let one = ip("192.0.2.1");
        throttle.failed_at(one, start);
        assert!(!throttle.blocks_at(one, start));
        throttle.failed_at(one, start + WINDOW / 2);
        assert!(throttle.blocks_at(one, start + WINDOW / 2));
        assert!(!throttle.blocks_at(ip("192.0.2.2"), start));
        assert!(!throttle.blocks_at(one, start + WINDOW));
        throttle.failed_at(one, start + WINDOW);
        assert!(!throttle.blocks_at(one, start + WINDOW));
    }

    #[test]
    fn addresses_that_one_client_has_count_together() {
        let throttle = Throttle::new(1);
        let now = Instant::now();
        throttle.failed_at(ip("2001:db8:1:2:3::4"), now);
        assert!(throttle.blocks_at(ip("2001:db8:1:2::9"), now));
        assert!(!throttle.blocks_at(ip("2001:db8:1:3::9"), now));
        throttle.failed_at(ip("::ffff:192.0.2.1"), now);
        assert!(throttle.blocks_at(ip("192.0.2.1"), now));
    }

    #[test]
    fn the_table_is_bounded() {
        let throttle = Throttle::new(1);
        let now = Instant::now();
        for number in 0..(MOST as u32 + 10) {
            throttle.failed_at(std::net::Ipv4Addr::from(number).into(), now);
        }
        assert!(throttle.clients.lock().unwrap().len() <= MOST);
        let last = std::net::Ipv4Addr::from(MOST as u32 + 9).into();
        assert!(throttle.blocks_at(last, now));
    }
}
