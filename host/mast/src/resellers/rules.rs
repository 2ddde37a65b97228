//! Who may do what. Rules about money are asked inside the transaction and read what it reads, so that nobody is switched off, moved or
//! limited between the question and the deed.

use jiff::Timestamp;
use mast_model::{Account, Credits, Plan, PlanId, Reseller, ResellerId, ResellerRights};
use mast_store::{LedgerError, StoreError, Transaction};

use super::{Inner, ResellersError, key};

/// On whose behalf something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// An operator's, or whoever has the machine.
    House,
    /// A reseller's.
    Reseller(ResellerId),
}

/// A reseller and everybody above it, nearest first, as one transaction sees them.
pub(super) struct Standing {
    upwards: Vec<Reseller>,
}

impl Standing {
    pub(super) fn of(transaction: &mut dyn Transaction, id: ResellerId) -> Result<Self, ResellersError> {
        let (mut upwards, mut next) = (Vec::new(), Some(id));
        while let Some(id) = next {
            let found: Option<Reseller> = transaction.get(&key(id.0))?;
            let reseller = found.ok_or(ResellersError::NoSuchReseller(id))?;
            next = reseller.parent;
            upwards.push(reseller);
        }
        Ok(Self { upwards })
    }

    /// Itself.
    pub(super) fn reseller(&self) -> &Reseller {
        self.upwards.first().expect("made of at least one")
    }

    pub(super) fn is_within(&self, top: ResellerId) -> bool {
        self.upwards.iter().any(|reseller| reseller.id == top)
    }

    pub(super) fn is_below(&self, top: ResellerId) -> bool {
        self.reseller().id != top && self.is_within(top)
    }

    /// Neither it nor anybody above it is switched off. Who it is above is not for it to know.
    pub(super) fn active(&self) -> Result<(), ResellersError> {
        match self.upwards.iter().all(|reseller| reseller.active) {
            true => Ok(()),
            false => Err(ResellersError::Inactive(self.reseller().id)),
        }
    }

    /// A right that it has, and everybody above it still has.
    pub(super) fn has(&self, right: &'static str, of: impl Fn(&ResellerRights) -> bool) -> Result<(), ResellersError> {
        match self.upwards.iter().all(|reseller| of(&reseller.rights)) {
            true => Ok(()),
            false => Err(ResellersError::MayNot { reseller: self.reseller().id, right }),
        }
    }

    /// Whether it may sell a plan now.
    pub(super) fn may_sell(&self, plan: &Plan) -> Result<(), ResellersError> {
        self.active()?;
        if plan.trial {
            self.has("trials", |rights| rights.trials)?;
        }
        let not_sold = |why| ResellersError::NotSold { reseller: self.reseller().id, plan: plan.id, why };
        if !plan.active {
            return Err(not_sold("it is not sold any more"));
        }
        for reseller in &self.upwards {
            let limits = &reseller.limits;
            if !(limits.plans.is_empty() || limits.plans.contains(&plan.id)) {
                return Err(not_sold("it is not among its plans"));
            }
            if limits.max_connections.is_some_and(|most| plan.max_connections > most) {
                return Err(not_sold("it has more connections than its limit"));
            }
        }
        Ok(())
    }

    /// Whether so many lines more fit below every limit above.
    pub(super) fn has_room(&self, inner: &Inner, more: usize, trial: bool) -> Result<(), ResellersError> {
        let now = Timestamp::now();
        for reseller in &self.upwards {
            let (lines, trials) = (reseller.limits.lines, reseller.limits.trials.filter(|_| trial));
            if lines.is_none() && trials.is_none() {
                continue;
            }
            let within = inner.state().tree.within(reseller.id);
            let full = |most: u32, count: usize| count + more > usize::try_from(most).unwrap_or(usize::MAX);
            let limit = |what, most| ResellersError::Limit { reseller: self.reseller().id, what, most };
            if let Some(most) = lines.filter(|most| full(*most, inner.accounts.sold_by(&within))) {
                return Err(limit("lines", most));
            }
            if let Some(most) = trials.filter(|most| full(*most, inner.accounts.open_trials_of(&within, now))) {
                return Err(limit("trial lines", most));
            }
        }
        Ok(())
    }

    /// Whether it can pay for all of it, so that the refusal names the whole price, not the rest of it.
    pub(super) fn can_pay(
        &self,
        transaction: &mut dyn Transaction,
        price: Credits,
        times: usize,
    ) -> Result<(), ResellersError> {
        if price == Credits::ZERO {
            return Ok(());
        }
        let account = Account::Reseller(self.reseller().id);
        let balance = transaction.balance(account)?;
        let overdraft = self.reseller().limits.overdraft.max(Credits::ZERO);
        let needed = u32::try_from(times).ok().and_then(|times| price.checked_mul(times));
        let needed = needed.ok_or(LedgerError::Overflow { account, balance, amount: price });
        let needed = needed.map_err(StoreError::from)?;
        if i128::from(needed.0) > i128::from(balance.0) + i128::from(overdraft.0) {
            let error = LedgerError::Insufficient { account, balance, overdraft, needed };
            return Err(StoreError::from(error).into());
        }
        Ok(())
    }
}

/// A plan, as this transaction sees it.
pub(super) fn plan(transaction: &mut dyn Transaction, id: PlanId) -> Result<Plan, ResellersError> {
    let found: Option<Plan> = transaction.get(&key(id.0))?;
    found.ok_or(ResellersError::NoSuchPlan(id))
}
