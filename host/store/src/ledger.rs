//! The ledger: credits move from one account to another, each movement is one entry, and entries are only ever added. What an account has
//! is kept beside the entries and can be reckoned again from them (`proof.rs`).
//!
//! Here are the rules that hold whoever asks: both sides or none, amounts of at least 1, nothing that cannot be counted, a reseller's
//! balance never below what its overdraft allows, a sale refunded once and to whoever paid. Who may ask is the resellers' room's to say.

mod error;
pub(crate) mod proof;
pub(crate) mod statement;

pub use error::LedgerError;
pub use proof::Proof;
pub use statement::{Page, Row, Statement};

use jiff::Timestamp;
use mast_model::{Account, Credits, EntryId, Reason, ReasonCode, Reference, Reseller, ResellerId};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::db::{Fault, from_json, to_json};
use crate::document::Kind;
use crate::schema::{LEDGER, LEDGER_BALANCES, LEDGER_REFUNDS, LEDGER_SIDES, META, NEXT_ENTRY};
use crate::{Actor, StoreError, rows};

pub(crate) const RECORD: &str = "ledger entry";

/// Credits that are to move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Whose they are.
    pub from: Account,
    /// Whose they become.
    pub to: Account,
    /// How many, at least 1.
    pub amount: Credits,
    /// Why.
    pub reason: Reason,
    /// What for.
    pub reference: Reference,
    /// Who does it.
    pub actor: Actor,
}

/// Credits that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, assigned by the store: 1, 2, 3, without gaps.
    pub id: EntryId,
    /// When; never before the entry before it, also where the clock was set back.
    pub at: Timestamp,
    /// From where to where, and why.
    pub movement: Movement,
}

impl Movement {
    /// What can be said without looking at any account.
    fn check(&self) -> Result<(), LedgerError> {
        let (from, to, code) = (self.from, self.to, self.reason.code);
        if self.amount < Credits(1) {
            return Err(LedgerError::NotPositive(self.amount));
        }
        if from == to {
            return Err(LedgerError::SameAccount(from));
        }
        if !code.joins(from, to) {
            return Err(LedgerError::NotJoined { code, from, to });
        }
        if !self.reason.fits() {
            return Err(LedgerError::ReasonText);
        }
        Ok(())
    }
}

pub(crate) fn create_tables(transaction: &WriteTransaction) -> Result<(), Fault> {
    transaction.open_table(LEDGER)?;
    transaction.open_table(LEDGER_SIDES)?;
    transaction.open_table(LEDGER_BALANCES)?;
    transaction.open_table(LEDGER_REFUNDS)?;
    Ok(())
}

pub(crate) fn balance(balances: &impl ReadableTable<&'static str, i64>, account: Account) -> Result<Credits, Fault> {
    let row = balances.get(account.to_string().as_str())?;
    Ok(row.map_or(Credits::ZERO, |balance| Credits(balance.value())))
}

pub(crate) fn balances(transaction: &ReadTransaction) -> Result<Vec<(Account, Credits)>, Fault> {
    let table = transaction.open_table(LEDGER_BALANCES)?;
    let mut found = Vec::new();
    for row in table.iter()? {
        let (account, balance) = row?;
        found.push((proof::account(account.value())?, Credits(balance.value())));
    }
    Ok(found)
}

pub(crate) fn find(entries: &impl ReadableTable<u64, &'static [u8]>, id: EntryId) -> Result<Option<Entry>, Fault> {
    entries.get(id.0)?.map(|row| from_json(RECORD, row.value())).transpose()
}

