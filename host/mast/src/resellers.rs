//! Resellers: who sells lines, by which plans, and what they pay for them; and their own logins. Tree, plans and sessions are in memory,
//! backed by the store; balances and entries are the store's, which checks every movement of credits.
//!
//! Not here: the lines themselves (accounts), the rules of the ledger (`mast_store`), and who sent a request (admin).
//!
//! Invariants: what was sold and its payment are one transaction; whoever asks as a reseller reaches nothing outside the tree below it, and
//! cannot tell it from what does not exist; nobody gives away a right that they do not have; a reseller that is switched off
//! switches off everybody below; where the ledger is found damaged, no credits move until it is restored, and viewers go on watching.

mod change;
mod credits;
mod error;
mod login;
mod plans;
mod rules;
mod sales;
#[cfg(test)]
mod tests;
mod totp;

pub use change::{NewReseller, ResellerPatch};
pub use error::ResellersError;
pub use plans::{NewPlan, PlanPatch};
pub use rules::Principal;
pub use sales::{Sold, check_fixed};

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use mast_model::{Account, Credits, Plan, PlanId, Reseller, ResellerId, ResellerSession, ResellerTree};
use mast_store::{Page, StateStore, Statement, StoreError};

use crate::accounts::Accounts;
use crate::operators::Gate;

/// Resellers. Cheap to clone.
#[derive(Clone)]
pub struct Resellers {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn StateStore>,
    accounts: Accounts,
    state: RwLock<State>,
    /// Held over store and memory, so that both change in one order. Never taken inside a change of accounts.
    writing: Mutex<()>,
    /// What stands before passwords.
    gate: Arc<Gate>,
    /// Keys the tokens that guard sessions against requests from other sites.
    csrf_key: [u8; 32],
    /// What was found wrong with the ledger at the start.
    damage: Option<String>,
}

struct State {
    resellers: BTreeMap<ResellerId, Reseller>,
    tree: ResellerTree,
    plans: BTreeMap<PlanId, Plan>,
    /// By hash.
    sessions: HashMap<String, ResellerSession>,
}

impl Resellers {
    /// Reads every reseller and plan of the store, and checks the ledger. Blocks.
    pub fn open(store: Arc<dyn StateStore>, accounts: Accounts, gate: Arc<Gate>) -> Result<Self, StoreError> {
        let resellers: BTreeMap<_, _> =
            store.all::<Reseller>()?.into_iter().map(|reseller| (reseller.id, reseller)).collect();
        let tree = ResellerTree::of(resellers.values().map(|reseller| (reseller.id, reseller.parent)));
        let tree = tree.map_err(|error| StoreError::Damaged {
            file: "state.redb".into(),
            record: "reseller",
            cause: error.to_string(),
        })?;
        let plans = store.all::<Plan>()?.into_iter().map(|plan| (plan.id, plan)).collect();
        let sessions = store.all::<ResellerSession>()?;
        let sessions = sessions.into_iter().map(|session| (session.hash.clone(), session)).collect();
        let csrf_key = store.installation_key("csrf-key")?;
        let damage = match store.check_ledger() {
            Ok(()) => None,
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(%error, "no credits move until the data folder is restored from a backup; viewers go on watching");
                Some(error.to_string())
            }
            Err(error) => return Err(error),
        };
        let state = RwLock::new(State { resellers, tree, plans, sessions });
        let inner = Inner { store, accounts, state, writing: Mutex::default(), gate, csrf_key, damage };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Those that `by` may see, by id: itself and everybody below it, or all.
    pub fn list(&self, by: Principal) -> Vec<Reseller> {
        let state = self.inner.state();
        match by {
            Principal::House => state.resellers.values().cloned().collect(),
            Principal::Reseller(top) => {
                let mut ids = state.tree.within(top);
                ids.sort_unstable();
                ids.iter().filter_map(|id| state.resellers.get(id)).cloned().collect()
            }
        }
    }

    /// A reseller, if `by` may see it.
    pub fn find(&self, by: Principal, id: ResellerId) -> Option<Reseller> {
        let state = self.inner.state();
        state.sees(by, id).then(|| state.resellers.get(&id).cloned()).flatten()
    }

    /// Whether something of this reseller, or of nobody, is for `by` to see.
    pub fn sees(&self, by: Principal, owner: Option<ResellerId>) -> bool {
        match (by, owner) {
            (Principal::House, _) => true,
            (Principal::Reseller(_), None) => false,
            (by, Some(owner)) => self.inner.state().sees(by, owner),
        }
    }

    /// What a reseller has.
    pub async fn balance(&self, by: Principal, of: ResellerId) -> Result<Credits, ResellersError> {
        self.blocking(move |inner| {
            inner.state().get(by, of)?;
            Ok(inner.store.balance(Account::Reseller(of))?)
        })
        .await
    }

    /// What every account has that ever had credits, as far as `by` may see it.
    pub async fn balances(&self, by: Principal) -> Result<Vec<(Account, Credits)>, ResellersError> {
        self.blocking(move |inner| {
            let mut all = inner.store.balances()?;
            all.retain(|(account, _)| match (by, account) {
                (Principal::House, _) => true,
                (by, Account::Reseller(id)) => inner.state().sees(by, *id),
                _ => false,
            });
            Ok(all)
        })
        .await
    }

    /// What was found wrong with the ledger at the start.
    pub fn damage(&self) -> Option<&str> {
        self.inner.damage.as_deref()
    }

    /// What an account took in and gave. The house's accounts are for the house.
    pub async fn statement(&self, by: Principal, of: Account, page: Page) -> Result<Statement, ResellersError> {
        self.blocking(move |inner| {
            match (by, of) {
                (_, Account::Reseller(id)) => drop(inner.state().get(by, id)?),
                (Principal::House, _) => {}
                (Principal::Reseller(_), _) => return Err(ResellersError::NoSuchAccount(of)),
            }
            Ok(inner.store.statement(of, &page)?)
        })
        .await
    }

    /// Runs to the end even where the caller goes away, so that memory follows the store.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, ResellersError> + Send + 'static,
    ) -> Result<T, ResellersError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(ResellersError::Interrupted(error.to_string())))
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

    /// Whether credits may move at all.
    fn sound(&self) -> Result<(), ResellersError> {
        match &self.damage {
            None => Ok(()),
            Some(damage) => Err(ResellersError::DamagedLedger(damage.clone())),
        }
    }
}

impl State {
    fn sees(&self, by: Principal, id: ResellerId) -> bool {
        match by {
            Principal::House => self.resellers.contains_key(&id),
            Principal::Reseller(top) => self.tree.is_within(top, id),
        }
    }

    /// A reseller that `by` may see.
    fn get(&self, by: Principal, id: ResellerId) -> Result<Reseller, ResellersError> {
        let found = self.resellers.get(&id).filter(|_| self.sees(by, id));
        found.cloned().ok_or(ResellersError::NoSuchReseller(id))
    }

    /// A reseller below `by`; a reseller is not below itself.
    fn get_below(&self, by: Principal, id: ResellerId) -> Result<Reseller, ResellersError> {
        match by {
            Principal::Reseller(top) if top == id => Err(ResellersError::Itself(id)),
            by => self.get(by, id),
        }
    }
}

/// A document's key.
fn key(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}
