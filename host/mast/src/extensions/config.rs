//! `[plugins]`, `[secrets]` and the instance files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mast_model::{ByteSize, DestinationRules, InstanceId, Secret};
use mast_plugin::manifest::Kind;
use mast_plugin::spec::Limits;

/// `[plugins]` and `[secrets]` of `mast.toml`.
#[derive(Debug, Clone)]
pub struct PluginsConfig {
    /// `[plugins] dir`, absolute; default `plugins.d` beside `mast.toml`.
    pub dir: PathBuf,
    /// `[secrets] NAME = { env = "VAR" } | { file = "path" }`, resolved.
    pub secrets: BTreeMap<String, Secret>,
}

/// `plugins.d/<instance>.toml`, validated.
#[derive(Debug, Clone)]
pub struct InstanceConfig {
    /// The file's stem.
    pub id: InstanceId,
    /// `kind`
    pub kind: Kind,
    /// `plugin = "name"` or `path = "file.wasm"` (relative to the file).
    pub component: Component,
    /// `enabled`, default true.
    pub enabled: bool,
    /// `on_error` of policies, default deny.
    pub on_error: OnError,
    /// `[config]` as given.
    pub config: serde_json::Value,
    /// `[grant]`
    pub grant: GrantConfig,
    /// `[limits]` over the kind's defaults.
    pub limits: Limits,
}

/// Where the component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// `plugin`: carried inside the binary.
    Bundled(String),
    /// `path` and, where given, `sha256` (64 hexadecimal digits).
    File {
        /// Absolute.
        path: PathBuf,
        /// Must match the file.
        sha256: Option<String>,
    },
}

/// What a policy's failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Deny.
    Deny,
    /// The last decision under the same key, however old; deny where there is none.
    AllowStale,
    /// As if the policy were not there.
    Skip,
}

/// `[grant]`, parsed. Nothing is granted by default, except that a source's upstreams may be public http and https.
#[derive(Debug, Clone, Default)]
pub struct GrantConfig {
    /// `http` with `net_allow_private`
    pub http: DestinationRules,
    /// `upstream` with `net_allow_private`: where the host may fetch the channels of this source from.
    pub upstream: DestinationRules,
    /// `files`
    pub files: Vec<PathBuf>,
    /// `kv`
    pub kv: Option<ByteSize>,
    /// `secrets`: names.
    pub secrets: Vec<String>,
}
