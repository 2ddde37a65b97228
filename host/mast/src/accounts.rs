//! Accounts: lines in memory, backed by the store. Reads never touch the store; a password is hashed once per change and then
//! remembered under a keyed hash.
//!
//! Not here: who may watch what (bouquets are the catalogue's, policies are plugins) and how many connections are open
//! (delivery counts sessions).
//!
//! Invariants: memory holds what the store holds, changed in the same order; a wrong username and a wrong password do the same
//! work and get the same answer; a line's expiry and active flag are looked at on every call.

mod password;
mod request;
mod table;
#[cfg(test)]
mod tests;
mod throttle;
mod verified;

pub use request::{InvalidLine, LineRequest, normal_mac};

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use mast_model::{Classified, ErrorClass, Line, LineId, LineToken, Side};
use mast_store::{NewLine, StateStore, StoreError};
use tokio::sync::watch;

use crate::delivery::config::LimitsConfig;
use password::Hashing;
use table::Table;
use throttle::Throttle;
use verified::Verified;

/// Lines. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn StateStore>,
    table: RwLock<Table>,
    /// Held over store and memory, so that both change in one order.
    writing: Mutex<()>,
    hashing: Hashing,
    verified: Verified,
    throttle: Throttle,
    changes: watch::Sender<u64>,
}

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
    /// More credentials are waiting to be verified than the host works off in time.
    #[error("too many logins at once, try again later")]
    Busy,
}

