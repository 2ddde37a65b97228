//! Forgetting a person: the line, and whatever the audit log and kept answers say of whoever had it. That something was done stays, with when
//! and by whom; to whom does not.
//!
//! Not reached from here: backups, exports, and the host's own log, which are files of the operator's.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use mast_model::LineId;
use mast_store::{AuditEntry, Change, Done, StateStore, StoreError};
use serde_json::Value;

use super::change::subject;
use super::{Accounts, AccountsError, Inner};

/// Fields that say who somebody is, or where.
const PERSONAL: [&str; 13] = [
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
    "text",
    "device",
];
/// What stands in their place.
const ERASED: &str = "erased";
/// Entries of the log looked at in one go.
const PIECE: usize = 512;

/// How often the log is read anew because names changed meanwhile, before others have to wait for it.
const ROUNDS: usize = 3;

/// How far the log was read, and the entries that say something of the person.
struct Read {
    newest: u64,
    entries: BTreeSet<u64>,
}

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
        // The log may be long, so it is read while others go on changing lines; what they add meanwhile is read when they wait.
        let mut known = BTreeSet::new();
        for _ in 0..ROUNDS {
            self.learn_line(id, &mut known)?;
            let mut read = self.read_log(id, &mut known)?;
            let _order = self.order();
            if !self.learn_line(id, &mut known)? && !self.read_more(id, &mut known, &mut read)? {
                return self.forget(id, change, &known, &read);
            }
            // A name was changed just now: older entries may have the new one.
        }
        let _order = self.order();
        self.learn_line(id, &mut known)?;
        let read = self.read_log(id, &mut known)?;
        self.forget(id, change, &known, &read)
    }

    fn order(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the line is called now; whether that is news.
    fn learn_line(&self, id: LineId, known: &mut BTreeSet<String>) -> Result<bool, AccountsError> {
        let Some(line) = self.store.lines(&[id])?.pop() else { return Ok(false) };
        let before = known.len();
        known.extend([line.username].into_iter().chain(line.email).chain(line.macs));
        Ok(known.len() > before)
    }

    /// First what the line itself was called, at any time; then who else speaks of it.
    fn read_log(&self, id: LineId, known: &mut BTreeSet<String>) -> Result<Read, AccountsError> {
        let newest = self.store.audit_log(u64::MAX, 1, &|_| true)?.first().map_or(0, |entry| entry.id);
        entries(&*self.store, &|entry| is_about(entry, id))?.iter().for_each(|entry| learn(entry, known));
        let all = entries(&*self.store, &|entry| is_about(entry, id) || mentions(entry, known))?;
        Ok(Read { newest, entries: all.iter().map(|entry| entry.id).collect() })
    }

    /// What was added since; whether it has names that were not looked for.
    fn read_more(&self, id: LineId, known: &mut BTreeSet<String>, read: &mut Read) -> Result<bool, AccountsError> {
        let (before, newest, mut below) = (known.len(), read.newest, u64::MAX);
        let mut added = Vec::new();
        loop {
            let piece = self.store.audit_log(below, PIECE, &|_| true)?;
            let Some(oldest) = piece.last().map(|entry| entry.id) else { break };
            added.extend(piece.into_iter().take_while(|entry| entry.id > newest));
            if oldest <= newest {
                break;
            }
            below = oldest;
        }
        added.iter().filter(|entry| is_about(entry, id)).for_each(|entry| learn(entry, known));
        let wanted = added.iter().filter(|entry| is_about(entry, id) || mentions(entry, known));
        read.entries.extend(wanted.map(|entry| entry.id));
        Ok(known.len() > before)
    }

    /// In one step, while nobody else changes lines.
    fn forget(
        &self,
        id: LineId,
        change: &Change,
        known: &BTreeSet<String>,
        read: &Read,
    ) -> Result<Erased, AccountsError> {
        let line = self.store.lines(&[id])?.pop();
        let ids: Vec<u64> = read.entries.iter().copied().collect();
        if line.is_none() && ids.is_empty() {
            return Err(AccountsError::NoSuchLine(id));
        }
        change.commit(&*self.store, "forget somebody", |transaction| {
            if line.is_some() {
                transaction.remove_line(id)?;
            }
            transaction.rewrite_audit(&ids, &mut |entry| {
                let own = is_about(entry, id);
                for side in [&mut entry.before, &mut entry.after].into_iter().flatten() {
                    blot(side, own, known);
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

#[cfg(test)]
mod tests {
    use mast_store::Actor;

    use super::*;
    use crate::accounts::LineRequest;
    use crate::delivery::config::LimitsConfig;

    #[tokio::test]
    async fn what_came_meanwhile_is_read_however_much_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store: std::sync::Arc<dyn StateStore> = mast_store::open_state(folder.path()).unwrap().into();
        let accounts = Accounts::open(store, &LimitsConfig::default()).unwrap();
        let test = || Change::by(Actor::machine("test"));
        let id = accounts.add(vec![LineRequest::new("anna", "hunter2")], test()).await.unwrap()[0].record.id;
        let inner = &accounts.inner;
        for more in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE] {
            let mut known = BTreeSet::from(["anna".to_owned()]);
            let mut read = inner.read_log(id, &mut known).unwrap();
            let before = read.entries.len();
            let change = test();
            let added = change.commit(&*inner.store, "add entries", |transaction| {
                for _ in 0..more {
                    transaction.audit(&change.actor, "line.note", format!("line/{id}"), (None::<&()>, None))?;
                }
                Ok::<_, StoreError>(())
            });
            added.unwrap();
            assert!(!inner.read_more(id, &mut known, &mut read).unwrap());
            assert_eq!(read.entries.len() - before, more, "{more} entries came");
        }
    }
}
