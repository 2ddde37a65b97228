//! `/api/v1/status`: what each room says of itself, gathered without knowing the rooms.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Context, Shared};

pub(super) fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What one room says of itself.
pub struct StatusPart {
    /// Its key in the answer.
    pub name: &'static str,
    /// Memory only: it runs on a serving thread.
    pub read: Box<dyn Fn() -> Value + Send + Sync>,
}

/// Version, start, number of lines, and what each room says of itself.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = Value)))]
async fn show(State(context): Shared) -> Json<Value> {
    let mut status = Map::new();
    for part in &context.deps.status {
        status.insert(part.name.to_owned(), (part.read)());
    }
    status.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    status.insert("started".to_owned(), json!(context.started));
    status.insert("lines".to_owned(), json!(context.deps.accounts.count()));
    Json(Value::Object(status))
}