/// Why a line was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// What was asked for makes no line.
    #[error(transparent)]
    Invalid(#[from] InvalidLine),
    /// No line has this username.
    #[error("there is no line with username \"{0}\"")]
    NoSuchLine(String),
    /// A device belongs to one line.
    #[error("device {mac} is bound to line \"{username}\"")]
    DeviceTaken {
        /// The device.
        mac: String,
        /// Whose it is.
        username: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host could not do the work.
    #[error("the line was not changed: {0}")]
    Interrupted(String),
}

impl Classified for AccountsError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) => ErrorClass::Invalid,
            Self::NoSuchLine(_) => ErrorClass::NotFound,
            Self::DeviceTaken { .. } => ErrorClass::Conflict,
            Self::Store(error) => error.class(),
            Self::Interrupted(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

impl Accounts {
    /// Reads every line of the store. Blocks.
    pub fn open(store: Arc<dyn StateStore>, limits: &LimitsConfig) -> Result<Self, StoreError> {
        let table = Table::of(store.lines()?);
        let inner = Inner {
            store,
            table: RwLock::new(table),
            writing: Mutex::default(),
            hashing: Hashing::default(),
            verified: Verified::default(),
            throttle: Throttle::new(limits.failed_logins_per_minute),
            changes: watch::Sender::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The line with these credentials, if it may be used now. Hashes on a blocking thread where the credentials were not
    /// verified before.
    pub async fn by_credentials(&self, username: &str, password: &str, client: IpAddr) -> Result<Arc<Line>, Refusal> {
        let inner = &*self.inner;
        // Before the cache is asked: it would tell a throttled client that it has guessed right.
        if inner.throttle.blocks(client) {
            return Err(Refusal::Throttled);
        }
        let line = inner.table().by_username(username);
        let fingerprint = inner.verified.fingerprint(username, password);
        if let Some(line) = line.as_ref().filter(|line| inner.verified.holds(&fingerprint, line)) {
            return usable(line.clone());
        }
        let turn = inner.hashing.turn().await?;
        // Others of this client may have failed meanwhile: many attempts at once are no way round the limit.
        if inner.throttle.blocks(client) {
            return Err(Refusal::Throttled);
        }
        let hash = line.as_ref().map(|line| line.password_hash.clone());
        // Held to the end, so that the next in turn sees this failure.
        let (_turn, right) = inner.hashing.verify(turn, password, hash.clone()).await?;
        // As the line is now: it may have changed while it was verified.
        let now = line.filter(|_| right).and_then(|line| self.find(line.id));
        match now.filter(|line| Some(&line.password_hash) == hash.as_ref()) {
            Some(line) => {
                inner.verified.remember(fingerprint, &line);
                usable(line)
            }
            None => {
                inner.throttle.failed(client);
                Err(Refusal::BadCredentials)
            }
        }
    }

    /// The line with this token, if it may be used now. A right token is never throttled: nobody guesses 32 random bytes, and the
    /// address may be shared.
    pub fn by_token(&self, token: &str, client: IpAddr) -> Result<Arc<Line>, Refusal> {
        let found = LineToken::parse(token).ok().and_then(|token| self.inner.table().by_token(&token));
        match found {
            Some(line) => usable(line),
            None => Err(self.inner.refuse(client)),
        }
    }

    /// The line that a MAC address (any notation) is bound to.
    pub fn by_device(&self, mac: &str, client: IpAddr) -> Result<Arc<Line>, Refusal> {
        // Device addresses can be guessed.
        if self.inner.throttle.blocks(client) {
            return Err(Refusal::Throttled);
        }
        match normal_mac(mac).and_then(|mac| self.inner.table().by_mac(&mac)) {
            Some(line) => usable(line),
            None => Err(self.inner.refuse(client)),
        }
    }

    /// The line as it is now, usable or not.
    pub fn find(&self, id: LineId) -> Option<Arc<Line>> {
        self.inner.table().by_id(id)
    }

    /// Counts changes of any line; sessions look again when it moves.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Every line, in the order in which they were added.
    pub fn list(&self) -> Vec<Arc<Line>> {
        self.inner.table().all()
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.inner.table().count()
    }

    /// Adds a line.
    pub async fn add(&self, request: LineRequest) -> Result<Arc<Line>, AccountsError> {
        let new = request.validated()?;
        self.blocking(move |inner| {
            let token = match new.token {
                Some(token) => token,
                None => LineToken::from_bytes(password::random()?),
            };
            // The slow part, before anybody else is made to wait.
            let password_hash = password::hash(new.password.expose())?;
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((mac, owner)) = inner.table().bound_elsewhere(&new.macs) {
                return Err(AccountsError::DeviceTaken { mac, username: owner.username.clone() });
            }
            let line = inner.store.add_line(NewLine {
                username: new.username,
                password_hash,
                token,
                max_connections: new.max_connections,
                expires: new.expires,
                bouquets: new.bouquets,
                macs: new.macs,
            })?;
            Ok(inner.publish(line))
        })
        .await
    }

    /// Switches a line on or off; its sessions end with the next look at it.
    pub async fn set_active(&self, username: &str, active: bool) -> Result<Arc<Line>, AccountsError> {
        let username = username.to_owned();
        self.blocking(move |inner| {
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let found = inner.table().by_username(&username);
            let id = found.ok_or(AccountsError::NoSuchLine(username))?.id;
            Ok(inner.publish(inner.store.update_line(id, &mut |line| line.active = active)?))
        })
        .await
    }

    /// How often a password was hashed; the same for known and unknown usernames.
    pub fn hashes(&self) -> u64 {
        self.inner.hashing.count()
    }

    /// Runs to the end even where the caller goes away, so that memory follows the store.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, AccountsError> + Send + 'static,
    ) -> Result<T, AccountsError> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(AccountsError::Interrupted(error.to_string())))
    }
}

impl Inner {
    fn table(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        // Nothing panics between two steps of a change; a poisoned table is a whole one.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, line: Line) -> Arc<Line> {
        let line = Arc::new(line);
        self.table.write().unwrap_or_else(PoisonError::into_inner).put(line.clone());
        self.changes.send_modify(|count| *count += 1);
        line
    }

    fn refuse(&self, client: IpAddr) -> Refusal {
        if self.throttle.blocks(client) {
            return Refusal::Throttled;
        }
        self.throttle.failed(client);
        Refusal::BadCredentials
    }
}

fn usable(line: Arc<Line>) -> Result<Arc<Line>, Refusal> {
    let now = Timestamp::now();
    if line.usable(now) {
        Ok(line)
    } else if !line.active {
        Err(Refusal::Disabled)
    } else {
        Err(Refusal::Expired)
    }
}
