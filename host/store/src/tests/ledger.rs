//! The ledger's rules, statements, spending from two sides, and purchases on a disk that fails.

use std::sync::Barrier;

use mast_model::{
    Account, Credits, EntryId, PlanId, Reason, ReasonCode, Reference, Reseller, ResellerId, ResellerLimits,
};

use super::*;
use crate::faults::{FailingDisk, open_state_on};

pub(super) const ISSUED: Account = Account::Issued;
pub(super) const SALES: Account = Account::Sales;

pub(super) fn account(id: u64) -> Account {
    Account::Reseller(ResellerId(id))
}

pub(super) fn movement(code: ReasonCode, from: Account, to: Account, amount: i64) -> Movement {
    let (amount, reason, reference) = (Credits(amount), Reason::from(code), Reference::default());
    Movement { from, to, amount, reason, reference, actor: Actor::machine("test") }
}

pub(super) fn post(store: &dyn StateStore, movement: Movement) -> Result<Entry, StoreError> {
    Change::by(Actor::machine("test")).commit(store, "move credits", |transaction| transaction.post(movement))
}

pub(super) fn reseller(store: &dyn StateStore, overdraft: i64) -> ResellerId {
    let added = Change::by(Actor::machine("test")).commit(store, "add a reseller", |transaction| {
        let id = ResellerId(transaction.next_id(Kind::Resellers)?);
        transaction.put(&Reseller {
            id,
            username: format!("reseller-{id}"),
            password_hash: Secret::new("$argon2id$..."),
            totp: Default::default(),
            parent: None,
            active: true,
            rights: Default::default(),
            limits: ResellerLimits { overdraft: Credits(overdraft), ..Default::default() },
            notes: String::new(),
            own_notes: String::new(),
            branding: String::new(),
            created: Timestamp::UNIX_EPOCH,
            revision: 0,
        })?;
        Ok::<_, StoreError>(id)
    });
    added.unwrap()
}

fn has(store: &dyn StateStore, account: Account) -> i64 {
    store.balance(account).unwrap().0
}

/// Two resellers, the first with so many credits and this overdraft.
fn opened(folder: &Path, credits: i64, overdraft: i64) -> Box<dyn StateStore> {
    let store = open_state(folder).unwrap();
    reseller(&*store, overdraft);
    reseller(&*store, 0);
    if credits > 0 {
        post(&*store, movement(ReasonCode::Issue, ISSUED, account(1), credits)).unwrap();
    }
    store
}

fn refused(store: &dyn StateStore, movement: Movement) -> LedgerError {
    let before = store.balances().unwrap();
    let error = match post(store, movement) {
        Err(StoreError::Ledger(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(store.balances().unwrap(), before);
    error
}

#[test]
fn credits_move_whole_or_not_at_all() {
    use ReasonCode::{ClawBack, Issue, Purchase, Transfer};
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), 10, 0);
    let store = &*store;
    post(store, movement(Transfer, account(1), account(2), 4)).unwrap();
    post(store, movement(Purchase, account(2), SALES, 3)).unwrap();
    let entry = post(store, movement(ClawBack, account(2), ISSUED, 1)).unwrap();
    assert_eq!((entry.id, entry.movement.amount), (EntryId(4), Credits(1)));
    let balances = [(ISSUED, -9), (account(1), 6), (account(2), 0), (SALES, 3)];
    assert_eq!(store.balances().unwrap(), balances.map(|(account, balance)| (account, Credits(balance))));
    assert_eq!(store.prove_ledger().unwrap(), Proof { entries: 4, accounts: 4, issued: Credits(9) });

    for amount in [0, -1, i64::MIN] {
        let error = refused(store, movement(Issue, ISSUED, account(1), amount));
        assert_eq!(error, LedgerError::NotPositive(Credits(amount)));
    }
    let error = refused(store, movement(Issue, ISSUED, account(1), i64::MAX));
    assert!(matches!(error, LedgerError::Overflow { .. }), "{error}");
    let error = refused(store, movement(Transfer, account(1), account(1), 1));
    assert_eq!(error, LedgerError::SameAccount(account(1)));
    let error = refused(store, movement(Issue, SALES, account(1), 1));
    assert!(matches!(error, LedgerError::NotJoined { .. }), "{error}");
    let error = refused(store, movement(Issue, ISSUED, account(3), 1));
    assert_eq!(error, LedgerError::NoSuchAccount(account(3)));
    let error = refused(store, movement(Purchase, account(1), SALES, 7));
    assert_eq!(error.to_string(), "reseller/1 has 6 credits and needs 7 credits");
    let text = Reason { code: Issue, text: "x".repeat(201) };
    let error = refused(store, Movement { reason: text, ..movement(Issue, ISSUED, account(1), 1) });
    assert_eq!(error, LedgerError::ReasonText);
    assert_eq!(store.entry(EntryId(5)).unwrap(), None, "what was refused takes no number");
    assert_eq!(post(store, movement(Purchase, account(1), SALES, 6)).unwrap().id, EntryId(5));
}

#[test]
fn everything_can_be_issued_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), i64::MAX, 0);
    let error = refused(&*store, movement(ReasonCode::Issue, ISSUED, account(1), 1));
    let text = "reseller/1 has 9223372036854775807 credits; 1 credit more or less cannot be counted";
    assert_eq!(error.to_string(), text);
    post(&*store, movement(ReasonCode::Issue, ISSUED, account(2), 1)).unwrap();
    assert!(matches!(
        refused(&*store, movement(ReasonCode::Issue, ISSUED, account(2), 1)),
        LedgerError::Overflow { account: ISSUED, .. }
    ));
    store.prove_ledger().unwrap();
}

