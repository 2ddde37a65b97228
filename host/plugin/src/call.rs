//! What a call failed at.

use std::sync::Arc;

use mast_model::{Classified, ErrorClass, InstanceId, Side};

/// A failed call. Display is one line: instance, plugin id and version, function, cause and fix.
#[derive(Debug, thiserror::Error)]
#[error("{instance} ({plugin} {version}): {function}: {failure}")]
pub struct CallError {
    /// The instance.
    pub instance: InstanceId,
    /// The plugin's id.
    pub plugin: Arc<str>,
    /// The plugin's version.
    pub version: Arc<str>,
    /// `catalog.refresh`, for example.
    pub function: &'static str,
    /// What happened.
    pub failure: CallFailure,
}

/// What happened in a call.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CallFailure {
    /// The plugin answered with an error.
    #[error("{message} ({code})")]
    Plugin {
        /// See `mast:base/types.plugin-error`.
        code: String,
        /// One sentence.
        message: String,
        /// Seconds.
        retry_after: Option<u32>,
    },
    /// The plugin trapped; carries the panic message and the last log lines where there were any.
    #[error("trapped: {0}")]
    Trap(String),
    /// The call ran into its deadline.
    #[error("took longer than {0:?}; raise [limits] call if that is expected")]
    Deadline(std::time::Duration),
    /// The plugin wanted more memory than allowed.
    #[error("needs more than {0} of memory; raise [limits] memory if that is expected")]
    Memory(mast_model::ByteSize),
    /// Every slot for this plugin is taken by another call.
    #[error("{0}")]
    Busy(String),
    /// The component does not offer the function.
    #[error("the plugin does not export {0}")]
    Missing(&'static str),
    /// The runtime is shutting down.
    #[error("the host is shutting down")]
    Stopped,
}

impl Classified for CallError {
    fn class(&self) -> ErrorClass {
        match &self.failure {
            CallFailure::Plugin { code, .. } => match code.as_str() {
                "config" => ErrorClass::Invalid,
                "not-granted" => ErrorClass::Denied,
                "unavailable" | "unauthorized" | "malformed" | "cancelled" => ErrorClass::Unavailable,
                "not-found" => ErrorClass::NotFound,
                "limit" => ErrorClass::Limit,
                _ => ErrorClass::Internal,
            },
            CallFailure::Trap(_) | CallFailure::Missing(_) => ErrorClass::Internal,
            CallFailure::Deadline(_) => ErrorClass::Timeout,
            CallFailure::Memory(_) => ErrorClass::Limit,
            CallFailure::Busy(_) | CallFailure::Stopped => ErrorClass::Unavailable,
        }
    }

    fn side(&self) -> Side {
        match &self.failure {
            CallFailure::Plugin { code, .. } => match code.as_str() {
                "config" | "not-granted" | "limit" => Side::Host,
                "unavailable" | "unauthorized" | "malformed" | "not-found" => Side::Upstream,
                "cancelled" => Side::Viewer,
                _ => Side::Plugin,
            },
            CallFailure::Busy(_) | CallFailure::Stopped => Side::Host,
            _ => Side::Plugin,
        }
    }
}
