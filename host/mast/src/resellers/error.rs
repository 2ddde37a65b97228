//! Why nothing was sold, moved or changed.

use mast_model::{Account, Classified, EntryId, ErrorClass, LineId, PlanId, ResellerId, Side, TreeError};
use mast_store::StoreError;

use crate::accounts::AccountsError;

/// Why nothing was sold, moved or changed. What is outside of a reseller's tree is named as if it did not exist.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResellersError {
    /// What was asked for is not usable.
    #[error("{0}")]
    Invalid(String),
    /// There is no such reseller, or it is none of the caller's.
    #[error("there is no reseller {0}")]
    NoSuchReseller(ResellerId),
    /// There is no such account, or it is none of the caller's.
    #[error("there is no account {0}")]
    NoSuchAccount(Account),
    /// There is no such plan.
    #[error("there is no plan {0}")]
    NoSuchPlan(PlanId),
    /// There is no such line, or it is none of the caller's.
    #[error("there is no line {0}")]
    NoSuchLine(LineId),
    /// There is no such entry, or it is none of the caller's.
    #[error("the ledger has no entry {0}")]
    NoSuchEntry(EntryId),
    /// The username belongs to another reseller.
    #[error("reseller \"{0}\" exists already")]
    UsernameTaken(String),
    /// The name belongs to another plan.
    #[error("plan \"{0}\" exists already")]
    PlanNameTaken(String),
    /// The code of the second factor is wrong, or was used before.
    #[error("the code is wrong or was used already; wait for the next one")]
    BadCode,
    /// It is not as the caller has seen it.
    #[error("{what} has changed since: it has revision {revision}; read it again")]
    Changed {
        /// What, for example `plan 3`.
        what: String,
        /// What it has.
        revision: u64,
    },
    /// Something for whoever stands above.
    #[error("reseller {0} cannot do this for itself")]
    Itself(ResellerId),
    /// A right is missing.
    #[error("reseller {reseller} does not have the right {right}")]
    MayNot {
        /// Who.
        reseller: ResellerId,
        /// Which right.
        right: &'static str,
    },
    /// Something that only operators do.
    #[error("only operators can {0}")]
    HouseOnly(&'static str),
    /// It, or somebody above it, is switched off.
    #[error("reseller {0} is switched off")]
    Inactive(ResellerId),
    /// The plan is not for this reseller.
    #[error("reseller {reseller} cannot sell plan {plan}: {why}")]
    NotSold {
        /// Who.
        reseller: ResellerId,
        /// What.
        plan: PlanId,
        /// Why.
        why: &'static str,
    },
    /// A limit of the reseller, or of one above it.
    #[error("reseller {reseller} has reached its limit of {most} {what}")]
    Limit {
        /// Whose limit.
        reseller: ResellerId,
        /// Of what.
        what: &'static str,
        /// How many.
        most: u32,
    },
    /// The line cannot be extended by this.
    #[error("line {line} cannot be extended by plan {plan}: {why}")]
    NotExtended {
        /// The line.
        line: LineId,
        /// The plan.
        plan: PlanId,
        /// Why.
        why: &'static str,
    },
    /// The sale stays.
    #[error("entry {entry} of the ledger cannot be refunded: {why}")]
    NotRefunded {
        /// The entry.
        entry: EntryId,
        /// Why.
        why: &'static str,
    },
    /// Something would be left without its reseller.
    #[error("reseller {reseller} cannot be removed: it still has {what}")]
    NotEmpty {
        /// Who.
        reseller: ResellerId,
        /// What it has.
        what: &'static str,
    },
    /// Where a reseller cannot stand.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The ledger was found damaged.
    #[error("no credits move, the ledger is damaged: {0}; restore the data folder from a backup, then start again")]
    DamagedLedger(String),
    /// The lines refused.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host could not do the work.
    #[error("nothing was changed: {0}")]
    Interrupted(String),
}

impl Classified for ResellersError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) | Self::BadCode | Self::Tree(_) => ErrorClass::Invalid,
            Self::NoSuchReseller(_)
            | Self::NoSuchAccount(_)
            | Self::NoSuchPlan(_)
            | Self::NoSuchLine(_)
            | Self::NoSuchEntry(_) => ErrorClass::NotFound,
            // A limit stays reached until somebody changes something, so it is no `ErrorClass::Limit`.
            Self::UsernameTaken(_)
            | Self::PlanNameTaken(_)
            | Self::Changed { .. }
            | Self::Limit { .. }
            | Self::NotExtended { .. }
            | Self::NotEmpty { .. }
            | Self::NotRefunded { .. } => ErrorClass::Conflict,
            Self::Itself(_) | Self::MayNot { .. } | Self::HouseOnly(_) | Self::Inactive(_) | Self::NotSold { .. } => {
                ErrorClass::Denied
            }
            Self::DamagedLedger(_) => ErrorClass::Unavailable,
            Self::Accounts(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Interrupted(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

impl From<crate::accounts::password::HashingError> for ResellersError {
    fn from(error: crate::accounts::password::HashingError) -> Self {
        Self::Interrupted(error.to_string())
    }
}
