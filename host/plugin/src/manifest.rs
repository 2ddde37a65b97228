//! The manifest: what a plugin says of itself, in a custom section named `mast-manifest` (TOML) of the component or of a core
//! module inside it. The SDK's export macro embeds the plugin's `plugin.toml`.
//!
//! ```toml
//! id = "source-m3u"
//! version = "0.1.0"
//! kind = "source"
//! summary = "Channels from an M3U playlist, by URL or file."
//!
//! [capabilities.http]                  # http, files, kv, secrets; what is not asked for cannot be granted
//! reason = "downloads the playlist"
//! required = false                     # true: a missing grant is a start-up error
//!
//! [config]                             # JSON Schema of [config], written as TOML
//! type = "object"
//! additionalProperties = false
//! required = ["url"]
//! [config.properties.url]
//! type = "string"
//! description = "..."
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a plugin says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lower-case letters, digits and dashes.
    pub id: String,
    /// SemVer.
    pub version: String,
    /// What it is.
    pub kind: Kind,
    /// One sentence.
    pub summary: String,
    /// What it asks for.
    #[serde(default)]
    pub capabilities: BTreeMap<String, Capability>,
    /// JSON Schema of its `[config]`; none means that it takes no settings.
    #[serde(default)]
    pub config: Option<serde_json::Value>,
}

/// Why a plugin asks for something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// For the operator.
    pub reason: String,
    /// Useless without it.
    #[serde(default)]
    pub required: bool,
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Where channels come from.
    Source,
    /// Where the guide comes from.
    Epg,
    /// Which device formats are spoken.
    Output,
    /// Who may watch what.
    Auth,
}
