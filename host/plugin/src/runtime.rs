//! The runtime: engines, linkers, batch threads and cache, and the loading of components.

use std::sync::Arc;

use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings;
use crate::cache::Cache;
use crate::engine::{Engines, start_batch_threads};
use crate::load_error::{LoadError, LoadFailure};
use crate::manifest::{Kind, Manifest};
use crate::services::Services;
use crate::spec::{InstanceSpec, RuntimeConfig, RuntimeError};
use crate::state::State;
use crate::{Instance, load};

/// Compiles components and holds the two engines: hot (outputs, policies) and batch (sources, guides). Cheap to clone; it
/// ends when the last clone and the last instance are dropped.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engines: Engines,
    linkers: Linkers,
    cache: Option<Cache>,
    /// Taken when it is dropped.
    batch: Option<tokio::runtime::Runtime>,
}

struct Linkers {
    source: Linker<State>,
    epg: Linker<State>,
    output: Linker<State>,
    auth: Linker<State>,
}

impl Runtime {
    /// Starts the engines, their epoch ticker (a thread of its own) and the batch threads.
    pub fn new(config: RuntimeConfig) -> Result<Self, RuntimeError> {
        let engines = Engines::start()?;
        let linkers = Linkers::new(&engines).map_err(|error| RuntimeError(format!("linker: {error:#}")))?;
        let cache = config.cache_dir.and_then(|dir| match Cache::open(&dir) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "no plugin cache; plugins are compiled at every start");
                None
            }
        });
        Ok(Self(Arc::new(Inner { engines, linkers, cache, batch: Some(start_batch_threads()?) })))
    }

    /// Reads a component's manifest without compiling it.
    pub fn inspect(&self, component: &[u8]) -> Result<Manifest, LoadError> {
        Manifest::read(component).map_err(|failure| LoadError { instance: None, plugin: None, failure })
    }

    /// Compiles (or takes from the AOT cache), checks kind, configuration against the manifest's schema, and grants against what
    /// the manifest asks; links; calls `lifecycle.init` on a fresh instance. Blocks: run it off the serving threads.
    pub fn load(&self, component: &[u8], spec: InstanceSpec, services: Services) -> Result<Instance, LoadError> {
        let instance = Some(spec.id.clone());
        let manifest = match Manifest::read(component) {
            Ok(manifest) => manifest,
            Err(failure) => return Err(LoadError { instance, plugin: None, failure }),
        };
        let plugin = Some(manifest.name());
        load::load(&self.0, component, manifest, spec, services).map_err(|failure| LoadError {
            instance,
            plugin,
            failure,
        })
    }
}

impl Inner {
    pub(crate) fn linker(&self, kind: Kind) -> &Linker<State> {
        match kind {
            Kind::Source => &self.linkers.source,
            Kind::Epg => &self.linkers.epg,
            Kind::Output => &self.linkers.output,
            Kind::Auth => &self.linkers.auth,
        }
    }

    pub(crate) fn compile(&self, kind: Kind, wasm: &[u8]) -> Result<Component, LoadFailure> {
        let engine = self.engines.of(kind);
        let component = match &self.cache {
            Some(cache) => cache.component(engine, wasm),
            None => Component::from_binary(engine, wasm),
        };
        component.map_err(|error| LoadFailure::Compile(format!("{error:#}")))
    }

    pub(crate) fn batch_threads(&self) -> &tokio::runtime::Handle {
        self.batch.as_ref().expect("taken only when dropped").handle()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The last owner may be a task, where waiting for the threads would block; guests are dropped at their next tick.
        if let Some(batch) = self.batch.take() {
            batch.shutdown_background();
        }
    }
}

impl Linkers {
    fn new(engines: &Engines) -> wasmtime::Result<Self> {
        let mut source = Linker::new(&engines.batch);
        bindings::source::SourceWithResolver::add_to_linker::<State, HasSelf<State>>(&mut source, |state| state)?;
        let mut epg = Linker::new(&engines.batch);
        bindings::epg::Epg::add_to_linker::<State, HasSelf<State>>(&mut epg, |state| state)?;
        let mut output = Linker::new(&engines.hot);
        bindings::output::Output::add_to_linker::<State, HasSelf<State>>(&mut output, |state| state)?;
        let mut auth = Linker::new(&engines.hot);
        bindings::auth::Auth::add_to_linker::<State, HasSelf<State>>(&mut auth, |state| state)?;
        Ok(Self { source, epg, output, auth })
    }
}
