//! The admin API, `/api/v1`: over HTTP for operators with a session or an API key and for resellers with a session, and on the control socket in
//! the data folder for whoever has the machine (`mast line`, `mast operator`, `mast reseller` ...). One router serves both; a command without a
//! running server runs the same router on the store itself.
//!
//! What a request passes: `access` (who is it, may it, and does it come from the operator's own pages), `once` (was it done already), the
//! handler, and `access` again, which sets the header fields that every answer has. API.md describes it for those who use it; the
//! OpenAPI document is made from the handlers.
//!
//! Handlers only translate: rules, transactions and the audit log are the rooms'. What a room refuses becomes a status in `error`, and
//! nowhere else.

#![allow(unused_qualifications, reason = "utoipa::path writes them")]

mod access;
mod audit;
mod backups;
mod catalog;
pub mod client;
pub mod config;
mod error;
mod events;
mod extract;
mod guide;
mod health;
mod keys;
mod lines;
mod live;
mod oidc;
mod once;
mod openapi;
mod operators;
mod page;
mod resellers;
mod session;
mod sessions;
mod socket;
mod sources;
mod spreadsheet;
mod status;
#[cfg(test)]
mod tests;

pub use error::{AdminError, ErrorBody, ErrorView, Problem};
pub use guide::GuideView;
pub use health::{Check, HealthView};
pub use keys::{KeyView, MadeKeyView};
pub use lines::{Created, DeviceEventView, LineView, ToldView};
pub use live::OnAirView;
pub use operators::OperatorView;
pub use page::Page;
pub use resellers::{BalanceView, EntryView, LimitsView, PlanView, ResellerView, RightsView, RowView, TermView};
pub use sessions::{BanRequest, BanView, MadeBan, WatchView};
pub use socket::{ControlSocket, SocketError};
pub use sources::{PluginView, SourceView};
pub use status::StatusPart;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::any;
use jiff::Timestamp;
use mast_store::{StateStore, forget_done, trim_audit};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::accounts::Accounts;
use crate::backups::Backups;
use crate::catalog::Catalog;
use crate::devices::Devices;
use crate::events::Events;
use crate::extensions::Extensions;
use crate::guide::Guide;
use crate::operators::{Oidc, Operators};
use crate::resellers::Resellers;
use crate::sessions::Sessions;
use crate::tuner::{Transcoder, Tuner};
use access::{Door, Guard};
use config::RetentionConfig;
use events::{Listeners, Told};
use once::InFlight;

/// What most requests may bring.
const BODY_LIMIT: usize = 256 * 1024;
/// What may be imported at once, and the answer that may be kept for a repeated request is smaller by far.
const IMPORT_LIMIT: usize = 32 << 20;

/// A request is remembered for a day; an hour more does no harm.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// What the admin API works with.
pub struct AdminDeps {
    /// The store: the audit log, and what was done for requests that must not be done twice.
    pub store: Arc<dyn StateStore>,
    /// The lines.
    pub accounts: Accounts,
    /// Who may use it.
    pub operators: Operators,
    /// Logins through an identity provider, where there is one.
    pub oidc: Option<Oidc>,
    /// Channels and bouquets.
    pub catalog: Catalog,
    /// Who sells lines, and their credits.
    pub resellers: Resellers,
    /// Who watches, and who may not.
    pub sessions: Sessions,
    /// What waits for set-top boxes.
    pub devices: Devices,
    /// What just happened.
    pub events: Events,
    /// Everything in a file.
    pub backups: Backups,
    /// What only a running host has.
    pub running: Option<Running>,
    /// What the rooms say of themselves. The part `http` holds `listening`, the address of the HTTP side, for printed URLs; `instances`
    /// the plugin instances.
    pub status: Vec<StatusPart>,
}

/// The rooms that a command without a server does not have.
pub struct Running {
    /// Channels.
    pub tuner: Tuner,
    /// Plugin instances.
    pub extensions: Extensions,
    /// What is on.
    pub guide: Guide,
    /// FFmpeg.
    pub transcoder: Transcoder,
    /// Where the store is.
    pub data_dir: PathBuf,
}

