//! What stands before every password of operators and resellers: turns to hash, and how often an address and a username may fail. The work
//! of a failed login is the same whatever was wrong.

use std::net::{IpAddr, Ipv6Addr};

use mast_model::Secret;

use super::LoginRefusal;
use crate::accounts::password::Hashing;
use crate::accounts::throttle::Throttle;

/// Failures of one username within a minute, from wherever: enough for people who mistype, far too few to guess codes.
const FAILURES_OF_A_USERNAME: u32 = 20;

/// The gate before passwords.
pub struct Gate {
    hashing: Hashing,
    /// Failures by client address.
    addresses: Throttle,
    /// Failures by username, wherever they come from.
    usernames: Throttle,
}

impl Gate {
    pub(crate) fn new(failed_logins_per_minute: u32) -> Self {
        Self {
            hashing: Hashing::default(),
            addresses: Throttle::new(failed_logins_per_minute),
            usernames: Throttle::new(FAILURES_OF_A_USERNAME),
        }
    }

    /// Verifies a password against the hash that `find` finds, then asks `after`; where one of them says no, that is a failure.
    pub(crate) async fn pass<F: Send + 'static, T: Send + 'static>(
        &self,
        (client, username): (IpAddr, &str),
        password: &Secret,
        find: impl FnOnce() -> Option<(Secret, F)> + Send + 'static,
        after: impl FnOnce(F) -> Option<T> + Send + 'static,
    ) -> Result<T, LoginRefusal> {
        let username = place_of(username);
        let blocked = || self.addresses.blocks(client) || self.usernames.blocks(username);
        if blocked() {
            return Err(LoginRefusal::Throttled);
        }
        let turn = self.hashing.turn().await.map_err(|_| LoginRefusal::Busy)?;
        // Others may have failed meanwhile: many attempts at once are no way round the limit.
        if blocked() {
            return Err(LoginRefusal::Throttled);
        }
        let verified = self.hashing.verify(turn, password.expose(), find, |_, found| after(found)).await;
        // The turn is held to the end, so that the next in turn sees this failure.
        let (_turn, passed) = verified.map_err(|_| LoginRefusal::Busy)?;
        passed.ok_or_else(|| {
            self.addresses.failed(client);
            self.usernames.failed(username);
            LoginRefusal::BadCredentials
        })
    }

    /// Refuses an address that has failed too often.
    pub(crate) fn admits(&self, client: IpAddr) -> Result<(), LoginRefusal> {
        if self.addresses.blocks(client) { Err(LoginRefusal::Throttled) } else { Ok(()) }
    }

    /// Counts a failure that had nothing to do with a password.
    pub(crate) fn failed(&self, client: IpAddr) {
        self.addresses.failed(client);
    }

    /// How often a password was hashed.
    pub(crate) fn hashes(&self) -> u64 {
        self.hashing.count()
    }
}

/// Failures are counted by address; a username gets one of its own out of a range that nobody has.
fn place_of(username: &str) -> IpAddr {
    let hash = blake3::hash(username.as_bytes());
    let mut bytes = [0; 16];
    bytes[1..8].copy_from_slice(&hash.as_bytes()[..7]);
    IpAddr::V6(Ipv6Addr::from(bytes))
}
