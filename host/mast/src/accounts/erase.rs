//! Forgetting a person: the line, and whatever the audit log and kept answers say of whoever had it. That something was done stays, with when
//! and by whom; to whom does not.
//!
//! Not reached from here: backups, exports, and the host's own log, which are files of the operator's.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use mast_model::LineId;
use mast_store::{AuditEntry, Change, Done, StateStore, StoreError};
use serde_json::Value;

use super::change::subject;
use super::{Accounts, AccountsError, Inner};

/// Fields that say who somebody is, or where.
const PERSONAL: [&str; 11] = [
    "username",
    "email",
    "notes",
    "macs",
    "networks",
    "devices",
    "countries",
    "address",
    "country",
    "user_agent",
    "reason",
];
/// What stands in their place.
const ERASED: &str = "erased";
/// Entries of the log looked at in one go.
const PIECE: usize = 512;

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// The line was still there.
    pub line: bool,
    /// Entries of the audit log that said something of the person.
    pub entries: usize,
}

impl Accounts {
    /// Removes a line, if it is still there, and forgets whoever had it.
    pub async fn erase(&self, id: LineId, change: Change) -> Result<Erased, AccountsError> {
        self.blocking(move |inner| inner.erase(id, &change)).await
    }
}

impl Inner {
    fn erase(&self, id: LineId, change: &Change) -> Result<Erased, AccountsError> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let line = self.store.lines(&[id])?.pop();
        let mut known: BTreeSet<String> = BTreeSet::new();
        if let Some(line) = &line {
            known.extend([line.username.clone()].into_iter().chain(line.email.clone()).chain(line.macs.clone()));
        }
        // First what the line itself was called, at any time; then who else speaks of it.
        let own = entries(&*self.store, &|entry| is_about(entry, id))?;
        own.iter().for_each(|entry| learn(entry, &mut known));
        let all = entries(&*self.store, &|entry| is_about(entry, id) || mentions(entry, &known))?;
        if line.is_none() && all.is_empty() {
            return Err(AccountsError::NoSuchLine(id));
        }
        let ids: Vec<u64> = all.iter().map(|entry| entry.id).collect();
        drop((own, all));
        change.commit(&*self.store, "forget somebody", |transaction| {
            if line.is_some() {
                transaction.remove_line(id)?;
            }
            transaction.rewrite_audit(&ids, &mut |entry| {
                let own = is_about(entry, id);
                for side in [&mut entry.before, &mut entry.after].into_iter().flatten() {
                    blot(side, own, &known);
                }
            })?;
            for done in transaction.all::<Done>()? {
                if done
                    .answer
                    .as_ref()
                    .is_some_and(|answer| known.iter().any(|text| answer.body.contains(text.as_str())))
                {
                    transaction.put(&Done { answer: None, ..done })?;
                }
            }
            transaction.audit::<Value>(&change.actor, "line.erase", subject(id), (None, None))?;
            Ok::<_, AccountsError>(())
        })?;
        self.table.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.changes.send_modify(|count| *count += 1);
        Ok(Erased { line: line.is_some(), entries: ids.len() })
    }
}

/// Entries that are `wanted`, read a piece at a time.
fn entries(store: &dyn StateStore, wanted: &dyn Fn(&AuditEntry) -> bool) -> Result<Vec<AuditEntry>, StoreError> {
    let (mut found, mut before) = (Vec::new(), u64::MAX);
    loop {
        let piece = store.audit_log(before, PIECE, wanted)?;
        let Some(last) = piece.last() else { return Ok(found) };
        before = last.id;
        found.extend(piece);
    }
}

fn is_about(entry: &AuditEntry, id: LineId) -> bool {
    let banned =
        |side: &Option<Value>| side.as_ref().is_some_and(|side| side.pointer("/banned/line") == Some(&id.0.into()));
    entry.subject == subject(id) || banned(&entry.before) || banned(&entry.after)
}

/// The names and addresses that an entry of the line itself has.
fn learn(entry: &AuditEntry, known: &mut BTreeSet<String>) {
    for side in [&entry.before, &entry.after].into_iter().flatten() {
        let texts = [side["username"].as_str(), side["email"].as_str()].into_iter().flatten();
        known.extend(texts.filter(|text| *text != ERASED).map(str::to_owned));
        let macs = side["macs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        known.extend(macs.map(str::to_owned));
    }
}

fn mentions(entry: &AuditEntry, known: &BTreeSet<String>) -> bool {
    fn any(value: &Value, known: &BTreeSet<String>) -> bool {
        match value {
            Value::String(text) => known.contains(text),
            Value::Array(items) => items.iter().any(|item| any(item, known)),
            Value::Object(fields) => fields.values().any(|field| any(field, known)),
            _ => false,
        }
    }
    [&entry.before, &entry.after].into_iter().flatten().any(|side| any(side, known))
}

/// Takes out what says who it was: in the person's own entries by the name of the field, elsewhere by what it says.
fn blot(value: &mut Value, own: bool, known: &BTreeSet<String>) {
    match value {
        Value::String(text) if known.contains(text) => *value = ERASED.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| blot(item, own, known)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let says_something = !field.is_null() && *field != "" && *field != Value::Array(Vec::new());
                if own && PERSONAL.contains(&name.as_str()) && says_something {
                    *field = ERASED.into();
                } else {
                    blot(field, own, known);
                }
            }
        }
        _ => {}
    }
}
