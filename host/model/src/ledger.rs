//! The words of the ledger: credits, accounts, and why credits move. Which account may pay which for what is one table,
//! [`ReasonCode::joins`].
//!
//! Not here: entries and balances (the store keeps them) and who may ask for them (the resellers' room).

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{EntryId, LineId, PlanId, ResellerId};

/// A number of credits, whole. As a balance it may be negative, as an amount it is at least 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credits(pub i64);

impl Credits {
    /// None.
    pub const ZERO: Self = Self(0);

    /// The sum, where it can be counted.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, where it can be counted.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// So many times as much, where it can be counted.
    pub fn checked_mul(self, times: u32) -> Option<Self> {
        self.0.checked_mul(i64::from(times)).map(Self)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 credit"),
            count => write!(f, "{count} credits"),
        }
    }
}

/// An account of the ledger. Written `issued`, `sales`, `reseller/7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Account {
    /// The house's: where credits come from. Its balance is minus all credits there are.
    Issued,
    /// The house's: what was paid for lines.
    Sales,
    /// A reseller's.
    Reseller(ResellerId),
}

/// Why a text is no account.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not an account: write issued, sales, or reseller/ and the reseller's number")]
pub struct InvalidAccount(String);

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issued => f.write_str("issued"),
            Self::Sales => f.write_str("sales"),
            Self::Reseller(id) => write!(f, "reseller/{id}"),
        }
    }
}

impl FromStr for Account {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let account = match text {
            "issued" => Some(Self::Issued),
            "sales" => Some(Self::Sales),
            other => other.strip_prefix("reseller/").and_then(|id| id.parse().ok()).map(Self::Reseller),
        };
        // One account, one spelling: `reseller/07` would be a second row.
        account.filter(|account| account.to_string() == text).ok_or_else(|| InvalidAccount(text.to_owned()))
    }
}

impl TryFrom<String> for Account {
    type Error = InvalidAccount;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}

/// Why credits move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// An operator made credits for a reseller.
    Issue,
    /// A reseller gave credits to one below.
    Transfer,
    /// Credits were taken back: by a reseller above, or by the house.
    ClawBack,
    /// A line was bought.
    Purchase,
    /// A line was extended.
    Extension,
    /// A purchase or an extension was undone.
    Refund,
}

impl ReasonCode {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Issue, Self::Transfer, Self::ClawBack, Self::Purchase, Self::Extension, Self::Refund];

    /// Whether credits move from one account to the other for this reason.
    ///
    /// | reason | from | to |
    /// |---|---|---|
    /// | issue | issued | a reseller |
    /// | transfer | a reseller | a reseller |
    /// | claw-back | a reseller | a reseller or issued |
    /// | purchase, extension | a reseller | sales |
    /// | refund | sales | a reseller |
    pub fn joins(self, from: Account, to: Account) -> bool {
        use Account::{Issued, Reseller, Sales};
        match self {
            Self::Issue => matches!((from, to), (Issued, Reseller(_))),
            Self::Transfer => matches!((from, to), (Reseller(_), Reseller(_))),
            Self::ClawBack => matches!((from, to), (Reseller(_), Reseller(_) | Issued)),
            Self::Purchase | Self::Extension => matches!((from, to), (Reseller(_), Sales)),
            Self::Refund => matches!((from, to), (Sales, Reseller(_))),
        }
    }

    /// Whether a reseller's overdraft may be used for it. Only for what is sold: credits that are handed on or taken back must be there.
    pub fn may_overdraw(self) -> bool {
        self.is_sale()
    }

    /// Whether something was sold, which can be refunded.
    pub fn is_sale(self) -> bool {
        matches!(self, Self::Purchase | Self::Extension)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Transfer => "transfer",
            Self::ClawBack => "claw_back",
            Self::Purchase => "purchase",
            Self::Extension => "extension",
            Self::Refund => "refund",
        }
    }

    /// From what is written.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == text)
    }
}

/// Why credits moved, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people: at most [`Reason::MOST`] characters, no control characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Reason {
    /// Characters of a text.
    pub const MOST: usize = 200;

    /// Whether its text can be kept: entries stay for ever, and stand in statements.
    pub fn fits(&self) -> bool {
        self.text.chars().count() <= Self::MOST && !self.text.chars().any(char::is_control)
    }
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self { code, text: String::new() }
    }
}

/// What credits moved for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The line that was sold, extended or taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineId>,
    /// The plan it was sold by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// The entry that a refund undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
    /// The line's end before it was extended, which a refund gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The line's end that was paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Account = Account::Reseller(ResellerId(1));
    const TWO: Account = Account::Reseller(ResellerId(2));

    #[test]
    fn accounts_have_one_spelling() {
        for (text, account) in
            [("issued", Account::Issued), ("sales", Account::Sales), ("reseller/2", TWO), ("reseller/1", ONE)]
        {
            assert_eq!(text.parse(), Ok(account));
            assert_eq!(serde_json::to_value(account).unwrap(), text);
            assert_eq!(serde_json::from_value::<Account>(text.into()).unwrap(), account);
        }
        for text in ["", "Issued", "reseller", "reseller/", "reseller/-1", "reseller/+1", "reseller/01", "reseller/1 "]
        {
            assert!(text.parse::<Account>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_what_is_stored() {
        for code in ReasonCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
            assert_eq!(ReasonCode::parse(code.name()), Some(code));
        }
        assert_eq!(ReasonCode::parse("gift"), None);
    }

    #[test]
    fn credits_move_only_where_they_may() {
        let accounts = [Account::Issued, Account::Sales, ONE, TWO];
        let joined = |code: ReasonCode| {
            let pairs = accounts.iter().flat_map(|from| accounts.iter().map(move |to| (*from, *to)));
            pairs.filter(|(from, to)| from != to && code.joins(*from, *to)).collect::<Vec<_>>()
        };
        assert_eq!(joined(ReasonCode::Issue), [(Account::Issued, ONE), (Account::Issued, TWO)]);
        assert_eq!(joined(ReasonCode::Transfer), [(ONE, TWO), (TWO, ONE)]);
        let back = [(ONE, Account::Issued), (ONE, TWO), (TWO, Account::Issued), (TWO, ONE)];
        assert_eq!(joined(ReasonCode::ClawBack), back);
        for sale in [ReasonCode::Purchase, ReasonCode::Extension] {
            assert_eq!(joined(sale), [(ONE, Account::Sales), (TWO, Account::Sales)]);
        }
        assert_eq!(joined(ReasonCode::Refund), [(Account::Sales, ONE), (Account::Sales, TWO)]);
    }

    #[test]
    fn reasons_fit_or_not() {
        let reason = |text: &str| Reason { code: ReasonCode::Issue, text: text.to_owned() };
        for good in ["", "paid in cash, thank you", &"ü".repeat(200)] {
            assert!(reason(good).fits(), "{good}");
        }
        for bad in ["two\nlines", "\u{1b}[31m", &"x".repeat(201)] {
            assert!(!reason(bad).fits(), "{bad}");
        }
    }
}
