//! Whether the ledger is whole: that what is kept beside the entries is what the entries say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mast_model::{Account, Credits, ReasonCode};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::{Entry, RECORD, balances};
use crate::StoreError;
use crate::db::{Fault, from_json};
use crate::schema::{LEDGER, LEDGER_BALANCES, LEDGER_REFUNDS, LEDGER_SIDES, META, NEXT_ENTRY};

/// What a whole ledger holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// Entries.
    pub entries: u64,
    /// Accounts that ever had credits.
    pub accounts: usize,
    /// Credits that resellers and sales have together.
    pub issued: Credits,
}

pub(super) fn account(name: &str) -> Result<Account, Fault> {
    name.parse().map_err(|_| damaged(format!("account {name} is none")))
}

fn damaged(cause: String) -> Fault {
    StoreError::Damaged { file: "state.redb".into(), record: RECORD, cause }.into()
}

fn ensure(holds: bool, cause: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(damaged(cause())) }
}

/// What can be told from the accounts alone.
pub(crate) fn check(transaction: &ReadTransaction) -> Result<(), Fault> {
    let sides = transaction.open_table(LEDGER_SIDES)?;
    let entries = transaction.open_table(LEDGER)?;
    let mut sum = 0_i128;
    for (account, balance) in balances(transaction)? {
        sum += i128::from(balance.0);
        let name = account.to_string();
        let last = sides.range((name.as_str(), 0)..=(name.as_str(), u64::MAX))?.next_back().transpose()?;
        let last = last.map(|(_, balance)| Credits(balance.value()));
        ensure(last == Some(balance), || format!("{account} has {balance}, its last entry says otherwise"))?;
    }
    ensure(sum == 0, || format!("the balances sum up to {sum}, not to 0"))?;
    let next = transaction.open_table(META)?.get(NEXT_ENTRY)?.map_or(1, |next| next.value());
    let last = entries.last()?.map_or(0, |(id, _)| id.value());
    ensure(last.checked_add(1) == Some(next), || format!("the last entry is {last}, the next one would be {next}"))?;
    let (rows, halves) = (entries.len()?, sides.len()?);
    ensure(rows == last, || format!("the last entry is {last}, there are {rows}"))?;
    ensure(Some(halves) == rows.checked_mul(2), || format!("{rows} entries have {halves} sides"))
}

/// Everything, from the first entry on.
pub(crate) fn prove(transaction: &ReadTransaction) -> Result<Proof, Fault> {
    check(transaction)?;
    let sides = transaction.open_table(LEDGER_SIDES)?;
    let mut reckoned: BTreeMap<Account, Credits> = BTreeMap::new();
    let mut refunds: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut count, mut at) = (0, Timestamp::MIN);
    for row in transaction.open_table(LEDGER)?.iter()? {
        let (id, row) = row?;
        let entry: Entry = from_json(RECORD, row.value())?;
        count += 1;
        ensure(id.value() == count && entry.id.0 == count, || format!("entry {} stands at {count}", entry.id))?;
        ensure(entry.at >= at, || format!("entry {} is older than the one before", entry.id))?;
        entry.movement.check().map_err(|error| damaged(format!("entry {}: {error}", entry.id)))?;
        at = entry.at;
        let movement = &entry.movement;
        let beyond = || damaged(format!("entry {} cannot be counted", entry.id));
        let from = reckoned.entry(movement.from).or_default();
        *from = from.checked_sub(movement.amount).ok_or_else(beyond)?;
        let to = reckoned.entry(movement.to).or_default();
        *to = to.checked_add(movement.amount).ok_or_else(beyond)?;
        for account in [movement.from, movement.to] {
            let side = sides.get((account.to_string().as_str(), count))?.map(|balance| Credits(balance.value()));
            ensure(side.is_some() && side == reckoned.get(&account).copied(), || {
                format!("entry {} and what {account} had behind it differ", entry.id)
            })?;
        }
        if movement.reason.code == ReasonCode::Refund {
            let sale = movement.reference.entry.map_or(0, |sale| sale.0);
            ensure(refunds.insert(sale, count).is_none(), || format!("entry {sale} was refunded twice"))?;
        }
    }
    let kept: BTreeMap<Account, Credits> = balances(transaction)?.into_iter().collect();
    ensure(kept == reckoned, || "the balances are not what the entries say".to_owned())?;
    let mut noted = BTreeMap::new();
    for row in transaction.open_table(LEDGER_REFUNDS)?.iter()? {
        let (sale, refund) = row?;
        noted.insert(sale.value(), refund.value());
    }
    ensure(noted == refunds, || "the refunds are not what the entries say".to_owned())?;
    let issued = kept.get(&Account::Issued).map_or(0, |balance| balance.0.saturating_neg());
    let accounts = transaction.open_table(LEDGER_BALANCES)?.len()?;
    let accounts = usize::try_from(accounts).unwrap_or(usize::MAX);
    Ok(Proof { entries: count, accounts, issued: Credits(issued) })
}
