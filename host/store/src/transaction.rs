//! One change of `state.redb`, whole or not at all: what rooms do with lines and documents between begin and commit, the audit log that
//! goes with it, and the marks that keep a repeated request from being done twice.

use jiff::Timestamp;
use mast_model::{Account, Credits, EntryId, LineId, LineRecord};

use crate::document::{Document, Kind, from_row, to_row};
use crate::{Actor, AuditEntry, Entry, Movement, StateStore, StoreError};

/// What can be done inside a change. Everything read is as the change has left it so far.
pub trait Transaction {
    /// Adds a line and gives it an id; `UsernameTaken` or `TokenTaken` where it clashes.
    fn add_line(&mut self, line: LineRecord) -> Result<LineRecord, StoreError>;
    /// A line.
    fn line(&mut self, id: LineId) -> Result<Option<LineRecord>, StoreError>;
    /// Changes a line and gives it the next revision; `LineNotFound` where it is gone.
    fn update_line(&mut self, id: LineId, change: &mut dyn FnMut(&mut LineRecord)) -> Result<LineRecord, StoreError>;
    /// Removes a line; its id is never used again.
    fn remove_line(&mut self, id: LineId) -> Result<LineRecord, StoreError>;

    /// The next number of a kind: from 1, never handed out twice.
    fn next_id(&mut self, kind: Kind) -> Result<u64, StoreError>;
    /// A document's row.
    fn row(&mut self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes a row.
    fn put_row(&mut self, kind: Kind, key: &[u8], row: &[u8]) -> Result<(), StoreError>;
    /// Removes a row; whether it was there.
    fn remove_row(&mut self, kind: Kind, key: &[u8]) -> Result<bool, StoreError>;
    /// Every row of a kind, by key. For kinds with few rows.
    fn rows(&mut self, kind: Kind) -> Result<Vec<Vec<u8>>, StoreError>;
    /// Adds to the audit log.
    fn append_audit(&mut self, entry: AuditEntry) -> Result<u64, StoreError>;
    /// Changes what entries of the audit log say of a person. Who did what, when and to what stays.
    fn rewrite_audit(&mut self, ids: &[u64], change: &mut dyn FnMut(&mut AuditEntry)) -> Result<(), StoreError>;
    /// Removes the oldest entries of the audit log, those from before a time, at most so many; how many there were.
    fn trim_audit(&mut self, before: Timestamp, most: usize) -> Result<usize, StoreError>;

    /// Moves credits: adds an entry to the ledger, which nothing can be taken from, or refuses with `Ledger` and why.
    fn post(&mut self, movement: Movement) -> Result<Entry, StoreError>;
    /// What an account has.
    fn balance(&mut self, account: Account) -> Result<Credits, StoreError>;
    /// An entry of the ledger.
    fn entry(&mut self, id: EntryId) -> Result<Option<Entry>, StoreError>;
}

impl dyn Transaction + '_ {
    /// A document.
    pub fn get<D: Document>(&mut self, key: &[u8]) -> Result<Option<D>, StoreError> {
        self.row(D::KIND, key)?.map(|row| from_row(&row)).transpose()
    }

    /// Writes a document, new or changed.
    pub fn put<D: Document>(&mut self, document: &D) -> Result<(), StoreError> {
        self.put_row(D::KIND, &document.key(), &to_row(document)?)
    }

    /// Every document of a kind with few.
    pub fn all<D: Document>(&mut self) -> Result<Vec<D>, StoreError> {
        self.rows(D::KIND)?.iter().map(|row| from_row(row)).collect()
    }

    /// Notes a change: the parts of `before` and `after` that differ, secrets redacted.
    pub fn audit<T: serde::Serialize>(
        &mut self,
        actor: &Actor,
        action: &str,
        subject: String,
        (before, after): (Option<&T>, Option<&T>),
    ) -> Result<(), StoreError> {
        let (before, after) = crate::audit::difference(before, after)?;
        let entry = AuditEntry {
            id: 0,
            at: Timestamp::now(),
            actor: actor.clone(),
            action: action.to_owned(),
            subject,
            before,
            after,
        };
        self.append_audit(entry).map(|_| ())
    }
}

/// Who changes something, and which request of theirs it is.
#[derive(Debug, Clone)]
pub struct Change {
    /// For the audit log.
    pub actor: Actor,
    /// The request, where it must not be done twice.
    pub once: Option<crate::Once>,
}

impl Change {
    /// A change that may be repeated.
    pub fn by(actor: Actor) -> Self {
        Self { actor, once: None }
    }

    /// Does it, in one transaction with its mark. Nothing is kept where `work` fails.
    pub fn commit<T, E: From<StoreError>>(
        &self,
        store: &dyn StateStore,
        doing: &'static str,
        work: impl FnOnce(&mut dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut work = Some(work);
        let mut outcome = None;
        let written = store.write(doing, &mut |transaction| {
            let Some(work) = work.take() else { return Ok(()) };
            if let Some(once) = &self.once {
                once.mark(transaction)?;
            }
            let done = work(transaction);
            let failed = done.is_err();
            outcome = Some(done);
            if failed { Err(StoreError::Abandoned) } else { Ok(()) }
        });
        match (written, outcome) {
            (Err(StoreError::Abandoned), Some(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(done)) => done,
            (Ok(()), None) => Err(StoreError::Abandoned.into()),
        }
    }
}
