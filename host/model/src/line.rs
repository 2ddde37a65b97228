//! Lines: a subscriber's credential.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::LineId;
use crate::redact::Secret;

/// A line as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its id, assigned by the store.
    pub id: LineId,
    /// Unique, compared exactly. 1 to 64 characters, no white space, slash or control characters (it stands in paths).
    pub username: String,
    /// PHC string of argon2id.
    pub password_hash: Secret,
    /// Credential of the URL forms that carry no username. Unique.
    pub token: LineToken,
    /// Connections allowed at once; at least 1.
    pub max_connections: u32,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
    /// Switched off by an operator where false.
    pub active: bool,
    /// Names of the bouquets it has bought, sorted, without repeats. Empty means every channel: a fresh install works
    /// before anyone has thought about bouquets.
    pub bouquets: Vec<String>,
    /// Devices bound to it: MAC addresses in lower case with colons.
    #[serde(default)]
    pub macs: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Grows by one with each change; what was cached under an older revision is stale.
    #[serde(default)]
    pub revision: u64,
}

impl Line {
    /// Whether it may be used at `now`.
    pub fn usable(&self, now: Timestamp) -> bool {
        self.active && self.expires.is_none_or(|expires| now < expires)
    }
}

/// A line's token: 32 random bytes as 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LineToken(String);

/// A text that is not a token. It does not repeat the text, which may be a credential.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a token is 64 lower-case hexadecimal digits")]
pub struct InvalidLineToken;

impl LineToken {
    /// The token of 32 random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        use std::fmt::Write;
        Self(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }

    /// Checks and wraps a token.
    pub fn parse(text: &str) -> Result<Self, InvalidLineToken> {
        let valid = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidLineToken) }
    }

    /// The token itself. Every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LineToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineToken(***)")
    }
}

impl TryFrom<String> for LineToken {
    type Error = InvalidLineToken;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<LineToken> for String {
    fn from(token: LineToken) -> Self {
        token.0
    }
}
