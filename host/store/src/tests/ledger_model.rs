//! The ledger against balances in memory: whatever is asked for, in whatever order, the sum of all accounts is zero, nobody is below what
//! they may, and the entries prove the balances.

use std::collections::BTreeMap;

use mast_model::{Account, Credits, EntryId, ReasonCode, Reference};
use proptest::prelude::*;

use super::ledger::{ISSUED, SALES, account, movement, post, reseller};
use crate::{Movement, Page, open_state};

/// Overdrafts of the resellers 1, 2 and 3.
const OVERDRAFTS: [i64; 3] = [0, 0, 7];

#[derive(Debug, Clone)]
struct Step {
    code: ReasonCode,
    from: Account,
    to: Account,
    amount: i64,
    sale: Option<u64>,
    reopen: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_account = || prop_oneof![1 => Just(ISSUED), 1 => Just(SALES), 4 => (1..=4_u64).prop_map(account)];
    let amount = prop_oneof![
        8 => 1..12_i64,
        1 => prop::sample::select(vec![0, -1, i64::MIN, i64::MAX, i64::MAX - 5]),
    ];
    let any_code = prop::sample::select(ReasonCode::ALL.to_vec());
    // Two accounts at random are hardly ever joined.
    let ends = (any_code, any_account(), any_account(), 1..=3_u64, 1..=3_u64, any::<bool>()).prop_map(
        |(code, from, to, one, other, fitting)| match (fitting, code) {
            (false, _) => (code, from, to),
            (true, ReasonCode::Issue) => (code, ISSUED, account(one)),
            (true, ReasonCode::Transfer | ReasonCode::ClawBack) => (code, account(one), account(other)),
            (true, ReasonCode::Purchase | ReasonCode::Extension) => (code, account(one), SALES),
            (true, ReasonCode::Refund) => (code, SALES, account(one)),
        },
    );
    let step = (ends, amount, prop::option::weighted(0.9, 1..20_u64), prop::bool::weighted(0.1))
        .prop_map(|((code, from, to), amount, sale, reopen)| Step { code, from, to, amount, sale, reopen });
    prop::collection::vec(step, 1..40)
}

/// What the ledger must hold.
#[derive(Default)]
struct Model {
    balances: BTreeMap<Account, i64>,
    /// What was sold and not refunded: who paid how much.
    sales: BTreeMap<u64, (Account, i64)>,
    entries: u64,
}

impl Model {
    /// Whether it is allowed; then it is done.
    fn apply(&mut self, step: &Step) -> bool {
        let Step { code, from, to, amount, sale, .. } = *step;
        let known = |account: Account| !matches!(account, Account::Reseller(id) if id.0 > 3);
        if amount < 1 || from == to || !code.joins(from, to) || !known(from) || !known(to) {
            return false;
        }
        let balance = |account: Account| self.balances.get(&account).copied().unwrap_or(0);
        let (Some(left), Some(held)) = (balance(from).checked_sub(amount), balance(to).checked_add(amount)) else {
            return false;
        };
        let sells = matches!(code, ReasonCode::Purchase | ReasonCode::Extension);
        if let Account::Reseller(id) = from {
            let overdraft = if sells { OVERDRAFTS[usize::try_from(id.0).unwrap() - 1] } else { 0 };
            if left < -overdraft {
                return false;
            }
        }
        if code == ReasonCode::Refund {
            match sale.and_then(|sale| Some((sale, *self.sales.get(&sale)?))) {
                Some((sale, (payer, paid))) if payer == to && amount <= paid => self.sales.remove(&sale),
                _ => return false,
            };
        }
        self.balances.insert(from, left);
        self.balances.insert(to, held);
        self.entries += 1;
        if sells {
            self.sales.insert(self.entries, (from, amount));
        }
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_sum_of_all_accounts_is_zero(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open_state(folder.path()).unwrap();
        for overdraft in OVERDRAFTS {
            reseller(&*store, overdraft);
        }
        let mut model = Model::default();
        for step in &steps {
            let reference = Reference { entry: step.sale.map(EntryId), ..Reference::default() };
            let result = post(&*store, Movement { reference, ..movement(step.code, step.from, step.to, step.amount) });
            prop_assert_eq!(result.is_ok(), model.apply(step), "{:?}: {:?}", step, result);
            if step.reopen {
                drop(store);
                store = open_state(folder.path()).unwrap();
            }
            let balances: BTreeMap<Account, i64> =
                store.balances().unwrap().into_iter().map(|(account, balance)| (account, balance.0)).collect();
            prop_assert_eq!(&balances, &model.balances);
            prop_assert_eq!(balances.values().map(|balance| i128::from(*balance)).sum::<i128>(), 0);
            store.check_ledger().unwrap();
        }
        prop_assert_eq!(store.prove_ledger().unwrap().entries, model.entries);
        for (account, balance) in model.balances {
            let page = Page { from: None, until: None, after: None, most: 100 };
            let statement = store.statement(account, &page).unwrap();
            prop_assert_eq!((statement.opening, statement.closing), (Credits::ZERO, Credits(balance)));
            let sum: i128 = statement.rows.iter().map(|row| i128::from(row.change.0)).sum();
            prop_assert_eq!(sum, i128::from(balance));
        }
    }
}
