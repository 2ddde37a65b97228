//! Hashing passwords with argon2id: 19 MiB, two passes, one lane, the least that OWASP recommends. It takes tens of
//! milliseconds and all of a core, so it runs on blocking threads, a few at a time, and those who wait are bounded too.
//!
//! Hashes of bcrypt, as other panels have them, are verified and never made.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use mast_model::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of no password: what an unknown username is verified against. Same parameters as [`hash`] makes.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Verifications that wait; more are turned away.
const MOST_WAITING: usize = 512;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// bcrypt's cost doubles the work with each step; what panels use is 10 to 12.
const HIGHEST_COST: u32 = 14;

fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("constants within argon2's ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Why there is no hash or no random number.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HashingError(String);

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], HashingError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| HashingError(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// A password that nobody chose: 16 letters and digits that are hard to confuse, 79 bits.
pub(crate) fn invent() -> Result<Secret, HashingError> {
    const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let mut text = String::new();
    while text.len() < 16 {
        let bytes: [u8; 32] = random()?;
        // Numbers above the last multiple of the alphabet's length would favour its first letters.
        let fair = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 31)]));
        text.extend(fair);
    }
    text.truncate(16);
    Ok(Secret::new(text))
}

/// The PHC string of a password with a fresh salt. Blocks.
pub(crate) fn hash(password: &str) -> Result<Secret, HashingError> {
    let hash = argon2().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| HashingError(format!("the password was not hashed: {error}")))?;
    Ok(Secret::new(hash.to_string()))
}

