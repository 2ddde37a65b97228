//! The HTTP side: viewers' URLs in, playlists, segments and continuous MPEG-TS out.
//!
//! | path | answered by |
//! |---|---|
//! | `/live/{username}/{password}/{id}[.m3u8|.ts]`, `/live/stream_{id}[.m3u8|.ts]?token=T` | [`live`]: credentials, lineup, policies, a lease, a channel on air |
//! | `/{username}/{password}/{id}[.m3u8|.ts]` | the same, where no plugin has claimed the path |
//! | `/movie/{username}/{password}/{id}.{extension}`, `/movie/{id}.{extension}?token=T`, `/series/...` | [`files`]: credentials, lineup, policies, a lease, the upstream's file |
//! | `/hls/{session}/{id}/index.m3u8`, `/hls/{session}/{id}/{sequence}.ts` | [`hls`]: a signed session, the published window |
//! | `/healthz`, `/readyz`, `/metrics` | [`status`] |
//! | `/api/...` | the admin room |
//! | anything else | [`output`]: the route of a plugin, or 404 |
//!
//! Wire formats of viewers stay in here. Invariant: answering a segment of a living session reads no store, calls no plugin, takes no lock
//! that two channels share and waits for no task.

pub mod config;
mod error;
mod files;
mod hls;
mod limits;
mod live;
mod output;
mod peer;
mod proxy_protocol;
mod respond;
mod secure;
mod segment_body;
mod server;
mod status;
mod tls;
mod token;
mod viewer;

pub use tls::TlsError;
pub(crate) use tls::check_certificate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State as AxumState};
use axum::routing::get;
use jiff::Timestamp;
use mast_model::{AboveLimit, ChannelId, Line};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::catalog::Catalog;
use crate::extensions::{Desk, Extensions, Gate};
use crate::guide::Guide;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::sessions::Sessions;
use crate::sessions::lease::Leases;
use crate::tuner::{Feed, Files, Tuner};
use config::{HttpConfig, LimitsConfig, TlsConfig};
use limits::Limiter;
use output::OutputCache;
use peer::Trust;
use respond::Cors;
use secure::Secure;
use server::{Door, Edge};
use tls::{AcmeDeps, Certificates};
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
    /// What is on.
    pub guide: Guide,
    /// Policies and outputs.
    pub extensions: Extensions,
    /// Channels.
    pub tuner: Tuner,
    /// Counters.
    pub metrics: Metrics,
    /// Connections in use, and who may have none; shared with the plugins' services.
    pub sessions: Sessions,
    /// Signs viewer sessions.
    pub session_key: [u8; 32],
    /// Movies and episodes.
    pub files: Files,
    /// Devices of lines; shared with the plugins' services.
    pub desk: Desk,
    /// Set here: who may have a line that a plugin asks for.
    pub gate: Gate,
    /// Asks a certificate authority.
    pub outbound: Outbound,
    /// Where certificates from an authority are kept.
    pub data_dir: PathBuf,
}

