//! What keeps somebody from being logged in through the identity provider: what they are told, and what the log says.

use crate::accounts::password::HashingError;
use crate::outbound::OutboundError;

use super::super::{LoginRefusal, OperatorsError};

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub enum OidcRefusal {
    /// No such state, another browser's, a second time, or too late.
    #[error(
        "this login was not begun in this browser, is finished already, or took longer than ten minutes; begin again"
    )]
    NotBegun,
    /// The provider says no.
    #[error("the identity provider did not log you in")]
    Declined,
    /// The provider does not work; the cause is for the log.
    #[error("the identity provider does not answer as it should; log in with your password, or try again later")]
    Away(#[source] ProviderError),
    /// What it says proves nothing; the cause is for the log.
    #[error("what the identity provider says of you cannot be relied on; the host's log says why")]
    Untrusted(#[source] ProviderError),
    /// Nobody, somebody without a verified address, or an operator who was switched off: the same for all.
    #[error("nobody who may run this host is known by this login; an owner can connect one")]
    NotAnOperator,
    /// As for any login.
    #[error(transparent)]
    Login(#[from] LoginRefusal),
}

/// What is wrong with a provider, or with what it says.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be asked.
    #[error("the identity provider cannot be asked: {0}")]
    Outbound(#[from] OutboundError),
    /// It takes too long.
    #[error("the identity provider took too long with its {0}")]
    Slow(&'static str),
    /// It has failed a moment ago.
    #[error("the identity provider has just failed, and is left alone for some seconds")]
    Resting,
    /// It sends more than anybody needs.
    #[error("the identity provider's {0} is too large")]
    TooLarge(&'static str),
    /// Another status.
    #[error("the identity provider answered {status} when asked for its {what}")]
    Status {
        /// For what.
        what: &'static str,
        /// Its answer.
        status: u16,
    },
    /// Not what it should be.
    #[error("the identity provider's {0} cannot be read")]
    Unreadable(&'static str),
    /// It calls itself otherwise.
    #[error("the identity provider calls itself {0:?}; [oidc] issuer must be exactly that")]
    Issuer(String),
    /// An address of its that is not safe to use.
    #[error("the identity provider names no usable {0}")]
    Endpoint(&'static str),
    /// The token endpoint refused.
    #[error("the identity provider gave nothing for the code: {0}")]
    Refused(String),
    /// Another provider's answer (RFC 9207).
    #[error("the answer is not from the identity provider that was asked")]
    MixedUp,
    /// Not one that is taken.
    #[error("the identity token is signed with {0}, which is not taken")]
    Algorithm(String),
    /// No key of the provider's.
    #[error("the identity token is signed with a key that the identity provider does not have")]
    UnknownKey,
    /// Something in the token or beside it.
    #[error("{0}")]
    Claim(&'static str),
}

impl ProviderError {
    /// Whether it is no matter of this login: another one would fail in the same way.
    fn is_away(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::MixedUp | Self::Algorithm(_) | Self::UnknownKey | Self::Claim(_))
    }
}

impl From<ProviderError> for OidcRefusal {
    fn from(error: ProviderError) -> Self {
        if error.is_away() { Self::Away(error) } else { Self::Untrusted(error) }
    }
}

impl From<OperatorsError> for OidcRefusal {
    fn from(error: OperatorsError) -> Self {
        Self::Login(error.into())
    }
}

impl From<HashingError> for OidcRefusal {
    fn from(error: HashingError) -> Self {
        OperatorsError::from(error).into()
    }
}
