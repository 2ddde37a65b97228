//! What a call failed at.

use mast_model::InstanceId;

/// A failed call. Display is one line: instance, plugin id and version, function, cause and fix.
#[derive(Debug, thiserror::Error)]
#[error("{instance} ({plugin} {version}): {function}: {failure}")]
pub struct CallError {
    /// The instance.
    pub instance: InstanceId,
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
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
}
