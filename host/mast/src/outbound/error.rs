//! What a request failed at, and how a client's errors become it: never with the path or query of a URL.

use std::error::Error as StdError;
use std::time::Duration;

use mast_model::{Classified, ErrorClass, Refused, Side};

use super::resolve::ResolveError;

/// What a request failed at. No credentials, no path or query of a URL in any message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Not a URL.
    #[error("not an absolute http or https URL")]
    InvalidUrl,
    /// A method or header field that cannot be sent.
    #[error("cannot be sent: {0}")]
    InvalidRequest(String),
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
    /// No client can be made on this machine.
    #[error("TLS cannot be set up: {0}; install the system's certificate authorities (ca-certificates)")]
    Setup(String),
}

impl Classified for OutboundError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(_) => ErrorClass::Denied,
            Self::InvalidUrl | Self::InvalidRequest(_) => ErrorClass::Invalid,
            Self::Timeout { .. } => ErrorClass::Timeout,
            Self::Dns { .. } | Self::Connect { .. } | Self::Redirects { .. } | Self::Broken { .. } => {
                ErrorClass::Unavailable
            }
            Self::Setup(_) => ErrorClass::Internal,
        }
    }

    fn side(&self) -> Side {
        match self {
            Self::Setup(_) => Side::Host,
            _ => Side::Upstream,
        }
    }
}

/// An error before the response head.
pub(super) fn connecting(host: &str, error: &reqwest::Error) -> OutboundError {
    let resolving = chain(error).find_map(|cause| cause.downcast_ref::<ResolveError>());
    match resolving {
        Some(ResolveError::Refused(refused)) => OutboundError::Refused(refused.clone()),
        Some(ResolveError::Unknown(name)) => OutboundError::Dns { host: name.clone() },
        None if error.is_connect() => OutboundError::Connect { host: host.to_owned(), cause: deepest(error) },
        None => broken(host, error),
    }
}

/// Whether the connection was closed before anything was answered.
pub(super) fn was_closed(error: &reqwest::Error) -> bool {
    chain(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_incomplete_message)
}

/// An error while the connection was in use.
pub(super) fn broken(host: &str, error: &reqwest::Error) -> OutboundError {
    OutboundError::Broken { host: host.to_owned(), cause: deepest(error) }
}

/// The innermost cause says what happened; the outer ones repeat it, and reqwest's own quotes the URL.
fn deepest(error: &reqwest::Error) -> String {
    match chain(error).skip(1).last() {
        Some(cause) => cause.to_string(),
        None => "the answer could not be read".to_owned(),
    }
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let first: &'a (dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |cause| {
        let cause: &'a (dyn StdError + 'static) = *cause;
        cause.source()
    })
}