#[test]
fn an_overdraft_is_for_selling_only() {
    use ReasonCode::{ClawBack, Extension, Purchase, Transfer};
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), 1, 5);
    let store = &*store;
    for code in [Transfer, ClawBack] {
        let error = refused(store, movement(code, account(1), account(2), 2));
        assert_eq!(error.to_string(), "reseller/1 has 1 credit and needs 2 credits");
    }
    post(store, movement(Purchase, account(1), SALES, 4)).unwrap();
    let error = refused(store, movement(Extension, account(1), SALES, 3));
    assert_eq!(error.to_string(), "reseller/1 has -3 credits and needs 3 credits; it may go 5 credits below zero");
    post(store, movement(Extension, account(1), SALES, 2)).unwrap();
    assert_eq!(has(store, account(1)), -5);
    post(store, movement(ReasonCode::Issue, ISSUED, account(1), 3)).unwrap();
    refused(store, movement(Transfer, account(1), account(2), 1));
    assert_eq!(store.prove_ledger().unwrap().issued, Credits(4));
}

#[test]
fn a_sale_is_refunded_once_and_to_whoever_paid() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), 10, 0);
    let store = &*store;
    let sale = post(store, movement(ReasonCode::Purchase, account(1), SALES, 4)).unwrap().id;
    let refund = |entry: Option<u64>, to: u64, amount: i64| Movement {
        reference: Reference { entry: entry.map(EntryId), ..Reference::default() },
        ..movement(ReasonCode::Refund, SALES, account(to), amount)
    };
    assert_eq!(refused(store, refund(None, 1, 4)), LedgerError::NoSale);
    assert_eq!(refused(store, refund(Some(99), 1, 4)), LedgerError::NoSuchEntry(EntryId(99)));
    for (entry, to) in [(sale.0, 2), (1, 1)] {
        let error = refused(store, refund(Some(entry), to, 4));
        assert_eq!(error, LedgerError::NotRefundable { entry: EntryId(entry), to: account(to) });
    }
    assert!(matches!(refused(store, refund(Some(sale.0), 1, 5)), LedgerError::RefundTooHigh { .. }));
    let by = post(store, refund(Some(sale.0), 1, 3)).unwrap().id;
    assert_eq!(refused(store, refund(Some(sale.0), 1, 1)), LedgerError::AlreadyRefunded { entry: sale, by });
    assert_eq!((has(store, account(1)), has(store, SALES)), (9, 1));
    store.prove_ledger().unwrap();
}

