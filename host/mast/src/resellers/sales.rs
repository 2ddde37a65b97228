//! What resellers sell: lines from plans, longer lines, and undoing both. Each sale is one transaction with its payment.

use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use mast_model::{
    Account, Credits, EntryId, LineId, LineRecord, Plan, PlanId, Reason, ReasonCode, Reference, ResellerId,
};
use mast_store::{Actor, Change, Entry, Movement, Transaction};

use super::credits::note;
use super::rules::{self, Standing};
use super::{Inner, Principal, Resellers, ResellersError, key};
use crate::accounts::{Added, LineRequest, LineTerms};

/// What was sold.
#[derive(Debug, Clone)]
pub struct Sold {
    /// The lines, in the order asked for.
    pub lines: Vec<Added>,
    /// What was paid for each; none where the plan costs nothing.
    pub entries: Vec<EntryId>,
}

impl Resellers {
    /// Sells new lines by a plan, all or none.
    pub async fn buy(
        &self,
        seller: ResellerId,
        plan: PlanId,
        mut requests: Vec<LineRequest>,
        change: Change,
    ) -> Result<Sold, ResellersError> {
        self.inner.sound()?;
        let plan = self.inner.state().plans.get(&plan).cloned().ok_or(ResellersError::NoSuchPlan(plan))?;
        let ends = end_of(&plan, Timestamp::now())?;
        for request in &mut requests {
            check_fixed(&request.terms)?;
            request.terms = by_plan(std::mem::take(&mut request.terms), &plan, ends);
        }
        let stamp = move |line: &mut LineRecord| (line.reseller, line.plan) = (Some(seller), Some(plan.id));
        let paid: Arc<OnceLock<Vec<EntryId>>> = Arc::default();
        let sale = Sale { inner: Arc::clone(&self.inner), seller, plan: plan.clone(), actor: change.actor.clone() };
        let noted = Arc::clone(&paid);
        let lines = self
            .inner
            .accounts
            .add_stamped(requests, stamp, change, move |transaction, lines| {
                let entries = sale.settle(transaction, lines)?;
                noted.get_or_init(|| entries);
                Ok::<_, ResellersError>(())
            })
            .await?;
        Ok(Sold { lines, entries: paid.get().cloned().unwrap_or_default() })
    }

    /// Extends a line by a plan, from its end or from now, whichever is later. The line takes the plan's terms as they are now. Whoever
    /// stands above the line's reseller may do it too, and pays.
    pub async fn extend(
        &self,
        seller: ResellerId,
        line: LineId,
        plan: PlanId,
        change: Change,
    ) -> Result<LineRecord, ResellersError> {
        self.inner.sound()?;
        let actor = change.actor.clone();
        let rule = move |transaction: &mut dyn Transaction, record: &mut LineRecord| {
            let plan = rules::plan(transaction, plan)?;
            owned(transaction, seller, record)?;
            let standing = Standing::of(transaction, seller)?;
            standing.may_sell(&plan)?;
            let (ended, ends) = (record.expires, longer(record, &plan)?);
            standing.can_pay(transaction, plan.price, 1)?;
            record.expires = Some(ends);
            (record.max_connections, record.bouquets) = (plan.max_connections, plan.bouquets.clone());
            (record.plan, record.trial) = (Some(plan.id), false);
            let reference = Reference { line: Some(line), plan: Some(plan.id), ended, ends: Some(ends), entry: None };
            pay(transaction, (seller, ReasonCode::Extension), &plan, reference, &actor)?;
            Ok::<_, ResellersError>(())
        };
        let inner = &self.inner;
        inner.accounts.edit_with(line, "line.extend", change, rule).await.map_err(|error| hidden(error, line))
    }