/// The settings of this room.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// `[http]`
    pub http: HttpConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[tls]`
    pub tls: Option<TlsConfig>,
}

/// Why viewers cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is taken, or not this machine's.
    #[error("{address} cannot be listened on; see [http] listen and [tls] listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The running HTTP side.
pub struct Delivery {
    address: SocketAddr,
    secure_address: Option<SocketAddr>,
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
    limiter: Arc<Limiter>,
    cors: Cors,
    secure: Secure,
    certificates: Option<Arc<Certificates>>,
    body_timeout: Duration,
    above_limit: AboveLimit,
    shutdown: CancellationToken,
}

type State = axum::extract::State<Arc<Shared>>;

impl Delivery {
    /// Listens, and answers until `shutdown`; `admin` answers for `/api`.
    pub async fn start(
        config: DeliveryConfig,
        deps: Deps,
        admin: Router,
        shutdown: CancellationToken,
    ) -> Result<Self, StartError> {
        let DeliveryConfig { http, limits, tls } = config;
        let tasks = TaskTracker::new();
        let (metrics, trust) = (deps.metrics.clone(), Trust::new(&http, &limits));
        let limiter = Arc::new(Limiter::new(&limits, metrics.clone()));
        let plain = Door { proxy_protocol: http.proxy_protocol, tls: None };
        let mut listeners = Vec::new();
        for address in std::iter::once(http.listen).chain(http.more.iter().copied()) {
            listeners.push((listen(address)?, plain.clone()));
        }
        let address = listeners[0].0.1;
        let mut certificates = None;
        if let Some(tls) = &tls {
            let acme = AcmeDeps { outbound: deps.outbound.clone(), data_dir: deps.data_dir.clone() };
            let served = tls::start(tls, acme, &tasks, shutdown.clone()).await?;
            let door = Door { proxy_protocol: tls.proxy_protocol, tls: Some(tls::acceptor(Arc::clone(&served))?) };
            for address in &tls.listen {
                listeners.push((listen(*address)?, door.clone()));
            }
            let expires = Arc::clone(&served);
            metrics.register(Box::new(move |text| tls::reading(&expires, text)));
            certificates = Some(served);
        }
        let secure_address = listeners.iter().find(|(_, door)| door.tls.is_some()).map(|((_, address), _)| *address);
        let outputs = OutputCache::new(limits.output_cache);
        metrics.register(Box::new(outputs.reading()));
        let shared = Arc::new(Shared {
            leases: Arc::clone(&deps.sessions.leases),
            signer: Signer::new(deps.session_key),
            deps,
            cors: Cors::new(&http.cors_origins),
            secure: Secure::new(tls.as_ref().zip(secure_address.map(|address| address.port()))),
            certificates,
            http,
            listening: address,
            outputs,
            limiter: Arc::clone(&limiter),
            body_timeout: limits.body_timeout,
            above_limit: limits.above_limit,
            shutdown: shutdown.clone(),
        });
        let asking = Arc::downgrade(&shared);
        // Set here and nowhere else.
        let _ = shared
            .deps
            .gate
            .set(Box::new(move |line, caller| output::may_have(&*asking.upgrade().ok_or("denied")?, line, caller)));
        tasks.spawn(sweep(Arc::clone(&shared), shutdown.clone()));
        let edge = Arc::new(Edge::new(router(shared, admin), trust, limiter, &limits, metrics, shutdown));
        for ((listener, _), door) in listeners {
            tasks.spawn(server::run(listener, door, Arc::clone(&edge)));
        }
        tasks.close();
        Ok(Self { address, secure_address, tasks })
    }

    /// The first address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first address on which it speaks HTTPS.
    pub fn secure_address(&self) -> Option<SocketAddr> {
        self.secure_address
    }

    /// Waits until every connection has ended; `start`'s token must have been cancelled. Takes at most a few seconds.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listening = server::listen(address).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    listening.map_err(|cause| StartError::Listen { address, cause })
}

/// What a certificate authority asks for to see that a name leads here.
async fn acme_answer(AxumState(shared): State, Path(token): Path<String>) -> Result<String, error::DeliveryError> {
    let answer = shared.certificates.as_ref().and_then(|certificates| certificates.answer(&token));
    answer.ok_or(error::DeliveryError::NotFound)
}

/// `admin` answers for `/api`; what viewers' responses have in common, such as being open to every site's scripts, it has not.
fn router(shared: Arc<Shared>, admin: Router) -> Router {
    let admin = admin.layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), respond::as_client));
    Router::new()
        .route("/live/{file}", get(live::by_token))
        .route("/live/{username}/{password}/{file}", get(live::by_credentials))
        .route("/movie/{file}", get(files::movie_by_token))
        .route("/movie/{username}/{password}/{file}", get(files::movie_by_credentials))
        .route("/series/{file}", get(files::episode_by_token))
        .route("/series/{username}/{password}/{file}", get(files::episode_by_credentials))
        .route("/hls/{session}/{channel}/{file}", get(hls::file))
        .route("/healthz", get(status::healthz))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .route("/.well-known/acme-challenge/{token}", get(acme_answer))
        .fallback(output::route)
        .method_not_allowed_fallback(async || error::DeliveryError::Method)
        .with_state(Arc::clone(&shared))
        .merge(admin)
        .layer(axum::middleware::from_fn_with_state(shared, respond::finish))
}

/// Whether a line may still watch what its lease is for.
fn sees(shared: &Shared, line: &Line, watched: ChannelId) -> bool {
    match watched.as_file() {
        Some(title) => shared.deps.catalog.lineup(line).on_demand.has(title),
        None => shared.deps.catalog.sees(line, watched),
    }
}

/// Ends leases that expired, those whose line or channel is gone, and those whose line may watch other profiles now: at most a second
/// after the change. A player of HLS brings its session back under what holds then.
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
        shared.leases.sweep(|lease| {
            let usable = shared.deps.accounts.find(lease.line).filter(|line| line.usable(now));
            usable.is_some_and(|line| {
                *line.profiles() == lease.profiles && (!lineup_changed || sees(&shared, &line, lease.channel))
            })
        });
    }
    shared.leases.sweep(|_| false);
}
