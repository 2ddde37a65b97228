//! Lines by everything they can be found by. Pure memory, laid out for a million lines: an index holds a pointer, not a copy of its key,
//! and equal sets of bouquets are one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::Arc;

use hashbrown::HashTable;
use mast_model::{Line, LineId, LineRecord, LineToken, ResellerId};

/// The lines and their indexes.
pub(super) struct Table {
    by_id: BTreeMap<LineId, Arc<Line>>,
    by_username: HashTable<Arc<Line>>,
    by_token: HashTable<Arc<Line>>,
    /// By the 48 bits of the address.
    by_mac: HashMap<u64, LineId>,
    sold: HashMap<ResellerId, Sold>,
    bouquets: HashSet<Arc<[String]>>,
    usernames: RandomState,
    /// Keys the hash of tokens, so that nobody can tell from the time taken how much of a token was guessed.
    tokens: [u8; 32],
}

/// Lines of one reseller.
#[derive(Default)]
struct Sold {
    lines: BTreeSet<LineId>,
    /// Those for trial, ended ones included.
    trials: BTreeSet<LineId>,
}

impl Default for Table {
    fn default() -> Self {
        let mut tokens = [0; 32];
        getrandom::fill(&mut tokens).expect("the system has random numbers, or nothing here is safe");
        Self {
            by_id: BTreeMap::new(),
            by_username: HashTable::new(),
            by_token: HashTable::new(),
            by_mac: HashMap::new(),
            sold: HashMap::new(),
            bouquets: HashSet::new(),
            usernames: RandomState::new(),
            tokens,
        }
    }
}

impl Table {
    /// Adds a line or replaces the one with its id.
    pub(super) fn put(&mut self, record: &LineRecord) -> Arc<Line> {
        self.remove(record.id);
        let line = Arc::new(record.line(self.shared(&record.bouquets)));
        let (name, token) = (self.usernames.hash_one(&*line.username), token_hash(&self.tokens, &line.token));
        let (usernames, tokens) = (self.usernames.clone(), self.tokens);
        self.by_username.insert_unique(name, Arc::clone(&line), |line| usernames.hash_one(&*line.username));
        self.by_token.insert_unique(token, Arc::clone(&line), |line| token_hash(&tokens, &line.token));
        for mac in line.macs() {
            self.by_mac.insert(mac_number(mac), line.id);
        }
        if let Some(reseller) = line.reseller {
            let sold = self.sold.entry(reseller).or_default();
            sold.lines.insert(line.id);
            if line.trial {
                sold.trials.insert(line.id);
            }
        }
        self.by_id.insert(line.id, Arc::clone(&line));
        line
    }

    pub(super) fn remove(&mut self, id: LineId) {
        let Some(old) = self.by_id.remove(&id) else { return };
        let (name, token) = (self.usernames.hash_one(&*old.username), token_hash(&self.tokens, &old.token));
        if let Ok(entry) = self.by_username.find_entry(name, |line| line.id == id) {
            entry.remove();
        }
        if let Ok(entry) = self.by_token.find_entry(token, |line| line.id == id) {
            entry.remove();
        }
        for mac in old.macs() {
            self.by_mac.remove(&mac_number(mac));
        }
        if let Some(sold) = old.reseller.and_then(|reseller| self.sold.get_mut(&reseller)) {
            sold.lines.remove(&id);
            sold.trials.remove(&id);
        }
    }

    /// The one copy of a set of bouquets.
    fn shared(&mut self, bouquets: &[String]) -> Arc<[String]> {
        if let Some(known) = self.bouquets.get(bouquets) {
            return Arc::clone(known);
        }
        let new: Arc<[String]> = bouquets.into();
        self.bouquets.insert(Arc::clone(&new));
        new
    }

    pub(super) fn by_id(&self, id: LineId) -> Option<Arc<Line>> {
        self.by_id.get(&id).cloned()
    }

    pub(super) fn by_username(&self, username: &str) -> Option<Arc<Line>> {
        self.by_username.find(self.usernames.hash_one(username), |line| &*line.username == username).cloned()
    }

    pub(super) fn by_token(&self, token: &LineToken) -> Option<Arc<Line>> {
        self.by_token.find(token_hash(&self.tokens, token), |line| line.token == *token).cloned()
    }

    /// `mac` in normal form.
    pub(super) fn by_mac(&self, mac: &str) -> Option<Arc<Line>> {
        self.by_id(*self.by_mac.get(&mac_number(mac))?)
    }

    /// The first of these devices that another line than `id` has already.
    pub(super) fn bound_elsewhere(&self, id: LineId, macs: &[String]) -> Option<(String, Arc<Line>)> {
        let other = |mac: &String| self.by_mac(mac).filter(|line| line.id != id);
        macs.iter().find_map(|mac| Some((mac.clone(), other(mac)?)))
    }

    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    /// How many lines a reseller sold, and those of them that are for trial.
    pub(super) fn sold(&self, reseller: ResellerId) -> (usize, impl Iterator<Item = &LineId>) {
        let sold = self.sold.get(&reseller);
        (sold.map_or(0, |sold| sold.lines.len()), sold.into_iter().flat_map(|sold| &sold.trials))
    }

    /// Lines that a reseller sold, after `after`, by id.
    pub(super) fn sold_after(&self, reseller: ResellerId, after: Option<LineId>) -> impl Iterator<Item = LineId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.sold.get(&reseller).into_iter().flat_map(move |sold| sold.lines.range((from, Bound::Unbounded)).copied())
    }

    /// Lines after `after`, by id.
    pub(super) fn after(&self, after: Option<LineId>) -> impl Iterator<Item = &Arc<Line>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id.range((from, Bound::Unbounded)).map(|(_, line)| line)
    }
}

fn token_hash(key: &[u8; 32], token: &LineToken) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::keyed_hash(key, token.expose_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// The address as a number; its normal form has twelve hexadecimal digits.
fn mac_number(mac: &str) -> u64 {
    let digits = mac.bytes().filter_map(|byte| char::from(byte).to_digit(16));
    digits.fold(0, |number, digit| number << 4 | u64::from(digit))
}
