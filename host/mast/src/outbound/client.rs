//! HTTP clients, one for each set of rules about addresses. Connections are pooled inside a client, so that two instances share a
//! connection only where both may reach the same private networks.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use mast_model::DestinationRules;
use quick_cache::sync::Cache;
use reqwest::{Client, redirect};

use super::error::OutboundError;
use super::resolve::{CheckedResolver, Lookup};

/// Clients kept; the least used one goes when there are more kinds of rules than this, and is made again when needed.
const MAX_CLIENTS: usize = 64;

/// Time for one TCP and TLS handshake, shared between the addresses of a name.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept; most providers close theirs after a minute at most.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

type Key = (Vec<IpNet>, bool);

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
    pub(super) fn get(&self, rules: &DestinationRules, decompress: bool) -> Result<Client, OutboundError> {
        let mut networks = rules.allow_private.clone();
        networks.sort();
        networks.dedup();
        let key = (networks, decompress);
        self.made.get_or_insert_with(&key, || self.build(&key))
    }

    fn build(&self, (networks, decompress): &Key) -> Result<Client, OutboundError> {
        let rules = DestinationRules { allow_private: networks.clone(), ..DestinationRules::default() };
        let resolver = CheckedResolver { lookup: Arc::clone(&self.lookup), rules: Arc::new(rules) };
        Client::builder()
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
            .build()
            .map_err(|error| {
                let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                OutboundError::Setup(cause)
            })
    }
}
