//! Credits: issued, handed down, taken back; balances and statements.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use mast_model::{Account, Credits, EntryId, ResellerId};
use mast_store::Page as Part;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Asked, At, Me, Paying, Sent};
use super::super::page::{Page, Paging};
use super::super::{AdminError, Context, Shared};
use super::view::{EntryView, RowView};
use crate::resellers::Principal;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(issue))
        .routes(routes!(transfer))
        .routes(routes!(claw_back))
        .routes(routes!(balance))
        .routes(routes!(statement))
        .routes(routes!(balances))
        .routes(routes!(house_statement))
}

/// Credits that are to move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreditsRequest {
    /// At least 1.
    #[schema(minimum = 1)]
    amount: i64,
    /// What for, in at most 200 characters. It stays in the ledger for ever: no names of people.
    #[serde(default)]
    text: String,
}

/// Credits that are to be handed down.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TransferRequest {
    /// At least 1.
    #[schema(minimum = 1)]
    amount: i64,
    /// What for, in at most 200 characters. It stays in the ledger for ever: no names of people.
    #[serde(default)]
    text: String,
    /// Whose credits they are: a reseller's above the one that gets them. For operators; a reseller gives its own.
    from: Option<u64>,
}

type Moved = Result<(StatusCode, Json<EntryView>), AdminError>;

fn moved(context: &Context, by: Principal, entry: &mast_store::Entry) -> (StatusCode, Json<EntryView>) {
    let movement = &entry.movement;
    tracing::info!(entry = %entry.id, from = %movement.from, to = %movement.to, amount = movement.amount.0, "credits moved");
    (StatusCode::CREATED, Json(EntryView::new(entry, by, &context.deps.resellers)))
}

/// Makes credits for a reseller.
#[utoipa::path(post, path = "/api/v1/resellers/{id}/issue", tag = "credits", params(("id" = u64, Path)),
    request_body = CreditsRequest, responses((status = 201, body = EntryView)))]
async fn issue(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Paying(change): Paying,
    Sent(request): Sent<CreditsRequest>,
) -> Moved {
    let (amount, text) = (Credits(request.amount), request.text);
    let entry = context.deps.resellers.issue(ResellerId(id), amount, text, change).await?;
    Ok(moved(&context, me.principal(), &entry))
}

/// Hands credits down to a reseller.
#[utoipa::path(post, path = "/api/v1/resellers/{id}/transfer", tag = "credits", params(("id" = u64, Path)),
    request_body = TransferRequest, responses((status = 201, body = EntryView)))]
async fn transfer(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Paying(change): Paying,
    Sent(request): Sent<TransferRequest>,
) -> Moved {
    let by = me.principal();
    let from = match (request.from, by) {
        (Some(from), _) => ResellerId(from),
        (None, Principal::Reseller(own)) => own,
        (None, Principal::House) => {
            let text = "from names the reseller whose credits they are; POST /resellers/{id}/issue makes new ones";
            return Err(AdminError::field("from", text));
        }
    };
    let (ends, amount) = ((from, ResellerId(id)), Credits(request.amount));
    let entry = context.deps.resellers.transfer(by, ends, amount, request.text, change).await?;
    Ok(moved(&context, by, &entry))
}

/// Takes credits back from a reseller, as far as they are there: a reseller into its own account, an operator out of circulation.
#[utoipa::path(post, path = "/api/v1/resellers/{id}/claw-back", tag = "credits", params(("id" = u64, Path)),
    request_body = CreditsRequest, responses((status = 201, body = EntryView)))]
async fn claw_back(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Paying(change): Paying,
    Sent(request): Sent<CreditsRequest>,
) -> Moved {
    let (by, amount) = (me.principal(), Credits(request.amount));
    let entry = context.deps.resellers.claw_back(by, ResellerId(id), amount, request.text, change).await?;
    Ok(moved(&context, by, &entry))
}