/// Moves credits.
pub(crate) fn post(transaction: &WriteTransaction, movement: Movement) -> Result<Entry, Fault> {
    movement.check().map_err(StoreError::from)?;
    let mut entries = transaction.open_table(LEDGER)?;
    let (left, held) = after(transaction, &movement)?;

    let id = {
        let mut meta = transaction.open_table(META)?;
        let id = meta.get(NEXT_ENTRY)?.map_or(1, |next| next.value());
        meta.insert(NEXT_ENTRY, id.checked_add(1).ok_or(StoreError::OutOfIds("ledger entry"))?)?;
        EntryId(id)
    };
    if movement.reason.code == ReasonCode::Refund {
        note_refund(transaction, &entries, &movement, id)?;
    }
    // Statements look entries up by their times, which therefore have the order of their ids.
    let last = find(&entries, EntryId(id.0 - 1))?;
    let at = last.map_or(Timestamp::MIN, |last| last.at).max(Timestamp::now());
    let entry = Entry { id, at, movement };
    entries.insert(id.0, to_json(RECORD, &entry)?.as_slice())?;

    let mut balances = transaction.open_table(LEDGER_BALANCES)?;
    let mut sides = transaction.open_table(LEDGER_SIDES)?;
    for (account, balance) in [(entry.movement.from, left), (entry.movement.to, held)] {
        let account = account.to_string();
        balances.insert(account.as_str(), balance.0)?;
        sides.insert((account.as_str(), id.0), balance.0)?;
    }
    Ok(entry)
}

/// What both accounts have afterwards.
fn after(transaction: &WriteTransaction, movement: &Movement) -> Result<(Credits, Credits), Fault> {
    let Movement { from, to, amount, .. } = *movement;
    let balances = transaction.open_table(LEDGER_BALANCES)?;
    let (had, has) = (balance(&balances, from)?, balance(&balances, to)?);
    let overflow = |account, balance| StoreError::from(LedgerError::Overflow { account, balance, amount });
    let left = had.checked_sub(amount).ok_or_else(|| overflow(from, had))?;
    let held = has.checked_add(amount).ok_or_else(|| overflow(to, has))?;
    for account in [from, to] {
        let Account::Reseller(id) = account else { continue };
        let reseller = reseller(transaction, id)?;
        let overdraft = match movement.reason.code.may_overdraw() {
            true => reseller.limits.overdraft.max(Credits::ZERO),
            false => Credits::ZERO,
        };
        // Below zero, so that the sum of a negative and a positive number can be counted.
        if account == from && left < Credits::ZERO && left.0 + overdraft.0 < 0 {
            let (balance, needed) = (had, amount);
            return Err(StoreError::from(LedgerError::Insufficient { account, balance, overdraft, needed }).into());
        }
    }
    Ok((left, held))
}

fn reseller(transaction: &WriteTransaction, id: ResellerId) -> Result<Reseller, Fault> {
    let table = transaction.open_table(rows::table(Kind::Resellers))?;
    let row = table.get(id.0.to_be_bytes().as_slice())?;
    let row = row.ok_or(StoreError::from(LedgerError::NoSuchAccount(Account::Reseller(id))))?;
    from_json("reseller", row.value())
}

/// A sale is refunded once, to whoever paid, and not more than was paid.
fn note_refund(
    transaction: &WriteTransaction,
    entries: &impl ReadableTable<u64, &'static [u8]>,
    movement: &Movement,
    id: EntryId,
) -> Result<(), Fault> {
    let refused = |error: LedgerError| Fault::from(StoreError::from(error));
    let sale = movement.reference.entry.ok_or_else(|| refused(LedgerError::NoSale))?;
    let paid = find(entries, sale)?.ok_or_else(|| refused(LedgerError::NoSuchEntry(sale)))?.movement;
    if !paid.reason.code.is_sale() || paid.from != movement.to {
        return Err(refused(LedgerError::NotRefundable { entry: sale, to: movement.to }));
    }
    if movement.amount > paid.amount {
        return Err(refused(LedgerError::RefundTooHigh { entry: sale, paid: paid.amount, amount: movement.amount }));
    }
    let mut refunds = transaction.open_table(LEDGER_REFUNDS)?;
    if let Some(by) = refunds.insert(sale.0, id.0)?.map(|by| EntryId(by.value())) {
        return Err(refused(LedgerError::AlreadyRefunded { entry: sale, by }));
    }
    Ok(())
}
