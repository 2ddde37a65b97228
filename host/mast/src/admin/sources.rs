//! `/api/v1/sources` and `/api/v1/plugins`: how they are doing, and refreshing a source at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At};
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::catalog::{EditError, SourceStatus};
use crate::extensions::{GrantStatus, InstanceState, InstanceStatus};

/// As the catalogue says it.
pub type SourceView = SourceStatus;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new()
        .routes(routes!(sources))
        .routes(routes!(source))
        .routes(routes!(refresh))
        .routes(routes!(accept))
        .routes(routes!(plugins))
        .routes(routes!(plugin))
}

/// How each source is doing, by name.
#[utoipa::path(get, path = "/api/v1/sources", tag = "catalogue", params(Paging),
    responses((status = 200, body = Page<SourceView>)))]
async fn sources(State(context): Shared, Asked(paging): Asked<Paging>) -> Result<Json<Page<SourceView>>, AdminError> {
    let limit = paging.limit()?;
    let all = context.deps.catalog.statuses().into_iter();
    let behind = all.filter(|status| paging.cursor.as_ref().is_none_or(|after| status.source > *after));
    Ok(Json(Page::of(behind.take(limit + 1).collect(), limit, |view| view.source.clone())))
}

/// How a source is doing.
#[utoipa::path(get, path = "/api/v1/sources/{name}", tag = "catalogue", params(("name" = String, Path)),
    responses((status = 200, body = SourceView)))]
async fn source(State(context): Shared, At(name): At<String>) -> Result<Json<SourceView>, AdminError> {
    let found = context.deps.catalog.statuses().into_iter().find(|status| status.source == name);
    Ok(Json(found.ok_or_else(|| EditError::NotFound(format!("source {name}")))?))
}

/// Has a source refreshed now, before it is due; how it went is in `GET /sources/{name}`.
#[utoipa::path(post, path = "/api/v1/sources/{name}/refresh", tag = "catalogue", params(("name" = String, Path)),
    responses((status = 202)))]
async fn refresh(State(context): Shared, At(name): At<String>) -> Result<StatusCode, AdminError> {
    context.deps.catalog.refresh(&name)?;
    tracing::info!(source = name, "a refresh was asked for");
    Ok(StatusCode::ACCEPTED)
}

/// Has a source refreshed now, and taken over even if it has lost more of its channels than `[catalog] max_loss` allows.
#[utoipa::path(post, path = "/api/v1/sources/{name}/accept", tag = "catalogue", params(("name" = String, Path)),
    responses((status = 202)))]
async fn accept(State(context): Shared, At(name): At<String>) -> Result<StatusCode, AdminError> {
    context.deps.catalog.accept(&name)?;
    tracing::info!(source = name, "a refresh was asked for, to be taken over whatever it has lost");
    Ok(StatusCode::ACCEPTED)
}

/// A plugin instance.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginView {
    /// Its name: the stem of its file.
    pub name: String,
    /// `source`, `epg`, `output` or `auth`; null where the file does not say.
    pub kind: Option<String>,
    /// The bundled plugin's name or the component's path.
    pub plugin: Option<String>,
    /// The version that the plugin in use says it has.
    pub version: Option<String>,
    /// SHA-256 of the component in use, hexadecimal.
    pub sha256: Option<String>,
    /// What became of the file as it is now: `loaded`, `failed` or `disabled`.
    pub state: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Since when it is in that state.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Whether an instance is in use; with a failure, the one from before the edit.
    pub running: bool,
    /// Times the plugin in use trapped or had to be stopped; each time its instance was thrown away.
    pub poisoned: u64,
    /// What the instance cannot have, though it is loaded.
    pub problems: Vec<String>,
    /// What it may reach.
    pub grants: GrantStatus,
}

impl From<InstanceStatus> for PluginView {
    fn from(status: InstanceStatus) -> Self {
        let (state, reason) = match status.state {
            InstanceState::Loaded => ("loaded", None),
            InstanceState::Failed(reason) => ("failed", Some(reason)),
            InstanceState::Disabled => ("disabled", None),
        };
        Self {
            name: status.instance,
            kind: status.kind,
            plugin: status.plugin,
            version: status.version,
            sha256: status.sha256,
            state: state.to_owned(),
            reason,
            since: status.since,
            running: status.running,
            poisoned: status.poisoned,
            problems: status.problems,
            grants: status.grants,
        }
    }
}

/// Which plugin instances.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PluginQuery {
    /// How many at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only those of this kind.
    kind: Option<String>,
    /// Only those in this state.
    state: Option<String>,
}

fn all(context: &Context) -> impl Iterator<Item = PluginView> {
    let statuses = context.deps.running.as_ref().map(|running| running.extensions.statuses()).unwrap_or_default();
    statuses.into_iter().map(PluginView::from)
}

/// How each plugin instance is doing, by name.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "catalogue", params(PluginQuery),
    responses((status = 200, body = Page<PluginView>)))]
async fn plugins(
    State(context): Shared,
    Asked(query): Asked<PluginQuery>,
) -> Result<Json<Page<PluginView>>, AdminError> {
    let limit = Paging { limit: query.limit, cursor: None }.limit()?;
    let wanted = |view: &PluginView| {
        query.cursor.as_ref().is_none_or(|after| view.name > *after)
            && query.kind.as_ref().is_none_or(|kind| view.kind.as_ref() == Some(kind))
            && query.state.as_ref().is_none_or(|state| view.state == *state)
    };
    Ok(Json(Page::of(all(&context).filter(wanted).take(limit + 1).collect(), limit, |view| view.name.clone())))
}

/// How a plugin instance is doing.
#[utoipa::path(get, path = "/api/v1/plugins/{name}", tag = "catalogue", params(("name" = String, Path)),
    responses((status = 200, body = PluginView)))]
async fn plugin(State(context): Shared, At(name): At<String>) -> Result<Json<PluginView>, AdminError> {
    let found = all(&context).find(|view| view.name == name);
    Ok(Json(found.ok_or_else(|| EditError::NotFound(format!("plugin instance {name}")))?))
}
