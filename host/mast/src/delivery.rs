//! The HTTP side: viewers' URLs in, playlists, segments and continuous MPEG-TS out.
//!
//! | path | answered by |
//! |---|---|
//! | `/live/{username}/{password}/{id}[.m3u8|.ts]`, `/live/stream_{id}[.m3u8|.ts]?token=T` | [`live`]: credentials, lineup, policies, a lease, a channel on air |
//! | `/hls/{session}/{id}/index.m3u8`, `/hls/{session}/{id}/{sequence}.ts` | [`hls`]: a signed session, the published window |
//! | `/healthz`, `/readyz`, `/metrics` | [`status`] |
//! | `/api/...` | the admin room |
//! | anything else | [`output`]: the route of a plugin, or 404 |
//!
//! Wire formats of viewers stay in here. Invariant: answering a segment of a living session reads no store, calls no plugin, takes no lock
//! that two channels share and waits for no task.

pub mod config;
mod error;
mod hls;
mod lease;
mod live;
mod output;
mod respond;
mod segment_body;
mod server;
mod status;
mod token;
mod viewer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use jiff::Timestamp;
use mast_model::{ChannelId, LineId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::catalog::Catalog;
use crate::extensions::{ActiveConnections, Extensions};
use crate::metrics::Metrics;
use crate::tuner::{Feed, Tuner};
use config::{HttpConfig, LimitsConfig};
use lease::Leases;
use output::OutputCache;
use token::Signer;

/// How often leases are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// The rooms that delivery asks.
#[derive(Clone)]
pub struct Deps {
    /// Lines.
    pub accounts: Accounts,
    /// Lineups.
    pub catalog: Catalog,
    /// Policies and outputs.
    pub extensions: Extensions,
    /// Channels.
    pub tuner: Tuner,
    /// Counters.
    pub metrics: Metrics,
    /// Connections in use; shared with the plugins' services.
    pub connections: Connections,
    /// Signs viewer sessions.
    pub session_key: [u8; 32],
}

/// The connections that lines have open. Made before the rooms that count them.
#[derive(Clone)]
pub struct Connections {
    leases: Arc<Leases<Feed>>,
}

impl Default for Connections {
    fn default() -> Self {
        Self { leases: Arc::new(Leases::new()) }
    }
}

impl Connections {
    /// For the plugins' services.
    pub fn counter(&self) -> ActiveConnections {
        let leases = Arc::clone(&self.leases);
        Arc::new(move |line| leases.in_use(line))
    }

    /// Viewer sessions now: HLS, continuous MPEG-TS.
    pub fn sessions(&self) -> (usize, usize) {
        self.leases.count()
    }
}

/// The running HTTP side.
pub struct Delivery {
    address: SocketAddr,
    tasks: TaskTracker,
}

/// What every handler can reach.
struct Shared {
    deps: Deps,
    http: HttpConfig,
    listening: SocketAddr,
    leases: Arc<Leases<Feed>>,
    signer: Signer,
    outputs: OutputCache,
    shutdown: CancellationToken,
}

type State = axum::extract::State<Arc<Shared>>;

impl Delivery {
    /// Listens, and answers until `shutdown`; `admin` answers for `/api`.
    pub async fn start(
        http: HttpConfig,
        limits: LimitsConfig,
        deps: Deps,
        admin: Router,
        shutdown: CancellationToken,
    ) -> std::io::Result<Self> {
        let listener = server::listen(http.listen)?;
        let address = listener.local_addr()?;
        let leases = Arc::clone(&deps.connections.leases);
        let signer = Signer::new(deps.session_key);
        let metrics = deps.metrics.clone();
        let shared = Arc::new(Shared {
            deps,
            http,
            listening: address,
            leases,
            signer,
            outputs: OutputCache::new(),
            shutdown: shutdown.clone(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(sweep(Arc::clone(&shared), shutdown.clone()));
        tasks.spawn(server::run(listener, router(shared, admin), limits, metrics, shutdown));
        tasks.close();
        Ok(Self { address, tasks })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until every connection has ended; `start`'s token must have been cancelled. Takes at most a few seconds.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

/// `admin` answers for `/api`; what viewers' responses have in common, such as being open to every site's scripts, it has not.
fn router(shared: Arc<Shared>, admin: Router) -> Router {
    let admin = admin.layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), respond::as_client));
    Router::new()
        .route("/live/{file}", get(live::by_token))
        .route("/live/{username}/{password}/{file}", get(live::by_credentials))
        .route("/hls/{session}/{channel}/{file}", get(hls::file))
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .fallback(output::route)
        .method_not_allowed_fallback(async || error::DeliveryError::Method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), respond::finish))
        .with_state(shared)
        .merge(admin)
}

/// Ends leases that expired, and those whose line or channel is gone: at most a second after the change.
async fn sweep(shared: Arc<Shared>, shutdown: CancellationToken) {
    let mut lineups = shared.deps.catalog.changes();
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shutdown.cancelled() => break,
        }
        // Lineups change rarely; looking every lease up in them each second would not be free.
        let lineup_changed = lineups.has_changed().unwrap_or(false);
        lineups.mark_unchanged();
        let now = Timestamp::now();
        shared.leases.sweep(|line: LineId, channel: ChannelId| {
            let usable = shared.deps.accounts.find(line).filter(|line| line.usable(now));
            usable.is_some_and(|line| !lineup_changed || shared.deps.catalog.sees(&line, channel))
        });
    }
    shared.leases.sweep(|_, _| false);
}
