//! Lines by credentials, for outputs whose protocol carries them in its own way.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use mast_model::Line;
use mast_plugin::services::{self, Caller, Found};
use tokio::runtime::Handle;

use super::ActiveConnections;
use super::devices::Desk;
use super::line::{LineView, PlaybackUrls};
use crate::accounts::{Accounts, Refusal};
use crate::catalog::Catalog;
use crate::guide::Guide;

/// Says no to lines that credentials alone would let in, with a code of `mast:output/accounts`: bans, policies, outputs that the line may not use.
/// Delivery sets it, because it asks the same of every request; until then nobody is let in.
pub type Gate = Arc<OnceLock<Asked>>;

/// What is asked of a line that a caller has found.
pub type Asked = Box<dyn Fn(&Line, &Caller) -> Result<(), &'static str> + Send + Sync>;

/// The accounts room, and the catalogue for what a line sees.
pub(super) struct AccountsService {
    pub(super) accounts: Accounts,
    pub(super) catalog: Catalog,
    pub(super) guide: Guide,
    pub(super) active_connections: ActiveConnections,
    pub(super) desk: Desk,
    pub(super) gate: Gate,
    /// Where the caller does not say.
    pub(super) base_url: String,
    /// Outputs run on blocking threads, where a password's hash may be waited for.
    pub(super) runtime: Handle,
}

impl AccountsService {
    fn view(
        &self,
        caller: &Caller,
        found: Result<Arc<Line>, Refusal>,
        urls: impl FnOnce(&str, &Line) -> PlaybackUrls,
    ) -> Found {
        let line = found.map_err(|refusal| match refusal {
            Refusal::BadCredentials => "credentials",
            Refusal::Expired => "expired",
            Refusal::Disabled => "disabled",
            Refusal::Throttled | Refusal::Busy => "throttled",
        })?;
        match self.gate.get() {
            Some(asked) => asked(&line, caller)?,
            None => return Err("denied"),
        }
        let base = if caller.base_url.is_empty() { &self.base_url } else { &caller.base_url };
        let urls = urls(base, &line);
        let (lineup, active) = (self.catalog.lineup(&line), (self.active_connections)(line.id));
        let view = LineView::new(line, lineup, self.guide.clone(), urls, active);
        Ok(Arc::new(view.with_devices(self.desk.clone())))
    }
}

fn address(caller: &Caller) -> Result<IpAddr, &'static str> {
    caller.client_ip.parse().map_err(|_| "denied")
}

impl services::Accounts for AccountsService {
    fn authenticate(&self, caller: &Caller, username: &str, password: &str) -> Found {
        let found = self.runtime.block_on(self.accounts.by_credentials(username, password, address(caller)?));
        self.view(caller, found, |base, _| PlaybackUrls::with_credentials(base, username, password))
    }

    fn by_token(&self, caller: &Caller, token: &str) -> Found {
        let found = self.accounts.by_token(token, address(caller)?);
        self.view(caller, found, |base, line| PlaybackUrls::with_token(base, &line.token))
    }

    fn by_device(&self, caller: &Caller, device: &str) -> Found {
        let found = self.accounts.by_device(device, address(caller)?);
        self.view(caller, found, |base, line| PlaybackUrls::with_token(base, &line.token))
    }
}

/// No lines.
pub(super) struct NoAccounts;

impl services::Accounts for NoAccounts {
    fn authenticate(&self, _caller: &Caller, _username: &str, _password: &str) -> Found {
        Err("denied")
    }

    fn by_token(&self, _caller: &Caller, _token: &str) -> Found {
        Err("denied")
    }

    fn by_device(&self, _caller: &Caller, _device: &str) -> Found {
        Err("denied")
    }
}
