//! For the operator's monitoring. Nothing here names a line, a channel's upstream or a path on disk.

use axum::extract::State as AxumState;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::State;

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Viewers can be served: every source has a lineup, from the store or from its first refresh.
pub(super) async fn readyz(AxumState(shared): State) -> Response {
    let waiting = shared.deps.catalog.waiting_for();
    if shared.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    if waiting.is_empty() {
        return "ready\n".into_response();
    }
    let names: Vec<&str> = waiting.iter().map(|instance| instance.as_str()).collect();
    let text = format!("waiting for the first lineup of: {}\n", names.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// Prometheus text format 0.0.4.
pub(super) async fn metrics(AxumState(shared): State) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], shared.deps.metrics.render()).into_response()
}