#[test]
fn statements_come_in_pages_and_periods() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), 100, 0);
    let store = &*store;
    let mut entries = vec![store.entry(EntryId(1)).unwrap().unwrap()];
    for amount in 1..=9 {
        // The other reseller's entries lie in between.
        post(store, movement(ReasonCode::Issue, ISSUED, account(2), 1)).unwrap();
        entries.push(post(store, movement(ReasonCode::Purchase, account(1), SALES, amount)).unwrap());
    }
    let whole = Page { from: None, until: None, after: None, most: 100 };
    let read = |page: Page| store.statement(account(1), &page).unwrap();
    let all = read(whole);
    assert!(all.rows.iter().map(|row| &row.entry).eq(&entries));
    let changes: Vec<(i64, i64)> = all.rows.iter().map(|row| (row.change.0, row.balance.0)).collect();
    assert_eq!(changes[..4], [(100, 100), (-1, 99), (-2, 97), (-3, 94)]);
    assert_eq!((all.opening.0, all.closing.0, all.next), (0, 55, None));

    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = read(Page { most: 3, after, ..whole });
        assert_eq!((page.opening, page.closing), (all.opening, all.closing));
        pages.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, all.rows);

    let (from, until) = (entries[3].at, entries[6].at);
    let part = read(Page { from: Some(from), until: Some(until), ..whole });
    let inside: Vec<&Row> = all.rows.iter().filter(|row| (from..until).contains(&row.entry.at)).collect();
    assert!(part.rows.iter().eq(inside.iter().copied()));
    assert_eq!(part.opening.0 + part.rows.iter().map(|row| row.change.0).sum::<i64>(), part.closing.0);
    for (from, until) in [(Some(Timestamp::MAX), None), (None, Some(Timestamp::MIN)), (Some(until), Some(from))] {
        let none = read(Page { from, until, ..whole });
        assert_eq!((none.rows.len(), none.next, none.opening), (0, None, none.closing));
    }
    let nobody = store.statement(account(77), &whole).unwrap();
    assert_eq!((nobody.opening, nobody.closing, nobody.rows.len()), (Credits(0), Credits(0), 0));
}

#[test]
fn the_last_credit_is_spent_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), 10, 0);
    for left in (0..10).rev() {
        // Enough for one of them.
        let spenders = 4;
        let start = Barrier::new(spenders);
        let spend = || {
            start.wait();
            post(&*store, movement(ReasonCode::Purchase, account(1), SALES, left + 1))
        };
        let results: Vec<Result<Entry, StoreError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..spenders).map(|_| scope.spawn(spend)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (spent, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((spent.len(), has(&*store, account(1))), (1, 0));
        assert!(refused.iter().all(|error| matches!(
            error,
            Err(StoreError::Ledger(LedgerError::Insufficient { balance: Credits(0), .. }))
        )));
        if left > 0 {
            post(&*store, movement(ReasonCode::Issue, ISSUED, account(1), left)).unwrap();
        }
    }
    store.prove_ledger().unwrap();
}

/// As the resellers' room buys a line: line, payment and entry of the audit log in one change.
fn buy(store: &dyn StateStore, name: &str, token: u8) -> Result<LineId, StoreError> {
    let actor = Actor::machine("test");
    Change::by(actor.clone()).commit(store, "buy a line", |transaction| {
        let record = LineRecord { reseller: Some(ResellerId(1)), plan: Some(PlanId(1)), ..line(name, token) };
        let line = transaction.add_line(record)?;
        let reference = Reference { line: Some(line.id), plan: line.plan, ..Reference::default() };
        transaction.post(Movement { reference, ..movement(ReasonCode::Purchase, account(1), SALES, 3) })?;
        transaction.audit(&actor, "line.buy", format!("line/{}", line.id), (None, Some(&line)))?;
        Ok(line.id)
    })
}

