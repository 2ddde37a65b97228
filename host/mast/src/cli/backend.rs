//! Who does what `mast line` asks: the server that runs on the data folder, or this process with the store open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mast_model::Line;
use mast_store::StoreError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use super::Failure;
use crate::accounts::{Accounts, AccountsError, LineRequest};
use crate::admin::client::{Client, ClientError};
use crate::admin::{AdminError, ControlSocket, LineList, LineView};
use crate::config::Config;

/// A server that starts or stops holds the store for a moment without answering.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

pub(super) enum Backend {
    Server(Client),
    Store(Accounts),
}

impl Backend {
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(client) = Client::find(&config.data_dir).await {
                return Ok(Self::Server(client));
            }
            match mast_store::open_state(&config.data_dir) {
                Ok(store) => {
                    let accounts = Accounts::open(store.into(), &config.limits);
                    return accounts.map(Self::Store).map_err(|error| Failure::new("store_failed", error.to_string()));
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

    pub(super) async fn add(&self, request: LineRequest) -> Result<LineView, Failure> {
        match self {
            Self::Server(client) => Ok(client.post("/api/v1/lines", Some(&request)).await?),
            Self::Store(accounts) => shown(accounts.add(request).await),
        }
    }

    pub(super) async fn list(&self) -> Result<LineList, Failure> {
        match self {
            Self::Server(client) => Ok(client.get("/api/v1/lines").await?),
            Self::Store(accounts) => {
                Ok(LineList { lines: accounts.list().iter().map(|line| LineView::from(&**line)).collect() })
            }
        }
    }

    pub(super) async fn set_active(&self, username: &str, active: bool) -> Result<LineView, Failure> {
        match self {
            Self::Server(client) => {
                let username = utf8_percent_encode(username, NON_ALPHANUMERIC);
                let action = if active { "enable" } else { "disable" };
                Ok(client.post(&format!("/api/v1/lines/{username}/{action}"), None::<&()>).await?)
            }
            Self::Store(accounts) => shown(accounts.set_active(username, active).await),
        }
    }

    /// Where the running server listens, if there is one and it says so.
    pub(super) async fn listening(&self) -> Option<SocketAddr> {
        let Self::Server(client) = self else { return None };
        let status: serde_json::Value = client.get("/api/v1/status").await.ok()?;
        status["http"]["listening"].as_str()?.parse().ok()
    }
}

fn shown(result: Result<Arc<Line>, AccountsError>) -> Result<LineView, Failure> {
    result.map(|line| LineView::from(&*line)).map_err(Failure::from)
}

impl From<AccountsError> for Failure {
    fn from(error: AccountsError) -> Self {
        Self::Refused(AdminError::Accounts(error).body().error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(error) => Self::Refused(error),
            ClientError::Broken { .. } => Self::new("server_broken", error.to_string()),
        }
    }
}