    /// Undoes the last sale of a line: a bought line ends now, an extended one gets the end that it had. A reseller within the hours of the
    /// plan, the house whenever.
    pub async fn refund(
        &self,
        by: Principal,
        entry: EntryId,
        text: String,
        change: Change,
    ) -> Result<Entry, ResellersError> {
        let sale = self.blocking(move |inner| inner.sale(by, entry)).await?;
        let line = sale.movement.reference.line.ok_or(not_refunded(entry, "it names no line"))?;
        let actor = change.actor.clone();
        let refunded: Arc<OnceLock<Entry>> = Arc::default();
        let noted = Arc::clone(&refunded);
        let rule = move |transaction: &mut dyn Transaction, record: &mut LineRecord| {
            if let Principal::Reseller(by) = by {
                may_refund(transaction, by, &sale)?;
            }
            undo(&sale, record)?;
            let Movement { from, to, amount, reference, .. } = sale.movement.clone();
            let entry = transaction.post(Movement {
                from: to,
                to: from,
                amount,
                reason: Reason { code: ReasonCode::Refund, text },
                reference: Reference { entry: Some(sale.id), ..reference },
                actor: actor.pseudonym(),
            })?;
            note(transaction, &entry, &actor)?;
            noted.get_or_init(|| entry);
            Ok::<_, ResellersError>(())
        };
        self.inner.accounts.edit_with(line, "line.refund", change, rule).await?;
        let entry = refunded.get().cloned();
        entry.ok_or_else(|| ResellersError::Interrupted("the refund was not noted".to_owned()))
    }
}

/// A purchase on its way.
struct Sale {
    inner: Arc<Inner>,
    seller: ResellerId,
    plan: Plan,
    actor: Actor,
}

impl Sale {
    /// Inside the transaction that added the lines.
    fn settle(&self, transaction: &mut dyn Transaction, lines: &[LineRecord]) -> Result<Vec<EntryId>, ResellersError> {
        let plan = rules::plan(transaction, self.plan.id)?;
        // Its terms are in the lines already.
        if plan.revision != self.plan.revision {
            return Err(ResellersError::Changed { what: format!("plan {}", plan.id), revision: plan.revision });
        }
        let standing = Standing::of(transaction, self.seller)?;
        standing.may_sell(&plan)?;
        standing.has_room(&self.inner, lines.len(), plan.trial)?;
        standing.can_pay(transaction, plan.price, lines.len())?;
        let mut entries = Vec::new();
        for line in lines {
            let reference =
                Reference { line: Some(line.id), plan: Some(plan.id), ends: line.expires, ..Reference::default() };
            entries.extend(pay(transaction, (self.seller, ReasonCode::Purchase), &plan, reference, &self.actor)?);
        }
        Ok(entries)
    }
}

impl Inner {
    /// An entry that `by` paid for something.
    fn sale(&self, by: Principal, id: EntryId) -> Result<Entry, ResellersError> {
        self.sound()?;
        let entry = self.store.entry(id)?.ok_or(ResellersError::NoSuchEntry(id))?;
        match by {
            Principal::Reseller(by) if entry.movement.from != Account::Reseller(by) => {
                Err(ResellersError::NoSuchEntry(id))
            }
            _ if entry.movement.reason.code.is_sale() => Ok(entry),
            _ => Err(not_refunded(id, "it is no sale")),
        }
    }
}

/// What the plan says is not the request's to say.
pub fn check_fixed(terms: &LineTerms) -> Result<(), ResellersError> {
    let LineTerms { max_connections, expires, trial, bouquets, outputs, profiles, .. } = terms;
    let stated = [
        ("max_connections", max_connections.is_some()),
        ("expires", expires.is_some()),
        ("trial", trial.is_some()),
        ("bouquets", bouquets.is_some()),
        ("outputs", outputs.is_some()),
        ("profiles", profiles.is_some()),
    ];
    match stated.into_iter().find(|(_, stated)| *stated) {
        Some((name, _)) => Err(ResellersError::Invalid(format!("{name} is what the plan says; leave it out"))),
        None => Ok(()),
    }
}

fn by_plan(terms: LineTerms, plan: &Plan, ends: Timestamp) -> LineTerms {
    LineTerms {
        max_connections: Some(plan.max_connections),
        bouquets: Some(plan.bouquets.clone()),
        trial: Some(plan.trial),
        expires: Some(Some(ends)),
        ..terms
    }
}

