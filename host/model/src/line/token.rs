//! A line's token, and how it is read and written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A line's token: 32 random bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LineToken([u8; 32]);

/// A text that is not a token. It does not repeat the text, which may be a credential.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a token is 64 lower-case hexadecimal digits")]
pub struct InvalidLineToken;

impl LineToken {
    /// The token of 32 random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Checks and wraps a token.
    pub fn parse(text: &str) -> Result<Self, InvalidLineToken> {
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| InvalidLineToken)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }

    /// The token itself, as it is written. Every caller is a place to review.
    pub fn expose(&self) -> String {
        use std::fmt::Write;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The bytes. Every caller is a place to review.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn digit(byte: u8) -> Result<u8, InvalidLineToken> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(InvalidLineToken),
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
        token.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_are_written() {
        let token = LineToken::from_bytes([0xab; 32]);
        assert_eq!(LineToken::parse(&token.expose()), Ok(token));
        for bad in ["", "ab", &"AB".repeat(32), &"g0".repeat(32), &"ab".repeat(33), &"ä".repeat(32)] {
            assert_eq!(LineToken::parse(bad), Err(InvalidLineToken), "{bad}");
        }
        assert_eq!(format!("{token:?}"), "LineToken(***)");
    }
}
