//! `/api/v1/backups` and `/api/v1/export`: everything that the host keeps, to be kept elsewhere.

mod export;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, At, Changing, Sent};
use super::page::{Page, Paging};
use super::{AdminError, Context, Shared};
use crate::backups::Backup;

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(remove)).merge(export::routes())
}

/// A backup to be written.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackupRequest {
    /// 1 to 100 letters, digits, dots, dashes and underscores, a letter or digit first; the time where missing.
    #[serde(default)]
    name: Option<String>,
}

/// Backups in the host's own folder, by name.
#[utoipa::path(get, path = "/api/v1/backups", tag = "backups", params(Paging),
    responses((status = 200, body = Page<Backup>)))]
async fn list(State(context): Shared, Asked(paging): Asked<Paging>) -> Result<Json<Page<Backup>>, AdminError> {
    let limit = paging.limit()?;
    let all = context.deps.backups.list().await?.into_iter();
    let behind = all.filter(|backup| paging.cursor.as_ref().is_none_or(|after| backup.name > *after));
    Ok(Json(Page::of(behind.take(limit + 1).collect(), limit, |backup| backup.name.clone())))
}

/// Writes a backup of the store as it is now into the folder `backups` of the data folder; `mast restore` puts it back.
#[utoipa::path(post, path = "/api/v1/backups", tag = "backups", request_body = BackupRequest,
    responses((status = 201, body = Backup)))]
async fn create(
    State(context): Shared,
    Changing(change): Changing,
    Sent(request): Sent<BackupRequest>,
) -> Result<(StatusCode, Json<Backup>), AdminError> {
    let backup = context.deps.backups.create(request.name, change).await?;
    tracing::info!(backup = backup.name, bytes = backup.bytes, "backup written");
    Ok((StatusCode::CREATED, Json(backup)))
}

/// Removes a backup.
#[utoipa::path(delete, path = "/api/v1/backups/{name}", tag = "backups", params(("name" = String, Path)),
    responses((status = 204)))]
async fn remove(
    State(context): Shared,
    At(name): At<String>,
    Changing(change): Changing,
) -> Result<StatusCode, AdminError> {
    context.deps.backups.remove(name.clone(), change).await?;
    tracing::info!(backup = name, "backup removed");
    Ok(StatusCode::NO_CONTENT)
}