fn end_of(plan: &Plan, start: Timestamp) -> Result<Timestamp, ResellersError> {
    let end = plan.term.after(start);
    end.ok_or_else(|| ResellersError::Invalid(format!("plan {} ends after the end of the calendar", plan.id)))
}

/// The line is the seller's, or of somebody below; any other line is none.
fn owned(transaction: &mut dyn Transaction, seller: ResellerId, record: &LineRecord) -> Result<(), ResellersError> {
    let owner = record.reseller.ok_or(ResellersError::NoSuchLine(record.id))?;
    match Standing::of(transaction, owner)?.is_within(seller) {
        true => Ok(()),
        false => Err(ResellersError::NoSuchLine(record.id)),
    }
}

/// When a line would end. One that runs is extended by its own plan only: by another one, the time that is left would change its worth.
fn longer(record: &LineRecord, plan: &Plan) -> Result<Timestamp, ResellersError> {
    let not_extended = |why| ResellersError::NotExtended { line: record.id, plan: plan.id, why };
    let now = Timestamp::now();
    let end = record.expires.ok_or_else(|| not_extended("it never ends"))?;
    if plan.trial {
        return Err(not_extended("the plan is for trials"));
    }
    let fresh = record.trial || end <= now;
    if !fresh && record.plan != Some(plan.id) {
        return Err(not_extended("it has another plan until it ends"));
    }
    end_of(plan, if fresh { now } else { end })
}

/// Pays for one line; a plan without a price moves nothing.
fn pay(
    transaction: &mut dyn Transaction,
    (seller, code): (ResellerId, ReasonCode),
    plan: &Plan,
    reference: Reference,
    actor: &Actor,
) -> Result<Option<EntryId>, ResellersError> {
    if plan.price == Credits::ZERO {
        return Ok(None);
    }
    let movement = Movement {
        from: Account::Reseller(seller),
        to: Account::Sales,
        amount: plan.price,
        reason: Reason { code, text: plan.name.clone() },
        reference,
        actor: actor.pseudonym(),
    };
    Ok(Some(transaction.post(movement)?.id))
}

fn may_refund(transaction: &mut dyn Transaction, by: ResellerId, sale: &Entry) -> Result<(), ResellersError> {
    let standing = Standing::of(transaction, by)?;
    standing.active()?;
    standing.has("refunds", |rights| rights.refunds)?;
    let plan = sale.movement.reference.plan.ok_or(not_refunded(sale.id, "it names no plan"))?;
    let found: Option<Plan> = transaction.get(&key(plan.0))?;
    let hours = found.map_or(0, |plan| plan.refund_hours);
    let age = Timestamp::now().duration_since(sale.at);
    match age <= SignedDuration::from_hours(i64::from(hours)) {
        true => Ok(()),
        false => Err(not_refunded(sale.id, "its time for that is over")),
    }
}

/// Takes back what was sold, as far as nothing was built on it.
fn undo(sale: &Entry, record: &mut LineRecord) -> Result<(), ResellersError> {
    let reference = &sale.movement.reference;
    if record.expires != reference.ends || record.plan != reference.plan {
        return Err(not_refunded(sale.id, "the line was extended or changed since"));
    }
    record.expires = match sale.movement.reason.code {
        ReasonCode::Extension => reference.ended,
        _ => Some(Timestamp::now()),
    };
    Ok(())
}

fn not_refunded(entry: EntryId, why: &'static str) -> ResellersError {
    ResellersError::NotRefunded { entry, why }
}

/// A line that does not exist and one that is somebody else's get the same answer.
fn hidden(error: ResellersError, line: LineId) -> ResellersError {
    use crate::accounts::AccountsError;
    match error {
        ResellersError::Accounts(AccountsError::NoSuchLine(_)) => ResellersError::NoSuchLine(line),
        other => other,
    }
}
