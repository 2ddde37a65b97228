//! `/api/v1/lines`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use mast_model::{Line, LineId};
use serde::{Deserialize, Serialize};

use super::{AdminError, Shared};
use crate::accounts::LineRequest;

/// A line as operators see it: everything but the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineView {
    /// Its id.
    pub id: LineId,
    /// Its username.
    pub username: String,
    /// Its token.
    pub token: String,
    /// Connections allowed at once.
    pub max_connections: u32,
    /// When it ends; null for never.
    pub expires: Option<Timestamp>,
    /// False where an operator switched it off.
    pub active: bool,
    /// Its bouquets; none means every channel.
    pub bouquets: Vec<String>,
    /// Its devices.
    pub macs: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        Self {
            id: line.id,
            username: line.username.clone(),
            token: line.token.expose().to_owned(),
            max_connections: line.max_connections,
            expires: line.expires,
            active: line.active,
            bouquets: line.bouquets.clone(),
            macs: line.macs.clone(),
            created: line.created,
        }
    }
}

/// Every line.
#[derive(Debug, Serialize, Deserialize)]
pub struct LineList {
    /// In the order in which they were added.
    pub lines: Vec<LineView>,
}

pub(super) async fn list(State(context): Shared) -> Json<LineList> {
    let lines = context.deps.accounts.list();
    Json(LineList { lines: lines.iter().map(|line| LineView::from(&**line)).collect() })
}

pub(super) async fn add(
    State(context): Shared,
    request: Result<Json<LineRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<LineView>), AdminError> {
    let Json(request) = request?;
    request.check_bouquets(context.deps.bouquets.iter().map(String::as_str))?;
    let line = context.deps.accounts.add(request).await?;
    tracing::info!(line = %line.id, username = %line.username, "line added");
    Ok((StatusCode::CREATED, Json(LineView::from(&*line))))
}

pub(super) async fn disable(context: Shared, username: Path<String>) -> Result<Json<LineView>, AdminError> {
    set_active(context, username, false).await
}

pub(super) async fn enable(context: Shared, username: Path<String>) -> Result<Json<LineView>, AdminError> {
    set_active(context, username, true).await
}

async fn set_active(
    State(context): Shared,
    Path(username): Path<String>,
    active: bool,
) -> Result<Json<LineView>, AdminError> {
    let line = context.deps.accounts.set_active(&username, active).await?;
    tracing::info!(line = %line.id, username = %line.username, active, "line switched");
    Ok(Json(LineView::from(&*line)))
}
