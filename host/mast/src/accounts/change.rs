//! Changing lines: checked first, hashed before anybody is made to wait, then store and memory in one order. Each change is one
//! transaction with its entries in the audit log, however many lines it touches.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mast_model::{Line, LineId, LineRecord, LineToken, Secret};
use mast_store::{Actor, Change, StoreError, Transaction};

use super::request::{Prepared, check_password, check_record, extended};
use super::{Accounts, AccountsError, Inner, InvalidLine, LinePatch, LineRequest, password};

/// Lines with passwords in one request: each takes tens of milliseconds of a core.
const MOST_SLOW: usize = 1_000;
/// Lines in one request.
const MOST: usize = 20_000;

/// A line that was added.
#[derive(Debug, Clone)]
pub struct Added {
    /// As it is stored.
    pub record: LineRecord,
    /// The password that was invented for it, where none was given.
    pub password: Option<Secret>,
}

/// What is done to lines.
#[derive(Debug, Clone)]
pub enum LineEdit {
    /// Some fields.
    Patch(Box<LinePatch>),
    /// A new token; URLs with the old one end.
    RotateToken,
    /// A later end, from the end so far or from now, whichever is later.
    Extend(SignedDuration),
    /// Switched on or off.
    Active(bool),
}

impl LineEdit {
    /// For the audit log.
    fn action(&self) -> &'static str {
        match self {
            Self::Patch(_) => "line.update",
            Self::RotateToken => "line.rotate_token",
            Self::Extend(_) => "line.extend",
            Self::Active(true) => "line.enable",
            Self::Active(false) => "line.disable",
        }
    }
}

impl Accounts {
    /// Adds lines, all or none.
    pub async fn add(&self, requests: Vec<LineRequest>, change: Change) -> Result<Vec<Added>, AccountsError> {
        self.add_with(requests, change, |_, _| Ok(())).await
    }

    /// The same; `also` runs in the same transaction with the lines as they were stored, and nothing is kept where it fails.
    pub async fn add_with<E: From<AccountsError> + From<StoreError> + Send + 'static>(
        &self,
        requests: Vec<LineRequest>,
        change: Change,
        also: impl FnOnce(&mut dyn Transaction, &[LineRecord]) -> Result<(), E> + Send + 'static,
    ) -> Result<Vec<Added>, E> {
        self.add_stamped(requests, |_| (), change, also).await
    }

    /// The same; `stamp` writes into each line what no request may say, such as who sold it.
    pub async fn add_stamped<E: From<AccountsError> + From<StoreError> + Send + 'static>(
        &self,
        requests: Vec<LineRequest>,
        stamp: impl Fn(&mut LineRecord) + Send,
        change: Change,
        also: impl FnOnce(&mut dyn Transaction, &[LineRecord]) -> Result<(), E> + Send + 'static,
    ) -> Result<Vec<Added>, E> {
        let mut prepared = self.prepare(requests).await?;
        prepared.iter_mut().for_each(|prepared| stamp(&mut prepared.record));
        self.blocking_with(move |inner| inner.insert(prepared, &change, also)).await
    }

    /// Checks and hashes.
    async fn prepare(&self, requests: Vec<LineRequest>) -> Result<Vec<Prepared>, AccountsError> {
        let slow = requests.iter().filter(|request| request.is_slow()).count();
        if slow > MOST_SLOW || requests.len() > MOST {
            return Err(InvalidLine::TooManyLines(requests.len()).into());
        }
        let checked: Vec<(LineRequest, LineRecord)> = requests
            .into_iter()
            .map(|request| request.check().map(|record| (request, record)))
            .collect::<Result<_, _>>()?;
        // The slow part, before anybody else is made to wait; one turn for each, so that logins get theirs in between.
        let mut prepared = Vec::with_capacity(checked.len());
        for (request, record) in checked {
            let turn = if request.is_slow() { Some(self.inner.hashing.patient_turn().await) } else { None };
            let work = move || {
                let prepared = request.prepare(record);
                drop(turn);
                prepared
            };
            prepared.push(self.blocking(move |_| Ok(work()?)).await?);
        }
        Ok(prepared)
    }

    /// Whether lines could be added, as far as that can be told without hashing: `add` may still find a token that is taken.
    pub fn check(&self, requests: &[LineRequest]) -> Result<(), AccountsError> {
        for request in requests {
            let record = request.check()?;
            self.inner.check_devices(LineId(0), &record)?;
            if self.by_username(&record.username).is_some() {
                return Err(StoreError::UsernameTaken(record.username).into());
            }
        }
        Ok(())
    }

    /// Changes lines, all or none. `expected` is the revision that the caller has seen, where there is one line.
    pub async fn edit(
        &self,
        ids: Vec<LineId>,
        expected: Option<u64>,
        edit: LineEdit,
        change: Change,
    ) -> Result<Vec<LineRecord>, AccountsError> {
        let hash = match &edit {
            LineEdit::Patch(patch) => match patch.password.clone() {
                Some(password) => {
                    check_password(&password)?;
                    let turn = self.inner.hashing.patient_turn().await;
                    let work = move || {
                        let hash = password::hash(password.expose());
                        drop(turn);
                        hash
                    };
                    Some(self.blocking(move |_| Ok(work()?)).await?)
                }
                None => None,
            },
            _ => None,
        };
        self.blocking(move |inner| inner.edit(&ids, expected, &edit, hash.as_ref(), &change)).await
    }

    /// Changes one line by a rule that runs in the transaction, and may do more in it; nothing is kept where the rule fails.
    pub async fn edit_with<E: From<AccountsError> + From<StoreError> + Send + 'static>(
        &self,
        id: LineId,
        action: &'static str,
        change: Change,
        rule: impl FnOnce(&mut dyn Transaction, &mut LineRecord) -> Result<(), E> + Send + 'static,
    ) -> Result<LineRecord, E> {
        self.blocking_with(move |inner| inner.edit_by(id, action, &change, rule)).await
    }

    /// Removes lines, all or none.
    pub async fn remove(&self, ids: Vec<LineId>, expected: Option<u64>, change: Change) -> Result<(), AccountsError> {
        self.blocking(move |inner| inner.remove(&ids, expected, &change)).await
    }
}

