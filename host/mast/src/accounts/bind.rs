//! A device binds itself to a line whose credentials it has: what a portal does when somebody logs in on a new set-top box.

use mast_model::{Classified, ErrorClass, LineId, Side};
use mast_store::{Actor, Change, StoreError};

use super::{Accounts, AccountsError, normal_mac};

/// Devices that a line gets this way; operators bind more.
const MOST_BOUND: usize = 5;

/// Why a device was not bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// No device.
    #[error("this is not a MAC address")]
    Malformed,
    /// A device belongs to one line. Whose it is, is not for whoever asks.
    #[error("this device is bound to another line")]
    Conflict,
    /// The line has enough.
    #[error("this line has {0} devices already; an operator binds more, or takes one away")]
    Limit(usize),
    /// No line has this id.
    #[error("there is no line {0}")]
    NoSuchLine(LineId),
    /// The store refused or failed.
    #[error("the device was not bound: {0}")]
    Failed(AccountsError),
}

impl Classified for BindError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Malformed => ErrorClass::Invalid,
            Self::Conflict => ErrorClass::Conflict,
            Self::Limit(_) => ErrorClass::Limit,
            Self::NoSuchLine(_) => ErrorClass::NotFound,
            Self::Failed(error) => error.class(),
        }
    }

    fn side(&self) -> Side {
        if matches!(self, Self::Failed(_)) { Side::Host } else { Side::Viewer }
    }
}

impl From<AccountsError> for BindError {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::DeviceTaken { .. } | AccountsError::DeviceBound(_) => Self::Conflict,
            AccountsError::NoSuchLine(line) => Self::NoSuchLine(line),
            other => Self::Failed(other),
        }
    }
}

impl From<StoreError> for BindError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Accounts {
    /// Binds a device (a MAC address, any notation) to a line, durably. One that is bound to it already is no error and no change. Who
    /// calls has made sure that the device has the line's credentials. Blocks.
    pub fn bind_device(&self, line: LineId, mac: &str) -> Result<(), BindError> {
        let mac = normal_mac(mac).ok_or(BindError::Malformed)?;
        let known = self.find(line).ok_or(BindError::NoSuchLine(line))?;
        if known.macs().contains(&mac) {
            return Ok(());
        }
        // No name and no address: the log is to forget whoever has the line.
        let actor = Actor { name: "device".to_owned(), ..Actor::machine("line") };
        self.inner.edit_by(line, "line.bind_device", &Change::by(actor), |_, record| {
            if record.macs.len() >= MOST_BOUND && !record.macs.contains(&mac) {
                return Err(BindError::Limit(record.macs.len()));
            }
            record.macs.push(mac);
            Ok(())
        })?;
        tracing::info!(%line, "a device was bound to its line");
        Ok(())
    }
}
