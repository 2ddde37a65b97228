//! `/api/v1/lines/bulk`: many lines at once, all or none.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::SignedDuration;
use mast_model::LineId;
use mast_store::Change;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::extract::{Changing, Sent};
use super::super::once::Confidential;
use super::super::{AdminError, Context, Shared};
use super::{LineView, check_bouquets};
use crate::accounts::{Added, LineEdit, LineRequest};

/// Lines that are changed at once.
const MOST: usize = 10_000;
/// A century.
const MOST_DAYS: i64 = 36_500;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(add)).routes(routes!(extend)).routes(routes!(enable)).routes(routes!(disable))
}

/// A line that was added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Created {
    /// The line.
    #[serde(flatten)]
    pub line: LineView,
    /// The password that was invented for it, where none was given. It cannot be shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl From<&Added> for Created {
    fn from(added: &Added) -> Self {
        Self {
            line: LineView::new(&added.record, true),
            password: added.password.as_ref().map(|password| password.expose().to_owned()),
        }
    }
}

/// Lines to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkRequest {
    /// At most 1,000.
    lines: Vec<LineRequest>,
}

/// Lines that were added.
#[derive(Debug, Serialize, ToSchema)]
struct BulkCreated {
    /// In the order of the request.
    lines: Vec<Created>,
}

/// Which lines.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkChoice {
    /// At most 10,000.
    ids: Vec<u64>,
}

/// Which lines, and by how much.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkExtension {
    /// At most 10,000.
    ids: Vec<u64>,
    /// Days of 24 hours, 1 to 36,500.
    #[schema(minimum = 1, maximum = 36500)]
    days: i64,
}

/// How many lines were changed.
#[derive(Debug, Serialize, ToSchema)]
struct BulkChanged {
    changed: usize,
}

/// Adds lines, all or none.
#[utoipa::path(post, path = "/api/v1/lines/bulk", tag = "lines", request_body = BulkRequest,
    responses((status = 201, body = BulkCreated)))]
async fn add(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<BulkRequest>,
) -> Result<Response, AdminError> {
    request.lines.iter().try_for_each(|line| check_bouquets(&context, line.terms.bouquets.as_deref()))?;
    let added = context.deps.accounts.add(request.lines, change).await?;
    tracing::info!(lines = added.len(), "lines added");
    let lines: Vec<Created> = added.iter().map(Created::from).collect();
    let secret = lines.iter().any(|line| line.password.is_some());
    let answer = (StatusCode::CREATED, Json(BulkCreated { lines }));
    Ok(if secret { (Extension(Confidential), answer).into_response() } else { answer.into_response() })
}

/// Extends lines, from their end or from now, whichever is later; all or none. Lines without an end keep none.
#[utoipa::path(post, path = "/api/v1/lines/bulk/extend", tag = "lines", request_body = BulkExtension,
    responses((status = 200, body = BulkChanged)))]
async fn extend(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<BulkExtension>,
) -> Result<Json<BulkChanged>, AdminError> {
    if !(1..=MOST_DAYS).contains(&request.days) {
        return Err(AdminError::Invalid("days is a number from 1 to 36500".to_owned()));
    }
    edit(&context, request.ids, LineEdit::Extend(SignedDuration::from_hours(24 * request.days)), change).await
}

/// Switches lines on, all or none.
#[utoipa::path(post, path = "/api/v1/lines/bulk/enable", tag = "lines", request_body = BulkChoice,
    responses((status = 200, body = BulkChanged)))]
async fn enable(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<BulkChoice>,
) -> Result<Json<BulkChanged>, AdminError> {
    edit(&context, request.ids, LineEdit::Active(true), change).await
}

/// Switches lines off, all or none; whoever watches with them is cut off.
#[utoipa::path(post, path = "/api/v1/lines/bulk/disable", tag = "lines", request_body = BulkChoice,
    responses((status = 200, body = BulkChanged)))]
async fn disable(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<BulkChoice>,
) -> Result<Json<BulkChanged>, AdminError> {
    edit(&context, request.ids, LineEdit::Active(false), change).await
}

async fn edit(
    context: &Context,
    mut ids: Vec<u64>,
    edit: LineEdit,
    change: Change,
) -> Result<Json<BulkChanged>, AdminError> {
    // A line that is named twice is extended once.
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MOST {
        return Err(AdminError::Invalid(format!("at most {MOST} lines at once")));
    }
    let ids = ids.into_iter().map(LineId).collect();
    let changed = context.deps.accounts.edit(ids, None, edit, change).await?.len();
    tracing::info!(lines = changed, "lines changed");
    Ok(Json(BulkChanged { changed }))
}
