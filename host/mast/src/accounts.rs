//! Accounts: lines in memory, backed by the store. Reads never touch the store; a password is hashed once per change and then
//! remembered under a keyed hash.

use std::sync::Arc;

use mast_model::{Line, LineId};
use tokio::sync::watch;

/// Lines. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {}

/// Why no line is handed out. `BadCredentials` is the same for a wrong username and a wrong password, in words and in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No line has these credentials.
    #[error("wrong username, password or token")]
    BadCredentials,
    /// The credentials are right, the line has expired.
    #[error("this line has expired")]
    Expired,
    /// The credentials are right, the line was switched off.
    #[error("this line is disabled")]
    Disabled,
    /// Too many failures from this address.
    #[error("too many failed logins from this address, try again later")]
    Throttled,
}

impl Accounts {
    /// The line with these credentials, if it may be used now. Hashes on a blocking thread where the credentials were not
    /// verified before.
    pub async fn by_credentials(
        &self,
        _username: &str,
        _password: &str,
        _client: std::net::IpAddr,
    ) -> Result<Arc<Line>, Refusal> {
        todo!()
    }

    /// The line with this token, if it may be used now.
    pub fn by_token(&self, _token: &str, _client: std::net::IpAddr) -> Result<Arc<Line>, Refusal> {
        todo!()
    }

    /// The line that a MAC address (any notation) is bound to.
    pub fn by_device(&self, _mac: &str, _client: std::net::IpAddr) -> Result<Arc<Line>, Refusal> {
        todo!()
    }

    /// The line as it is now, usable or not.
    pub fn find(&self, _id: LineId) -> Option<Arc<Line>> {
        todo!()
    }

    /// Counts changes of any line; sessions look again when it moves.
    pub fn changes(&self) -> watch::Receiver<u64> {
        todo!()
    }
}
