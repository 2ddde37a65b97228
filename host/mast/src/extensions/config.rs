//! `[plugins]`, `[secrets]` and the instance files.

mod instance;
mod secrets;
mod upstream;

pub use upstream::{ProfileChoice, UpstreamConfig};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mast_model::{ByteSize, DestinationRules, InstanceId, Secret};
use mast_plugin::manifest::Kind;
use mast_plugin::spec::Limits;

use crate::config::reader::Section;
use crate::guide::config::InstanceGuideConfig;

/// `[plugins]` and `[secrets]` of `mast.toml`.
#[derive(Debug, Clone)]
pub struct PluginsConfig {
    /// `[plugins] dir`, absolute; default `plugins.d` beside `mast.toml`.
    pub dir: PathBuf,
    /// `[secrets] NAME = { env = "VAR" } | { file = "path" }`, resolved.
    pub secrets: BTreeMap<String, Secret>,
    /// The profiles and ladders that sources can name.
    pub profiles: BTreeSet<String>,
}

impl PluginsConfig {
    pub(crate) fn read(plugins: &Section<'_>, secrets: &Section<'_>) -> Self {
        Self {
            dir: plugins.optional_path("dir").unwrap_or_else(|| plugins.absolute("plugins.d")),
            secrets: secrets::read(secrets),
            profiles: BTreeSet::new(),
        }
    }
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
    /// `on_error` of policies: `deny` (default), `allow-stale` or `skip`.
    pub on_error: OnError,
    /// `[config]` as given; an empty object where it is missing. Validated against the plugin's schema when it is loaded.
    pub config: serde_json::Value,
    /// `[grant]`
    pub grant: GrantConfig,
    /// `[upstream]`, for sources: how their channels are fetched; for guides: how they are downloaded (`proxy`, `bind`, `verify_tls`,
    /// `user_agent`, `referer`, `cookies` and `headers`).
    pub upstream: UpstreamConfig,
    /// `[guide]`, for guides.
    pub guide: InstanceGuideConfig,
    /// `[limits]` over the kind's defaults: `memory` (1MiB to 4GiB), `call` (1ms to 1h), `input` (1KiB to 64GiB), `response`
    /// (1KiB to 16GiB).
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
    /// `http`: what the plugin may request, with `net_allow_private`: networks that are not public.
    pub http: DestinationRules,
    /// `upstream` with `net_allow_private`: where the host may fetch the channels of this source from; without `upstream`
    /// everywhere public over http and https.
    pub upstream: DestinationRules,
    /// `files`: files and folders the plugin may read, absolute.
    pub files: Vec<PathBuf>,
    /// `devices`, default false: its devices may be bound to lines.
    pub devices: bool,
    /// `kv`: quota of its key-value storage, 1KiB to 1GiB.
    pub kv: Option<ByteSize>,
    /// `secrets`: names from `[secrets]` in `mast.toml`.
    pub secrets: Vec<String>,
}
