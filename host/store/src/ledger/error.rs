//! Why credits do not move.

use mast_model::{Account, Classified, Credits, EntryId, ErrorClass, ReasonCode, Side};

/// Why credits do not move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Nothing, or less.
    #[error("at least 1 credit can be moved, not {0}")]
    NotPositive(Credits),
    /// From an account to itself.
    #[error("{0} cannot pay itself")]
    SameAccount(Account),
    /// Not for this reason.
    #[error("for {} no credits move from {from} to {to}", code.name())]
    NotJoined {
        /// The reason.
        code: ReasonCode,
        /// Who would pay.
        from: Account,
        /// Who would get it.
        to: Account,
    },
    /// A text that cannot be kept.
    #[error("the text of a reason has at most {} characters and no control characters", mast_model::Reason::MOST)]
    ReasonText,
    /// The numbers end here.
    #[error("{account} has {balance}; {amount} more or less cannot be counted")]
    Overflow {
        /// Whose balance it would be.
        account: Account,
        /// What it has.
        balance: Credits,
        /// What was to move.
        amount: Credits,
    },
    /// Not enough credits.
    #[error("{account} has {balance} and needs {needed}{}", or_overdraft(*overdraft))]
    Insufficient {
        /// Whose balance is too low.
        account: Account,
        /// What it has.
        balance: Credits,
        /// How far below zero this may take it.
        overdraft: Credits,
        /// What it would need.
        needed: Credits,
    },
    /// The reseller does not exist.
    #[error("there is no account {0}")]
    NoSuchAccount(Account),
    /// A refund of nothing.
    #[error("a refund names the entry of the sale that it undoes")]
    NoSale,
    /// The entry does not exist.
    #[error("the ledger has no entry {0}")]
    NoSuchEntry(EntryId),
    /// Not a sale, or somebody else's.
    #[error("entry {entry} of the ledger is no sale that {to} paid for")]
    NotRefundable {
        /// The entry.
        entry: EntryId,
        /// Who would get it.
        to: Account,
    },
    /// More than was paid.
    #[error("for entry {entry} of the ledger {paid} were paid, {amount} cannot be refunded")]
    RefundTooHigh {
        /// The entry of the sale.
        entry: EntryId,
        /// What was paid.
        paid: Credits,
        /// What was to be refunded.
        amount: Credits,
    },
    /// A sale is undone once.
    #[error("entry {entry} of the ledger was refunded already, by entry {by}")]
    AlreadyRefunded {
        /// The entry of the sale.
        entry: EntryId,
        /// The entry of its refund.
        by: EntryId,
    },
}

fn or_overdraft(overdraft: Credits) -> String {
    if overdraft > Credits::ZERO { format!("; it may go {overdraft} below zero") } else { String::new() }
}

impl Classified for LedgerError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::NotPositive(_)
            | Self::SameAccount(_)
            | Self::NotJoined { .. }
            | Self::ReasonText
            | Self::NoSale
            | Self::NotRefundable { .. }
            | Self::RefundTooHigh { .. } => ErrorClass::Invalid,
            Self::Insufficient { .. } | Self::AlreadyRefunded { .. } => ErrorClass::Conflict,
            // Not `Limit`: that can be tried again later.
            Self::Overflow { .. } => ErrorClass::Conflict,
            Self::NoSuchAccount(_) | Self::NoSuchEntry(_) => ErrorClass::NotFound,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}
