//! The audit log: who changed what, when and from where. Rows are added, in the transaction of the change. They are changed where somebody is
//! to be forgotten, and removed, the oldest first, where the operator does not want them for ever.

use std::net::IpAddr;

use jiff::Timestamp;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::StoreError;
use crate::db::{Fault, from_json, to_json};
use crate::schema::{AUDIT, META, NEXT_AUDIT};

const RECORD: &str = "audit entry";
/// What stands for a secret.
const REDACTED: &str = "***";
/// Fields that are credentials, or as good as one.
const SECRETS: [&str; 6] = ["password_hash", "password", "token", "hash", "totp_secret", "totp_pending"];

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The operator's id; none for resellers and whoever has the machine.
    pub operator: Option<u64>,
    /// The reseller's id; none for everybody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseller: Option<u64>,
    /// The username, or what it was done with.
    pub name: String,
    /// How it came: `session`, `key 7`, `socket`, `command`.
    pub via: String,
    /// From where; none on the machine itself.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Whoever may open the host's files: the control socket, or a command with the store open.
    pub fn machine(via: &str) -> Self {
        Self { operator: None, reseller: None, name: "local".to_owned(), via: via.to_owned(), address: None }
    }

    /// The same by number only, for what stays for ever: neither a name nor an address.
    #[must_use]
    pub fn pseudonym(&self) -> Self {
        Self { name: String::new(), address: None, ..self.clone() }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number, assigned by the store: 1, 2, 3.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What, for example `line.update`.
    pub action: String,
    /// To what, for example `line/17`.
    pub subject: String,
    /// The fields that changed, as they were.
    pub before: Option<Value>,
    /// The fields that changed, as they are.
    pub after: Option<Value>,
}

pub(crate) fn append(transaction: &WriteTransaction, mut entry: AuditEntry) -> Result<u64, Fault> {
    let mut meta = transaction.open_table(META)?;
    let id = meta.get(NEXT_AUDIT)?.map_or(1, |next| next.value());
    meta.insert(NEXT_AUDIT, id.checked_add(1).ok_or(StoreError::OutOfIds("audit"))?)?;
    entry.id = id;
    transaction.open_table(AUDIT)?.insert(id, to_json(RECORD, &entry)?.as_slice())?;
    Ok(id)
}

pub(crate) fn rewrite(
    transaction: &WriteTransaction,
    ids: &[u64],
    change: &mut dyn FnMut(&mut AuditEntry),
) -> Result<(), Fault> {
    let mut table = transaction.open_table(AUDIT)?;
    for id in ids {
        let Some(old) = table.get(id)?.map(|row| from_json::<AuditEntry>(RECORD, row.value())).transpose()? else {
            continue;
        };
        let mut new = old.clone();
        change(&mut new);
        // Not to be forgotten.
        let new = AuditEntry { before: new.before, after: new.after, ..old };
        table.insert(id, to_json(RECORD, &new)?.as_slice())?;
    }
    Ok(())
}

pub(crate) fn trim(transaction: &WriteTransaction, before: Timestamp, most: usize) -> Result<usize, Fault> {
    let mut table = transaction.open_table(AUDIT)?;
    let mut old = Vec::new();
    for row in table.iter()?.take(most) {
        let (id, row) = row?;
        if from_json::<AuditEntry>(RECORD, row.value())?.at >= before {
            break;
        }
        old.push(id.value());
    }
    for id in &old {
        table.remove(id)?;
    }
    Ok(old.len())
}

/// The newest entries below `before`, newest first, those that `wanted` names.
pub(crate) fn newest(
    transaction: &ReadTransaction,
    before: u64,
    most: usize,
    wanted: &dyn Fn(&AuditEntry) -> bool,
) -> Result<Vec<AuditEntry>, Fault> {
    let table = transaction.open_table(AUDIT)?;
    let mut found = Vec::new();
    for row in table.range(..before)?.rev() {
        if found.len() == most {
            break;
        }
        let entry: AuditEntry = from_json(RECORD, row?.1.value())?;
        if wanted(&entry) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// The fields that differ, secrets redacted after they were compared.
pub(crate) fn difference<T: Serialize>(
    before: Option<&T>,
    after: Option<&T>,
) -> Result<(Option<Value>, Option<Value>), StoreError> {
    let value = |one: Option<&T>| one.map(serde_json::to_value).transpose();
    let damaged = |error: serde_json::Error| StoreError::Damaged {
        file: "state.redb".into(),
        record: RECORD,
        cause: format!("{:?} error", error.classify()),
    };
    let (before, after) = (value(before).map_err(damaged)?, value(after).map_err(damaged)?);
    let (mut before, mut after) = match (before, after) {
        (Some(Value::Object(mut before)), Some(Value::Object(mut after))) => {
            let same: Vec<String> = before
                .iter()
                .filter(|(name, value)| after.get(*name) == Some(value))
                .map(|(name, _)| name.clone())
                .collect();
            for name in same {
                before.remove(&name);
                after.remove(&name);
            }
            (Some(Value::Object(before)), Some(Value::Object(after)))
        }
        whole => whole,
    };
    for side in [&mut before, &mut after] {
        if let Some(Value::Object(fields)) = side {
            redact(fields);
        }
    }
    Ok((before, after))
}

fn redact(fields: &mut Map<String, Value>) {
    for (name, value) in fields {
        if SECRETS.contains(&name.as_str()) && !value.is_null() {
            *value = REDACTED.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_noted_and_no_secret() {
        let (before, after) = (
            json!({ "a": 1, "b": 2, "token": "secret-1", "totp_secret": null, "password_hash": "same" }),
            json!({ "a": 1, "b": 3, "token": "secret-2", "totp_secret": "secret-3", "password_hash": "same" }),
        );
        let (was, is) = difference(Some(&before), Some(&after)).unwrap();
        assert_eq!(was, Some(json!({ "b": 2, "token": "***", "totp_secret": null })));
        assert_eq!(is, Some(json!({ "b": 3, "token": "***", "totp_secret": "***" })));
        let (was, is) = difference(None, Some(&after)).unwrap();
        assert!(was.is_none() && !is.unwrap().to_string().contains("secret-"));
    }
}
