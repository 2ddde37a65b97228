//! Names to addresses, with every address checked before it is handed to whoever connects.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mast_model::{DestinationRules, Refused};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use mast_plugin::services::BoxFuture;

/// Resolves names; a seam for tests, which have no DNS.
pub(super) trait Lookup: Send + Sync + 'static {
    /// Every address of a name.
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The system's resolver.
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// Why a name gave no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// It has addresses, and the rules refuse them all.
    #[error(transparent)]
    Refused(Refused),
    /// It has none.
    #[error("{0} does not resolve")]
    Unknown(String),
}

/// Hands out only addresses that the rules allow.
pub(super) struct CheckedResolver {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) rules: Arc<DestinationRules>,
    /// The operator's proxy, wherever it is.
    pub(super) exempt: Option<String>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, rules) = (Arc::clone(&self.lookup), Arc::clone(&self.rules));
        let exempt = self.exempt.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = lookup.lookup(name.clone()).await.unwrap_or_default();
            let addresses = if exempt { found } else { allowed(&rules, &name, found)? };
            // The port is the connector's to fill in.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// Refused addresses are dropped; a name with nothing else is refused.
pub(super) fn allowed(rules: &DestinationRules, name: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, ResolveError> {
    let mut refused = None;
    let mut good = Vec::with_capacity(found.len());
    for address in found {
        match rules.check_address(address) {
            Ok(()) => good.push(address),
            Err(reason) => refused = Some(reason),
        }
    }
    match (good.is_empty(), refused) {
        (false, _) => Ok(good),
        (true, Some(reason)) => Err(ResolveError::Refused(reason)),
        (true, None) => Err(ResolveError::Unknown(name.to_owned())),
    }
}
