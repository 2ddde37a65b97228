//! Lines and networks that an operator has banned for a time. Kept in the store, so that a restart is no way out; read from memory.
//! Looked at when a session begins or comes back, and for networks on each request; without a ban that is one atomic, and with
//! bans of single addresses a look into a table.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use jiff::Timestamp;
use mast_model::LineId;
use mast_store::{Change, Document, Kind, StateStore, StoreError};
use serde::{Deserialize, Serialize};

use super::SessionsError;

/// More at once are refused.
const MOST: usize = 10_000;

/// Who is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Banned {
    /// A line, from wherever.
    Line(LineId),
    /// Every address of a network, with whichever line.
    Network(IpNet),
}

impl Banned {
    /// Whether this line at this address is meant.
    pub fn concerns(&self, line: LineId, address: IpAddr) -> bool {
        match self {
            Self::Line(banned) => *banned == line,
            Self::Network(network) => network.contains(&address),
        }
    }
}

/// A ban to be made.
#[derive(Debug, Clone)]
pub struct NewBan {
    /// Who.
    pub banned: Banned,
    /// When it ends.
    pub until: Timestamp,
    /// For other operators; may be empty.
    pub reason: String,
}

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Its number: never used again.
    pub id: u64,
    /// Who.
    pub banned: Banned,
    /// When it ends.
    pub until: Timestamp,
    /// For other operators; may be empty.
    pub reason: String,
    /// When it was made.
    pub created: Timestamp,
    /// The username of the operator who made it.
    pub by: String,
}

impl Document for Ban {
    const KIND: Kind = Kind::Bans;
    fn key(&self) -> Vec<u8> {
        self.id.to_be_bytes().to_vec()
    }
}

/// The bans that hold.
pub(crate) struct Bans {
    any: AtomicBool,
    held: ArcSwap<Held>,
    /// Held over memory and store, so that both change in one order.
    changing: Mutex<()>,
}

/// All of them, and the ways they are looked up.
#[derive(Default)]
struct Held {
    all: Vec<Ban>,
    lines: HashMap<LineId, Timestamp>,
    addresses: HashMap<IpAddr, Timestamp>,
    networks: Vec<(IpNet, Timestamp)>,
}

impl Held {
    fn new(all: Vec<Ban>) -> Self {
        let mut held = Self::default();
        for Ban { banned, until, .. } in &all {
            match banned {
                Banned::Line(line) => drop(held.lines.insert(*line, *until)),
                Banned::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                    held.addresses.insert(network.addr(), *until);
                }
                Banned::Network(network) => held.networks.push((*network, *until)),
            }
        }
        Self { all, ..held }
    }
}

impl Bans {
    /// Those of the store.
    pub(crate) fn open(store: &dyn StateStore) -> Result<Self, StoreError> {
        let bans = Self { any: AtomicBool::new(false), held: ArcSwap::default(), changing: Mutex::default() };
        bans.put(store.all::<Ban>()?);
        Ok(bans)
    }

    fn put(&self, all: Vec<Ban>) {
        self.any.store(!all.is_empty(), Ordering::Relaxed);
        self.held.store(Arc::new(Held::new(all)));
    }

    /// Until when a line is banned.
    pub(crate) fn line(&self, line: LineId) -> Option<Timestamp> {
        self.find(|held| held.lines.get(&line).copied())
    }

    /// Until when an address is banned.
    pub(crate) fn address(&self, address: IpAddr) -> Option<Timestamp> {
        self.find(|held| {
            let networks = held.networks.iter().filter(|(network, _)| network.contains(&address));
            networks.map(|(_, until)| *until).chain(held.addresses.get(&address).copied()).max()
        })
    }

