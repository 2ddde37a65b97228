//! Lines by credentials, for outputs whose protocol carries them in its own way.

use std::net::IpAddr;
use std::sync::Arc;

use mast_model::Line;
use mast_plugin::services;
use tokio::runtime::Handle;

use super::ActiveConnections;
use super::line::{LineView, PlaybackUrls};
use crate::accounts::{Accounts, Refusal};
use crate::catalog::Catalog;
use crate::guide::Guide;

/// The accounts room, and the catalogue for what a line sees.
pub(super) struct AccountsService {
    pub(super) accounts: Accounts,
    pub(super) catalog: Catalog,
    pub(super) guide: Guide,
    pub(super) active_connections: ActiveConnections,
    pub(super) base_url: String,
    /// Outputs run on blocking threads, where a password's hash may be waited for.
    pub(super) runtime: Handle,
}

impl AccountsService {
    fn view(&self, found: Result<Arc<Line>, Refusal>, urls: PlaybackUrls) -> Option<Arc<dyn services::Line>> {
        let line = found.ok()?;
        let (lineup, active) = (self.catalog.lineup(&line), (self.active_connections)(line.id));
        Some(Arc::new(LineView::new(line, lineup, self.guide.clone(), urls, active)))
    }
}

impl services::Accounts for AccountsService {
    fn authenticate(&self, username: &str, password: &str, client_ip: &str) -> Option<Arc<dyn services::Line>> {
        let client: IpAddr = client_ip.parse().ok()?;
        let found = self.runtime.block_on(self.accounts.by_credentials(username, password, client));
        self.view(found, PlaybackUrls::with_credentials(&self.base_url, username, password))
    }

    fn by_device(&self, device: &str, client_ip: &str) -> Option<Arc<dyn services::Line>> {
        let found = self.accounts.by_device(device, client_ip.parse().ok()?);
        let urls = PlaybackUrls::with_token(&self.base_url, &found.as_ref().ok()?.token);
        self.view(found, urls)
    }
}

/// No lines.
pub(super) struct NoAccounts;

impl services::Accounts for NoAccounts {
    fn authenticate(&self, _username: &str, _password: &str, _client_ip: &str) -> Option<Arc<dyn services::Line>> {
        None
    }

    fn by_device(&self, _device: &str, _client_ip: &str) -> Option<Arc<dyn services::Line>> {
        None
    }
}