impl Inner {
    fn insert<E: From<AccountsError> + From<StoreError>>(
        &self,
        prepared: Vec<Prepared>,
        change: &Change,
        also: impl FnOnce(&mut dyn Transaction, &[LineRecord]) -> Result<(), E>,
    ) -> Result<Vec<Added>, E> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut macs = HashSet::new();
        for Prepared { record, .. } in &prepared {
            self.check_devices(LineId(0), record).map_err(|error| error.told_to(&change.actor))?;
            if let Some(mac) =
                record.macs.iter().collect::<HashSet<_>>().into_iter().find(|mac| !macs.insert((*mac).clone()))
            {
                let (mac, username) = (mac.clone(), record.username.clone());
                return Err(AccountsError::DeviceTaken { mac, username }.into());
            }
        }
        let (records, invented): (Vec<_>, Vec<_>) =
            prepared.into_iter().map(|prepared| (prepared.record, prepared.invented)).unzip();
        let records = change.commit(&*self.store, "add lines", |transaction| {
            let mut added = Vec::with_capacity(records.len());
            for record in records {
                let record = transaction.add_line(record)?;
                transaction.audit(&change.actor, "line.create", subject(record.id), (None, Some(&record)))?;
                added.push(record);
            }
            also(transaction, &added)?;
            Ok::<_, E>(added)
        })?;
        self.publish(&records);
        Ok(records.into_iter().zip(invented).map(|(record, password)| Added { record, password }).collect())
    }

    fn edit(
        &self,
        ids: &[LineId],
        expected: Option<u64>,
        edit: &LineEdit,
        hash: Option<&Secret>,
        change: &Change,
    ) -> Result<Vec<LineRecord>, AccountsError> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now();
        let records = change.commit(&*self.store, "change lines", |transaction| {
            let mut changed = Vec::with_capacity(ids.len());
            for id in ids {
                let before = seen(transaction, *id, expected)?;
                let mut wanted = before.clone();
                match edit {
                    LineEdit::Patch(patch) => {
                        patch.terms.apply(&mut wanted);
                        if let Some(username) = &patch.username {
                            wanted.username.clone_from(username);
                        }
                        if let Some(hash) = hash {
                            wanted.password_hash = hash.clone();
                        }
                        check_record(&mut wanted)?;
                        self.check_devices(*id, &wanted).map_err(|error| error.told_to(&change.actor))?;
                    }
                    LineEdit::RotateToken => wanted.token = LineToken::from_bytes(password::random()?),
                    LineEdit::Extend(by) => wanted.expires = extended(before.expires, *by, now),
                    LineEdit::Active(active) => wanted.active = *active,
                }
                hold(&mut wanted, &before, edit, &change.actor)?;
                let after = transaction.update_line(*id, &mut |line| *line = wanted.clone())?;
                transaction.audit(&change.actor, edit.action(), subject(*id), (Some(&before), Some(&after)))?;
                changed.push(after);
            }
            Ok::<_, AccountsError>(changed)
        })?;
        self.publish(&records);
        Ok(records)
    }

    pub(super) fn edit_by<E: From<AccountsError> + From<StoreError>>(
        &self,
        id: LineId,
        action: &str,
        change: &Change,
        rule: impl FnOnce(&mut dyn Transaction, &mut LineRecord) -> Result<(), E>,
    ) -> Result<LineRecord, E> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let record = change.commit(&*self.store, "change a line", |transaction| {
            let before = seen(transaction, id, None)?;
            let mut wanted = before.clone();
            rule(transaction, &mut wanted)?;
            check_record(&mut wanted).map_err(AccountsError::from)?;
            self.check_devices(id, &wanted).map_err(|error| error.told_to(&change.actor))?;
            let after = transaction.update_line(id, &mut |line| *line = wanted.clone())?;
            transaction.audit(&change.actor, action, subject(id), (Some(&before), Some(&after)))?;
            Ok::<_, E>(after)
        })?;
        self.publish(std::slice::from_ref(&record));
        Ok(record)
    }

    fn remove(&self, ids: &[LineId], expected: Option<u64>, change: &Change) -> Result<(), AccountsError> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        change.commit(&*self.store, "remove lines", |transaction| {
            for id in ids {
                seen(transaction, *id, expected)?;
                let line = transaction.remove_line(*id)?;
                transaction.audit(&change.actor, "line.delete", subject(*id), (Some(&line), None))?;
            }
            Ok::<_, AccountsError>(())
        })?;
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        ids.iter().for_each(|id| table.remove(*id));
        drop(table);
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    /// The password was right for `seen`: the line as it is now, if it still has that password. A hash of another panel gives way to one
    /// of our own.
    pub(super) fn confirm(&self, seen: &LineRecord, password: &Secret) -> Option<Arc<Line>> {
        if password::is_bcrypt(seen.password_hash.expose()) {
            match self.upgrade(seen, password) {
                Ok(line) => return Some(line),
                // The old hash still serves.
                Err(error) => tracing::warn!(line = %seen.id, %error, "a password's hash was not upgraded"),
            }
        }
        // In this order: the line is not newer than the record, so that its revision never stands for a later password.
        let line = self.table().by_id(seen.id)?;
        let now = self.record(seen.id)?;
        (now.password_hash == seen.password_hash).then_some(line)
    }

    fn upgrade(&self, seen: &LineRecord, password: &Secret) -> Result<Arc<Line>, AccountsError> {
        let hash = password::hash(password.expose())?;
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let change = Change::by(Actor::machine("login"));
        let record = change.commit(&*self.store, "upgrade a password's hash", |transaction| {
            let before = transaction.line(seen.id)?.ok_or(AccountsError::NoSuchLine(seen.id))?;
            if before.password_hash != seen.password_hash {
                return Err(AccountsError::Changed { id: seen.id, revision: before.revision });
            }
            let after = transaction.update_line(seen.id, &mut |line| line.password_hash = hash.clone())?;
            transaction.audit(&change.actor, "line.upgrade_hash", subject(seen.id), (Some(&before), Some(&after)))?;
            Ok::<_, AccountsError>(after)
        })?;
        self.publish(std::slice::from_ref(&record));
        self.table().by_id(record.id).ok_or(AccountsError::NoSuchLine(record.id))
    }

    fn check_devices(&self, id: LineId, record: &LineRecord) -> Result<(), AccountsError> {
        match self.table().bound_elsewhere(id, &record.macs) {
            Some((mac, owner)) => Err(AccountsError::DeviceTaken { mac, username: owner.username.to_string() }),
            None => Ok(()),
        }
    }

    fn publish(&self, records: &[LineRecord]) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            table.put(record);
        }
        drop(table);
        self.changes.send_modify(|count| *count += 1);
    }
}

