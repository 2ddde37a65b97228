//! Logins that were begun and not finished yet: each is finished once, in the browser that began it, within ten minutes.
//!
//! The table is bounded: a client that begins many loses its own oldest one first (IPv6 by /64: whoever has one address has them all).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mast_model::Secret;
use sha2::{Digest, Sha256};

use super::super::hash_of;
use crate::accounts::password::{HashingError, random};
use crate::accounts::throttle::network;

/// How long somebody may take at the identity provider.
const LASTS: Duration = Duration::from_secs(600);
/// Of all clients, and of one.
const MOST: usize = 1_024;
const MOST_OF_ONE: usize = 32;

/// Logins that are under way, by state.
#[derive(Default)]
pub(super) struct Pending(Mutex<HashMap<String, Attempt>>);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// What the identity token must repeat.
    pub(super) nonce: Secret,
    /// What the code is given out for (RFC 7636).
    pub(super) verifier: Secret,
    /// Hash of what the browser's cookie must hold.
    browser: String,
    address: IpAddr,
    begun: Instant,
}

/// What the browser takes along.
pub(super) struct Ticket {
    pub(super) state: String,
    pub(super) nonce: Secret,
    /// Of the verifier, by S256.
    pub(super) challenge: String,
    pub(super) cookie: Secret,
}

impl Pending {
    pub(super) fn begin(&self, address: IpAddr) -> Result<Ticket, HashingError> {
        self.begin_at(address, Instant::now())
    }

    /// The login with this state, if this browser began it; it is not there any more afterwards.
    pub(super) fn take(&self, state: &str, cookie: &str) -> Option<Attempt> {
        self.take_at(state, cookie, Instant::now())
    }

    fn begin_at(&self, address: IpAddr, now: Instant) -> Result<Ticket, HashingError> {
        let address = network(address);
        let (state, cookie) = (token()?, token()?);
        let (nonce, verifier) = (Secret::new(token()?), Secret::new(token()?));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
        let attempt = Attempt { nonce: nonce.clone(), verifier, browser: hash_of(&cookie), address, begun: now };
        let mut attempts = self.attempts();
        attempts.retain(|_, attempt| !attempt.over(now));
        let of_one = attempts.values().filter(|attempt| attempt.address == address).count();
        if of_one >= MOST_OF_ONE {
            drop_oldest(&mut attempts, |attempt| attempt.address == address);
        } else if attempts.len() >= MOST {
            drop_oldest(&mut attempts, |_| true);
        }
        attempts.insert(state.clone(), attempt);
        Ok(Ticket { state, nonce, challenge, cookie: Secret::new(cookie) })
    }

    fn take_at(&self, state: &str, cookie: &str, now: Instant) -> Option<Attempt> {
        let mut attempts = self.attempts();
        // Another browser's attempt stays: whoever has seen a state cannot spoil it.
        let own = |attempt: &&Attempt| attempt.browser == hash_of(cookie) && !attempt.over(now);
        attempts.get(state).filter(own)?;
        attempts.remove(state)
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<String, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    fn over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) >= LASTS
    }
}

fn drop_oldest(attempts: &mut HashMap<String, Attempt>, among: impl Fn(&Attempt) -> bool) {
    let oldest = attempts.iter().filter(|(_, attempt)| among(attempt)).min_by_key(|(_, attempt)| attempt.begun);
    if let Some(state) = oldest.map(|(state, _)| state.clone()) {
        attempts.remove(&state);
    }
}

/// 256 random bits.
fn token() -> Result<String, HashingError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u16) -> IpAddr {
        IpAddr::from([198, 51, (number >> 8) as u8, number as u8])
    }

    #[test]
    fn a_login_is_finished_once_by_its_browser_in_time() {
        let (pending, now) = (Pending::default(), Instant::now());
        let begin = || pending.begin_at(address(1), now).unwrap();
        let (one, two, late) = (begin(), begin(), begin());
        assert!(one.challenge.len() == 43 && one.state.len() == 43);
        assert!(pending.take_at(&one.state, two.cookie.expose(), now).is_none(), "another browser's cookie");
        assert!(pending.take_at(&one.state, "", now).is_none(), "no cookie");
        assert!(pending.take_at("", one.cookie.expose(), now).is_none());
        let taken = pending.take_at(&one.state, one.cookie.expose(), now).unwrap();
        assert_eq!(taken.nonce, one.nonce);
        assert!(pending.take_at(&one.state, one.cookie.expose(), now).is_none(), "twice");
        let in_time = now + LASTS - Duration::from_secs(1);
        assert!(pending.take_at(&two.state, two.cookie.expose(), in_time).is_some());
        assert!(pending.take_at(&late.state, late.cookie.expose(), now + LASTS).is_none());
    }

    #[test]
    fn the_table_is_bounded_and_one_address_spoils_its_own_logins_only() {
        let (pending, start) = (Pending::default(), Instant::now());
        let mine = pending.begin_at(address(0), start).unwrap();
        for number in 0..200 {
            pending.begin_at(address(1), start + Duration::from_millis(number)).unwrap();
        }
        assert_eq!(pending.attempts().len(), MOST_OF_ONE + 1);
        assert!(pending.take_at(&mine.state, mine.cookie.expose(), start).is_some());
        for number in 0..2_000 {
            pending.begin_at(address(number), start).unwrap();
        }
        assert_eq!(pending.attempts().len(), MOST);
        for number in 0..200 {
            let address = format!("2001:db8:1:2::{number:x}").parse().unwrap();
            pending.begin_at(address, start + Duration::from_secs(1 + number)).unwrap();
        }
        let is_v6 = |attempt: &&Attempt| attempt.address.is_ipv6();
        assert_eq!(
            pending.attempts().values().filter(is_v6).count(),
            MOST_OF_ONE,
            "one client, whatever its addresses"
        );
        pending.begin_at(address(1), start + 2 * LASTS).unwrap();
        assert_eq!(pending.attempts().len(), 1, "what is over is forgotten");
    }
}
