//! Adding and changing operators.

use std::sync::PoisonError;

use jiff::Timestamp;
use mast_model::{Operator, OperatorId, Role, SecondFactor, Secret};
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
    /// What the identity provider says of it; none where only the password lets it in.
    pub oidc_id: Option<String>,
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
    /// What the identity provider says of it, or that it says nothing.
    pub oidc_id: Option<Option<String>>,
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
        new.oidc_id.as_deref().map_or(Ok(()), check_oidc_id)?;
        self.blocking(move |inner| {
            let password_hash = password::hash(new.password.expose())?;
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.state().named(&new.username).is_some() {
                return Err(OperatorsError::UsernameTaken(new.username));
            }
            inner.check_not_shared(new.oidc_id.as_deref(), None)?;
            let operator = change.commit(&*inner.store, "add an operator", |transaction| {
                let operator = Operator {
                    id: OperatorId(transaction.next_id(Kind::Operators)?),
                    username: new.username,
                    password_hash,
                    role: new.role,
                    active: true,
                    totp: SecondFactor::default(),
                    oidc_id: new.oidc_id,
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

    /// Changes an operator. Another password, role or person at the identity provider, or switching off, ends its sessions.
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
        patch.oidc_id.as_ref().and_then(Option::as_deref).map_or(Ok(()), check_oidc_id)?;
        self.blocking(move |inner| {
            let hash = patch.password.as_ref().map(|password| password::hash(password.expose())).transpose()?;
            inner.edit(id, expected, "operator.update", &change, |operator| {
                if let Some(hash) = hash {
                    operator.password_hash = hash;
                }
                operator.role = patch.role.unwrap_or(operator.role);
                operator.active = patch.active.unwrap_or(operator.active);
                operator.oidc_id = patch.oidc_id.unwrap_or(operator.oidc_id.take());
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
        if after.oidc_id != before.oidc_id {
            self.check_not_shared(after.oidc_id.as_deref(), Some(id))?;
        }
        // Whoever knew the old password, or is not wanted any more, is out.
        let another_person = before.oidc_id.is_some() && after.oidc_id != before.oidc_id;
        let another_password = after.password_hash != before.password_hash;
        let outdated = another_password || another_person || !after.active || after.role != before.role;
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

impl Inner {
    /// One person is one operator. Without regard to case, as mail addresses are compared.
    fn check_not_shared(&self, oidc_id: Option<&str>, owner: Option<OperatorId>) -> Result<(), OperatorsError> {
        let Some(oidc_id) = oidc_id else { return Ok(()) };
        let same = |other: &&Operator| other.oidc_id.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(oidc_id));
        match self.state().operators.values().filter(same).find(|other| Some(other.id) != owner) {
            Some(other) => Err(OperatorsError::PersonTaken(other.username.clone())),
            None => Ok(()),
        }
    }
}

fn check_oidc_id(id: &str) -> Result<(), OperatorsError> {
    let fits = (1..=255).contains(&id.chars().count()) && id.trim() == id && !id.chars().any(char::is_control);
    let text = "what an identity provider says of an operator has 1 to 255 characters, no white space at its ends";
    if fits { Ok(()) } else { Err(OperatorsError::Invalid(text.to_owned())) }
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
