//! What the catalogue needs of a source. The extensions room offers loaded instances through this; tests offer fakes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mast_model::InstanceId;
use mast_plugin::records::{Refreshed, Upstream};
use mast_plugin::services::{BoxFuture, CatalogSink, Validator};
use mast_plugin::{CallError, Standing};

/// The calls of a loaded source.
pub trait SourceCalls: Send + Sync + 'static {
    /// See [`mast_plugin::Source::refresh`]. Dropping the future ends the call.
    fn refresh(
        &self,
        sink: Box<dyn CatalogSink>,
        validators: Vec<Validator>,
    ) -> BoxFuture<'_, Result<Refreshed, CallError>>;
    /// See [`mast_plugin::Source::resolves`].
    fn resolves(&self) -> bool;
    /// See [`mast_plugin::Source::resolve`].
    fn resolve<'a>(&'a self, key: &'a str, attempt: u32) -> BoxFuture<'a, Result<Upstream, CallError>>;
    /// How the plugin is doing; none where it is no plugin.
    fn standing(&self) -> Option<Standing> {
        None
    }
}

impl SourceCalls for mast_plugin::Source {
    fn refresh(
        &self,
        sink: Box<dyn CatalogSink>,
        validators: Vec<Validator>,
    ) -> BoxFuture<'_, Result<Refreshed, CallError>> {
        Box::pin(self.refresh(sink, validators))
    }

    fn resolves(&self) -> bool {
        self.resolves()
    }

    fn resolve<'a>(&'a self, key: &'a str, attempt: u32) -> BoxFuture<'a, Result<Upstream, CallError>> {
        Box::pin(self.resolve(key, attempt))
    }

    fn standing(&self) -> Option<Standing> {
        Some(self.standing())
    }
}

/// A source instance whose file is there and enabled.
#[derive(Clone)]
pub struct SourceEntry {
    /// Its name.
    pub id: InstanceId,
    /// Another one means that it was loaded anew.
    pub generation: u64,
    /// None where it could not be loaded: its last good lineup stays.
    pub calls: Option<Arc<dyn SourceCalls>>,
    /// Time between refreshes.
    pub refresh: Duration,
    /// When its file or its component last changed; what was imported before is not trusted to be up to date.
    pub changed_at: Option<Timestamp>,
}

/// All source instances, by name.
pub type SourceSet = Vec<SourceEntry>;
