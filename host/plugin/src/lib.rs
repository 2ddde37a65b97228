//! The plugin runtime: the only crate that names wasmtime. Bindings are generated from `wit/`; rooms of the host see the plain
//! Rust types below and the service traits, never a wasmtime type.

mod batch;
mod bindings;
mod cache;
pub mod call;
mod engine;
mod epg;
mod failure;
mod grants;
mod guest_log;
#[allow(unreachable_pub, reason = "the generated bindings re-export its resource types")]
mod imports;
mod load;
mod load_error;
pub mod manifest;
mod output;
mod policy;
mod pool;
pub mod records;
mod runtime;
pub mod services;
mod settings;
mod source;
pub mod spec;
mod standing;
mod state;

pub use call::{CallError, CallFailure};
pub use epg::Epg;
pub use load_error::{LoadError, LoadFailure};
pub use manifest::{Capability, Kind, Manifest};
pub use output::Output;
pub use policy::Policy;
pub use runtime::Runtime;
pub use source::Source;
pub use spec::{Grants, InstanceSpec, Limits, RuntimeConfig, RuntimeError};
pub use standing::Standing;

/// A loaded plugin instance of any kind.
pub enum Instance {
    /// Channels.
    Source(Source),
    /// Guides.
    Epg(Epg),
    /// Device formats.
    Output(Output),
    /// Policies.
    Policy(Policy),
}
