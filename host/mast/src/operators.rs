//! Operators: who may run the host through the admin API, by session or by API key. All of them in memory, backed by the store. `oidc` lets
//! them in where an identity provider knows them.
//!
//! Not here: lines, which are what subscribers have (accounts), and which request needs which scope (admin/access.rs).
//!
//! Invariants: passwords, keys and session cookies are kept as hashes only; a wrong username and a wrong password do the same work and
//! get the same answer; a code of the second factor is taken once; there is always an active owner, once there was one; what an API key
//! may is never more than what its operator may at that moment; every change is in the audit log.

mod change;
pub mod config;
mod gate;
mod identity;
mod keys;
mod login;
mod oidc;
#[cfg(test)]
mod tests;
pub(crate) mod totp;

pub use change::{NewOperator, OperatorPatch};
pub use gate::Gate;
pub use identity::{Client, Identity, Scopes, Via};
pub use keys::{MadeKey, NewKey};
pub use login::{Credentials, LoginRefusal, Started};
pub use oidc::{Oidc, OidcRefusal, Returned};
pub use totp::Enrolment;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use mast_model::{ApiKey, ApiKeyId, Classified, ErrorClass, LoginSession, Operator, OperatorId, Role, Scope, Side};
use mast_store::{StateStore, StoreError};
use tokio_util::task::TaskTracker;

use crate::accounts::password::HashingError;

/// Operators. Cheap to clone.
#[derive(Clone)]
pub struct Operators {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn StateStore>,
    state: RwLock<State>,
    /// Held over store and memory, so that both change in one order.
    writing: Mutex<()>,
    gate: Arc<Gate>,
    /// Keys the tokens that guard sessions against requests from other sites.
    csrf_key: [u8; 32],
    /// Notes about when a key was used.
    notes: TaskTracker,
}

#[derive(Default)]
struct State {
    operators: BTreeMap<OperatorId, Operator>,
    /// By hash.
    keys: HashMap<String, ApiKey>,
    /// By hash.
    sessions: HashMap<String, LoginSession>,
}

/// Why an operator or a key was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorsError {
    /// What was asked for is not usable.
    #[error("{0}")]
    Invalid(String),
    /// There is no such operator.
    #[error("there is no operator {0}")]
    NoSuchOperator(String),
    /// There is no such key, or it is another operator's.
    #[error("there is no API key {0}")]
    NoSuchKey(ApiKeyId),
    /// The username belongs to another operator.
    #[error("operator \"{0}\" exists already")]
    UsernameTaken(String),
    /// The person at the identity provider belongs to another operator.
    #[error("this person of the identity provider is operator \"{0}\" already")]
    PersonTaken(String),
    /// Somebody must be able to change operators.
    #[error("this is the last active owner; make another one first")]
    LastOwner,
    /// The operator is not as the caller has seen it.
    #[error("operator {id} has changed since: it has revision {revision}; read it again")]
    Changed {
        /// Who.
        id: OperatorId,
        /// What it has.
        revision: u64,
    },
    /// A key would be able to do more than whoever makes it.
    #[error("you cannot give away the scope {0}, which you do not have")]
    NotYours(&'static str),
    /// The code of the second factor is wrong, or was used before.
    #[error("the code is wrong or was used already; wait for the next one")]
    BadCode,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host could not do the work.
    #[error("nothing was changed: {0}")]
    Interrupted(String),
}

impl Classified for OperatorsError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Invalid(_) | Self::BadCode => ErrorClass::Invalid,
            Self::NoSuchOperator(_) | Self::NoSuchKey(_) => ErrorClass::NotFound,
            Self::UsernameTaken(_) | Self::PersonTaken(_) | Self::LastOwner | Self::Changed { .. } => {
                ErrorClass::Conflict
            }
            Self::NotYours(_) => ErrorClass::Denied,
            Self::Store(error) => error.class(),
            Self::Interrupted(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        Side::Host
    }
}

impl From<HashingError> for OperatorsError {
    fn from(error: HashingError) -> Self {
        Self::Interrupted(error.to_string())
    }
}

impl Operators {
    /// Reads every operator, key and session of the store. Blocks.
    pub fn open(store: Arc<dyn StateStore>, failed_logins_per_minute: u32) -> Result<Self, StoreError> {
        let state = State {
            operators: store.all::<Operator>()?.into_iter().map(|operator| (operator.id, operator)).collect(),
            keys: store.all::<ApiKey>()?.into_iter().map(|key| (key.hash.clone(), key)).collect(),
            sessions: store.all::<LoginSession>()?.into_iter().map(|session| (session.hash.clone(), session)).collect(),
        };
        let csrf_key = store.installation_key("csrf-key")?;
        let inner = Inner {
            store,
            state: RwLock::new(state),
            writing: Mutex::default(),
            gate: Arc::new(Gate::new(failed_logins_per_minute)),
            csrf_key,
            notes: TaskTracker::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Every operator, by id.
    pub fn list(&self) -> Vec<Operator> {
        self.inner.state().operators.values().cloned().collect()
    }

    /// An operator.
    pub fn find(&self, id: OperatorId) -> Option<Operator> {
        self.inner.state().operators.get(&id).cloned()
    }

    /// The operator with this username.
    pub fn by_username(&self, username: &str) -> Option<Operator> {
        self.inner.state().named(username).cloned()
    }

    /// How often a password was hashed; the same for known and unknown usernames.
    pub fn hashes(&self) -> u64 {
        self.inner.gate.hashes()
    }

    /// What stands before passwords, for resellers too.
    pub fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.inner.gate)
    }

    /// Runs to the end even where the caller goes away, so that memory follows the store.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, OperatorsError> + Send + 'static,
    ) -> Result<T, OperatorsError> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(OperatorsError::Interrupted(error.to_string())))
    }
}

impl Inner {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        // Nothing panics between two steps of a change; a poisoned state is a whole one.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn named(&self, username: &str) -> Option<&Operator> {
        self.operators.values().find(|operator| operator.username == username)
    }

    /// Whether somebody else than `id` is an active owner.
    fn has_other_owner(&self, id: OperatorId) -> bool {
        self.operators.values().any(|other| other.id != id && other.active && other.role == Role::Owner)
    }
}

/// BLAKE3 of a random secret, hexadecimal.
pub(crate) fn hash_of(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Scopes of a role, as a set.
fn scopes_of(role: Role) -> Scopes {
    Scopes::of(role.scopes().iter().copied())
}

/// The names of scopes, for what is written.
fn unknown_scope(name: &str) -> OperatorsError {
    let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    OperatorsError::Invalid(format!("there is no scope {name:?}; there are {}", known.join(", ")))
}
