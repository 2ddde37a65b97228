//! API keys: made once, shown once, kept as a hash. A key has 32 random bytes, so that a fast hash is enough.

use std::net::IpAddr;
use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use mast_model::{ApiKey, ApiKeyId, OperatorId, Scope, Secret};
use mast_store::{Change, Kind};

use super::{Identity, Inner, Operators, OperatorsError, Scopes, Via, hash_of, scopes_of, unknown_scope};
use crate::accounts::password;

/// What every key begins with, so that people and scanners recognise one.
const PREFIX: &str = "mast_";
/// Keys of one operator.
const MOST: usize = 100;
/// How exactly it is known when a key was last used.
const NOTE_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose.
    pub operator: OperatorId,
    /// What for.
    pub name: String,
    /// Names of scopes; none for all that the operator's role has.
    pub scopes: Vec<String>,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
}

/// A key that was made.
#[derive(Debug)]
pub struct MadeKey {
    /// As it is kept.
    pub key: ApiKey,
    /// The key itself; known to nobody else.
    pub secret: Secret,
}

impl Operators {
    /// Makes a key with at most the scopes that `most` has.
    pub async fn make_key(&self, new: NewKey, most: Scopes, change: Change) -> Result<MadeKey, OperatorsError> {
        self.blocking(move |inner| inner.make_key(new, most, &change)).await
    }

    /// Revokes a key; of this operator only, where one is named.
    pub async fn revoke_key(
        &self,
        id: ApiKeyId,
        owner: Option<OperatorId>,
        change: Change,
    ) -> Result<(), OperatorsError> {
        self.blocking(move |inner| {
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let found = inner.state().keys.values().find(|key| key.id == id).cloned();
            let key = found.filter(|key| owner.is_none_or(|owner| owner == key.operator));
            let key = key.ok_or(OperatorsError::NoSuchKey(id))?;
            change.commit(&*inner.store, "revoke an API key", |transaction| {
                transaction.remove_row(Kind::ApiKeys, &id.0.to_be_bytes())?;
                transaction.audit(&change.actor, "api_key.revoke", format!("api_key/{id}"), (Some(&key), None))?;
                Ok::<_, OperatorsError>(())
            })?;
            inner.change_state(|state| state.keys.remove(&key.hash));
            Ok(())
        })
        .await
    }

    /// Keys, by id; of this operator only, where one is named.
    pub fn keys(&self, owner: Option<OperatorId>) -> Vec<ApiKey> {
        let state = self.inner.state();
        let wanted = state.keys.values().filter(|key| owner.is_none_or(|owner| owner == key.operator));
        let mut keys: Vec<ApiKey> = wanted.cloned().collect();
        keys.sort_by_key(|key| key.id);
        keys
    }

    /// Whose key this is; none where it ended or its operator was switched off.
    pub fn by_key(&self, secret: &str, client: IpAddr) -> Option<Identity> {
        if !secret.starts_with(PREFIX) || secret.len() > 128 {
            return None;
        }
        let now = Timestamp::now();
        let (key, operator) = {
            let state = self.inner.state();
            let key = state.keys.get(&hash_of(secret)).filter(|key| key.expires.is_none_or(|end| now < end))?;
            (key.clone(), state.operators.get(&key.operator).filter(|operator| operator.active)?.clone())
        };
        self.note_use(&key, now);
        Some(Identity {
            operator: Some(operator.id),
            reseller: None,
            scopes: scopes_of(operator.role).and(Scopes::of(key.scopes.iter().copied())),
            username: operator.username,
            role: Some(operator.role),
            via: Via::Key(key.id),
            address: Some(client),
        })
    }

    fn note_use(&self, key: &ApiKey, now: Timestamp) {
        if key.last_used.is_some_and(|last| now.duration_since(last) < NOTE_EVERY) {
            return;
        }
        let used = |key: &mut ApiKey| key.last_used = Some(now);
        // In memory at once, so that it is written once and not by every request until then.
        self.inner.change_state(|state| state.keys.get_mut(&key.hash).map(used));
        let (inner, id) = (self.inner.clone(), key.id);
        self.inner.notes.spawn_blocking(move || {
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let noted = inner.store.write("note the use of a key", &mut |transaction| {
                match transaction.get::<ApiKey>(&id.0.to_be_bytes())? {
                    Some(key) => transaction.put(&ApiKey { last_used: Some(now), ..key }),
                    // Revoked meanwhile.
                    None => Ok(()),
                }
            });
            if let Err(error) = noted {
                tracing::warn!(key = %id, %error, "the use of an API key was not noted");
            }
        });
    }
}

impl Inner {
    fn make_key(&self, new: NewKey, most: Scopes, change: &Change) -> Result<MadeKey, OperatorsError> {
        let invalid = |text: &str| Err(OperatorsError::Invalid(text.to_owned()));
        if new.name.is_empty() || new.name.chars().count() > 64 || new.name.chars().any(char::is_control) {
            return invalid("a key's name has 1 to 64 characters");
        }
        if new.expires.is_some_and(|expires| expires <= Timestamp::now()) {
            return invalid("the key would have ended already");
        }
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let operator = self.state().operators.get(&new.operator).cloned();
        let operator = operator.ok_or_else(|| OperatorsError::NoSuchOperator(new.operator.to_string()))?;
        let owned = self.state().keys.values().filter(|key| key.operator == operator.id).count();
        if owned >= MOST {
            return invalid("an operator has at most 100 keys; revoke some");
        }
        let scopes: Vec<Scope> = match new.scopes.is_empty() {
            true => scopes_of(operator.role).and(most).iter().collect(),
            false => {
                let named = new.scopes.iter().map(|name| Scope::parse(name).ok_or_else(|| unknown_scope(name)));
                named.collect::<Result<_, _>>()?
            }
        };
        let allowed = scopes_of(operator.role).and(most);
        if let Some(scope) = scopes.iter().find(|scope| !allowed.has(**scope)) {
            return Err(OperatorsError::NotYours(scope.name()));
        }
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(password::random::<32>()?));
        let key = change.commit(&*self.store, "make an API key", |transaction| {
            let key = ApiKey {
                id: ApiKeyId(transaction.next_id(Kind::ApiKeys)?),
                name: new.name,
                operator: operator.id,
                hash: hash_of(&secret),
                scopes: Scopes::of(scopes).iter().collect(),
                expires: new.expires,
                last_used: None,
                created: Timestamp::now(),
            };
            transaction.put(&key)?;
            transaction.audit(&change.actor, "api_key.create", format!("api_key/{}", key.id), (None, Some(&key)))?;
            Ok::<_, OperatorsError>(key)
        })?;
        self.change_state(|state| state.keys.insert(key.hash.clone(), key.clone()));
        Ok(MadeKey { key, secret: Secret::new(secret) })
    }
}
