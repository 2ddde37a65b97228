//! What an instance is made of, and what can be wrong with it before its first call.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mast_model::{ByteSize, DestinationRules, InstanceId, Secret};

use crate::manifest::Kind;

/// The runtime's own settings.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// Folder of the AOT cache; none for no cache. Only files that the host wrote itself may be there.
    pub cache_dir: Option<PathBuf>,
}

/// One instance as the operator configured it.
#[derive(Debug, Clone)]
pub struct InstanceSpec {
    /// Its name.
    pub id: InstanceId,
    /// What the instance file says it is.
    pub kind: Kind,
    /// Its `[config]`, not yet validated.
    pub config: serde_json::Value,
    /// What the operator granted.
    pub grants: Grants,
    /// Limits of each call.
    pub limits: Limits,
}

/// `[grant]`, parsed. Nothing is granted by default.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// `http` and `net_allow_private`.
    pub http: DestinationRules,
    /// `files`: absolute paths.
    pub files: Vec<PathBuf>,
    /// `kv`: quota.
    pub kv: Option<ByteSize>,
    /// `devices`: lines may be bound to devices.
    pub devices: bool,
    /// `secrets`: granted names with their values.
    pub secrets: BTreeMap<String, Secret>,
}

/// `[limits]` of an instance.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Linear memory.
    pub memory: ByteSize,
    /// Deadline of one call.
    pub call: Duration,
    /// Most bytes read from one byte source (after decompression).
    pub input: ByteSize,
    /// Most bytes of one response of an output.
    pub response: ByteSize,
}

impl Limits {
    /// What an instance of this kind gets without `[limits]`.
    pub fn default_for(kind: Kind) -> Self {
        let (memory, call) = match kind {
            Kind::Source | Kind::Epg => (64, Duration::from_secs(300)),
            Kind::Output => (64, Duration::from_secs(30)),
            Kind::Auth => (16, Duration::from_millis(100)),
        };
        Self { memory: ByteSize::mib(memory), call, input: ByteSize::mib(2048), response: ByteSize::mib(256) }
    }
}

/// The runtime could not start.
#[derive(Debug, thiserror::Error)]
#[error("the plugin runtime could not start: {0}")]
pub struct RuntimeError(pub String);
