//! Making and changing plans. The house's alone; resellers see those that they may sell.

use std::sync::PoisonError;

use jiff::Timestamp;
use mast_model::{Credits, Plan, PlanId, Term};
use mast_store::{Change, Kind};

use super::{Principal, Resellers, ResellersError, State, key};

/// A plan to be added.
#[derive(Debug, Clone)]
pub struct NewPlan {
    /// 1 to 64 characters, no control characters; unique.
    pub name: String,
    /// How long a line lasts.
    pub term: Term,
    /// 1 to 10,000.
    pub max_connections: u32,
    /// Empty for every channel.
    pub bouquets: Vec<String>,
    /// For trying the service out.
    pub trial: bool,
    /// None or more.
    pub price: Credits,
    /// For how many hours a sale can be refunded.
    pub refund_hours: u32,
}

/// A change of a plan; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct PlanPatch {
    /// As in a new one.
    pub name: Option<String>,
    /// As in a new one.
    pub term: Option<Term>,
    /// As in a new one.
    pub max_connections: Option<u32>,
    /// As in a new one.
    pub bouquets: Option<Vec<String>>,
    /// As in a new one.
    pub trial: Option<bool>,
    /// As in a new one.
    pub price: Option<Credits>,
    /// As in a new one.
    pub refund_hours: Option<u32>,
    /// Not sold any more where false.
    pub active: Option<bool>,
}

impl Resellers {
    /// The plans that `by` may sell, by id; the house sees all of them.
    pub fn plans(&self, by: Principal) -> Vec<Plan> {
        let state = self.inner.state();
        state.plans.values().filter(|plan| state.sells(by, plan)).cloned().collect()
    }

    /// A plan, if `by` may sell it.
    pub fn plan(&self, by: Principal, id: PlanId) -> Option<Plan> {
        let state = self.inner.state();
        state.plans.get(&id).filter(|plan| state.sells(by, plan)).cloned()
    }

    /// Adds a plan.
    pub async fn add_plan(&self, new: NewPlan, change: Change) -> Result<Plan, ResellersError> {
        self.blocking(move |inner| {
            let mut plan = Plan {
                id: PlanId(0),
                name: new.name,
                term: new.term,
                max_connections: new.max_connections,
                bouquets: new.bouquets,
                trial: new.trial,
                price: new.price,
                refund_hours: new.refund_hours,
                active: true,
                created: Timestamp::now(),
                revision: 0,
            };
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            check(&mut plan, &inner.state())?;
            let plan = change.commit(&*inner.store, "add a plan", |transaction| {
                plan.id = PlanId(transaction.next_id(Kind::Plans)?);
                transaction.put(&plan)?;
                let subject = format!("plan/{}", plan.id);
                transaction.audit(&change.actor, "plan.create", subject, (None, Some(&plan)))?;
                Ok::<_, ResellersError>(plan)
            })?;
            inner.change_state(|state| state.plans.insert(plan.id, plan.clone()));
            Ok(plan)
        })
        .await
    }

    /// Changes a plan. Lines that were sold by it stay as they are until they are extended.
    pub async fn change_plan(
        &self,
        id: PlanId,
        expected: Option<u64>,
        patch: PlanPatch,
        change: Change,
    ) -> Result<Plan, ResellersError> {
        self.blocking(move |inner| {
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let before = inner.state().plans.get(&id).cloned().ok_or(ResellersError::NoSuchPlan(id))?;
            if expected.is_some_and(|expected| expected != before.revision) {
                return Err(ResellersError::Changed { what: format!("plan {id}"), revision: before.revision });
            }
            let mut after = patch.applied(before.clone());
            after.revision += 1;
            check(&mut after, &inner.state())?;
            change.commit(&*inner.store, "change a plan", |transaction| {
                transaction.put(&after)?;
                let both = (Some(&before), Some(&after));
                transaction.audit(&change.actor, "plan.update", format!("plan/{id}"), both)?;
                Ok::<_, ResellersError>(())
            })?;
            inner.change_state(|state| state.plans.insert(id, after.clone()));
            Ok(after)
        })
        .await
    }
}

impl Resellers {
    /// Removes a plan. Lines that were sold by it go on to their ends.
    pub async fn remove_plan(&self, id: PlanId, expected: Option<u64>, change: Change) -> Result<(), ResellersError> {
        self.blocking(move |inner| {
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let before = inner.state().plans.get(&id).cloned().ok_or(ResellersError::NoSuchPlan(id))?;
            if expected.is_some_and(|expected| expected != before.revision) {
                return Err(ResellersError::Changed { what: format!("plan {id}"), revision: before.revision });
            }
            change.commit(&*inner.store, "remove a plan", |transaction| {
                transaction.remove_row(Kind::Plans, &key(id.0))?;
                transaction.audit(&change.actor, "plan.delete", format!("plan/{id}"), (Some(&before), None))?;
                Ok::<_, ResellersError>(())
            })?;
            inner.change_state(|state| state.plans.remove(&id));
            Ok(())
        })
        .await
    }
}

impl PlanPatch {
    fn applied(self, plan: Plan) -> Plan {
        Plan {
            name: self.name.unwrap_or(plan.name),
            term: self.term.unwrap_or(plan.term),
            max_connections: self.max_connections.unwrap_or(plan.max_connections),
            bouquets: self.bouquets.unwrap_or(plan.bouquets),
            trial: self.trial.unwrap_or(plan.trial),
            price: self.price.unwrap_or(plan.price),
            refund_hours: self.refund_hours.unwrap_or(plan.refund_hours),
            active: self.active.unwrap_or(plan.active),
            ..plan
        }
    }
}

impl State {
    fn sells(&self, by: Principal, plan: &Plan) -> bool {
        let Principal::Reseller(id) = by else { return true };
        let allowed = |id| {
            let limits = self.resellers.get(&id).map(|reseller| &reseller.limits);
            limits.is_some_and(|limits| limits.plans.is_empty() || limits.plans.contains(&plan.id))
        };
        plan.active && self.tree.contains(id) && self.tree.upwards(id).all(allowed)
    }
}

fn check(plan: &mut Plan, state: &State) -> Result<(), ResellersError> {
    let invalid = |text: &str| Err(ResellersError::Invalid(text.to_owned()));
    let name = &plan.name;
    if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) || name.trim() != name {
        return invalid("a plan's name has 1 to 64 characters, none of them control characters or space at its ends");
    }
    if !(1..=10_000).contains(&plan.max_connections) {
        return invalid("a plan's max_connections is 1 to 10000");
    }
    if plan.price < Credits::ZERO {
        return invalid("a plan's price is not negative");
    }
    let century = Timestamp::now().checked_add(jiff::SignedDuration::from_hours(100 * 366 * 24)).ok();
    if plan.term.count == 0 || plan.term.after(Timestamp::now()).is_none_or(|end| Some(end) > century) {
        return invalid("a plan's term is at least 1 hour and at most 100 years");
    }
    if plan.bouquets.len() > 64 {
        return invalid("a plan has at most 64 bouquets");
    }
    plan.bouquets.sort();
    plan.bouquets.dedup();
    match state.plans.values().any(|other| other.id != plan.id && other.name == plan.name) {
        true => Err(ResellersError::PlanNameTaken(plan.name.clone())),
        false => Ok(()),
    }
}
