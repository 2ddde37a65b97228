//! What resellers sell: new lines, longer lines, and undoing both. Operators do it in a reseller's name, at the reseller's cost.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use mast_model::{EntryId, LineId, PlanId, ResellerId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{At, Me, Paying, Sent, Tagged};
use super::super::lines::{Created, LineView};
use super::super::once::Confidential;
use super::super::{AdminError, Context, Shared};
use super::view::EntryView;
use crate::accounts::LineRequest;
use crate::resellers::{Principal, ResellersError};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(sell)).routes(routes!(extend)).routes(routes!(refund))
}

/// Lines to be sold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SaleRequest {
    /// The plan; it says when the lines end, how many connections and which bouquets they have.
    plan: u64,
    /// At most 1,000, all or none. What the plan says is left out.
    lines: Vec<LineRequest>,
    /// Who sells and pays. For operators; a reseller sells for itself.
    reseller: Option<u64>,
}

/// Lines that were sold.
#[derive(Debug, Serialize, ToSchema)]
struct SaleView {
    /// In the order of the request.
    lines: Vec<Created>,
    /// The entries of the ledger, one for each line; none where the plan costs nothing.
    entries: Vec<u64>,
}

/// By which plan a line is to be extended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExtensionRequest {
    /// The plan.
    plan: u64,
    /// Who pays: the line's reseller where missing. For operators; a reseller pays itself.
    reseller: Option<u64>,
}

/// Why a sale is undone.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefundRequest {
    /// What for, in at most 200 characters. It stays in the ledger for ever: no names of people.
    #[serde(default)]
    text: String,
}

/// Who pays. A reseller can name nobody but itself.
fn payer(context: &Context, by: Principal, named: Option<u64>) -> Result<Option<ResellerId>, AdminError> {
    let named = named.map(ResellerId);
    let Principal::Reseller(own) = by else { return Ok(named) };
    match named.filter(|named| *named != own) {
        None => Ok(Some(own)),
        Some(other) if context.deps.resellers.sees(by, Some(other)) => {
            Err(AdminError::field("reseller", "a reseller sells for itself; leave reseller out"))
        }
        Some(other) => Err(ResellersError::NoSuchReseller(other).into()),
    }
}

/// A plan that a reseller cannot sell does not exist for it.
fn plan(context: &Context, by: Principal, id: u64) -> Result<PlanId, AdminError> {
    let plan = context.deps.resellers.plan(by, PlanId(id));
    Ok(plan.ok_or(ResellersError::NoSuchPlan(PlanId(id)))?.id)
}

/// Sells new lines by a plan, all or none, each with its payment.
#[utoipa::path(post, path = "/api/v1/sales", tag = "sales", request_body = SaleRequest,
    responses((status = 201, body = SaleView)))]
async fn sell(
    State(context): Shared,
    me: Me,
    Paying(change): Paying,
    Sent(request): Sent<SaleRequest>,
) -> Result<Response, AdminError> {
    let by = me.principal();
    let seller = payer(&context, by, request.reseller)?;
    let seller = seller.ok_or_else(|| AdminError::field("reseller", "reseller names who sells and pays"))?;
    let plan = plan(&context, by, request.plan)?;
    if request.lines.is_empty() {
        return Err(AdminError::field("lines", "lines has at least one line"));
    }
    let sold = context.deps.resellers.buy(seller, plan, request.lines, change).await?;
    tracing::info!(reseller = %seller, %plan, lines = sold.lines.len(), "lines sold");
    let secret = sold.lines.iter().any(|line| line.password.is_some());
    let body = SaleView {
        lines: sold.lines.iter().map(Created::from).collect(),
        entries: sold.entries.iter().map(|entry| entry.0).collect(),
    };
    let answer = (StatusCode::CREATED, Json(body));
    Ok(if secret { (Extension(Confidential), answer).into_response() } else { answer.into_response() })
}

/// Extends a line by a plan, from its end or from now, whichever is later.
#[utoipa::path(post, path = "/api/v1/lines/{id}/extensions", tag = "sales", params(("id" = u64, Path)),
    request_body = ExtensionRequest, responses((status = 201, body = LineView)))]
async fn extend(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Paying(change): Paying,
    Sent(request): Sent<ExtensionRequest>,
) -> Result<Response, AdminError> {
    let (by, id) = (me.principal(), LineId(id));
    let line = context.deps.accounts.find(id).filter(|line| context.deps.resellers.sees(by, line.reseller));
    let line = line.ok_or(ResellersError::NoSuchLine(id))?;
    let seller = payer(&context, by, request.reseller)?.or(line.reseller);
    let seller = seller.ok_or_else(|| {
        AdminError::field("reseller", "no reseller sold this line; change its expires with PATCH instead")
    })?;
    let plan = plan(&context, by, request.plan)?;
    let record = context.deps.resellers.extend(seller, id, plan, change).await?;
    tracing::info!(line = %id, reseller = %seller, %plan, "line extended");
    Ok(Tagged::created(record.revision, LineView::new(&record, true)).into_response())
}

/// Undoes the last sale of a line, by the number of its entry: a line that was bought ends, one that was extended gets the end that it had.
/// A reseller within the hours of the plan, operators whenever.
#[utoipa::path(post, path = "/api/v1/sales/{id}/refund", tag = "sales", params(("id" = u64, Path)),
    request_body = RefundRequest, responses((status = 201, body = EntryView)))]
async fn refund(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Paying(change): Paying,
    Sent(request): Sent<RefundRequest>,
) -> Result<(StatusCode, Json<EntryView>), AdminError> {
    let by = me.principal();
    let entry = context.deps.resellers.refund(by, EntryId(id), request.text, change).await?;
    tracing::info!(sale = id, entry = %entry.id, "sale refunded");
    Ok((StatusCode::CREATED, Json(EntryView::new(&entry, by, &context.deps.resellers))))
}
