//! Lines and networks that an operator has banned for a time. Kept in `bans.json` of the data folder, so that a restart is no way out;
//! read from memory. Looked at when a session begins or comes back, and for networks on each request; without a ban that is one
//! atomic.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use jiff::Timestamp;
use mast_model::LineId;
use serde::{Deserialize, Serialize};

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

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who.
    pub banned: Banned,
    /// When it ends.
    pub until: Timestamp,
    /// For other operators; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// Why a ban is not in force, or not for long.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BanError {
    /// No room.
    #[error("there are {MOST} bans already; lift some first")]
    TooMany,
    /// It holds now, and a restart will forget it.
    #[error("{file} could not be written: {cause}; the bans hold until the host is restarted")]
    NotKept {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The host is stopping.
    #[error("the host is stopping; the ban is not kept")]
    Interrupted,
}

/// The bans that hold.
pub(super) struct Bans {
    file: PathBuf,
    any: AtomicBool,
    bans: ArcSwap<Vec<Ban>>,
    /// Held over memory and file, so that both change in one order.
    changing: Mutex<()>,
}

impl Bans {
    /// Those that are kept in a file. One that cannot be read is said and counts as empty.
    pub(super) fn open(file: PathBuf) -> Self {
        let bans: Vec<Ban> = match std::fs::read(&file) {
            Ok(json) => serde_json::from_slice(&json).unwrap_or_else(|error| {
                tracing::warn!(file = %file.display(), %error, "the bans are not readable and do not hold");
                Vec::new()
            }),
            Err(_) => Vec::new(),
        };
        Self {
            file,
            any: AtomicBool::new(!bans.is_empty()),
            bans: ArcSwap::from_pointee(bans),
            changing: Mutex::default(),
        }
    }

    /// Until when a line is banned.
    pub(super) fn line(&self, line: LineId) -> Option<Timestamp> {
        self.find(|banned| *banned == Banned::Line(line))
    }

    /// Until when an address is banned.
    pub(super) fn address(&self, address: IpAddr) -> Option<Timestamp> {
        self.find(|banned| matches!(banned, Banned::Network(network) if network.contains(&address)))
    }

    fn find(&self, is: impl Fn(&Banned) -> bool) -> Option<Timestamp> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let now = Timestamp::now();
        self.bans.load().iter().filter(|ban| ban.until > now && is(&ban.banned)).map(|ban| ban.until).max()
    }

    /// Those that hold now.
    pub(super) fn list(&self) -> Vec<Ban> {
        let now = Timestamp::now();
        self.bans.load().iter().filter(|ban| ban.until > now).cloned().collect()
    }

    /// Adds a ban, in place of one for the same. Blocks.
    pub(super) fn add(&self, ban: Ban) -> Result<(), BanError> {
        let _order = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bans = self.list();
        bans.retain(|other| other.banned != ban.banned);
        if bans.len() >= MOST {
            return Err(BanError::TooMany);
        }
        bans.push(ban);
        self.put(bans)
    }

    /// Lifts a ban; false where there was none. Blocks.
    pub(super) fn lift(&self, banned: &Banned) -> Result<bool, BanError> {
        let _order = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bans = self.list();
        let before = bans.len();
        bans.retain(|ban| ban.banned != *banned);
        let lifted = bans.len() < before;
        if lifted {
            self.put(bans)?;
        }
        Ok(lifted)
    }

    fn put(&self, bans: Vec<Ban>) -> Result<(), BanError> {
        let json = serde_json::to_vec_pretty(&bans);
        self.any.store(!bans.is_empty(), Ordering::Relaxed);
        self.bans.store(Arc::new(bans));
        let draft = self.file.with_extension("draft");
        let written = || {
            let mut file = std::fs::File::create(&draft)?;
            file.write_all(&json?)?;
            file.sync_all()?;
            std::fs::rename(&draft, &self.file)
        };
        written().map_err(|cause| BanError::NotKept { file: self.file.clone(), cause })
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn bans_hold_for_a_time_and_over_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bans.json");
        let bans = Bans::open(file.clone());
        let ban = |banned, hours: i64| Ban { banned, until: Timestamp::now() + hours.hours(), reason: String::new() };
        let network = Banned::Network("2001:db8::/64".parse().expect("a network"));
        assert_eq!(bans.line(LineId(1)), None);
        bans.add(ban(Banned::Line(LineId(1)), 1)).expect("kept");
        bans.add(ban(Banned::Line(LineId(1)), 2)).expect("longer");
        bans.add(ban(Banned::Line(LineId(2)), -1)).expect("over already");
        bans.add(ban(network, 1)).expect("kept");
        for bans in [&bans, &Bans::open(file)] {
            assert!(bans.line(LineId(1)).is_some_and(|until| until > Timestamp::now() + 90.minutes()));
            assert_eq!(bans.line(LineId(2)), None);
            assert!(bans.address("2001:db8::7".parse().expect("an address")).is_some());
            assert!(bans.address("2001:db8:1::7".parse().expect("an address")).is_none());
            assert_eq!(bans.list().len(), 2);
            assert!(bans.lift(&network).expect("kept") && !bans.lift(&network).expect("nothing to do"));
            assert!(bans.address("2001:db8::7".parse().expect("an address")).is_none());
            bans.add(ban(network, 1)).expect("kept");
        }
    }

    #[test]
    fn a_broken_file_bans_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bans.json");
        std::fs::write(&file, "{").expect("written");
        assert!(Bans::open(file).list().is_empty());
        let nowhere = Bans::open(folder.path().join("gone/bans.json"));
        let until = Timestamp::now() + 1.hours();
        let added = nowhere.add(Ban { banned: Banned::Line(LineId(1)), until, reason: String::new() });
        assert!(matches!(added, Err(BanError::NotKept { .. })));
        assert!(nowhere.line(LineId(1)).is_some(), "it holds all the same");
    }
}
