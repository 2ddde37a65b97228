//! Why a plugin's call failed, as the operator reads it.

use std::fmt;
use std::io;

use crate::bindings::host::mast::base::types::PluginError;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A code, one sentence for the operator, and when to try again. Never put a credential into the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure.
    pub code: Code,
    /// What failed and what to do.
    pub message: String,
    /// Do not try again before this many seconds have passed.
    pub retry_after: Option<u32>,
}

/// The codes of `mast:base/types.plugin-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The operator must change a setting.
    Config,
    /// The operator must grant something.
    NotGranted,
    /// Upstream or network; try again.
    Unavailable,
    /// The upstream refused the credentials.
    Unauthorized,
    /// It does not exist.
    NotFound,
    /// It belongs to somebody else.
    Conflict,
    /// What came from outside could not be understood.
    Malformed,
    /// A limit of the host was reached.
    Limit,
    /// Nobody waits for the answer any more.
    Cancelled,
    /// Everything else, unknown codes too.
    Internal,
}

const CODES: [(Code, &str); 10] = [
    (Code::Config, "config"),
    (Code::NotGranted, "not-granted"),
    (Code::Unavailable, "unavailable"),
    (Code::Unauthorized, "unauthorized"),
    (Code::NotFound, "not-found"),
    (Code::Conflict, "conflict"),
    (Code::Malformed, "malformed"),
    (Code::Limit, "limit"),
    (Code::Cancelled, "cancelled"),
    (Code::Internal, "internal"),
];

impl Code {
    /// The code as `wit/` spells it.
    pub fn as_str(self) -> &'static str {
        CODES.iter().find(|(code, _)| *code == self).map_or("internal", |(_, name)| name)
    }

    fn from_wit(name: &str) -> Self {
        CODES.iter().find(|(_, known)| *known == name).map_or(Self::Internal, |(code, _)| *code)
    }
}

impl Error {
    /// An error of this code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// The operator must change a setting.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Code::Config, message)
    }

    /// Upstream or network; try again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// What came from outside could not be understood.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(Code::Malformed, message)
    }

    /// It does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// Everything else.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Asks for a pause before the next attempt.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Puts what was being done before the sentence.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code.as_str())
    }
}

impl std::error::Error for Error {}

impl From<PluginError> for Error {
    fn from(error: PluginError) -> Self {
        Self { code: Code::from_wit(&error.code), message: error.message, retry_after: error.retry_after }
    }
}

impl From<Error> for PluginError {
    fn from(error: Error) -> Self {
        Self { code: error.code.as_str().to_owned(), message: error.message, retry_after: error.retry_after }
    }
}

/// The host's error comes back whole after a trip through [`io::Read`]; a reader's own (invalid data, an early end) means that the
/// input was not understood.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                Self::malformed(error.to_string())
            }
            Err(error) => Self::internal(error.to_string()),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{CODES, Code, Error};
    use crate::bindings::host::mast::base::types::PluginError;

    #[test]
    fn codes_survive_the_trip_to_the_host_and_back() {
        for (code, name) in CODES {
            let wit = PluginError::from(Error::new(code, "m").retry_after(3));
            assert_eq!(wit.code, name);
            assert_eq!(Error::from(wit), Error::new(code, "m").retry_after(3));
        }
        let unknown = PluginError { code: "tired".into(), message: String::new(), retry_after: None };
        assert_eq!(Error::from(unknown).code, Code::Internal);
    }

    #[test]
    fn an_error_survives_io() {
        let error = Error::unavailable("the connection was lost");
        assert_eq!(Error::from(io::Error::from(error.clone())), error);
        assert_eq!(Error::from(io::Error::from(io::ErrorKind::UnexpectedEof)).code, Code::Malformed);
    }
}
