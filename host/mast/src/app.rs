//! The build order and the shutdown order of all rooms. No logic of its own.

mod readings;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use mast_store::{PluginKv, StateStore, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Accounts;
use crate::admin::{Admin, AdminDeps, ControlSocket, Running};
use crate::backups::Backups;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::delivery::{Delivery, DeliveryConfig, Deps};
use crate::devices::Devices;
use crate::discovery;
use crate::events::Events;
use crate::extensions::{Desk, Extensions, Gate, Rooms};
use crate::guide::Guide;
use crate::metrics::Metrics;
use crate::operators::{Oidc, Operators};
use crate::outbound::Outbound;
use crate::resellers::Resellers;
use crate::sessions::Sessions;
use crate::tuner::playout::Playouts;
use crate::tuner::{CatalogUpstreams, Files, Slots, Transcoder, Tuner};

/// How long rooms may take to let go of what they hold, each.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks at a store that another process holds.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs the host until SIGTERM or SIGINT.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let app = App::start(config).await?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let reason = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(reason, "stopping");
    app.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

/// A running host.
pub struct App {
    delivery: Delivery,
    sessions: Sessions,
    tuner: Tuner,
    transcoder: Transcoder,
    /// Refreshes, the plugin folder's watch, the control socket.
    tasks: TaskTracker,
    /// Ends delivery first, then everything else.
    stop_delivery: CancellationToken,
    stop: CancellationToken,
}

impl App {
    /// Builds the rooms, from the store up, and answers viewers at the end.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let (tasks, stop, stop_delivery) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let data_dir = config.data_dir.clone();
        // Tokens and keys are in there.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&data_dir)
            .with_context(|| format!("the data folder {} cannot be made; see [data] dir", data_dir.display()))?;
        let socket = ControlSocket::bind(&data_dir).await?;
        // Those who look on go before anything else does.
        let events = Events::new(stop_delivery.clone());
        let opened = Opened::open(&config, events.clone()).await?;
        let outbound = Outbound::new()?;
        let guide = opened.guide(&outbound, &config).await?;
        let desk = Desk { accounts: opened.accounts.clone(), devices: opened.devices.clone() };
        let gate = Gate::default();
        let rooms = Rooms {
            outbound: outbound.clone(),
            kv: Arc::clone(&opened.kv),
            accounts: opened.accounts.clone(),
            catalog: opened.catalog.clone(),
            guide: guide.clone(),
            desk: desk.clone(),
            gate: Arc::clone(&gate),
            active_connections: opened.sessions.counter(),
            base_url: config.http.public_url.clone().unwrap_or_else(|| format!("http://{}", config.http.listen)),
        };
        let extensions = Extensions::start(config.plugins.clone(), &data_dir, rooms, &tasks, stop.clone()).await?;
        let own = crate::tuner::playout::own_channels(&config.playouts);
        opened.catalog.configure(&config.catalog);
        opened.catalog.run(extensions.sources(), own, &tasks, stop.clone());
        guide.run(extensions.guides(), &tasks, stop.clone());
        let transcoder = Transcoder::new(config.ffmpeg.clone());
        let slots = Slots::default();
        let files = Files {
            catalog: opened.catalog.clone(),
            extensions: extensions.clone(),
            outbound: outbound.clone(),
            slots: slots.clone(),
            connect_timeout: config.tuner.connect_timeout,
        };
        let upstreams = CatalogUpstreams {
            catalog: opened.catalog.clone(),
            extensions: extensions.clone(),
            outbound: outbound.clone(),
            slots,
            transcoder: transcoder.clone(),
            connect_timeout: config.tuner.connect_timeout,
            stall_timeout: config.tuner.stall_timeout,
            channels: Arc::new(config.channels.clone()),
            playouts: Playouts::new(&config.playouts),
            slate: config.tuner.slate.clone(),
        };
        let (settings, hls) = (config.tuner.clone(), config.hls.clone());
        let store = Arc::clone(&opened.store);
        let tuner = Tuner::new(Arc::new(upstreams), opened.store, transcoder.clone(), settings, hls);
        let warm = config.channels.iter().filter(|(_, channel)| channel.warm).map(|(id, _)| *id);
        tuner.keep_warm(warm);
        let deps = Deps {
            accounts: opened.accounts.clone(),
            catalog: opened.catalog.clone(),
            guide: guide.clone(),
            extensions: extensions.clone(),
            tuner: tuner.clone(),
            metrics: Metrics::default(),
            sessions: opened.sessions.clone(),
            session_key: opened.session_key,
            files,
            desk,
            gate,
            outbound: outbound.clone(),
            data_dir,
        };
        readings::register(&deps);
        let listening = Arc::new(OnceLock::new());
        let more = [readings::http(Arc::clone(&listening)), readings::ledger(&opened.resellers)];
        let parts = readings::status(&deps).into_iter().chain(more);
        let admin = Admin::new(AdminDeps {
            store: Arc::clone(&store),
            accounts: opened.accounts,
            oidc: config.oidc.clone().map(|oidc| Oidc::new(oidc, opened.operators.clone(), outbound)),
            operators: opened.operators,
            catalog: opened.catalog,
            resellers: opened.resellers,
            sessions: opened.sessions.clone(),
            devices: opened.devices,
            events,
            backups: Backups::new(Arc::clone(&store), opened.kv, &config.data_dir),
            running: Some(Running {
                tuner: tuner.clone(),
                extensions,
                guide,
                transcoder: transcoder.clone(),
                data_dir: config.data_dir.clone(),
            }),
            status: parts.collect(),
        });
        let settings =
            DeliveryConfig { http: config.http.clone(), limits: config.limits.clone(), tls: config.tls.clone() };
        let delivery = Delivery::start(settings, deps, admin.http(), stop_delivery.clone()).await?;
        let address = delivery.address();
        // Set here and nowhere else.
        let _ = listening.set(address);
        // Says goodbye before viewers are refused.
        discovery::start(config.discovery.as_ref(), &tasks, &stop_delivery);
        let retention = config.retention.clone();
        let (forgetting, stop_forgetting) = (admin.clone(), stop.clone());
        tasks.spawn(async move { forgetting.forget(retention, stop_forgetting).await });
        let (looking, stop_looking) = (admin.clone(), stop.clone());
        tasks.spawn(async move { looking.look(stop_looking).await });
        let stop_admin = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = admin.serve(socket, stop_admin).await {
                tracing::error!(%error, "the control socket ended");
            }
        });
        tasks.spawn(look_for_ffmpeg(transcoder.clone()));
        tasks.close();
        tracing::info!("listening on http://{address}");
        if let Some(address) = delivery.secure_address() {
            tracing::info!("and on https://{address}");
        }
        Ok(Self { delivery, sessions: opened.sessions, tuner, transcoder, tasks, stop_delivery, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.delivery.address()
    }

    /// Who watches, and who may not.
    pub fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    /// Answers what is under way, then ends every room; within a few seconds.
    pub async fn shutdown(self) {
        self.stop_delivery.cancel();
        self.delivery.stopped().await;
        if !self.tuner.shutdown(GRACE).await {
            tracing::warn!("channels did not end in time");
        }
        if tokio::time::timeout(GRACE, self.transcoder.shutdown()).await.is_err() {
            tracing::warn!("FFmpeg workers did not end in time");
        }
        self.stop.cancel();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "tasks did not end in time");
        }
    }
}

