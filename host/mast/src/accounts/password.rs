//! Hashing passwords with argon2id: 19 MiB, two passes, one lane, the least that OWASP recommends. It takes tens of
//! milliseconds and all of a core, so it runs on blocking threads, a few at a time, and those who wait are bounded too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use mast_model::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{AccountsError, Refusal};

/// Of no password: what an unknown username is verified against. Same parameters as [`hash`] makes.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Verifications that wait; more are turned away.
const MOST_WAITING: usize = 512;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("constants within argon2's ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Random bytes.
pub(super) fn random() -> Result<[u8; 32], AccountsError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| AccountsError::Interrupted(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// The PHC string of a password with a fresh salt. Blocks.
pub(super) fn hash(password: &str) -> Result<Secret, AccountsError> {
    let hash = argon2().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| AccountsError::Interrupted(format!("the password was not hashed: {error}")))?;
    Ok(Secret::new(hash.to_string()))
}

/// Whether a password belongs to a PHC string. Blocks.
fn verify(password: &str, hash: &str) -> bool {
    // A hash in the store is one that `hash` made.
    PasswordHash::new(hash).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// The queue of verifications.
pub(super) struct Hashing {
    turns: Arc<Semaphore>,
    places: Semaphore,
    count: AtomicU64,
}

/// Leave to hash one password.
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Default for Hashing {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { turns: Arc::new(Semaphore::new(cores)), places: Semaphore::new(MOST_WAITING), count: AtomicU64::new(0) }
    }
}

impl Hashing {
    /// Waits for a turn to hash.
    pub(super) async fn turn(&self) -> Result<Turn, Refusal> {
        let _place = self.places.try_acquire().map_err(|_| Refusal::Busy)?;
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        Ok(Turn(turn.map_err(|_| Refusal::Busy)?.expect("the semaphore is never closed")))
    }

    /// Verifies a password against a line's hash; without one (an unknown username) it does the same work and says no. The turn
    /// comes back, to be held until the outcome is noted.
    pub(super) async fn verify(
        &self,
        turn: Turn,
        password: &str,
        hash: Option<Secret>,
    ) -> Result<(Turn, bool), Refusal> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let password = Secret::new(password);
        let work = move || {
            // Where the caller has gone away, the turn is given back when this ends.
            let known = hash.is_some();
            let right = verify(password.expose(), hash.as_ref().map_or(NOBODY, Secret::expose));
            (turn, known && right)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Busy)
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_salted_and_verifies() {
        let (one, two) = (hash("correct horse").unwrap(), hash("correct horse").unwrap());
        assert_ne!(one, two);
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse", one.expose()) && verify("correct horse", two.expose()));
        assert!(!verify("correct horse ", one.expose()) && !verify("", one.expose()) && !verify("x", "nonsense"));
    }

    /// Otherwise an unknown username would be answered at once.
    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let hashed = hash("x").unwrap();
        let somebody = PasswordHash::new(hashed.expose()).unwrap();
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.params.to_string(), somebody.params.to_string());
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());
        assert!(nobody.salt.is_some());
        assert!(!verify("", NOBODY));
    }
}
