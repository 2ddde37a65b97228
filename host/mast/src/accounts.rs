//! Accounts: lines in memory, backed by the store. Reads never touch the store, apart from a
//! password's hash, which is not kept in memory: it is looked at once per change of the line, and what was verified is remembered under a
//! keyed hash.
//!
//! Not here: who may watch what (bouquets are the catalogue's, policies are plugins) and how many connections are open
//! (delivery counts sessions).
//!
//! Invariants: memory holds what the store holds, changed in the same order; a wrong username and a wrong password do the same
//! work and get the same answer, except that the work is bcrypt's own for a line that was imported and has not
//! logged in since; a line's expiry and active flag are looked at on every call.

mod bind;
mod change;
mod erase;
pub(crate) mod password;
mod request;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod throttle;
mod verified;

pub use bind::BindError;
pub use change::{Added, LineEdit};
pub use erase::Erased;
pub(crate) use request::stated;
pub use request::{InvalidLine, LinePatch, LineRequest, LineTerms, normal_mac};

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use mast_model::{Classified, ErrorClass, Line, LineId, LineRecord, LineToken, ResellerId, Side};
use mast_store::{StateStore, StoreError};
use tokio::sync::watch;

use crate::delivery::config::LimitsConfig;
use password::Hashing;
use table::Table;
use throttle::Throttle;
use verified::Verified;

/// Lines looked through under one lock.
const PIECE: usize = 10_000;

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

/// Why no line is handed out. `BadCredentials` is the same for a wrong username and a wrong password, in words and, where its
/// hash is argon2id, in time.
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
    /// No line has this id.
    #[error("there is no line {0}")]
    NoSuchLine(LineId),
    /// The line is not as the caller has seen it.
    #[error("line {id} has changed since: it has revision {revision}; read it again")]
    Changed {
        /// The line.
        id: LineId,
        /// What it has.
        revision: u64,
    },
    /// A device belongs to one line.
    #[error("device {mac} is bound to line \"{username}\"")]
    DeviceTaken {
        /// The device.
        mac: String,
        /// Whose it is.
        username: String,
    },
    /// The same, for those who may not know whose it is.
    #[error("device {0} is bound to another line")]
    DeviceBound(String),
    /// Only operators switch it on again.
    #[error("line {0} was switched off by an operator")]
    Held(LineId),
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
            Self::DeviceTaken { .. } | Self::DeviceBound(_) | Self::Changed { .. } => ErrorClass::Conflict,
            Self::Held(_) => ErrorClass::Denied,
            Self::Store(error) => error.class(),
            Self::Interrupted(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

impl From<password::HashingError> for AccountsError {
    fn from(error: password::HashingError) -> Self {
        Self::Interrupted(error.to_string())
    }
}

impl From<password::Busy> for Refusal {
    fn from(_: password::Busy) -> Self {
        Self::Busy
    }
}

impl Accounts {
    /// Reads every line of the store. Blocks.
    pub fn open(store: Arc<dyn StateStore>, limits: &LimitsConfig) -> Result<Self, StoreError> {
        let mut table = Table::default();
        store.each_line(&mut |record| drop(table.put(&record)))?;
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
        // Held to the end, so that the next in turn sees this failure.
        let (this, again) = (Arc::clone(&self.inner), Arc::clone(&self.inner));
        let id = line.map(|line| line.id);
        let find = move || this.record(id?).map(|record| (record.password_hash.clone(), record));
        let after = move |password: &_, record| again.confirm(&record, password);
        let (_turn, confirmed) = inner.hashing.verify(turn, password, find, after).await?;
        match confirmed {
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

    /// The line with this username, usable or not.
    pub fn by_username(&self, username: &str) -> Option<Arc<Line>> {
        self.inner.table().by_username(username)
    }

    /// The first `most` lines after `after` that are `wanted`, in the order in which they were added. Looks at memory only, a piece at a
    /// time, so that a search through a million lines keeps nobody else waiting.
    pub async fn select(
        &self,
        after: Option<LineId>,
        most: usize,
        wanted: impl Fn(&Line) -> bool + Send + 'static,
    ) -> Result<Vec<Arc<Line>>, AccountsError> {
        self.blocking(move |inner| {
            let (mut found, mut after) = (Vec::new(), after);
            loop {
                let table = inner.table();
                let mut piece = table.after(after).take(PIECE).peekable();
                if piece.peek().is_none() {
                    return Ok(found);
                }
                for line in piece {
                    after = Some(line.id);
                    if wanted(line) {
                        found.push(Arc::clone(line));
                    }
                    if found.len() == most {
                        return Ok(found);
                    }
                }
            }
        })
        .await
    }

    /// The same among those that these resellers sold; looks at no others.
    pub async fn select_sold(
        &self,
        resellers: Vec<ResellerId>,
        after: Option<LineId>,
        most: usize,
        wanted: impl Fn(&Line) -> bool + Send + 'static,
    ) -> Result<Vec<Arc<Line>>, AccountsError> {
        self.blocking(move |inner| {
            let table = inner.table();
            let mut ids: Vec<LineId> =
                resellers.iter().flat_map(|reseller| table.sold_after(*reseller, after)).collect();
            ids.sort_unstable();
            let lines = ids.into_iter().filter_map(|id| table.by_id(id));
            Ok(lines.filter(|line| wanted(line)).take(most).collect())
        })
        .await
    }

    /// How many lines there are.
    pub fn count(&self) -> usize {
        self.inner.table().count()
    }

    /// Everything that is stored of these lines, in this order; those that do not exist are left out.
    pub async fn records(&self, ids: Vec<LineId>) -> Result<Vec<LineRecord>, AccountsError> {
        self.blocking(move |inner| Ok(inner.store.lines(&ids)?)).await
    }

    /// How many lines these resellers sold, ended ones included. Inside a step of a change it is as exact as the change.
    pub fn sold_by(&self, resellers: &[ResellerId]) -> usize {
        let table = self.inner.table();
        resellers.iter().map(|reseller| table.sold(*reseller).0).sum()
    }

    /// Runs while no line is added, changed or removed. Blocks.
    pub fn between_changes<T>(&self, work: impl FnOnce() -> T) -> T {
        let _order = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// How many of them are for trial and have not ended at `now`.
    pub fn open_trials_of(&self, resellers: &[ResellerId], now: Timestamp) -> usize {
        let table = self.inner.table();
        let open = |id: &LineId| table.by_id(*id).is_some_and(|line| line.expires.is_none_or(|end| now < end));
        resellers.iter().map(|reseller| table.sold(*reseller).1.filter(|id| open(id)).count()).sum()
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
        self.blocking_with(work).await
    }

    /// The same, for work that fails in its own words.
    async fn blocking_with<T: Send + 'static, E: From<AccountsError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(AccountsError::Interrupted(error.to_string()).into()))
    }
}

impl Inner {
    fn table(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        // Nothing panics between two steps of a change; a poisoned table is a whole one.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// As stored; a store that cannot be read has no line, and says so in the log.
    fn record(&self, id: LineId) -> Option<LineRecord> {
        match self.store.lines(&[id]) {
            Ok(records) => records.into_iter().next(),
            Err(error) => {
                tracing::error!(line = %id, %error, "a line could not be read");
                None
            }
        }
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
