//! The admin API, so far on the control socket in the data folder: what `mast line` talks to while a server runs.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/status` | `version`, `started`, `lines`, and what the rooms add |
//! | `GET /api/v1/lines` | `{"lines": [line]}` |
//! | `POST /api/v1/lines` with a [`LineRequest`](crate::accounts::LineRequest) | 201 and the line |
//! | `POST /api/v1/lines/{username}/disable`, `.../enable` | the line |
//!
//! A line is `id`, `username`, `token`, `max_connections`, `expires`, `active`, `bouquets`, `macs`, `created`; an error is
//! `{"error": {"code", "message"}}`. Whoever may open the socket may do everything: it is open to the account that the host runs under, and
//! to nobody else. Operators with passwords and keys come with the admin API over HTTP.

pub mod client;
mod error;
mod lines;
mod socket;
mod status;
#[cfg(test)]
mod tests;

pub use error::{AdminError, ErrorBody, ErrorView};
pub use lines::{LineList, LineView};
pub use socket::{ControlSocket, SocketError};
pub use status::StatusPart;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;

/// No request is larger than a line.
const BODY_LIMIT: usize = 64 * 1024;

/// What the admin API works with.
pub struct AdminDeps {
    /// The lines.
    pub accounts: Accounts,
    /// Names of the bouquets that lines may have.
    pub bouquets: Vec<String>,
    /// What the rooms say of themselves. The part `http` holds `listening`, the address of the HTTP side, for printed URLs.
    pub status: Vec<StatusPart>,
}

struct Context {
    deps: AdminDeps,
    started: Timestamp,
}

type Shared = axum::extract::State<Arc<Context>>;

/// Answers on the control socket until `stop`, then finishes the requests that are under way and removes the socket.
pub async fn serve(socket: ControlSocket, deps: AdminDeps, stop: CancellationToken) -> std::io::Result<()> {
    let router = router(Arc::new(Context { deps, started: Timestamp::now() }));
    let (listener, _cleanup) = socket.into_parts();
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/api/v1/status", get(status::show))
        .route("/api/v1/lines", get(lines::list).post(lines::add))
        .route("/api/v1/lines/{username}/disable", post(lines::disable))
        .route("/api/v1/lines/{username}/enable", post(lines::enable))
        .fallback(async || AdminError::NoSuchPath)
        .method_not_allowed_fallback(async || AdminError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(context)
}
