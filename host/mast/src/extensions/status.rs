//! How the instances are doing, for the admin API, `mast check` and the metrics.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::config::GrantConfig;

/// How one instance file is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceStatus {
    /// The file's stem; an instance name where it is valid.
    pub instance: String,
    /// `source`, `epg`, `output`, `auth`; none where the file does not say.
    pub kind: Option<String>,
    /// The bundled plugin's name or the component's path.
    pub plugin: Option<String>,
    /// What became of the file as it is now.
    pub state: InstanceState,
    /// Since when it is in that state.
    pub since: Timestamp,
    /// Whether an instance is in use; with a failure, the one from before the edit.
    pub running: bool,
    /// What the instance cannot have, though it is loaded: routes that others claimed.
    pub problems: Vec<String>,
    /// The version in the manifest of the plugin in use.
    pub version: Option<String>,
    /// SHA-256 of the component in use, hexadecimal.
    pub sha256: Option<String>,
    /// Instances of the plugin in use that trapped or were stopped, and were thrown away for it.
    pub poisoned: u64,
    /// What the file grants.
    pub grants: GrantStatus,
}

/// What an instance may reach. Names only: neither paths of URLs nor secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct GrantStatus {
    /// Destinations of the plugin's own requests.
    pub http: Vec<String>,
    /// Destinations that channels of a source may be fetched from; empty where it is everything public over http and https.
    pub upstream: Vec<String>,
    /// Networks that are not public, and allowed all the same.
    pub net_allow_private: Vec<String>,
    /// Files and folders that it may read.
    pub files: Vec<String>,
    /// Bytes of key-value storage; null for none.
    pub kv: Option<u64>,
    /// Names of secrets.
    pub secrets: Vec<String>,
}

impl GrantStatus {
    pub(super) fn of(grant: &GrantConfig) -> Self {
        fn texts<T: ToString>(items: &[T]) -> Vec<String> {
            items.iter().map(ToString::to_string).collect()
        }
        Self {
            http: texts(&grant.http.allow),
            upstream: texts(&grant.upstream.allow),
            net_allow_private: texts(&grant.http.allow_private),
            files: grant.files.iter().map(|path| path.display().to_string()).collect(),
            kv: grant.kv.map(|size| size.0),
            secrets: grant.secrets.clone(),
        }
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
pub enum InstanceState {
    /// It is in use.
    Loaded,
    /// It is not; why.
    Failed(String),
    /// `enabled = false`
    Disabled,
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded => f.write_str("loaded"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::Disabled => f.write_str("disabled"),
        }
    }
}
