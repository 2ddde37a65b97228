//! HTTP requests, made by the host and only to granted destinations. Redirects, TLS, decompression and limits are the host's.

use std::time::Duration;

use crate::bindings::host::mast::base::http_client as wit;
use crate::{ByteSource, Code, Error, Pairs, Result, pair, raw};

/// A request being put together.
#[derive(Debug, Clone)]
pub struct Request(wit::Request);

/// A response whose body has not been read yet.
pub struct Response(raw::http_client::Response);

/// Fetches `url`; any status but 2xx is an error.
pub fn get(url: &str) -> Result<Response> {
    Request::get(url).send()?.ok()
}

/// Fetches `url` unless it is what this instance's last accepted import read; none then. Any other status but 2xx is an error.
pub fn get_if_changed(url: &str) -> Result<Option<Response>> {
    Request::get(url).send_if_changed()
}

impl Request {
    /// A `GET`.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` with a body of at most 1 MiB.
    pub fn post(url: &str, body: Vec<u8>) -> Self {
        let mut request = Self::new("POST", url);
        request.0.body = Some(body);
        request
    }

    /// Any method.
    pub fn new(method: &str, url: &str) -> Self {
        Self(wit::Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
            only_if_changed: false,
            attrs: Vec::new(),
        })
    }

    /// Adds a header field. The host sets `host`, `connection`, `content-length` and `accept-encoding` itself.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Allows this long until the response head is there, where the call's own deadline allows it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.attrs.push(("timeout-ms".to_owned(), timeout.as_millis().to_string()));
        self
    }

    /// Sends it and answers whatever came back, whatever the status.
    pub fn send(self) -> Result<Response> {
        Ok(Response(raw::http_client::fetch(&self.0)?))
    }

    /// Sends it with the validators of the last accepted import; none means 304. Any other status but 2xx is an error.
    pub fn send_if_changed(mut self) -> Result<Option<Response>> {
        self.0.only_if_changed = true;
        let response = self.send()?;
        if response.status() == 304 { Ok(None) } else { response.ok().map(Some) }
    }
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// Header fields, names in lower case.
    pub fn headers(&self) -> Pairs {
        self.0.headers()
    }

    /// The first header field of this name (lower case).
    pub fn header(&self, name: &str) -> Option<String> {
        pair(&self.headers(), name).map(str::to_owned)
    }

    /// The URL that answered, after redirects. It may hold credentials.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The response itself where its status is 2xx, otherwise an error that says what the upstream answered.
    pub fn ok(self) -> Result<Self> {
        let status = self.status();
        let (code, meaning) = match status {
            200..=299 => return Ok(self),
            401 | 403 => (Code::Unauthorized, "it refuses these credentials or this address"),
            404 | 410 => (Code::NotFound, "there is nothing at this address"),
            429 => (Code::Unavailable, "it wants fewer requests"),
            500..=599 => (Code::Unavailable, "it has a problem of its own"),
            _ => (Code::Unavailable, "which is not expected here"),
        };
        let mut error = Error::new(code, format!("the upstream answered with status {status}: {meaning}"));
        error.retry_after = self.header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
        Err(error)
    }

    /// The body.
    pub fn body(self) -> Result<ByteSource<'static>> {
        Ok(ByteSource::owned(self.0.body()?))
    }
}
