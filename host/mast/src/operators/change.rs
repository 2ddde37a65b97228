//! Adding and changing operators.

use std::sync::PoisonError;

use jiff::Timestamp;
use mast_model::{Operator, OperatorId, Role, Secret};
use mast_store::{Change, Kind};

use super::{Inner, Operators, OperatorsError};
use crate::accounts::password;

/// An operator to be added.
#[derive(Debug, Clone)]
pub struct NewOperator {
    /// 1 to 64 characters, no white space.
    pub username: String,
    /// 8 to 128 characters.
    pub password: Secret,
    /// What it may do.
    pub role: Role,
}

/// A change of an operator; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct OperatorPatch {
    /// As in a new one.
    pub password: Option<Secret>,
    /// What it may do.
    pub role: Option<Role>,
    /// Off where false.
    pub active: Option<bool>,
}

impl Operators {
    /// Adds an operator.
    pub async fn add(&self, new: NewOperator, change: Change) -> Result<Operator, OperatorsError> {
        let fits = (1..=64).contains(&new.username.chars().count())
            && !new.username.chars().any(|c| c.is_whitespace() || c.is_control());
        if !fits {
            let text = "an operator's username has 1 to 64 characters without white space";
            return Err(OperatorsError::Invalid(text.to_owned()));
        }
        check_password(&new.password)?;
        self.blocking(move |inner| {
            let password_hash = password::hash(new.password.expose())?;
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.state().named(&new.username).is_some() {
                return Err(OperatorsError::UsernameTaken(new.username));
            }
            let operator = change.commit(&*inner.store, "add an operator", |transaction| {
                let operator = Operator {
                    id: OperatorId(transaction.next_id(Kind::Operators)?),
                    username: new.username,
                    password_hash,
                    role: new.role,
                    active: true,
                    totp_secret: None,
                    totp_pending: None,
                    totp_last_step: 0,
                    created: Timestamp::now(),
                    revision: 0,
                };
                transaction.put(&operator)?;
                let subject = format!("operator/{}", operator.id);
                transaction.audit(&change.actor, "operator.create", subject, (None, Some(&operator)))?;
                Ok::<_, OperatorsError>(operator)
            })?;
            inner.change_state(|state| state.operators.insert(operator.id, operator.clone()));
            Ok(operator)
        })
        .await
    }

    /// Changes an operator. Another password or role, or switching off, ends its sessions.
    pub async fn change(
        &self,
        id: OperatorId,
        expected: Option<u64>,
        patch: OperatorPatch,
        change: Change,
    ) -> Result<Operator, OperatorsError> {
        if let Some(password) = &patch.password {
            check_password(password)?;
        }
        self.blocking(move |inner| {
            let hash = patch.password.as_ref().map(|password| password::hash(password.expose())).transpose()?;
            inner.edit(id, expected, "operator.update", &change, |operator| {
                if let Some(hash) = hash {
                    operator.password_hash = hash;
                }
                operator.role = patch.role.unwrap_or(operator.role);
                operator.active = patch.active.unwrap_or(operator.active);
                Ok(())
            })
        })
        .await
    }
}

impl Inner {
    /// Changes one operator, with its entry in the audit log.
    pub(super) fn edit(
        &self,
        id: OperatorId,
        expected: Option<u64>,
        action: &str,
        change: &Change,
        edit: impl FnOnce(&mut Operator) -> Result<(), OperatorsError>,
    ) -> Result<Operator, OperatorsError> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.state().operators.get(&id).cloned();
        let before = before.ok_or_else(|| OperatorsError::NoSuchOperator(id.to_string()))?;
        if expected.is_some_and(|expected| expected != before.revision) {
            return Err(OperatorsError::Changed { id, revision: before.revision });
        }
        let mut after = before.clone();
        edit(&mut after)?;
        (after.id, after.created, after.revision) = (before.id, before.created, before.revision + 1);
        if is_owner(&before) && !is_owner(&after) && !self.state().has_other_owner(id) {
            return Err(OperatorsError::LastOwner);
        }
        if after.username != before.username && self.state().named(&after.username).is_some() {
            return Err(OperatorsError::UsernameTaken(after.username));
        }
        // Whoever knew the old password, or is not wanted any more, is out.
        let outdated = after.password_hash != before.password_hash || !after.active || after.role != before.role;
        let ended = if outdated { self.sessions_of(id) } else { Vec::new() };
        change.commit(&*self.store, "change an operator", |transaction| {
            for hash in &ended {
                transaction.remove_row(Kind::LoginSessions, hash.as_bytes())?;
            }
            transaction.put(&after)?;
            transaction.audit(&change.actor, action, format!("operator/{id}"), (Some(&before), Some(&after)))?;
            Ok::<_, OperatorsError>(())
        })?;
        self.change_state(|state| {
            ended.iter().for_each(|hash| drop(state.sessions.remove(hash)));
            state.operators.insert(id, after.clone());
        });
        Ok(after)
    }
}

fn check_password(password: &Secret) -> Result<(), OperatorsError> {
    match password.expose().chars().count() {
        8..=128 => Ok(()),
        _ => Err(OperatorsError::Invalid("an operator's password has 8 to 128 characters".to_owned())),
    }
}

fn is_owner(operator: &Operator) -> bool {
    operator.active && operator.role == Role::Owner
}
