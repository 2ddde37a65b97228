//! What the store's operations fail at.

use std::path::PathBuf;

use mast_model::{Classified, ErrorClass, InstanceId, LineId, Side};

/// What a store operation failed at. No message holds a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the file.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// A newer version of Mast wrote the file.
    #[error(
        "{file} has schema version {found}, this version of Mast knows up to {known}; start the version that wrote it"
    )]
    NewerSchema {
        /// The file.
        file: PathBuf,
        /// What it says.
        found: u64,
        /// What this version knows.
        known: u64,
    },
    /// The folder or the file could not be made, opened or repaired.
    #[error("{file} could not be opened: {cause}")]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system or redb said.
        cause: String,
    },
    /// Reading or writing failed; nothing of the operation was kept.
    #[error("the store could not {doing} in {file}: {cause}")]
    Failed {
        /// The operation.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system or redb said.
        cause: String,
    },
    /// A row does not have the form that this version expects.
    #[error("{file} is damaged, a {record} cannot be read: {cause}; restore it from a backup")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What kind of row.
        record: &'static str,
        /// Kind and place of the fault, without the row's content.
        cause: String,
    },
    /// The username belongs to another line.
    #[error("username \"{0}\" is taken")]
    UsernameTaken(String),
    /// The token belongs to another line.
    #[error("the token is taken")]
    TokenTaken,
    /// There is no such line.
    #[error("line {0} does not exist")]
    LineNotFound(LineId),
    /// A request with this idempotency key was done before.
    #[error("a request with this idempotency key was done already")]
    AlreadyDone,
    /// The change gave up by itself, and says why elsewhere.
    #[error("the change was not made")]
    Abandoned,
    /// An import failed before, or the disk lost what it had written.
    #[error("the import of the guide was lost; import it again")]
    ImportLost,
    /// It was never a backup, or not all of it is there.
    #[error("{file} is no backup that can be used: {cause}")]
    BadBackup {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// Ids are never used again, and these are used up.
    #[error("there are no {0} ids left")]
    OutOfIds(&'static str),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] crate::LedgerError),
    /// The quota of a plugin instance.
    #[error("plugin instance {instance} has used up its kv quota of {quota} bytes; raise [grant] kv")]
    QuotaExceeded {
        /// The instance.
        instance: InstanceId,
        /// Its quota.
        quota: u64,
    },
}

impl Classified for StoreError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::InUse(_) | Self::NewerSchema { .. } | Self::Open { .. } => ErrorClass::Unavailable,
            Self::Failed { .. } | Self::Damaged { .. } | Self::Abandoned | Self::ImportLost => ErrorClass::Internal,
            Self::UsernameTaken(_) | Self::TokenTaken | Self::AlreadyDone => ErrorClass::Conflict,
            Self::LineNotFound(_) => ErrorClass::NotFound,
            Self::BadBackup { .. } => ErrorClass::Invalid,
            Self::Ledger(error) => error.class(),
            Self::OutOfIds(_) | Self::QuotaExceeded { .. } => ErrorClass::Limit,
        }
    }

    fn side(&self) -> Side {
        match self {
            Self::QuotaExceeded { .. } => Side::Plugin,
            _ => Side::Host,
        }
    }

    fn retryable(&self) -> bool {
        matches!(self, Self::InUse(_))
    }
}
