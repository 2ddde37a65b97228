//! Outputs: their routes, and answering requests.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{InstancePre, Resource};

use crate::bindings::base::mast::base::types::PluginError;
use crate::bindings::output::exports::mast::base::lifecycle;
use crate::bindings::output::exports::mast::output::handler;
use crate::call::CallError;
use crate::imports::{LineView, ResponseOut};
use crate::load_error::LoadFailure;
use crate::pool::Pool;
use crate::records::{Pairs, Request, Route};
use crate::runtime::Inner;
use crate::services::{Line, ResponseSink};
use crate::state::{Asked, InstanceContext, State};

/// Routes of one output.
const ROUTES_MAX: usize = 256;

/// A loaded output. Cheap to clone; `handle` blocks (run it on a blocking thread), instances are pooled.
#[derive(Clone)]
pub struct Output {
    pub(crate) pool: Arc<Pool<Exports>>,
    routes: Arc<[Route]>,
}

pub(crate) struct Exports {
    lifecycle: lifecycle::Guest,
    handler: handler::Guest,
}

impl Output {
    pub(crate) fn start(
        runtime: Arc<Inner>,
        context: Arc<InstanceContext>,
        pre: InstancePre<State>,
    ) -> Result<Self, LoadFailure> {
        let incompatible = |error: wasmtime::Error| LoadFailure::Incompatible(format!("{error:#}"));
        let lifecycle = lifecycle::GuestIndices::new(&pre).map_err(incompatible)?;
        let handler = handler::GuestIndices::new(&pre).map_err(incompatible)?;
        let patience = context.limits.call;
        let pool = Pool::new(runtime, context, pre, patience, move |store, instance| {
            let lifecycle = lifecycle.load(&mut *store, instance)?;
            Ok(Exports { lifecycle, handler: handler.load(&mut *store, instance)? })
        });
        pool.ask("lifecycle.init", |store, exports| exports.lifecycle.call_init(store))?;
        let routes = pool.ask("handler.routes", |store, exports| Ok(Ok(exports.handler.call_routes(store)?)))?;
        if routes.len() > ROUTES_MAX {
            let cause = format!("{} routes; at most {ROUTES_MAX} are allowed", routes.len());
            return Err(LoadFailure::Init { function: "handler.routes", cause });
        }
        Ok(Self { pool: Arc::new(pool), routes: routes.into_iter().map(Into::into).collect() })
    }

    /// What `handler.routes` answered when it was loaded.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// `handler.handle`.
    pub fn handle(
        &self,
        request: Request,
        line: Option<Arc<dyn Line>>,
        sink: Box<dyn ResponseSink>,
    ) -> Result<(), CallError> {
        let context = &self.pool.context;
        let mut scope = context.scope();
        let text = |pairs: &Pairs, name| {
            pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        scope.asked = Some(Asked {
            client_ip: text(&request.attrs, "client-ip"),
            user_agent: text(&request.headers, "user-agent"),
            base_url: request.base_url.clone(),
        });
        scope.lines.extend(line.clone());
        let out = ResponseOut::new(sink, context.limits.response);
        self.pool
            .call(scope, |store, exports| handle(store, exports, request.into(), line, out))
            .map_err(|failure| context.error("handler.handle", failure))
    }
}

fn handle(
    store: &mut Store<State>,
    exports: &Exports,
    request: handler::Request,
    line: Option<Arc<dyn Line>>,
    out: ResponseOut,
) -> wasmtime::Result<Result<(), PluginError>> {
    let table = &mut store.data_mut().table;
    let line = line.map(|line| table.push(LineView(line))).transpose()?;
    let out = table.push(out)?;
    // The guest borrows: its handles are `borrow`s of these, which stay the host's to delete.
    let lent = line.as_ref().map(|line| Resource::new_borrow(line.rep()));
    let answer = exports.handler.call_handle(&mut *store, &request, lent, Resource::new_borrow(out.rep()))?;
    let table = &mut store.data_mut().table;
    table.delete(out)?;
    line.map(|line| table.delete(line)).transpose()?;
    store.data_mut().call.lines.clear();
    Ok(answer)
}
