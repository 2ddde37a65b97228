//! HTTP clients, one for each set of rules about addresses. Connections are pooled inside a client, so that two instances share a
//! connection only where both may reach the same private networks.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use mast_model::DestinationRules;
use quick_cache::sync::Cache;
use reqwest::{Client, Proxy, redirect};
use url::{Host, Url};

use super::Route;
use super::error::OutboundError;
use super::resolve::{CheckedResolver, Lookup, ResolveError, allowed};

/// Clients kept; the least used one goes when there are more kinds of rules than this, and is made again when needed.
const MAX_CLIENTS: usize = 64;

/// Time for one TCP and TLS handshake, shared between the addresses of a name.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept; most providers close theirs after a minute at most.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

type Key = (Vec<IpNet>, bool, Route);

/// Clients by what they may reach.
pub(super) struct Clients {
    lookup: Arc<dyn Lookup>,
    made: Cache<Key, Client>,
}

impl Clients {
    pub(super) fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, made: Cache::new(MAX_CLIENTS) }
    }

    /// The client for these rules. Which URLs they allow is not its business: that is asked per hop.
    pub(super) fn get(
        &self,
        rules: &DestinationRules,
        decompress: bool,
        route: &Route,
    ) -> Result<Client, OutboundError> {
        let mut networks = rules.allow_private.clone();
        networks.sort();
        networks.dedup();
        let key = (networks, decompress, route.clone());
        self.made.get_or_insert_with(&key, || self.build(&key))
    }

    /// Checks the addresses of a name that the client will not ask its own resolver for.
    pub(super) async fn check_name(&self, rules: &DestinationRules, url: &Url) -> Result<(), OutboundError> {
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let found = self.lookup.lookup(name.to_owned()).await.unwrap_or_default();
        match allowed(rules, name, found) {
            Ok(_) => Ok(()),
            Err(ResolveError::Refused(refused)) => Err(refused.into()),
            Err(ResolveError::Unknown(host)) => Err(OutboundError::Dns { host }),
        }
    }

    fn build(&self, (networks, decompress, route): &Key) -> Result<Client, OutboundError> {
        let rules = DestinationRules { allow_private: networks.clone(), ..DestinationRules::default() };
        let (proxy, exempt) = match &route.proxy {
            Some(proxy) => {
                let made = Proxy::all(proxy.expose())
                    .map_err(|_| OutboundError::Setup("the proxy is not a URL".to_owned()))?;
                let host = Url::parse(proxy.expose()).ok().and_then(|url| url.host_str().map(str::to_owned));
                (Some(made), host)
            }
            None => (None, None),
        };
        let resolver = CheckedResolver { lookup: Arc::clone(&self.lookup), rules: Arc::new(rules), exempt };
        let builder = Client::builder()
            .dns_resolver(Arc::new(resolver))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .gzip(*decompress)
            .brotli(*decompress)
            .deflate(*decompress)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(4)
            .tcp_keepalive(Duration::from_secs(30))
            .user_agent(concat!("Mast/", env!("CARGO_PKG_VERSION")))
            // Stream servers are often old and careless.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .local_address(route.bind)
            .tls_danger_accept_invalid_certs(!route.verify_tls);
        // A proxy that is set stays in force after `no_proxy`, which only turns the environment's off.
        let builder = proxy.into_iter().fold(builder, reqwest::ClientBuilder::proxy);
        let builder = match &route.ca {
            Some(file) => {
                let failed = |why: String| OutboundError::Setup(format!("{}: {why}", file.display()));
                let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
                let found = reqwest::Certificate::from_pem(&pem).map_err(|_| failed("no certificate".to_owned()))?;
                builder.add_root_certificate(found)
            }
            None => builder,
        };
        builder.build().map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            OutboundError::Setup(cause)
        })
    }
}
