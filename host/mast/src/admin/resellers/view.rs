//! Resellers, plans and entries of the ledger as they are shown. A reseller is not told who stands above it.

use jiff::Timestamp;
use mast_model::{
    Account, Credits, Plan, PlanId, ReasonCode, Reseller, ResellerLimits, ResellerRights, Term, TermUnit,
};
use mast_store::{Entry, Movement, Row};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resellers::{Principal, Resellers};

/// What a reseller may do besides selling. What is missing is not allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RightsView {
    /// Have resellers below itself: make them, change them, give them credits.
    pub sub_resellers: bool,
    /// Take credits back from those below.
    pub claw_back: bool,
    /// Sell plans for trials.
    pub trials: bool,
    /// Undo sales, within the plan's hours.
    pub refunds: bool,
}

impl From<ResellerRights> for RightsView {
    fn from(rights: ResellerRights) -> Self {
        let ResellerRights { sub_resellers, claw_back, trials, refunds } = rights;
        Self { sub_resellers, claw_back, trials, refunds }
    }
}

impl From<RightsView> for ResellerRights {
    fn from(view: RightsView) -> Self {
        let RightsView { sub_resellers, claw_back, trials, refunds } = view;
        Self { sub_resellers, claw_back, trials, refunds }
    }
}

/// How much a reseller may do, those below it included. What is missing is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsView {
    /// How far below zero selling may take its balance; operators only.
    #[schema(minimum = 0)]
    pub overdraft: i64,
    /// Lines, ended ones included.
    pub lines: Option<u32>,
    /// Lines for trial that have not ended.
    pub trials: Option<u32>,
    /// Connections of a line at once.
    pub max_connections: Option<u32>,
    /// Resellers below it.
    pub sub_resellers: Option<u32>,
    /// Plans that may be sold; none for all.
    pub plans: Vec<u64>,
}

impl From<&ResellerLimits> for LimitsView {
    fn from(limits: &ResellerLimits) -> Self {
        Self {
            overdraft: limits.overdraft.0,
            lines: limits.lines,
            trials: limits.trials,
            max_connections: limits.max_connections,
            sub_resellers: limits.sub_resellers,
            plans: limits.plans.iter().map(|plan| plan.0).collect(),
        }
    }
}

impl From<LimitsView> for ResellerLimits {
    fn from(view: LimitsView) -> Self {
        Self {
            overdraft: Credits(view.overdraft),
            lines: view.lines,
            trials: view.trials,
            max_connections: view.max_connections,
            sub_resellers: view.sub_resellers,
            plans: view.plans.into_iter().map(PlanId).collect(),
        }
    }
}

/// A reseller: everything but the password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResellerView {
    /// Its id.
    pub id: u64,
    /// Its username.
    pub username: String,
    /// Who it stands below; null for the house, and for whoever asks about itself.
    pub parent: Option<u64>,
    /// False where it was switched off: neither it nor anybody below it can log in or spend, and its lines go on.
    pub active: bool,
    /// Whether logging in takes a code.
    #[serde(default)]
    pub second_factor: bool,
    /// What it may do.
    pub rights: RightsView,
    /// How much of it.
    pub limits: LimitsView,
    /// For those above it; null where it asks about itself.
    pub notes: Option<String>,
    /// Its own notes.
    pub own_notes: String,
    /// What its subscribers read.
    pub branding: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Grows with each change; the ETag.
    pub revision: u64,
}

impl ResellerView {
    pub(super) fn new(reseller: &Reseller, by: Principal) -> Self {
        let itself = by == Principal::Reseller(reseller.id);
        Self {
            id: reseller.id.0,
            username: reseller.username.clone(),
            parent: reseller.parent.filter(|_| !itself).map(|parent| parent.0),
            active: reseller.active,
            second_factor: reseller.totp.is_on(),
            rights: reseller.rights.into(),
            limits: LimitsView::from(&reseller.limits),
            notes: (!itself).then(|| reseller.notes.clone()),
            own_notes: reseller.own_notes.clone(),
            branding: reseller.branding.clone(),
            created: reseller.created,
            revision: reseller.revision,
        }
    }
}

/// How long a line lasts: a month is a month of the calendar.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermView {
    /// How many, at least 1.
    #[schema(minimum = 1)]
    pub count: u32,
    /// `hours`, `days`, `months` or `years`.
    #[schema(value_type = String)]
    pub unit: TermUnit,
}

impl From<TermView> for Term {
    fn from(view: TermView) -> Self {
        Self { count: view.count, unit: view.unit }
    }
}

/// A plan: what resellers sell.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// How long a line lasts.
    pub term: TermView,
    /// Connections of a line at once.
    pub max_connections: u32,
    /// Bouquets of a line; none for every channel.
    pub bouquets: Vec<String>,
    /// For trying the service out.
    pub trial: bool,
    /// In credits.
    pub price: i64,
    /// For how many hours a reseller can undo a sale.
    pub refund_hours: u32,
    /// False where it is not sold any more.
    pub active: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Grows with each change; the ETag.
    pub revision: u64,
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        Self {
            id: plan.id.0,
            name: plan.name.clone(),
            term: TermView { count: plan.term.count, unit: plan.term.unit },
            max_connections: plan.max_connections,
            bouquets: plan.bouquets.clone(),
            trial: plan.trial,
            price: plan.price.0,
            refund_hours: plan.refund_hours,
            active: plan.active,
            created: plan.created,
            revision: plan.revision,
        }
    }
}

/// An entry of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    /// Its number.
    pub id: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who paid: `issued`, `sales`, `reseller/7`; null where that is not for whoever asks to know.
    pub from: Option<String>,
    /// Who was paid.
    pub to: Option<String>,
    /// How many credits.
    pub amount: i64,
    /// `issue`, `transfer`, `claw_back`, `purchase`, `extension` or `refund`.
    #[schema(value_type = String)]
    pub reason: ReasonCode,
    /// For people.
    pub text: String,
    /// The line that was sold.
    pub line: Option<u64>,
    /// The plan that it was sold by.
    pub plan: Option<u64>,
    /// The entry that a refund undoes.
    pub refunds: Option<u64>,
    /// The operator who did it, for operators.
    pub operator: Option<u64>,
    /// The reseller who did it, where whoever asks may see it.
    pub reseller: Option<u64>,
}

impl EntryView {
    pub(super) fn new(entry: &Entry, by: Principal, resellers: &Resellers) -> Self {
        let Movement { from, to, amount, reason, reference, actor } = &entry.movement;
        let shown = |account: &Account| match account {
            Account::Reseller(id) => resellers.sees(by, Some(*id)).then(|| account.to_string()),
            _ => Some(account.to_string()),
        };
        let who = actor.reseller.filter(|id| resellers.sees(by, Some(mast_model::ResellerId(*id))));
        Self {
            id: entry.id.0,
            at: entry.at,
            from: shown(from),
            to: shown(to),
            amount: amount.0,
            reason: reason.code,
            text: reason.text.clone(),
            line: reference.line.map(|line| line.0),
            plan: reference.plan.map(|plan| plan.0),
            refunds: reference.entry.map(|entry| entry.0),
            operator: actor.operator.filter(|_| by == Principal::House),
            reseller: who,
        }
    }
}

/// An entry, as one account sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RowView {
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryView,
    /// What came in; negative where it went out.
    pub change: i64,
    /// What the account had afterwards.
    pub balance: i64,
}

impl RowView {
    pub(super) fn new(row: &Row, by: Principal, resellers: &Resellers) -> Self {
        Self { entry: EntryView::new(&row.entry, by, resellers), change: row.change.0, balance: row.balance.0 }
    }
}