/// How many lines were bought; fails where one was bought and not paid, or paid and not bought.
fn bought(store: &dyn StateStore) -> i64 {
    let proof = store.prove_ledger().unwrap();
    let page = Page { from: None, until: None, after: None, most: 100 };
    let paid = store.statement(SALES, &page).unwrap().rows;
    let paid: Vec<Option<LineId>> = paid.into_iter().map(|row| row.entry.movement.reference.line).collect();
    let lines: Vec<Option<LineId>> = lines(store).into_iter().map(|line| Some(line.id)).collect();
    assert_eq!(paid, lines);
    let count = i64::try_from(lines.len()).unwrap();
    assert_eq!((has(store, account(1)), has(store, SALES)), (20 - 3 * count, 3 * count));
    assert_eq!(store.audit_log(u64::MAX, 100, &|_| true).unwrap().len(), lines.len());
    assert_eq!((proof.entries, proof.issued), (1 + lines.len() as u64, Credits(20)));
    count
}

#[test]
fn a_purchase_is_whole_whenever_the_disk_fails() {
    let mut kept = Vec::new();
    for operations in 0.. {
        let folder = tempfile::tempdir().unwrap();
        drop(opened(folder.path(), 20, 0));
        let disk = FailingDisk::new();
        let store = open_state_on(folder.path(), disk.clone()).unwrap();
        buy(&*store, "anna", 1).unwrap();
        disk.fail_after(operations);
        let result = buy(&*store, "ben", 2);
        if result.is_ok() && !disk.has_failed() {
            break;
        }
        drop(store);
        let store = open_state(folder.path()).unwrap();
        let found = bought(&*store);
        assert!(found == 2 || (found == 1 && result.is_err()), "after {operations}: {found} lines, {result:?}");
        kept.push(found);
        buy(&*store, "carl", 3).unwrap();
        assert_eq!(bought(&*store), found + 1);
    }
    assert!(kept.len() > 3 && kept.contains(&1), "{kept:?}");
}

#[test]
fn a_line_that_cannot_be_paid_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), 2, 0);
    assert!(matches!(buy(&*store, "anna", 1), Err(StoreError::Ledger(LedgerError::Insufficient { .. }))));
    assert_eq!((lines(&*store).len(), has(&*store, account(1))), (0, 2));
    assert!(matches!(buy(&*store, "anna", 1), Err(StoreError::Ledger(_))), "its name is free again");
}

#[test]
fn damage_is_found() {
    let spoil = |spoil: &dyn Fn(&redb::WriteTransaction)| {
        let folder = tempfile::tempdir().unwrap();
        let store = opened(folder.path(), 10, 0);
        post(&*store, movement(ReasonCode::Purchase, account(1), SALES, 3)).unwrap();
        store.check_ledger().unwrap();
        drop(store);
        let database = Database::open(folder.path().join("state.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        spoil(&transaction);
        transaction.commit().unwrap();
        drop(database);
        let store = open_state(folder.path()).unwrap();
        (store.check_ledger().is_err(), store.prove_ledger().is_err())
    };
    let set = |transaction: &redb::WriteTransaction, account: &str, balance: i64| {
        transaction.open_table(schema::LEDGER_BALANCES).unwrap().insert(account, balance).unwrap();
    };
    let side = |transaction: &redb::WriteTransaction, account: &str, id: u64, balance: i64| {
        transaction.open_table(schema::LEDGER_SIDES).unwrap().insert((account, id), balance).unwrap();
    };
    assert_eq!(spoil(&|_| {}), (false, false));
    assert_eq!(spoil(&|transaction| set(transaction, "reseller/1", 8)), (true, true));
    // Balances that agree with each other, and not with the entries.
    let agreed = |transaction: &redb::WriteTransaction| {
        for (account, balance) in [("reseller/1", 8), ("sales", 2)] {
            set(transaction, account, balance);
            side(transaction, account, 2, balance);
        }
    };
    assert_eq!(spoil(&agreed), (false, true));
    assert_eq!(spoil(&|transaction| set(transaction, "nobody", 0)), (true, true));
    assert_eq!(spoil(&|transaction| side(transaction, "issued", 2, -10)), (true, true));
    let removed = |transaction: &redb::WriteTransaction| {
        transaction.open_table(schema::LEDGER).unwrap().remove(1).unwrap();
    };
    assert_eq!(spoil(&removed), (true, true));
    let refunded = |transaction: &redb::WriteTransaction| {
        transaction.open_table(schema::LEDGER_REFUNDS).unwrap().insert(2, 3).unwrap();
    };
    assert_eq!(spoil(&refunded), (false, true));
}
