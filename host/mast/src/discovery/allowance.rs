//! How often an address is answered. Bounded in memory: a fixed number of addresses in each second, more of them wait for the next one.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::Instant;

/// Questions of one address that are answered in a second. Programs repeat theirs a few times.
const EACH: u32 = 10;
/// Addresses that are answered in a second.
const ADDRESSES: usize = 64;
const SECOND: Duration = Duration::from_secs(1);

/// What was answered in this second.
#[derive(Default)]
pub(super) struct Allowance {
    since: Option<Instant>,
    answered: HashMap<Ipv4Addr, u32>,
}

impl Allowance {
    /// Whether one more question of this address is answered.
    pub(super) fn take(&mut self, address: Ipv4Addr, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= SECOND) {
            self.since = Some(now);
            self.answered.clear();
        }
        if self.answered.len() >= ADDRESSES && !self.answered.contains_key(&address) {
            return false;
        }
        let count = self.answered.entry(address).or_default();
        *count += 1;
        *count <= EACH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_share() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        let taken = |allowance: &mut Allowance, address: u32, now| {
            (0..100).filter(|_| allowance.take(Ipv4Addr::from_bits(address), now)).count()
        };
        assert_eq!(taken(&mut allowance, 1, start), 10);
        assert_eq!(taken(&mut allowance, 2, start + Duration::from_millis(999)), 10);
        assert_eq!(taken(&mut allowance, 1, start + SECOND), 10);
        let all: usize = (0..1000).map(|address| taken(&mut allowance, address, start + SECOND * 2)).sum();
        assert_eq!(all, ADDRESSES * 10);
        assert_eq!(allowance.answered.len(), ADDRESSES);
    }
}
