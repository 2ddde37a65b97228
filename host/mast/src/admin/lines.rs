//! `/api/v1/lines`. A list is chosen in memory and read from the store a page at a time.

mod bulk;
mod csv;
mod devices;
mod panel;
mod transfer;
mod view;

pub use bulk::Created;
pub use devices::{DeviceEventView, ToldView};
pub use view::LineView;

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use mast_model::{Line, LineId, LineRecord, ResellerId, Scope};
use mast_store::Change;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At, Changing, Expected, Known, Me, Sent, Tagged};
use super::once::Confidential;
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::accounts::{AccountsError, InvalidLine, LineEdit, LinePatch, LineRequest};
use crate::resellers::{Principal, check_fixed};
use crate::sessions::Banned;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, remove))
        .routes(routes!(rotate_token))
        .routes(routes!(erase))
        .merge(bulk::routes())
        .merge(devices::routes())
        .merge(transfer::routes())
}

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LineQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only the line with exactly this username.
    username: Option<String>,
    /// Only those whose username contains this, whatever the case.
    search: Option<String>,
    /// Only those that are switched on, or off.
    active: Option<bool>,
    /// Only those that have ended, or have not.
    expired: Option<bool>,
    /// Only those that end before this.
    #[param(value_type = Option<String>, format = DateTime)]
    expires_before: Option<Timestamp>,
    /// Only trials, or no trials.
    trial: Option<bool>,
    /// Only those that have this bouquet.
    bouquet: Option<String>,
    /// Only those that this reseller sold.
    reseller: Option<u64>,
}

impl LineQuery {
    fn wants(&self, line: &Line, search: Option<&str>, now: Timestamp) -> bool {
        let expired = line.expires.is_some_and(|end| end <= now);
        search.is_none_or(|part| line.username.to_lowercase().contains(part))
            && self.active.is_none_or(|active| line.active == active)
            && self.expired.is_none_or(|wanted| expired == wanted)
            && self.expires_before.is_none_or(|time| line.expires.is_some_and(|end| end < time))
            && self.trial.is_none_or(|trial| line.trial == trial)
            && self.bouquet.as_ref().is_none_or(|bouquet| line.bouquets.contains(bouquet))
    }
}

/// Whether the tokens, which are credentials, may be seen. A reseller sees no lines but those of its tree.
fn sees_tokens(Me(me): &Me) -> bool {
    me.scopes.has(Scope::LinesWrite) || me.reseller.is_some()
}

/// Whose lines are listed: one reseller's, those of a tree, or everybody's where this is none.
fn sellers(context: &Context, by: Principal, wanted: Option<ResellerId>) -> Option<Vec<ResellerId>> {
    let resellers = &context.deps.resellers;
    match (wanted, by) {
        (Some(one), Principal::House) => Some(vec![one]),
        (Some(one), by) => Some(if resellers.sees(by, Some(one)) { vec![one] } else { Vec::new() }),
        (None, Principal::House) => None,
        (None, by) => Some(resellers.list(by).iter().map(|reseller| reseller.id).collect()),
    }
}

/// Whether a line is there for whoever asks.
fn is_visible(context: &Context, me: &Me, id: LineId) -> Result<(), AdminError> {
    if me.principal() == Principal::House {
        return Ok(());
    }
    let line = context.deps.accounts.find(id);
    let visible = line.is_some_and(|line| context.deps.resellers.sees(me.principal(), line.reseller));
    visible.then_some(()).ok_or_else(|| AccountsError::NoSuchLine(id).into())
}

/// Lines, in the order in which they were added.
#[utoipa::path(get, path = "/api/v1/lines", tag = "lines", params(LineQuery),
    responses((status = 200, body = Page<LineView>)))]
async fn list(
    State(context): Shared,
    me: Me,
    Asked(query): Asked<LineQuery>,
) -> Result<Json<Page<LineView>>, AdminError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, after) = (paging.limit()?, paging.after()?.map(LineId));
    let accounts = &context.deps.accounts;
    let now = Timestamp::now();
    let search = query.search.as_ref().map(|part| part.to_lowercase());
    let username = query.username.clone();
    // None for everybody's.
    let sellers = sellers(&context, me.principal(), query.reseller.map(ResellerId));
    let wants = move |line: &Line| query.wants(line, search.as_deref(), now);
    let found = match (username, sellers) {
        (Some(username), sellers) => {
            let sold = |line: &Line| {
                sellers.as_ref().is_none_or(|sellers| line.reseller.is_some_and(|seller| sellers.contains(&seller)))
            };
            let wants = |line: &Arc<Line>| sold(line) && wants(line) && after.is_none_or(|after| line.id > after);
            accounts.by_username(&username).into_iter().filter(wants).collect()
        }
        (None, Some(sellers)) => accounts.select_sold(sellers, after, limit + 1, wants).await?,
        (None, None) => accounts.select(after, limit + 1, wants).await?,
    };
    let records = accounts.records(found.iter().map(|line| line.id).collect()).await?;
    let views = records.iter().map(|record| LineView::new(record, sees_tokens(&me))).collect();
    Ok(Json(Page::of(views, limit, |view| view.id.to_string())))
}

/// Adds a line.
#[utoipa::path(post, path = "/api/v1/lines", tag = "lines", request_body = LineRequest,
    responses((status = 201, body = Created)))]
