//! How the instances are doing, for the admin API, `mast check` and the metrics.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

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