struct Context {
    deps: AdminDeps,
    started: Timestamp,
    /// The same moment, on a clock that nobody sets.
    began: Instant,
    in_flight: InFlight,
    told: Told,
    listeners: Listeners,
    /// The OpenAPI document, as it is sent.
    document: String,
}

type Shared = axum::extract::State<Arc<Context>>;

/// The admin API. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    context: Arc<Context>,
}

impl Admin {
    /// Ready to answer.
    pub fn new(deps: AdminDeps) -> Self {
        let (_, document) = routes().split_for_parts();
        let document = openapi::finish(document);
        let (started, began) = (Timestamp::now(), Instant::now());
        let told = Told::from(&*deps.store);
        let (in_flight, listeners) = (InFlight::default(), Listeners::default());
        let context = Context { deps, started, began, in_flight, told, listeners, document };
        Self { context: Arc::new(context) }
    }

    /// For the HTTP side: who asks must say who they are.
    pub fn http(&self) -> Router {
        self.router(Door::Http)
    }

    /// For whoever has the machine: nobody is asked.
    pub fn machine(&self) -> Router {
        self.router(Door::Machine)
    }

    /// Answers on the control socket until `stop`, then finishes the requests that are under way and removes the socket.
    pub async fn serve(&self, socket: ControlSocket, stop: CancellationToken) -> std::io::Result<()> {
        let (listener, _cleanup) = socket.into_parts();
        axum::serve(listener, self.machine()).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    /// Forgets requests that are too old to be repeated, and what `retention` says is too old to be kept, until `stop`.
    pub async fn forget(&self, retention: RetentionConfig, stop: CancellationToken) {
        let mut tick = tokio::time::interval(FORGET_EVERY);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            let store = Arc::clone(&self.context.deps.store);
            let audit = retention.audit.and_then(|span| Timestamp::now().checked_sub(span).ok());
            let forgotten = tokio::task::spawn_blocking(move || {
                forget_done(&*store)?;
                audit.map_or(Ok(0), |before| trim_audit(&*store, before))
            });
            if let Err(error) = self.context.deps.devices.sweep().await {
                tracing::warn!(%error, "old events for devices were not swept out");
            }
            match forgotten.await {
                Ok(Ok(0)) | Err(_) => {}
                Ok(Ok(entries)) => tracing::info!(entries, "old entries of the audit log were removed"),
                Ok(Err(error)) => tracing::warn!(%error, "what is too old was not forgotten"),
            }
        }
    }

    /// Tells those who look on what channels, sources and plugins do, until `stop`.
    pub async fn look(&self, stop: CancellationToken) {
        events::look(Arc::clone(&self.context), stop).await;
    }

    fn router(&self, door: Door) -> Router {
        let (router, _) = routes().split_for_parts();
        let guard = Guard { context: Arc::clone(&self.context), door };
        let nothing = || any(async || AdminError::NoSuchPath);
        router
            .route("/api", nothing())
            .route("/api/{*rest}", nothing())
            .method_not_allowed_fallback(async || AdminError::MethodNotAllowed)
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&self.context), once::layer))
            .layer(axum::middleware::from_fn_with_state(guard, access::layer))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(Arc::clone(&self.context))
    }
}

/// Every route, and its part of the OpenAPI document.
fn routes() -> OpenApiRouter<Arc<Context>> {
    OpenApiRouter::with_openapi(openapi::document())
        .merge(openapi::routes())
        .merge(session::routes())
        .merge(oidc::routes())
        .merge(operators::routes())
        .merge(keys::routes())
        .merge(audit::routes())
        .merge(status::routes())
        .merge(health::routes())
        .merge(live::routes())
        .merge(backups::routes())
        .merge(events::routes())
        .merge(sources::routes())
        .merge(guide::routes())
        .merge(lines::routes())
        .merge(resellers::routes())
        .merge(sessions::routes())
        .merge(catalog::routes())
}
