//! What the host lends to plugins: its own rooms behind the runtime's service traits. Nothing else reaches a plugin.

mod accounts;
mod devices;
mod guide;
mod gunzip;
mod http;
mod kv;
mod line;

pub use accounts::{Asked, Gate};
pub use devices::Desk;
pub use line::{LineView, PlaybackUrls};

use std::sync::Arc;

use mast_model::LineId;
use mast_plugin::services::Services;
use mast_store::PluginKv;

use crate::accounts::Accounts;
use crate::catalog::Catalog;
use crate::guide::Guide;
use crate::outbound::Outbound;

/// How many connections a line has open now; delivery knows.
pub type ActiveConnections = Arc<dyn Fn(LineId) -> u32 + Send + Sync>;

/// The rooms behind the services.
#[derive(Clone)]
pub struct Rooms {
    /// Requests.
    pub outbound: Outbound,
    /// Key-value storage.
    pub kv: Arc<dyn PluginKv>,
    /// Lines.
    pub accounts: Accounts,
    /// Lineups.
    pub catalog: Catalog,
    /// What is on.
    pub guide: Guide,
    /// Devices of lines.
    pub desk: Desk,
    /// Who may have a line.
    pub gate: Gate,
    /// Connections in use.
    pub active_connections: ActiveConnections,
    /// Where viewers reach the host when no request tells: scheme and authority, no slash at the end.
    pub base_url: String,
}

impl Rooms {
    /// The services. Must be called inside the runtime whose threads the rooms' futures run on.
    pub(super) fn services(self) -> Services {
        Services {
            http: Arc::new(http::HttpService::new(self.outbound)),
            kv: Arc::new(kv::KvService(self.kv)),
            accounts: Arc::new(accounts::AccountsService {
                accounts: self.accounts,
                catalog: self.catalog,
                guide: self.guide,
                active_connections: self.active_connections,
                desk: self.desk,
                gate: self.gate,
                base_url: self.base_url,
                runtime: tokio::runtime::Handle::current(),
            }),
        }
    }
}

/// The services of `mast check`: plugins are loaded and asked to check themselves; there is nothing to reach.
pub(super) fn none() -> Services {
    Services { http: Arc::new(http::NoHttp), kv: Arc::new(kv::NoKv), accounts: Arc::new(accounts::NoAccounts) }
}
