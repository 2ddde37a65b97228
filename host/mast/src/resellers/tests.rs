mod attacks;
mod business;
mod second_factor;

use jiff::{SignedDuration, Timestamp};
use mast_model::{EntryId, LineId, ReasonCode, ResellerLimits, ResellerRights, Secret, Term, TermUnit};
use mast_store::{Actor, Change, LedgerError};
use tempfile::TempDir;

use super::*;
use crate::accounts::{LineRequest, LineTerms};
use crate::delivery::config::LimitsConfig;
use crate::operators::Operators;

const HOUSE: Principal = Principal::House;
/// Of no password; saves the time of hashing one.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The rooms over one store.
struct Shop {
    store: Arc<dyn StateStore>,
    accounts: Accounts,
    resellers: Resellers,
}

impl Shop {
    fn over(store: Box<dyn StateStore>) -> Self {
        let store: Arc<dyn StateStore> = store.into();
        let accounts = Accounts::open(Arc::clone(&store), &LimitsConfig::default()).unwrap();
        let gate = Operators::open(Arc::clone(&store), 1_000).unwrap().gate();
        let resellers = Resellers::open(Arc::clone(&store), accounts.clone(), gate).unwrap();
        Self { store, accounts, resellers }
    }

    fn open(folder: &TempDir) -> Self {
        Self::over(mast_store::open_state(folder.path()).unwrap())
    }

    /// A reseller below the house or another one, with every right.
    async fn reseller(&self, username: &str, parent: Option<ResellerId>, limits: ResellerLimits) -> ResellerId {
        let new = NewReseller { parent, limits, ..new_reseller(username) };
        self.resellers.add(HOUSE, new, test()).await.unwrap().id
    }

    async fn plan(&self, name: &str, price: i64) -> PlanId {
        self.resellers.add_plan(new_plan(name, price), test()).await.unwrap().id
    }

    async fn issue(&self, to: ResellerId, amount: i64) {
        self.resellers.issue(to, Credits(amount), String::new(), test()).await.unwrap();
    }

    async fn buy(&self, seller: ResellerId, plan: PlanId, username: &str) -> Result<(LineId, EntryId), ResellersError> {
        let sold = self.resellers.buy(seller, plan, vec![request(username)], test()).await?;
        Ok((sold.lines[0].record.id, sold.entries[0]))
    }

    fn has(&self, reseller: ResellerId) -> i64 {
        self.store.balance(Account::Reseller(reseller)).unwrap().0
    }
}

fn test() -> Change {
    Change::by(Actor::machine("test"))
}

fn request(username: &str) -> LineRequest {
    LineRequest { password: None, password_hash: Some(Secret::new(HASH)), ..LineRequest::new(username, "") }
}

fn new_reseller(username: &str) -> NewReseller {
    NewReseller {
        username: username.to_owned(),
        password: Secret::new("correct horse"),
        parent: None,
        rights: ResellerRights::ALL,
        limits: ResellerLimits::default(),
        notes: String::new(),
        branding: String::new(),
    }
}

fn new_plan(name: &str, price: i64) -> NewPlan {
    NewPlan {
        name: name.to_owned(),
        term: Term { count: 1, unit: TermUnit::Months },
        max_connections: 2,
        bouquets: vec!["sports".to_owned()],
        trial: false,
        price: Credits(price),
        refund_hours: 24,
    }
}

fn insufficient(error: &ResellersError) -> bool {
    matches!(error, ResellersError::Store(StoreError::Ledger(LedgerError::Insufficient { .. })))
}
