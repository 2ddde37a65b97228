//! Write Mast plugins in Rust: a trait per kind and one export macro.
//!
//! A plugin is a type that implements [`source::Source`], [`epg::Epg`], [`output::Output`] or [`auth::Policy`], a
//! [`export_plugin!`] line and a `plugin.toml`. PLUGINS.md has the tutorial, the contract and its reasons.
//!
//! Compiled for any other target than wasm32, the same code talks to [`mock::Host`], so plugins are tested by plain `cargo test`.
//!
//! This crate has no state of its own and never retries, caches or schedules: that is the host's.

#[doc(hidden)]
pub mod bindings;

mod bytes;
mod error;
mod raw;

pub mod auth;
pub mod clock;
pub mod epg;
#[doc(hidden)]
pub mod export;
pub mod files;
pub mod http;
pub mod json;
pub mod kv;
pub mod location;
pub mod log;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
pub mod output;
pub mod random;
pub mod secrets;
pub mod source;
pub mod text;
pub mod time;

pub use bindings::host::mast::base::types::Summary;
pub use bytes::{ByteSource, CHUNK};
pub use error::{Code, Error, Result};

/// Key and value pairs: extension slots and header fields.
pub type Pairs = Vec<(String, String)>;

/// How many records the sinks gather before they cross to the host, and how many cursors fetch at once.
pub const BATCH: usize = 256;

/// The `[config]` table of the instance's file as a value of the plugin's own type. The host has validated it against the schema
/// in `plugin.toml` and filled in its defaults; what fails here is a schema that says less than the type.
pub fn config<T: serde::de::DeserializeOwned>() -> Result<T> {
    serde_json::from_str(&raw::config::document()).map_err(|error| Error::config(format!("[config]: {error}")))
}

impl Summary {
    /// The lineup or guide was read anew.
    pub fn changed() -> Self {
        Self { unchanged: false, attrs: Vec::new() }
    }

    /// Nothing changed since the last accepted import; what was pushed is dropped.
    pub fn unchanged() -> Self {
        Self { unchanged: true, attrs: Vec::new() }
    }

    /// Adds a count or remark for the operator.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.attrs.push((key.to_owned(), value.to_string()));
        self
    }
}

/// The first value of `key` in pairs, for example in a record's `attrs`.
pub fn pair<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
