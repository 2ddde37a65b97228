//! Policies: who may watch what.

use crate::Result;
pub use crate::bindings::host::mast::auth::types::{Allow, Decision, Deny, Request};

/// A policy. Export it with `export_plugin!(MyPolicy: auth)`.
pub trait Policy: Sized + 'static {
    /// Reads and checks the settings; no requests. Runs when the operator's file is checked and once on every fresh instance, so
    /// this is the place to parse what `decide` looks up.
    fn load() -> Result<Self>;

    /// The fields of [`Request`] that decide, by their names in `wit/auth`; the host blanks all others and reuses a decision under
    /// exactly these.
    fn key_fields(&self) -> Vec<String>;

    /// Decides. The host has checked credentials, expiry and bouquets; a policy can only narrow that.
    fn decide(&self, request: &Request) -> Result<Decision>;
}

impl Decision {
    /// The line may; the host may reuse that for so many seconds.
    pub fn allow(cache_seconds: u32) -> Self {
        Self::Allow(Allow { max_connections: None, expires: None, cache_seconds, attrs: Vec::new() })
    }

    /// The line may not. `code` is for the log, `message` one sentence for the viewer that does not tell what the policy knows.
    pub fn deny(code: &str, message: &str, cache_seconds: u32) -> Self {
        Self::Deny(Deny { code: code.to_owned(), message: message.to_owned(), cache_seconds })
    }
}
