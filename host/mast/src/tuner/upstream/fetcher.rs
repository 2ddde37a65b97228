//! The requests of one upstream: each under the same destination rules, with the same header fields and deadline.

use std::sync::Arc;
use std::time::Duration;

use mast_model::Upstream;
use url::{Origin, Url};

use crate::extensions::config::UpstreamConfig;
use crate::outbound::{Outbound, OutboundRequest, OutboundResponse};
use crate::tuner::fault::{Failure, UpstreamFault};

/// Header fields meant for the server that the upstream's URL names; nobody else gets them.
const SENSITIVE: [&str; 2] = ["authorization", "cookie"];

/// Makes the requests of one upstream. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fetcher {
    inner: Arc<Inner>,
}

struct Inner {
    outbound: Outbound,
    config: Arc<UpstreamConfig>,
    headers: Vec<(String, String)>,
    origin: Option<Origin>,
    head_timeout: Duration,
}

impl Fetcher {
    /// A fetcher for an upstream of a source that is configured like this; `head_timeout` where that says nothing.
    pub(crate) fn new(
        outbound: Outbound,
        config: Arc<UpstreamConfig>,
        upstream: &Upstream,
        head_timeout: Duration,
    ) -> Self {
        let said = |name: &str| config.headers.iter().any(|(field, _)| field.eq_ignore_ascii_case(name));
        let given = upstream.headers.iter().filter(|(name, _)| !said(name)).chain(&config.headers);
        let headers = given.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        let origin = Url::parse(upstream.url.expose()).ok().map(|url| url.origin());
        let head_timeout = config.connect_timeout.unwrap_or(head_timeout);
        Self { inner: Arc::new(Inner { outbound, config, headers, origin, head_timeout }) }
    }

    /// How the source's channels are fetched.
    pub(crate) fn config(&self) -> &UpstreamConfig {
        &self.inner.config
    }

    /// The user agent that is sent; it is no secret.
    pub(crate) fn user_agent(&self) -> Option<String> {
        let mut headers = self.inner.headers.iter();
        headers.find(|(name, _)| name.eq_ignore_ascii_case("user-agent")).map(|(_, value)| value.clone())
    }

    /// Whether the destination rules let somebody else fetch a URL: its name is resolved, and every address checked.
    pub(crate) async fn check(&self, url: &str) -> Result<(), Failure> {
        Ok(self.inner.outbound.check(&self.inner.config.rules, url).await?)
    }

    /// Whether the destination rules allow a URL, as far as can be told without resolving its name.
    pub(crate) fn permits(&self, url: &Url) -> Result<(), Failure> {
        let refused =
            |refused: mast_model::Refused| Failure { fault: UpstreamFault::NotGranted, detail: refused.to_string() };
        self.inner.config.rules.check_url(url).map_err(refused)
    }

    /// Asks for a URL, or for a range of bytes of it (first byte, length). Any status but 200, or 206 for a range, is a fault.
    pub(crate) async fn get(&self, url: &Url, range: Option<(u64, u64)>) -> Result<OutboundResponse, Failure> {
        let field = range.map(|(first, length)| {
            let last = first.saturating_add(length.max(1)) - 1;
            ("range".to_owned(), format!("bytes={first}-{last}"))
        });
        let response = self.ask("GET", url, field.into_iter().collect()).await?;
        match (response.status, range) {
            (200, None) | (206, Some(_)) => Ok(response),
            (200, Some(_)) => Err(Failure {
                fault: UpstreamFault::Broken,
                detail: "it answers a request for a range with the whole".to_owned(),
            }),
            (status, _) => Err(UpstreamFault::Status(status).into()),
        }
    }

    /// Asks for a URL with more header fields; any status is an answer.
    pub(crate) async fn ask(
        &self,
        method: &str,
        url: &Url,
        fields: Vec<(String, String)>,
    ) -> Result<OutboundResponse, Failure> {
        let inner = &*self.inner;
        let elsewhere = inner.origin.as_ref() != Some(&url.origin());
        let sent = |name: &str| !(elsewhere && SENSITIVE.iter().any(|field| name.eq_ignore_ascii_case(field)));
        let own = inner.headers.iter().filter(|(name, _)| sent(name)).cloned();
        let request = OutboundRequest {
            method: method.to_owned(),
            url: url.as_str().to_owned(),
            headers: own.chain(fields).collect(),
            body: None,
            head_timeout: inner.head_timeout,
            decompress: false,
            route: inner.config.route.clone(),
        };
        Ok(inner.outbound.send(&inner.config.rules, request).await?)
    }
}
