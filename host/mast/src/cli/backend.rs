//! Who does what commands ask: the server that runs on the data folder, or this process with the store open. Both through the admin API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mast_store::{PluginKv, StateStore, StoreError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::accounts::Accounts;
use crate::admin::client::{Client, ClientError};
use crate::admin::{Admin, AdminDeps, ControlSocket, LineView, OperatorView, Page, ResellerView};
use crate::backups::Backups;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::devices::Devices;
use crate::events::Events;
use crate::operators::Operators;
use crate::resellers::Resellers;
use crate::sessions::Sessions;

/// A server that starts or stops holds the store for a moment without answering.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

/// The admin API, wherever it is.
pub(super) struct Backend(pub(super) Client);

impl Backend {
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(client) = Client::find(&config.data_dir).await {
                return Ok(Self(client));
            }
            match mast_store::open_state(&config.data_dir) {
                Ok(store) => {
                    let kv = mast_store::open_plugin_kv(&config.data_dir);
                    let admin = kv.and_then(|kv| own(store.into(), kv.into(), config));
                    let admin = admin.map_err(|error| Failure::new("store_failed", error.to_string()))?;
                    return Ok(Self(Client::own(&admin)));
                }
                Err(StoreError::InUse(_)) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(error @ StoreError::InUse(_)) => {
                    let socket = ControlSocket::path(&config.data_dir);
                    let advice = "wait until that process is ready, or stop it";
                    let message = format!("{error}, and no server answers on {}; {advice}", socket.display());
                    return Err(Failure::new("store_in_use", message));
                }
                Err(error) => return Err(Failure::new("store_failed", error.to_string())),
            }
        }
    }

    /// The line with this username.
    pub(super) async fn line(&self, username: &str) -> Result<LineView, Failure> {
        let encoded = encoded(username);
        let found: Page<LineView> = self.0.get(&format!("/api/v1/lines?username={encoded}")).await?;
        let missing = || Failure::new("no_such_line", format!("there is no line with username \"{username}\""));
        found.items.into_iter().next().ok_or_else(missing)
    }

    /// Every item of a list, a page at a time; the query begins with `&`.
    pub(super) async fn every<T: DeserializeOwned>(&self, path: &str, query: &str) -> Result<Vec<T>, Failure> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page: Page<T> = self.0.get(&format!("{path}?limit=1000{query}{cursor}")).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => cursor = format!("&cursor={}", encoded(&next)),
                None => return Ok(all),
            }
        }
    }

    /// Every operator.
    pub(super) async fn operators(&self) -> Result<Vec<OperatorView>, Failure> {
        let page: Page<OperatorView> = self.0.get("/api/v1/operators?limit=1000").await?;
        Ok(page.items)
    }

    /// The operator with this username.
    pub(super) async fn operator(&self, username: &str) -> Result<OperatorView, Failure> {
        let found = self.operators().await?.into_iter().find(|operator| operator.username == username);
        let message = || format!("there is no operator \"{username}\"; mast operator add makes one");
        found.ok_or_else(|| Failure::new("no_such_operator", message()))
    }

    /// The reseller with this username.
    pub(super) async fn reseller(&self, username: &str) -> Result<ResellerView, Failure> {
        let encoded = utf8_percent_encode(username, NON_ALPHANUMERIC);
        let found: Page<ResellerView> = self.0.get(&format!("/api/v1/resellers?username={encoded}")).await?;
        let missing = || format!("there is no reseller \"{username}\"; mast reseller add makes one");
        found.items.into_iter().next().ok_or_else(|| Failure::new("no_such_reseller", missing()))
    }

    /// Where the running server listens, if there is one and it says so.
    pub(super) async fn listening(&self) -> Option<SocketAddr> {
        if !self.0.is_server() {
            return None;
        }
        let status: serde_json::Value = self.0.get("/api/v1/status").await.ok()?;
        status["http"]["listening"].as_str()?.parse().ok()
    }
}

/// A text as a part of a path or query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn own(store: Arc<dyn StateStore>, kv: Arc<dyn PluginKv>, config: &Config) -> Result<Admin, StoreError> {
    let accounts = Accounts::open(Arc::clone(&store), &config.limits)?;
    let operators = Operators::open(Arc::clone(&store), config.limits.failed_logins_per_minute)?;
    let events = Events::new(CancellationToken::new());
    Ok(Admin::new(AdminDeps {
        resellers: Resellers::open(Arc::clone(&store), accounts.clone(), operators.gate())?,
        accounts,
        operators,
        oidc: None,
        catalog: Catalog::open(Arc::clone(&store), config.bouquets.clone())?,
        sessions: Sessions::open(Arc::clone(&store), events.clone())?,
        devices: Devices::open(Arc::clone(&store))?,
        events,
        backups: Backups::new(Arc::clone(&store), kv, &config.data_dir),
        running: None,
        status: Vec::new(),
        store,
    }))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(error) => Self::Refused(error),
            ClientError::Broken { .. } => Self::new("server_broken", error.to_string()),
        }
    }
}
