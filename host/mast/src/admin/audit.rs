//! `/api/v1/audit`: who changed what, newest first.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use mast_store::AuditEntry;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Asked;
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::accounts::AccountsError;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
struct AuditView {
    /// Its number.
    id: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The operator's id; null for resellers and whoever has the machine.
    operator: Option<u64>,
    /// The reseller's id; null for everybody else.
    reseller: Option<u64>,
    /// The username.
    name: String,
    /// `session`, `key 7`, `machine`, `login`, `oidc`.
    via: String,
    /// From where.
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// What, for example `line.update`.
    action: String,
    /// To what, for example `line/17`.
    subject: String,
    /// The fields that changed, as they were; secrets are `***`.
    before: Option<Value>,
    /// The fields that changed, as they are.
    after: Option<Value>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor, action, subject, before, after } = entry;
        Self {
            id,
            at,
            operator: actor.operator,
            reseller: actor.reseller,
            name: actor.name,
            via: actor.via,
            address: actor.address,
            action,
            subject,
            before,
            after,
        }
    }
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only this subject, for example `line/17`.
    subject: Option<String>,
    /// Only this action, or all that begin with it, for example `line.`.
    action: Option<String>,
    /// Only this operator.
    operator: Option<u64>,
    /// Only this reseller.
    reseller: Option<u64>,
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = Page<AuditView>)))]
async fn list(State(context): Shared, Asked(query): Asked<AuditQuery>) -> Result<Json<Page<AuditView>>, AdminError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor.clone() };
    let (limit, before) = (paging.limit()?, paging.after()?.unwrap_or(u64::MAX));
    let store = Arc::clone(&context.deps.store);
    let read = tokio::task::spawn_blocking(move || {
        let wanted = |entry: &AuditEntry| {
            query.subject.as_ref().is_none_or(|subject| entry.subject == *subject)
                && query.action.as_ref().is_none_or(|action| entry.action.starts_with(action.as_str()))
                && query.operator.is_none_or(|operator| entry.actor.operator == Some(operator))
                && query.reseller.is_none_or(|reseller| entry.actor.reseller == Some(reseller))
        };
        store.audit_log(before, limit + 1, &wanted)
    });
    let entries = read.await.map_err(|error| AccountsError::Interrupted(error.to_string()))??;
    Ok(Json(Page::of(entries.into_iter().map(AuditView::from).collect(), limit, |view| view.id.to_string())))
}
