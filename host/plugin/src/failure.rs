//! From wasmtime's errors to [`CallFailure`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::bindings::base::mast::base::types::PluginError;
use crate::call::{CallError, CallFailure};
use crate::guest_log::cut;
use crate::state::{InstanceContext, State};

/// Bytes of a guest's error message and code that are kept.
const MESSAGE_MAX: usize = 1_024;
const CODE_MAX: usize = 64;

impl InstanceContext {
    pub(crate) fn error(&self, function: &'static str, failure: CallFailure) -> CallError {
        CallError {
            instance: self.id.clone(),
            plugin: Arc::clone(&self.plugin),
            version: Arc::clone(&self.version),
            function,
            failure,
        }
    }

    /// The plugin's own answer that something failed.
    pub(crate) fn answered(&self, error: PluginError) -> CallFailure {
        CallFailure::Plugin {
            code: self.clean(&error.code, CODE_MAX),
            message: self.clean(&error.message, MESSAGE_MAX),
            retry_after: error.retry_after,
        }
    }
}

/// What went wrong when wasmtime says that something did; the store is not to be used again.
pub(crate) fn of_trap(error: &wasmtime::Error, state: &State) -> CallFailure {
    let failure = cause(error, state);
    if !matches!(failure, CallFailure::Busy(_)) {
        state.instance.poisoned.fetch_add(1, Ordering::Relaxed);
    }
    failure
}

fn cause(error: &wasmtime::Error, state: &State) -> CallFailure {
    let limits = &state.instance.limits;
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) {
        return CallFailure::Deadline(limits.call);
    }
    if state.memory.exceeded {
        return CallFailure::Memory(limits.memory);
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return CallFailure::Busy("every slot for outputs and policies is taken; try again".to_owned());
    }
    let text = match trap {
        Some(trap) => trap.to_string(),
        None => cut(&error.root_cause().to_string(), MESSAGE_MAX).to_owned(),
    };
    // With panic = "abort" a panic ends in `unreachable`, after the SDK's hook has logged it.
    let panicked = trap == Some(&Trap::UnreachableCodeReached);
    CallFailure::Trap(state.log.trap_message(&text, panicked))
}