async fn add(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<LineRequest>,
) -> Result<Response, AdminError> {
    check_bouquets(&context, request.terms.bouquets.as_deref())?;
    let added = context.deps.accounts.add(vec![request], change).await?.remove(0);
    tracing::info!(line = %added.record.id, username = added.record.username, "line added");
    let (revision, body) = (added.record.revision, Created::from(&added));
    let secret = body.password.is_some().then_some(Extension(Confidential));
    let answer = Tagged::created(revision, body).into_response();
    Ok(match secret {
        Some(secret) => (secret, answer).into_response(),
        None => answer,
    })
}

/// A line.
#[utoipa::path(get, path = "/api/v1/lines/{id}", tag = "lines", params(("id" = u64, Path)),
    responses((status = 200, body = LineView)))]
async fn show(State(context): Shared, me: Me, At(id): At<u64>, known: Known) -> Result<Response, AdminError> {
    is_visible(&context, &me, LineId(id))?;
    let record = context.deps.accounts.records(vec![LineId(id)]).await?.into_iter().next();
    let record = record.ok_or(AccountsError::NoSuchLine(LineId(id)))?;
    Ok(Tagged::new(record.revision, LineView::new(&record, sees_tokens(&me))).unless(&known))
}

/// Changes a line; what is missing stays as it is. A reseller leaves out what the plan says, and does not switch on what an operator
/// switched off.
#[utoipa::path(patch, path = "/api/v1/lines/{id}", tag = "lines", params(("id" = u64, Path)),
    request_body = LinePatch, responses((status = 200, body = LineView)))]
async fn change(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
    Sent(patch): Sent<LinePatch>,
) -> Result<Response, AdminError> {
    is_visible(&context, &me, LineId(id))?;
    if me.principal() != Principal::House {
        check_fixed(&patch.terms)?;
    }
    check_bouquets(&context, patch.terms.bouquets.as_deref())?;
    let edit = LineEdit::Patch(Box::new(patch));
    let record = context.deps.accounts.edit(vec![LineId(id)], expected, edit, change).await?.remove(0);
    tracing::info!(line = %record.id, username = record.username, "line changed");
    Ok(tagged(&record))
}

/// Removes a line; whoever watches with it is cut off.
#[utoipa::path(delete, path = "/api/v1/lines/{id}", tag = "lines", params(("id" = u64, Path)),
    responses((status = 204)))]
async fn remove(
    State(context): Shared,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.accounts.remove(vec![LineId(id)], expected, change).await?;
    // What stays would be given to nobody, and is swept out in time.
    if let Err(error) = context.deps.devices.forget(LineId(id)).await {
        tracing::warn!(line = id, %error, "events for a removed line's devices were not forgotten");
    }
    tracing::info!(line = id, "line removed");
    Ok(StatusCode::NO_CONTENT)
}

/// What was forgotten.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ErasedView {
    /// The line was still there.
    line: bool,
    /// Entries of the audit log that said something of the person.
    audit_entries: usize,
}

/// Removes a line, also one that was removed before, and forgets whoever had it: names, addresses, devices and notes, in the audit log and in
/// answers that are kept, and its bans. What was done, when and by whom stays in the log.
#[utoipa::path(post, path = "/api/v1/lines/{id}/erase", tag = "lines", params(("id" = u64, Path)),
    responses((status = 200, body = ErasedView)))]
async fn erase(
    State(context): Shared,
    At(id): At<u64>,
    Changing(change): Changing,
) -> Result<Json<ErasedView>, AdminError> {
    let sessions = &context.deps.sessions;
    for ban in sessions.bans().into_iter().filter(|ban| ban.banned == Banned::Line(LineId(id))) {
        // The mark of a repeated request is for the line.
        sessions.lift(ban.id, Change::by(change.actor.clone())).await?;
    }
    context.deps.devices.forget(LineId(id)).await?;
    let erased = context.deps.accounts.erase(LineId(id), change).await?;
    tracing::info!(line = id, entries = erased.entries, "whoever had a line is forgotten");
    Ok(Json(ErasedView { line: erased.line, audit_entries: erased.entries }))
}

/// Gives a line a new token; URLs with the old one end.
#[utoipa::path(post, path = "/api/v1/lines/{id}/token", tag = "lines", params(("id" = u64, Path)),
    responses((status = 200, body = LineView)))]
async fn rotate_token(
    State(context): Shared,
    me: Me,
    At(id): At<u64>,
    Expected(expected): Expected,
    Changing(change): Changing,
) -> Result<Response, AdminError> {
    is_visible(&context, &me, LineId(id))?;
    let accounts = &context.deps.accounts;
    let record = accounts.edit(vec![LineId(id)], expected, LineEdit::RotateToken, change).await?.remove(0);
    tracing::info!(line = %record.id, username = record.username, "line has a new token");
    Ok(tagged(&record))
}

fn tagged(record: &LineRecord) -> Response {
    Tagged::new(record.revision, LineView::new(record, true)).into_response()
}

/// Refuses bouquets that do not exist: such a line would see nothing.
pub(super) fn check_bouquets(context: &Context, wanted: Option<&[String]>) -> Result<(), AdminError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let known = context.deps.catalog.bouquet_names();
    let Some(name) = wanted.iter().find(|name| !known.contains(name)) else { return Ok(()) };
    let known = match known.is_empty() {
        true => "there are none yet, add [bouquet.NAME] to mast.toml or POST /api/v1/bouquets".to_owned(),
        false => format!("there are {}", known.join(", ")),
    };
    Err(InvalidLine::Bouquet { name: name.clone(), known }.into())
}
