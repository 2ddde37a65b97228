//! Requests that the host makes: for plugins and to upstreams. The only place that names reqwest. Every URL, every address after DNS
//! and every redirect is checked against the caller's rules; nothing follows a redirect on its own, and no proxy is taken from
//! the environment.
//!
//! Invariant: a connection is only ever made to an address that was checked under the rules of the request that uses it. The
//! resolver inside each HTTP client checks what it hands out, and clients (with their connection pools) are shared only between
//! rules that allow the same addresses; so a name that resolves differently the second time (DNS rebinding) gains nothing.

mod client;
mod error;
mod redirect;
mod resolve;

pub use error::OutboundError;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mast_model::{DestinationRules, Refused, UpstreamUrl};
use tokio::time::Instant;
use url::Url;

use client::Clients;
use redirect::{Hop, Next};
use resolve::{Lookup, SystemLookup};

/// More redirects than this are an error.
const MAX_REDIRECTS: usize = 5;

/// Makes requests. Cheap to clone; connections are pooled.
#[derive(Clone)]
pub struct Outbound {
    clients: Arc<Clients>,
}

/// A request.
pub struct OutboundRequest {
    /// Upper case.
    pub method: String,
    /// Absolute; not yet checked. User info becomes an `authorization` field.
    pub url: String,
    /// Header fields. `host`, `connection`, `content-length`, `accept-encoding` and other fields that belong to one connection are
    /// the host's and are left out.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Vec<u8>>,
    /// Until the response head is there, all redirects included.
    pub head_timeout: Duration,
    /// Ask for and take off content encodings (off for media).
    pub decompress: bool,
    /// The way it goes.
    pub route: Route,
}

/// The way that requests take. The operator's own words: a plugin has no say in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// `http`, `https`, `socks5` (names are resolved and checked here) or `socks5h` (the proxy resolves them); may hold credentials.
    pub proxy: Option<UpstreamUrl>,
    /// The local address that connections are made from.
    pub bind: Option<IpAddr>,
    /// Whether certificates are checked.
    pub verify_tls: bool,
    /// A file with a certificate, in PEM form, that others are checked against beside the system's.
    pub ca: Option<PathBuf>,
}

impl Default for Route {
    fn default() -> Self {
        Self { proxy: None, bind: None, verify_tls: true, ca: None }
    }
}

/// A response head, with the body still to come.
pub struct OutboundResponse {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// After redirects; may hold credentials.
    pub url: String,
    host: String,
    body: reqwest::Response,
}

impl OutboundResponse {
    /// The next bytes; none at the end. An early end is an error. Dropping the response closes the connection. Waits as long as
    /// it takes: the deadline is the caller's.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, OutboundError> {
        self.body.chunk().await.map_err(|error| error::broken(&self.host, &error))
    }
}

impl Outbound {
    /// Loads the system's certificates and checks that clients can be made.
    pub fn new() -> Result<Self, OutboundError> {
        Self::with_lookup(Arc::new(SystemLookup))
    }

    fn with_lookup(lookup: Arc<dyn Lookup>) -> Result<Self, OutboundError> {
        let clients = Clients::new(lookup);
        clients.get(&DestinationRules::default(), true, &Route::default())?;
        Ok(Self { clients: Arc::new(clients) })
    }

    /// Sends a request and waits for the response head. Follows up to five redirects, each checked like the first URL.
    pub async fn send(
        &self,
        rules: &DestinationRules,
        request: OutboundRequest,
    ) -> Result<OutboundResponse, OutboundError> {
        let deadline = Instant::now() + request.head_timeout;
        let after = request.head_timeout;
        let client = self.clients.get(rules, request.decompress, &request.route)?;
        // A SOCKS client that resolves names itself does not ask the checked resolver.
        let request_resolves_elsewhere =
            request.route.proxy.as_ref().is_some_and(|proxy| proxy.expose().starts_with("socks5://"));
        let mut hop = Hop::first(request)?;
        for _ in 0..=MAX_REDIRECTS {
            if !matches!(hop.url.scheme(), "http" | "https") {
                return Err(Refused::Scheme(hop.url.scheme().to_owned()).into());
            }
            rules.check_url(&hop.url)?;
            if request_resolves_elsewhere {
                self.clients.check_name(rules, &hop.url).await?;
            }
            let host = host_and_port(&hop.url);
            let response = match tokio::time::timeout_at(deadline, answered(&client, &hop)).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(error::connecting(&host, &error)),
                Err(_) => return Err(OutboundError::Timeout { host, after }),
            };
            match hop.next(response.status(), response.headers()) {
                Next::Answer => return Ok(answer(hop.url, host, response)),
                Next::Redirect(next) => hop = *next,
                Next::Nowhere => return Err(OutboundError::Redirects { host }),
            }
        }
        Err(OutboundError::Redirects { host: host_and_port(&hop.url) })
    }
}

impl Outbound {
    /// Checks a destination that somebody else will connect to: the URL and every address that its host has now. Whoever connects asks
    /// the name again, so this is weaker than a request made here.
    pub async fn check(&self, rules: &DestinationRules, url: &str) -> Result<(), OutboundError> {
        let url = Url::parse(url).map_err(|_| OutboundError::InvalidUrl)?;
        rules.check_url(&url)?;
        // Other schemes than http keep addresses as names.
        match url.host_str().map(|host| host.trim_matches(['[', ']']).parse::<IpAddr>()) {
            Some(Ok(address)) => Ok(rules.check_address(address)?),
            Some(Err(_)) => self.clients.check_name(rules, &url).await,
            None => Err(OutboundError::InvalidUrl),
        }
    }
}

/// A server may close a connection at the moment in which it is used again; what changes nothing is then asked once more, on a new one.
async fn answered(client: &reqwest::Client, hop: &Hop) -> Result<reqwest::Response, reqwest::Error> {
    match client.execute(hop.request()).await {
        Err(error) if hop.changes_nothing() && error::was_closed(&error) => client.execute(hop.request()).await,
        answer => answer,
    }
}

fn answer(url: Url, host: String, response: reqwest::Response) -> OutboundResponse {
    // A value that is not UTF-8 is not worth failing for: Latin-1 is what such servers mean.
    let text = |value: &http::HeaderValue| match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    };
    OutboundResponse {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        url: url.into(),
        host,
        body: response,
    }
}

/// What error messages may show of a URL.
fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or("(no host)");
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests;