impl AccountsError {
    /// Whose a device is, is not for every reseller to know.
    fn told_to(self, actor: &Actor) -> Self {
        match self {
            Self::DeviceTaken { mac, .. } if actor.reseller.is_some() => Self::DeviceBound(mac),
            other => other,
        }
    }
}

/// What an operator switched off, no reseller switches on.
fn hold(wanted: &mut LineRecord, before: &LineRecord, edit: &LineEdit, actor: &Actor) -> Result<(), AccountsError> {
    let stated = match edit {
        LineEdit::Patch(patch) => patch.terms.active,
        LineEdit::Active(active) => Some(*active),
        LineEdit::RotateToken | LineEdit::Extend(_) => None,
    };
    match (stated, actor.reseller) {
        (Some(true), Some(_)) if before.held => Err(AccountsError::Held(before.id)),
        (Some(active), None) => {
            wanted.held = !active;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The line, if it is as the caller has seen it.
fn seen(transaction: &mut dyn Transaction, id: LineId, expected: Option<u64>) -> Result<LineRecord, AccountsError> {
    let line = transaction.line(id)?.ok_or(AccountsError::NoSuchLine(id))?;
    match expected {
        Some(expected) if expected != line.revision => Err(AccountsError::Changed { id, revision: line.revision }),
        _ => Ok(line),
    }
}

pub(super) fn subject(id: LineId) -> String {
    format!("line/{id}")
}
