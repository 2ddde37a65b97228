//! Credentials that were verified, under a hash keyed with this process's own random key: neither passwords nor anything that could
//! be compared with another dump stays in memory. An entry is good for one revision of its line.

use mast_model::{Line, LineId};
use quick_cache::sync::Cache;

/// Entries kept; the least used go first and are verified again.
const MOST: usize = 100_000;

/// Identifies credentials within this process.
pub(super) type Fingerprint = blake3::Hash;

pub(super) struct Verified {
    key: [u8; 32],
    lines: Cache<Fingerprint, (LineId, u64)>,
}

impl Default for Verified {
    fn default() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system has random numbers, or nothing here is safe");
        Self { key, lines: Cache::new(MOST) }
    }
}

impl Verified {
    pub(super) fn fingerprint(&self, username: &str, password: &str) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hasher.update(&(username.len() as u64).to_le_bytes()).update(username.as_bytes()).update(password.as_bytes());
        hasher.finalize()
    }

    /// Whether the credentials were verified for the line as it is now.
    pub(super) fn holds(&self, fingerprint: &Fingerprint, line: &Line) -> bool {
        self.lines.get(fingerprint) == Some((line.id, line.revision))
    }

    /// The password was verified against the hash that `line` has.
    pub(super) fn remember(&self, fingerprint: Fingerprint, line: &Line) {
        self.lines.insert(fingerprint, (line.id, line.revision));
    }
}
