//! Credits that move without anything being sold: issued by the house, handed down, taken back.

use mast_model::{Account, Credits, Reason, ReasonCode, Reference, ResellerId};
use mast_store::{Actor, Change, Entry, Movement, Transaction};

use super::rules::Standing;
use super::{Inner, Principal, Resellers, ResellersError};

impl Resellers {
    /// Makes credits for a reseller. The house's alone.
    pub async fn issue(
        &self,
        to: ResellerId,
        amount: Credits,
        text: String,
        change: Change,
    ) -> Result<Entry, ResellersError> {
        self.blocking(move |inner| {
            let ends = (Account::Issued, Account::Reseller(to));
            inner.move_credits(ReasonCode::Issue, ends, amount, text, &change, |_| Ok(()))
        })
        .await
    }

    /// Hands credits to a reseller below: a reseller its own, the house anybody's.
    pub async fn transfer(
        &self,
        by: Principal,
        (from, to): (ResellerId, ResellerId),
        amount: Credits,
        text: String,
        change: Change,
    ) -> Result<Entry, ResellersError> {
        self.blocking(move |inner| {
            let ends = (Account::Reseller(from), Account::Reseller(to));
            inner.move_credits(ReasonCode::Transfer, ends, amount, text, &change, |transaction| {
                let receiver = Standing::of(transaction, to)?;
                if !receiver.is_below(from) {
                    return Err(ResellersError::NoSuchReseller(to));
                }
                if let Principal::Reseller(by) = by {
                    if by != from {
                        return Err(ResellersError::NoSuchReseller(from));
                    }
                    let giver = Standing::of(transaction, from)?;
                    giver.active()?;
                    giver.has("sub_resellers", |rights| rights.sub_resellers)?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Takes credits back from a reseller below, as far as they are there: a reseller into its own account, the house out of circulation.
    /// Also from one that is switched off.
    pub async fn claw_back(
        &self,
        by: Principal,
        from: ResellerId,
        amount: Credits,
        text: String,
        change: Change,
    ) -> Result<Entry, ResellersError> {
        self.blocking(move |inner| {
            let to = match by {
                Principal::House => Account::Issued,
                Principal::Reseller(by) => Account::Reseller(by),
            };
            let ends = (Account::Reseller(from), to);
            inner.move_credits(ReasonCode::ClawBack, ends, amount, text, &change, |transaction| {
                let Principal::Reseller(by) = by else { return Ok(()) };
                if by == from {
                    return Err(ResellersError::Itself(by));
                }
                if !Standing::of(transaction, from)?.is_below(by) {
                    return Err(ResellersError::NoSuchReseller(from));
                }
                let taker = Standing::of(transaction, by)?;
                taker.active()?;
                taker.has("claw_back", |rights| rights.claw_back)
            })
        })
        .await
    }
}

impl Inner {
    /// One movement in a transaction of its own, where `allowed` says so in it.
    fn move_credits(
        &self,
        code: ReasonCode,
        (from, to): (Account, Account),
        amount: Credits,
        text: String,
        change: &Change,
        allowed: impl FnOnce(&mut dyn Transaction) -> Result<(), ResellersError>,
    ) -> Result<Entry, ResellersError> {
        self.sound()?;
        change.commit(&*self.store, "move credits", |transaction| {
            allowed(transaction)?;
            let (reason, reference) = (Reason { code, text }, Reference::default());
            let movement = Movement { from, to, amount, reason, reference, actor: change.actor.pseudonym() };
            let entry = transaction.post(movement)?;
            note(transaction, &entry, &change.actor)?;
            Ok(entry)
        })
    }
}

/// Into the audit log, under the reseller that it is about.
pub(super) fn note(transaction: &mut dyn Transaction, entry: &Entry, actor: &Actor) -> Result<(), ResellersError> {
    let Movement { from, to, reason, .. } = &entry.movement;
    let subject = if matches!(from, Account::Reseller(_)) && reason.code != ReasonCode::Transfer { from } else { to };
    transaction.audit(actor, &format!("credits.{}", reason.code.name()), subject.to_string(), (None, Some(entry)))?;
    Ok(())
}
