//! Sources: refreshing a catalogue, and resolving an upstream at tune time.

use std::sync::Arc;

use wasmtime::component::InstancePre;

use crate::batch::BatchGuest;
use crate::bindings::source::exports::mast::base::lifecycle;
use crate::bindings::source::exports::mast::source::{catalog, resolver};
use crate::call::{CallError, CallFailure};
use crate::imports::CatalogOut;
use crate::load::versioned;
use crate::load_error::LoadFailure;
use crate::records::{Refreshed, Upstream};
use crate::runtime::Inner;
use crate::services::{CatalogSink, Validator};
use crate::state::{InstanceContext, State};

const RESOLVER: &str = "mast:source/resolver";

/// A loaded source. Cheap to clone; calls run on the batch threads, each on a fresh instance.
#[derive(Clone)]
pub struct Source {
    pub(crate) guest: BatchGuest,
    catalog: catalog::GuestIndices,
    resolver: Option<resolver::GuestIndices>,
}

impl Source {
    pub(crate) fn start(
        runtime: Arc<Inner>,
        context: Arc<InstanceContext>,
        pre: InstancePre<State>,
    ) -> Result<Self, LoadFailure> {
        let incompatible = |error: wasmtime::Error| LoadFailure::Incompatible(format!("{error:#}"));
        let lifecycle = lifecycle::GuestIndices::new(&pre).map_err(incompatible)?;
        let catalog = catalog::GuestIndices::new(&pre).map_err(incompatible)?;
        let resolves = pre.component().get_export_index(None, versioned(RESOLVER)).is_some();
        let resolver = resolves.then(|| resolver::GuestIndices::new(&pre)).transpose().map_err(incompatible)?;
        let source = Self { guest: BatchGuest::new(runtime, context, pre), catalog, resolver };
        source.init(lifecycle)?;
        Ok(source)
    }

    /// Also loads every export once, which checks their types.
    fn init(&self, lifecycle: lifecycle::GuestIndices) -> Result<(), LoadFailure> {
        let (catalog, resolver) = (self.catalog.clone(), self.resolver.clone());
        self.guest.init(move |store, instance| {
            Box::pin(async move {
                catalog.load(&mut *store, &instance)?;
                resolver.map(|resolver| resolver.load(&mut *store, &instance)).transpose()?;
                lifecycle.load(&mut *store, &instance)?.call_init(&mut *store).await
            })
        })
    }

    /// `catalog.refresh`. Validators of the last accepted import go in, those of this one come out with the summary.
    pub async fn refresh(
        &self,
        sink: Box<dyn CatalogSink>,
        validators: Vec<Validator>,
    ) -> Result<Refreshed, CallError> {
        let catalog = self.catalog.clone();
        let mut scope = self.guest.context.scope();
        scope.validators = validators;
        let (summary, scope) = self
            .guest
            .call("catalog.refresh", scope, move |store, instance| {
                Box::pin(async move {
                    let catalog = catalog.load(&mut *store, &instance)?;
                    let out = store.data_mut().table.push(CatalogOut(sink))?;
                    catalog.call_refresh(&mut *store, out).await
                })
            })
            .await?;
        let validators = scope.seen.into_values().collect();
        Ok(Refreshed { unchanged: summary.unchanged, attrs: summary.attrs, validators })
    }

    /// Whether the component exports `resolver`.
    pub fn resolves(&self) -> bool {
        self.resolver.is_some()
    }

    /// `resolver.resolve`; an error where the component does not export it.
    pub async fn resolve(&self, key: &str, attempt: u32) -> Result<Upstream, CallError> {
        let Some(resolver) = self.resolver.clone() else {
            return Err(self.guest.context.error("resolver.resolve", CallFailure::Missing(RESOLVER)));
        };
        let key = key.to_owned();
        let scope = self.guest.context.scope();
        let (upstream, _) = self
            .guest
            .call("resolver.resolve", scope, move |store, instance| {
                Box::pin(async move {
                    let resolver = resolver.load(&mut *store, &instance)?;
                    resolver.call_resolve(&mut *store, &key, attempt).await
                })
            })
            .await?;
        Ok(upstream.into())
    }
}