/// Says at start-up whether channels can be transcoded. The copy path does not need FFmpeg.
async fn look_for_ffmpeg(transcoder: Transcoder) {
    match transcoder.look().await {
        Ok(found) => tracing::info!("{found}"),
        Err(error) => tracing::info!(%error, "transcoding will not be available"),
    }
}

/// What is read from disk before anything runs.
struct Opened {
    store: Arc<dyn StateStore>,
    kv: Arc<dyn PluginKv>,
    accounts: Accounts,
    operators: Operators,
    catalog: Catalog,
    resellers: Resellers,
    sessions: Sessions,
    devices: Devices,
    session_key: [u8; 32],
}

impl Opened {
    async fn open(config: &Config, events: Events) -> anyhow::Result<Self> {
        let (data_dir, limits, bouquets) = (config.data_dir.clone(), config.limits.clone(), config.bouquets.clone());
        let (store, kv) = Self::files(&data_dir).await?;
        let open = move || -> anyhow::Result<Self> {
            let accounts = Accounts::open(Arc::clone(&store), &limits)?;
            let operators = Operators::open(Arc::clone(&store), limits.failed_logins_per_minute)?;
            let catalog = Catalog::open(Arc::clone(&store), bouquets)?;
            let sessions = Sessions::open(Arc::clone(&store), events)?;
            let devices = Devices::open(Arc::clone(&store))?;
            let resellers = Resellers::open(Arc::clone(&store), accounts.clone(), operators.gate())?;
            let session_key = store.installation_key("session-key")?;
            Ok(Self { store, kv, accounts, operators, catalog, sessions, devices, resellers, session_key })
        };
        tokio::task::spawn_blocking(open).await?
    }

    /// The guides, in a file of their own.
    async fn guide(&self, outbound: &Outbound, config: &Config) -> anyhow::Result<Guide> {
        let (state, catalog, outbound) = (Arc::clone(&self.store), self.catalog.clone(), outbound.clone());
        let (data_dir, settings) = (config.data_dir.clone(), config.guide.clone());
        let open = move || {
            let store = mast_store::open_guide(&data_dir)?.into();
            Guide::open(store, state, catalog, outbound, &data_dir, settings)
        };
        Ok(tokio::task::spawn_blocking(open).await??)
    }

    /// The store's files. `mast line` may hold them for a moment, where it found no server running.
    async fn files(data_dir: &Path) -> anyhow::Result<(Arc<dyn StateStore>, Arc<dyn PluginKv>)> {
        let deadline = Instant::now() + GRACE;
        loop {
            let folder = data_dir.to_owned();
            let open = move || -> Result<_, StoreError> {
                Ok((mast_store::open_state(&folder)?.into(), mast_store::open_plugin_kv(&folder)?.into()))
            };
            match tokio::task::spawn_blocking(open).await? {
                Err(StoreError::InUse(_)) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                opened => return Ok(opened?),
            }
        }
    }
}
