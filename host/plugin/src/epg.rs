//! Guide importers.

use std::sync::Arc;

use wasmtime::component::{InstancePre, Resource};

use crate::batch::BatchGuest;
use crate::bindings::epg::exports::mast::base::lifecycle;
use crate::bindings::epg::exports::mast::epg::importer;
use crate::call::CallError;
use crate::imports::{ByteSource, GuideOut};
use crate::load_error::LoadFailure;
use crate::records::Imported;
use crate::runtime::Inner;
use crate::services::{ByteStream, GuideSink};
use crate::state::{InstanceContext, State};

/// A loaded guide importer. Cheap to clone; calls run on the batch threads, each on a fresh instance.
#[derive(Clone)]
pub struct Epg {
    pub(crate) guest: BatchGuest,
    importer: importer::GuestIndices,
}

impl Epg {
    pub(crate) fn start(
        runtime: Arc<Inner>,
        context: Arc<InstanceContext>,
        pre: InstancePre<State>,
    ) -> Result<Self, LoadFailure> {
        let incompatible = |error: wasmtime::Error| LoadFailure::Incompatible(format!("{error:#}"));
        let lifecycle = lifecycle::GuestIndices::new(&pre).map_err(incompatible)?;
        let importer = importer::GuestIndices::new(&pre).map_err(incompatible)?;
        let epg = Self { guest: BatchGuest::new(runtime, context, pre), importer };
        let importer = epg.importer.clone();
        epg.guest.init(move |store, instance| {
            Box::pin(async move {
                importer.load(&mut *store, &instance)?;
                lifecycle.load(&mut *store, &instance)?.call_init(&mut *store).await
            })
        })?;
        Ok(epg)
    }

    /// `importer.run`.
    pub async fn run(&self, input: Box<dyn ByteStream>, sink: Box<dyn GuideSink>) -> Result<Imported, CallError> {
        let importer = self.importer.clone();
        let context = &self.guest.context;
        let (scope, cap) = (context.scope(), context.limits.input);
        let (summary, _) = self
            .guest
            .call("importer.run", scope, move |store, instance| {
                Box::pin(async move {
                    let importer = importer.load(&mut *store, &instance)?;
                    let table = &mut store.data_mut().table;
                    let input: Resource<ByteSource> = table.push(ByteSource::stream(input, cap))?;
                    let out = table.push(GuideOut(sink))?;
                    importer.call_run(&mut *store, input, out).await
                })
            })
            .await?;
        Ok(Imported { unchanged: summary.unchanged, attrs: summary.attrs })
    }
}
