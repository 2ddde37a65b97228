//! Requests that must not be done twice: a mark is written in the transaction of the change itself, the answer is added behind it. A
//! request that comes again finds the answer, or at least that it was done, also after a crash between the two.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::document::Kind;
use crate::{StateStore, StoreError, Transaction};

/// How long a request is remembered.
const KEEP: SignedDuration = SignedDuration::from_hours(24);

/// A request with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Whose request it is: keys of different operators do not meet.
    pub principal: String,
    /// The key, as sent.
    pub key: String,
    /// A hash of method, path and body: the same key with another request is a mistake.
    pub fingerprint: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// See [`Once`].
    pub principal: String,
    /// See [`Once`].
    pub key: String,
    /// See [`Once`].
    pub fingerprint: String,
    /// When.
    pub at: Timestamp,
    /// What was answered; none where the host ended between the change and its answer.
    pub answer: Option<Answer>,
}

/// An answer as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields that belong to it.
    pub headers: Vec<(String, String)>,
    /// The body, a text.
    pub body: String,
}

impl Done {
    /// A zero byte cannot be in a principal's name, so that two pairs never share a row.
    pub(crate) fn row_key(principal: &str, key: &str) -> Vec<u8> {
        [principal.as_bytes(), &[0], key.as_bytes()].concat()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) > KEEP
    }
}

impl Once {
    /// What was done for this request before, if anything.
    pub fn find(&self, store: &dyn StateStore) -> Result<Option<Done>, StoreError> {
        let done: Option<Done> = store.get(&Done::row_key(&self.principal, &self.key))?;
        Ok(done.filter(|done| !done.is_over(Timestamp::now())))
    }

    /// Notes that it is being done; `AlreadyDone` where it was.
    pub(crate) fn mark(&self, transaction: &mut dyn Transaction) -> Result<(), StoreError> {
        let known: Option<Done> = transaction.get(&Done::row_key(&self.principal, &self.key))?;
        let now = Timestamp::now();
        if known.is_some_and(|known| !known.is_over(now)) {
            return Err(StoreError::AlreadyDone);
        }
        transaction.put(&self.done(now, None))
    }

    /// Adds the answer to what was done.
    pub fn answered(&self, store: &dyn StateStore, answer: &Answer) -> Result<(), StoreError> {
        store.write("keep an answer", &mut |transaction| {
            let known: Option<Done> = transaction.get(&Done::row_key(&self.principal, &self.key))?;
            let at = known.map_or_else(Timestamp::now, |known| known.at);
            transaction.put(&self.done(at, Some(answer.clone())))
        })
    }

    fn done(&self, at: Timestamp, answer: Option<Answer>) -> Done {
        let Self { principal, key, fingerprint } = self.clone();
        Done { principal, key, fingerprint, at, answer }
    }
}

/// Entries of the audit log removed in one transaction: others have their turn in between.
const AT_ONCE: usize = 1_000;

/// Removes entries of the audit log from before a time; how many there were.
pub fn trim_audit(store: &dyn StateStore, before: Timestamp) -> Result<usize, StoreError> {
    let mut all = 0;
    loop {
        let mut removed = 0;
        store.write("trim the audit log", &mut |transaction| {
            removed = transaction.trim_audit(before, AT_ONCE)?;
            Ok(())
        })?;
        all += removed;
        if removed < AT_ONCE {
            return Ok(all);
        }
    }
}

/// Forgets what was done too long ago to matter.
pub fn forget_done(store: &dyn StateStore) -> Result<usize, StoreError> {
    let now = Timestamp::now();
    let old: Vec<Done> = store.all::<Done>()?.into_iter().filter(|done| done.is_over(now)).collect();
    if !old.is_empty() {
        store.write("forget old requests", &mut |transaction| {
            old.iter().try_for_each(|done| {
                transaction.remove_row(Kind::Done, &Done::row_key(&done.principal, &done.key)).map(|_| ())
            })
        })?;
    }
    Ok(old.len())
}
