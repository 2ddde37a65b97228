//! Resellers: who sells lines, and what each may do. They form a forest: a reseller stands below another, or below the house.

mod tree;

pub use tree::{ResellerTree, TreeError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{PlanId, ResellerId};
use crate::ledger::Credits;
use crate::redact::Secret;
use crate::second_factor::SecondFactor;

/// Somebody who sells lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reseller {
    /// Its id, assigned by the store.
    pub id: ResellerId,
    /// Unique among resellers, compared exactly.
    pub username: String,
    /// PHC string of argon2id.
    pub password_hash: Secret,
    /// What its password alone is not enough for.
    #[serde(flatten)]
    pub totp: SecondFactor,
    /// Who it stands below; none for the house.
    #[serde(default)]
    pub parent: Option<ResellerId>,
    /// Where false, neither it nor anybody below it can log in or spend; the lines go on.
    pub active: bool,
    /// What it may do.
    #[serde(default)]
    pub rights: ResellerRights,
    /// How much of it.
    #[serde(default)]
    pub limits: ResellerLimits,
    /// For whoever stands above.
    #[serde(default)]
    pub notes: String,
    /// Its own.
    #[serde(default)]
    pub own_notes: String,
    /// What its subscribers read: a name, an address to write to.
    #[serde(default)]
    pub branding: String,
    /// When it was made.
    pub created: Timestamp,
    /// Grows by one with each change.
    #[serde(default)]
    pub revision: u64,
}

/// A reseller who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResellerSession {
    /// BLAKE3 of the cookie's value, hexadecimal.
    pub hash: String,
    /// Who.
    pub reseller: ResellerId,
    /// When it began.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Where it began.
    pub address: Option<std::net::IpAddr>,
    /// The browser, as it called itself.
    pub user_agent: String,
}

/// What a reseller may do besides selling. Nobody can give away a right that they do not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResellerRights {
    /// Have resellers below itself: make them, change them, give them credits.
    pub sub_resellers: bool,
    /// Take credits back from those below.
    pub claw_back: bool,
    /// Sell plans for trials.
    pub trials: bool,
    /// Undo sales, within the plan's hours.
    pub refunds: bool,
}

impl ResellerRights {
    /// All of them, which is what the house has.
    pub const ALL: Self = Self { sub_resellers: true, claw_back: true, trials: true, refunds: true };

    /// The first of these rights that `other` has and this one has not, as it is written.
    pub fn lacks(&self, other: &Self) -> Option<&'static str> {
        let pairs = [
            ("sub_resellers", self.sub_resellers, other.sub_resellers),
            ("claw_back", self.claw_back, other.claw_back),
            ("trials", self.trials, other.trials),
            ("refunds", self.refunds, other.refunds),
        ];
        pairs.into_iter().find(|(_, mine, theirs)| *theirs && !*mine).map(|(name, ..)| name)
    }
}

/// How much a reseller may do. Limits of those above hold for everything below them, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResellerLimits {
    /// How far below zero selling may take its balance; none or more.
    pub overdraft: Credits,
    /// Lines that it and those below it have, ended ones included; none for no limit.
    pub lines: Option<u32>,
    /// Lines for trial among them that have not ended; none for no limit.
    pub trials: Option<u32>,
    /// Connections of a line at once; none for what plans say.
    pub max_connections: Option<u32>,
    /// Resellers anywhere below it; none for no limit.
    pub sub_resellers: Option<u32>,
    /// Plans that it and those below it may sell; empty for all.
    pub plans: Vec<PlanId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_named() {
        let none = ResellerRights::default();
        assert_eq!(ResellerRights::ALL.lacks(&ResellerRights::ALL), None);
        assert_eq!(none.lacks(&none), None);
        assert_eq!(none.lacks(&ResellerRights { trials: true, ..none }), Some("trials"));
        assert_eq!(ResellerRights { trials: true, ..none }.lacks(&ResellerRights::ALL), Some("sub_resellers"));
    }
}
