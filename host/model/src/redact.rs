//! Values that must not leak: they print redacted in `Debug` *and* `Display`, and are read through `expose`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, key or token.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself. Every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A provider's URL. Providers put credentials in user info, path and query alike, so only scheme and host print.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpstreamUrl(String);

impl UpstreamUrl {
    /// Wraps a URL; whether it parses is checked where it is used.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole URL, credentials included. Every caller is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `scheme://host[:port]/…`.
    pub fn redacted(&self) -> String {
        match url::Url::parse(&self.0) {
            Ok(url) => {
                let host = url.host_str().unwrap_or("…");
                match url.port() {
                    Some(port) => format!("{}://{host}:{port}/…", url.scheme()),
                    None => format!("{}://{host}/…", url.scheme()),
                }
            }
            Err(_) => "(not a URL)".to_owned(),
        }
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamUrl({})", self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaks() {
        let url = UpstreamUrl::new("http://user:hunter2@tv.example:8080/live/u/p/1.ts?token=abc");
        assert_eq!(url.to_string(), "http://tv.example:8080/…");
        assert_eq!(format!("{url:?}"), "UpstreamUrl(http://tv.example:8080/…)");
        assert_eq!(UpstreamUrl::new("hunter2").to_string(), "(not a URL)");
        assert_eq!(format!("{0} {0:?}", Secret::new("hunter2")), "*** Secret(***)");
    }
}
