//! Requests that the host makes: for plugins and to upstreams. The only place that names reqwest. Every URL, every address after DNS
//! and every redirect is checked against the caller's rules; nothing follows a redirect on its own.

use std::time::Duration;

use bytes::Bytes;
use mast_model::DestinationRules;

/// Makes requests. Cheap to clone; connections are pooled.
#[derive(Clone)]
pub struct Outbound {}

/// A request.
pub struct OutboundRequest {
    /// Upper case.
    pub method: String,
    /// Absolute; not yet checked.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Vec<u8>>,
    /// Until the response head is there, all redirects included.
    pub head_timeout: Duration,
    /// Ask for and take off content encodings (off for media).
    pub decompress: bool,
}

/// A response head, with the body still to come.
pub struct OutboundResponse {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// After redirects.
    pub url: String,
    _body: (),
}

impl OutboundResponse {
    /// The next bytes; none at the end. An early end is an error. Dropping the response closes the connection.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, OutboundError> {
        todo!()
    }
}

/// What a request failed at. No credentials, no path or query of a URL in any message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] mast_model::Refused),
    /// Not a URL.
    #[error("not an absolute http or https URL")]
    InvalidUrl,
    /// The name does not resolve.
    #[error("{host} does not resolve")]
    Dns {
        /// The name.
        host: String,
    },
    /// No connection.
    #[error("could not connect to {host}: {cause}")]
    Connect {
        /// Host and port.
        host: String,
        /// What the system said.
        cause: String,
    },
    /// Too slow.
    #[error("{host} did not answer within {after:?}")]
    Timeout {
        /// Host and port.
        host: String,
        /// The deadline.
        after: Duration,
    },
    /// Too many redirects, or one without a usable location.
    #[error("{host} redirects without end or nowhere")]
    Redirects {
        /// Host and port.
        host: String,
    },
    /// The connection broke.
    #[error("the connection to {host} broke: {cause}")]
    Broken {
        /// Host and port.
        host: String,
        /// What happened.
        cause: String,
    },
}

impl Outbound {
    /// Sends a request and waits for the response head.
    pub async fn send(
        &self,
        _rules: &DestinationRules,
        _request: OutboundRequest,
    ) -> Result<OutboundResponse, OutboundError> {
        todo!()
    }
}