    fn find(&self, find: impl Fn(&Held) -> Option<Timestamp>) -> Option<Timestamp> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        find(&self.held.load()).filter(|until| *until > Timestamp::now())
    }

    /// Those that hold now, in the order in which they were made.
    pub(crate) fn list(&self) -> Vec<Ban> {
        let now = Timestamp::now();
        self.held.load().all.iter().filter(|ban| ban.until > now).cloned().collect()
    }

    /// Adds a ban, in place of one for the same; those that are over go with it. Blocks.
    pub(crate) fn add(&self, store: &dyn StateStore, new: NewBan, change: &Change) -> Result<Ban, SessionsError> {
        let _order = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let all = self.held.load().all.clone();
        let (gone, mut all): (Vec<Ban>, Vec<Ban>) =
            all.into_iter().partition(|ban| ban.until <= now || ban.banned == new.banned);
        if all.len() >= MOST {
            return Err(SessionsError::TooMany(MOST));
        }
        let before = gone.iter().find(|ban| ban.banned == new.banned && ban.until > now);
        let ban = change.commit(store, "ban", |transaction| {
            let NewBan { banned, until, reason } = new;
            let id = transaction.next_id(Kind::Bans)?;
            let ban = Ban { id, banned, until, reason, created: now, by: change.actor.name.clone() };
            for gone in &gone {
                transaction.remove_row(Kind::Bans, &gone.key())?;
            }
            transaction.put(&ban)?;
            transaction.audit(&change.actor, "ban.add", format!("ban/{id}"), (before, Some(&ban)))?;
            Ok::<_, SessionsError>(ban)
        })?;
        all.push(ban.clone());
        self.put(all);
        Ok(ban)
    }

    /// Lifts a ban. Blocks.
    pub(crate) fn lift(&self, store: &dyn StateStore, id: u64, change: &Change) -> Result<(), SessionsError> {
        let _order = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.list();
        let place = all.iter().position(|ban| ban.id == id).ok_or(SessionsError::NoSuchBan(id))?;
        let ban = all.remove(place);
        change.commit(store, "lift a ban", |transaction| {
            transaction.remove_row(Kind::Bans, &ban.key())?;
            transaction.audit(&change.actor, "ban.lift", format!("ban/{id}"), (Some(&ban), None))?;
            Ok::<_, SessionsError>(())
        })?;
        self.put(all);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use mast_store::Actor;

    use super::*;

    fn add(bans: &Bans, store: &dyn StateStore, banned: Banned, hours: i64) -> Ban {
        let new = NewBan { banned, until: Timestamp::now() + hours.hours(), reason: String::new() };
        bans.add(store, new, &Change::by(Actor::machine("test"))).expect("kept")
    }

    #[test]
    fn bans_hold_for_a_time_and_over_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = mast_store::open_state(folder.path()).expect("a store");
        let bans = Bans::open(&*store).expect("none yet");
        let banned = |text: &str| Banned::Network(text.parse().expect("a network"));
        let address = |text: &str| text.parse().expect("an address");
        assert_eq!(bans.line(LineId(1)), None);
        let first = add(&bans, &*store, Banned::Line(LineId(1)), 1);
        let second = add(&bans, &*store, Banned::Line(LineId(1)), 2);
        assert_ne!(first.id, second.id);
        add(&bans, &*store, Banned::Line(LineId(2)), -1);
        let network = add(&bans, &*store, banned("2001:db8::/64"), 1);
        add(&bans, &*store, banned("192.0.2.7/32"), 1);
        for bans in [&bans, &Bans::open(&*store).expect("those that are kept")] {
            assert!(bans.line(LineId(1)).is_some_and(|until| until > Timestamp::now() + 90.minutes()));
            assert_eq!(bans.line(LineId(2)), None);
            assert!(bans.address(address("2001:db8::7")).is_some() && bans.address(address("192.0.2.7")).is_some());
            assert!(bans.address(address("2001:db8:1::7")).is_none() && bans.address(address("192.0.2.8")).is_none());
            assert_eq!(bans.list().len(), 3);
        }
        let change = Change::by(Actor::machine("test"));
        bans.lift(&*store, network.id, &change).expect("lifted");
        assert!(matches!(bans.lift(&*store, network.id, &change), Err(SessionsError::NoSuchBan(_))));
        for bans in [&bans, &Bans::open(&*store).expect("those that are kept")] {
            assert!(bans.address(address("2001:db8::7")).is_none());
            assert_eq!(bans.list().len(), 2);
        }
        let log = store.audit_log(u64::MAX, 10, &|_| true).expect("the log");
        let actions: Vec<&str> = log.iter().rev().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["ban.add", "ban.add", "ban.add", "ban.add", "ban.add", "ban.lift"]);
    }
}
