//! The plugin runtime: the only crate that names wasmtime. Bindings are generated from `wit/`; rooms of the host see the plain
//! Rust types below and the service traits, never a wasmtime type.

pub mod call;
pub mod manifest;
pub mod records;
pub mod services;
pub mod spec;

pub use call::{CallError, CallFailure};
pub use manifest::{Capability, Kind, Manifest};
pub use spec::{Grants, InstanceSpec, Limits, LoadError, RuntimeConfig, RuntimeError};

use std::sync::Arc;

use services::{CatalogSink, Line, ResponseSink, Services};

/// Compiles components and holds the two engines: hot (outputs, policies) and batch (sources, guides). Cheap to clone.
#[derive(Clone)]
pub struct Runtime {}

impl Runtime {
    /// Starts the engines and their epoch ticker (a thread of its own).
    pub fn new(_config: RuntimeConfig) -> Result<Self, RuntimeError> {
        todo!()
    }

    /// Reads a component's manifest without compiling it.
    pub fn inspect(&self, _component: &[u8]) -> Result<Manifest, LoadError> {
        todo!()
    }

    /// Compiles (or takes from the AOT cache), checks kind, configuration against the manifest's schema, and grants against what
    /// the manifest asks; links; calls `lifecycle.init` on a fresh instance. Blocks: run it off the serving threads.
    pub fn load(&self, _component: &[u8], _spec: InstanceSpec, _services: Services) -> Result<Instance, LoadError> {
        todo!()
    }
}

/// A loaded plugin instance of any kind.
pub enum Instance {
    /// Channels.
    Source(Source),
    /// Guides. Loaded and checked; its first caller comes with the guide.
    Epg(Epg),
    /// Device formats.
    Output(Output),
    /// Policies.
    Policy(Policy),
}

/// A loaded source. Cheap to clone; calls run on the batch runtime, each on a fresh instance.
#[derive(Clone)]
pub struct Source {}

impl Source {
    /// `catalog.refresh`. Validators of the last accepted import go in, those of this one come out with the summary.
    pub async fn refresh(
        &self,
        _sink: Box<dyn CatalogSink>,
        _validators: Vec<services::Validator>,
    ) -> Result<records::Refreshed, CallError> {
        todo!()
    }

    /// Whether the component exports `resolver`.
    pub fn resolves(&self) -> bool {
        todo!()
    }

    /// `resolver.resolve`; an error where the component does not export it.
    pub async fn resolve(&self, _key: &str, _attempt: u32) -> Result<records::Upstream, CallError> {
        todo!()
    }
}

/// A loaded guide importer.
#[derive(Clone)]
pub struct Epg {}

/// A loaded output. Cheap to clone; `handle` blocks (run it on a blocking thread), instances are pooled.
#[derive(Clone)]
pub struct Output {}

impl Output {
    /// What `handler.routes` answered when it was loaded.
    pub fn routes(&self) -> &[records::Route] {
        todo!()
    }

    /// `handler.handle`.
    pub fn handle(
        &self,
        _request: records::Request,
        _line: Option<Arc<dyn Line>>,
        _sink: Box<dyn ResponseSink>,
    ) -> Result<(), CallError> {
        todo!()
    }
}

/// A loaded policy. Cheap to clone; `decide` is quick enough for a serving thread.
#[derive(Clone)]
pub struct Policy {}

impl Policy {
    /// What `policy.key-fields` answered when it was loaded, validated.
    pub fn key_fields(&self) -> &[records::KeyField] {
        todo!()
    }

    /// `policy.decide`. The caller blanks what is not a key field ([`records::AuthRequest::keep`]) and caches.
    pub fn decide(&self, _request: &records::AuthRequest) -> Result<records::Decision, CallError> {
        todo!()
    }
}