/// What an account has.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BalanceView {
    /// `issued`, `sales` or `reseller/7`.
    pub account: String,
    /// In credits.
    pub balance: i64,
}

/// What a reseller has.
#[utoipa::path(get, path = "/api/v1/resellers/{id}/balance", tag = "credits", params(("id" = u64, Path)),
    responses((status = 200, body = BalanceView)))]
async fn balance(State(context): Shared, me: Me, At(id): At<u64>) -> Result<Json<BalanceView>, AdminError> {
    let id = ResellerId(id);
    let balance = context.deps.resellers.balance(me.principal(), id).await?;
    Ok(Json(BalanceView { account: Account::Reseller(id).to_string(), balance: balance.0 }))
}

/// What every account has that ever had credits: for operators, whose sum is zero; for a reseller, itself and those below.
#[utoipa::path(get, path = "/api/v1/balances", tag = "credits", params(Paging),
    responses((status = 200, body = Page<BalanceView>)))]
async fn balances(
    State(context): Shared,
    me: Me,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<BalanceView>>, AdminError> {
    let limit = paging.limit()?;
    let after = paging.cursor.as_deref().map(str::parse::<Account>).transpose();
    let after = after.map_err(|_| AdminError::Invalid("cursor is not one of ours".to_owned()))?;
    let mut all = context.deps.resellers.balances(me.principal()).await?;
    all.sort_unstable();
    let wanted = all.into_iter().filter(|(account, _)| after.is_none_or(|after| *account > after)).take(limit + 1);
    let views = wanted.map(|(account, balance)| BalanceView { account: account.to_string(), balance: balance.0 });
    Ok(Json(Page::of(views.collect(), limit, |view| view.account.clone())))
}

/// Which part of a statement.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StatementQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// From this moment on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// What an account took in and gave in a period.
#[derive(Debug, Serialize, ToSchema)]
struct StatementView {
    /// Whose.
    account: String,
    /// What it had when the period began, whatever the page.
    opening: i64,
    /// What it had when the period ended.
    closing: i64,
    /// Oldest first.
    items: Vec<RowView>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// What a reseller took in and gave, oldest first.
#[utoipa::path(get, path = "/api/v1/resellers/{id}/statement", tag = "credits",
    params(("id" = u64, Path), StatementQuery), responses((status = 200, body = StatementView)))]
async fn statement(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Asked(query): Asked<StatementQuery>,
) -> Result<Json<StatementView>, AdminError> {
    read(&context, me.principal(), Account::Reseller(ResellerId(id)), &query).await
}

/// What an account of the house took in and gave: `issued`, where credits come from, or `sales`, what was paid for lines.
#[utoipa::path(get, path = "/api/v1/house/{name}/statement", tag = "credits",
    params(("name" = String, Path), StatementQuery), responses((status = 200, body = StatementView)))]
async fn house_statement(
    State(context): Shared,
    me: Me,
    At(name): At<String>,
    Asked(query): Asked<StatementQuery>,
) -> Result<Json<StatementView>, AdminError> {
    let account = match name.as_str() {
        "issued" => Account::Issued,
        "sales" => Account::Sales,
        _ => return Err(AdminError::NoSuchPath),
    };
    read(&context, me.principal(), account, &query).await
}

async fn read(
    context: &Context,
    by: Principal,
    account: Account,
    query: &StatementQuery,
) -> Result<Json<StatementView>, AdminError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (most, after) = (paging.limit()?, paging.after()?.map(EntryId));
    let resellers = &context.deps.resellers;
    let part = Part { from: query.from, until: query.until, after, most };
    let statement = resellers.statement(by, account, part).await?;
    Ok(Json(StatementView {
        account: statement.account.to_string(),
        opening: statement.opening.0,
        closing: statement.closing.0,
        items: statement.rows.iter().map(|row| RowView::new(row, by, resellers)).collect(),
        next: statement.next.map(|next| next.to_string()),
    }))
}
