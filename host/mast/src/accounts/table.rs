//! Lines by everything they can be found by. Pure memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mast_model::{Line, LineId, LineToken};

/// The lines and their indexes.
#[derive(Default)]
pub(super) struct Table {
    by_id: BTreeMap<LineId, Arc<Line>>,
    by_username: HashMap<String, Arc<Line>>,
    /// By a hash of the token, so that comparing takes no time that depends on how much of a token was guessed.
    by_token: HashMap<blake3::Hash, Arc<Line>>,
    by_mac: HashMap<String, Arc<Line>>,
}

impl Table {
    pub(super) fn of(lines: Vec<Line>) -> Self {
        let mut table = Self::default();
        for line in lines {
            table.put(Arc::new(line));
        }
        table
    }

    /// Adds a line or replaces the one with its id.
    pub(super) fn put(&mut self, line: Arc<Line>) {
        if let Some(old) = self.by_id.insert(line.id, line.clone()) {
            self.by_username.remove(&old.username);
            self.by_token.remove(&token_hash(&old.token));
            for mac in &old.macs {
                self.by_mac.remove(mac);
            }
        }
        self.by_username.insert(line.username.clone(), line.clone());
        self.by_token.insert(token_hash(&line.token), line.clone());
        for mac in &line.macs {
            self.by_mac.insert(mac.clone(), line.clone());
        }
    }

    pub(super) fn by_id(&self, id: LineId) -> Option<Arc<Line>> {
        self.by_id.get(&id).cloned()
    }

    pub(super) fn by_username(&self, username: &str) -> Option<Arc<Line>> {
        self.by_username.get(username).cloned()
    }

    pub(super) fn by_token(&self, token: &LineToken) -> Option<Arc<Line>> {
        self.by_token.get(&token_hash(token)).cloned()
    }

    /// `mac` in normal form.
    pub(super) fn by_mac(&self, mac: &str) -> Option<Arc<Line>> {
        self.by_mac.get(mac).cloned()
    }

    /// The first of these devices that a line has already.
    pub(super) fn bound_elsewhere(&self, macs: &[String]) -> Option<(String, Arc<Line>)> {
        macs.iter().find_map(|mac| Some((mac.clone(), self.by_mac(mac)?)))
    }

    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn all(&self) -> Vec<Arc<Line>> {
        self.by_id.values().cloned().collect()
    }
}

fn token_hash(token: &LineToken) -> blake3::Hash {
    blake3::hash(token.expose().as_bytes())
}