/// Whether a password belongs to a hash. Blocks.
fn verify(password: &str, hash: &str, room: &mut Room) -> bool {
    if is_bcrypt(hash) {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    // Any other hash in the store is one that `hash` made.
    PasswordHash::new(hash).is_ok_and(|hash| matches(password, &hash, room).unwrap_or(false))
}

/// None where it is no hash of argon2id.
fn matches(password: &str, hash: &PasswordHash, room: &mut Room) -> Option<bool> {
    let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
    if hash.algorithm.as_str() != "argon2id" || hash.version != Some(Version::V0x13.into()) {
        return None;
    }
    let params = Params::try_from(hash).ok()?;
    room.resize(params.block_count(), Block::default());
    let mut output = vec![0; expected.len()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut room[..]).ok()?;
    // Compared in the same time wherever they differ.
    Some(Output::new(&output).ok()? == *expected)
}

/// Memory of a hash, 19 MiB.
type Room = Vec<Block>;

/// Memory that the kernel gives anew for each hash costs it a third more time. So it is kept, but only while others wait.
#[derive(Default)]
struct Rooms {
    waiting: AtomicUsize,
    spare: Mutex<Vec<Room>>,
}

impl Rooms {
    fn with<T>(&self, work: impl FnOnce(&mut Room) -> T) -> T {
        let mut room = self.spare().pop().unwrap_or_default();
        let done = work(&mut room);
        let mut spare = self.spare();
        if self.waiting.load(Ordering::Relaxed) > 0 {
            spare.push(room);
        } else {
            spare.clear();
        }
        done
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Room>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a text is a hash of bcrypt with a cost that can be afforded.
pub(crate) fn is_bcrypt(hash: &str) -> bool {
    let parts: Vec<&str> = hash.split('$').collect();
    let [before, version, cost, rest] = parts[..] else { return false };
    before.is_empty()
        && matches!(version, "2a" | "2b" | "2y")
        && cost.len() == 2
        && cost.parse().is_ok_and(|cost: u32| (4..=HIGHEST_COST).contains(&cost))
        && rest.len() == 53
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'))
}

/// Whether a text is a hash as [`hash`] makes it, possibly with other parameters within reason.
pub(crate) fn is_argon2id(hash: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(hash) else { return false };
    let memory = parsed.params.get_decimal("m").is_some_and(|m| m <= 256 * 1024);
    let passes = parsed.params.get_decimal("t").is_some_and(|t| t <= 10);
    parsed.algorithm.as_str() == "argon2id" && memory && passes && parsed.hash.is_some()
}

/// More verifications wait than are worked off in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// The queue of verifications.
pub(crate) struct Hashing {
    turns: Arc<Semaphore>,
    places: Semaphore,
    rooms: Arc<Rooms>,
    count: AtomicU64,
}

/// Leave to hash one password.
pub(crate) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Default for Hashing {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (turns, places) = (Arc::new(Semaphore::new(cores)), Semaphore::new(MOST_WAITING));
        Self { turns, places, rooms: Arc::default(), count: AtomicU64::new(0) }
    }
}

impl Hashing {
    /// Waits for a turn to hash.
    pub(crate) async fn turn(&self) -> Result<Turn, Busy> {
        let _place = self.places.try_acquire().map_err(|_| Busy)?;
        let _waiting = Waiting::begin(&self.rooms.waiting);
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        Ok(Turn(turn.map_err(|_| Busy)?.expect("the semaphore is never closed")))
    }

    /// Waits for a turn for work that nobody's viewing depends on.
    pub(crate) async fn patient_turn(&self) -> Turn {
        Turn(self.turns.clone().acquire_owned().await.expect("the semaphore is never closed"))
    }

    /// Verifies a password against the hash that `find` finds; where it finds none (an unknown username) it does the same work and says
    /// no. Then `after` runs on the same thread with what was found. The turn comes back, to be held until the outcome is noted.
    pub(crate) async fn verify<F: Send + 'static, T: Send + 'static>(
        &self,
        turn: Turn,
        password: &str,
        find: impl FnOnce() -> Option<(Secret, F)> + Send + 'static,
        after: impl FnOnce(&Secret, F) -> Option<T> + Send + 'static,
    ) -> Result<(Turn, Option<T>), Busy> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let (password, rooms) = (Secret::new(password), Arc::clone(&self.rooms));
        let work = move || {
            // Where the caller has gone away, the turn is given back when this ends.
            let found = find();
            let hash = found.as_ref().map_or(NOBODY, |(hash, _)| hash.expose());
            let right = rooms.with(|room| verify(password.expose(), hash, room));
            let outcome = found.filter(|_| right).and_then(|(_, found)| after(&password, found));
            (turn, outcome)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(password: &str, hash: &str) -> bool {
        super::verify(password, hash, &mut Room::new())
    }

    /// What one verification leaves in the memory must not matter to the next, and nobody waiting means that none is kept.
    #[test]
    fn memory_is_used_again_while_others_wait() {
        let (rooms, hash) = (Rooms::default(), hash("correct horse").unwrap());
        let small = "$argon2id$v=19$m=64,t=1,p=1$c29tZSBzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let right = |password, hash: &str| rooms.with(|room| super::verify(password, hash, room));
        let waiting = Waiting::begin(&rooms.waiting);
        for _ in 0..2 {
            assert!(
                right("correct horse", hash.expose()) && !right("correct cow", hash.expose()) && !right("x", small)
            );
        }
        assert_eq!(rooms.spare().len(), 1);
        drop(waiting);
        assert!(right("correct horse", hash.expose()));
        assert_eq!(rooms.spare().len(), 0);
    }

    #[test]
    fn a_hash_is_salted_and_verifies() {
        let (one, two) = (hash("correct horse").unwrap(), hash("correct horse").unwrap());
        assert_ne!(one, two);
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse", one.expose()) && verify("correct horse", two.expose()));
        assert!(!verify("correct horse ", one.expose()) && !verify("", one.expose()) && !verify("x", "nonsense"));
        assert!(is_argon2id(one.expose()) && !is_argon2id("$argon2id$") && !is_argon2id("plain"));
    }

    #[test]
    fn hashes_of_other_panels() {
        let hash = bcrypt::hash("correct horse", 4).unwrap();
        assert!(is_bcrypt(&hash) && verify("correct horse", &hash) && !verify("correct cow", &hash));
        let too_costly = hash.replacen("$04$", "$20$", 1);
        for bad in ["", "$2b$", "$2b$10$short", "plain", &too_costly, &hash.replacen("$2b", "$2x", 1)] {
            assert!(!is_bcrypt(bad), "{bad}");
        }
    }

    #[test]
    fn invented_passwords_differ() {
        let (one, two) = (invent().unwrap(), invent().unwrap());
        assert!(one != two && one.expose().len() == 16);
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
