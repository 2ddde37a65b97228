//! The rooms of a host without its delivery.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use mast::accounts::{Accounts, LineRequest};
use mast::catalog::Catalog;
use mast::config::Config;
use mast::devices::Devices;
use mast::extensions::{self, Extensions, LineView, PlaybackUrls};
use mast::guide::Guide;
use mast::outbound::Outbound;
use mast_model::Line;
use mast_plugin::records::{Pairs, Request};
use mast_plugin::services::{self, ResponseSink, ServiceError};
use mast_store::{Actor, Change, StateStore};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const SOON: Duration = Duration::from_secs(60);

/// Where the component of a first plugin lies; builds them all when first asked.
pub(crate) fn component(id: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        mast_plugin_build::build_bundled(&workspace, &mut |_| {}).unwrap()
    });
    built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == id)).unwrap().clone()
}

/// Waits for a condition.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(SOON, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within {SOON:?}: {what}");
}

/// See the module. Holds one line, `me` with password `p w`.
pub(crate) struct Rooms {
    folder: TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) extensions: Extensions,
    pub(crate) line: Arc<Line>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Rooms {
    pub(crate) async fn start(instances: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), instances).await
    }

    pub(crate) async fn start_in(folder: TempDir, instances: &[(&str, &str)]) -> Self {
        let plugins = folder.path().join("plugins.d");
        std::fs::create_dir_all(&plugins).unwrap();
        for (name, text) in instances {
            std::fs::write(plugins.join(format!("{name}.toml")), text).unwrap();
        }
        std::fs::write(folder.path().join("mast.toml"), "").unwrap();
        let config = Config::load(&folder.path().join("mast.toml")).unwrap();
        std::fs::create_dir_all(&config.data_dir).unwrap();
        let store: Arc<dyn StateStore> = mast_store::open_state(&config.data_dir).unwrap().into();
        let accounts = Accounts::open(Arc::clone(&store), &config.limits).unwrap();
        let catalog = Catalog::open(Arc::clone(&store), config.bouquets.clone()).unwrap();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let outbound = Outbound::new().unwrap();
        let guides = mast_store::open_guide(&config.data_dir).unwrap().into();
        let settings = config.guide.clone();
        let devices = Devices::open(Arc::clone(&store)).unwrap();
        let guide = Guide::open(guides, store, catalog.clone(), outbound.clone(), &config.data_dir, settings).unwrap();
        let rooms = extensions::Rooms {
            outbound,
            kv: mast_store::open_plugin_kv(&config.data_dir).unwrap().into(),
            accounts: accounts.clone(),
            catalog: catalog.clone(),
            guide,
            desk: extensions::Desk { accounts: accounts.clone(), devices },
            gate: extensions::Gate::default(),
            active_connections: Arc::new(|_| 0),
            base_url: "http://host.example".to_owned(),
        };
        let extensions =
            Extensions::start(config.plugins.clone(), &config.data_dir, rooms, &tasks, stop.clone()).await.unwrap();
        catalog.run(extensions.sources(), None, &tasks, stop.clone());
        let line = line(&accounts).await;
        Self { folder, catalog, extensions, line, tasks, stop }
    }

    pub(crate) fn write(&self, instance: &str, text: &str) {
        std::fs::write(self.folder.path().join(format!("plugins.d/{instance}.toml")), text).unwrap();
    }

    pub(crate) fn remove(&self, instance: &str) {
        std::fs::remove_file(self.folder.path().join(format!("plugins.d/{instance}.toml"))).unwrap();
    }

    /// Numbers and names.
    pub(crate) fn lineup(&self) -> Vec<String> {
        let lineup = self.catalog.lineup(&self.line);
        lineup.entries.iter().map(|entry| format!("{} {}", entry.number, entry.channel.name)).collect()
    }

    pub(crate) fn ids(&self) -> Vec<u32> {
        self.catalog.lineup(&self.line).entries.iter().map(|entry| entry.channel.id.0).collect()
    }

    /// The body that an output answers to a GET, as delivery would ask it.
    pub(crate) async fn ask(&self, path: &str, query: &[(&str, &str)]) -> String {
        let found = self.extensions.route("GET", path, "").unwrap();
        let urls = match found.route.line.as_str() {
            "query-credentials" => PlaybackUrls::with_credentials("http://host.example", "me", "p w"),
            _ => PlaybackUrls::with_token("http://host.example", &self.line.token),
        };
        let lineup = self.catalog.lineup(&self.line);
        let view: Arc<dyn services::Line> = Arc::new(LineView::new(Arc::clone(&self.line), lineup, None, urls, 0));
        let request = Request {
            route: found.route.id.clone(),
            method: "GET".into(),
            path: path.into(),
            params: found.params,
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            base_url: "http://host.example".into(),
            attrs: vec![("client-ip".into(), IpAddr::from(Ipv4Addr::LOCALHOST).to_string())],
            ..Request::default()
        };
        let received = Received::default();
        let sink = Box::new(received.clone());
        let answered = tokio::task::spawn_blocking(move || found.output.handle(request, Some(view), sink));
        answered.await.unwrap().unwrap();
        let (status, body) = std::mem::take(&mut *received.0.lock().unwrap());
        assert_eq!(status, 200);
        String::from_utf8(body).unwrap()
    }

    /// Ends every task and hands back the folder.
    pub(crate) async fn end(self) -> TempDir {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(SOON, self.tasks.wait()).await.expect("every task ends");
        self.folder
    }
}

async fn line(accounts: &Accounts) -> Arc<Line> {
    match accounts.by_credentials("me", "p w", Ipv4Addr::LOCALHOST.into()).await {
        Ok(line) => line,
        Err(_) => {
            let request = LineRequest::new("me", "p w");
            let added = accounts.add(vec![request], Change::by(Actor::machine("test"))).await.unwrap();
            accounts.find(added[0].record.id).unwrap()
        }
    }
}

/// Status and body of one response.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<(u16, Vec<u8>)>>);

impl ResponseSink for Received {
    fn start(&mut self, status: u16, _headers: Pairs) -> Result<(), ServiceError> {
        self.0.lock().unwrap().0 = status;
        Ok(())
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), ServiceError> {
        self.0.lock().unwrap().1.extend_from_slice(&bytes);
        Ok(())
    }
}
