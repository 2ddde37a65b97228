//! Calls of sources and guides: each on a fresh instance, on the batch threads, with a deadline over computing and waiting alike.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::base::mast::base::types::PluginError;
use crate::call::{CallError, CallFailure};
use crate::failure;
use crate::load::init_failure;
use crate::load_error::LoadFailure;
use crate::runtime::Inner;
use crate::state::{CallScope, InstanceContext, State, store};

/// Calls of one instance at once; more wait for their turn within their own deadline.
const CALLS_MAX: usize = 8;

/// What a call of a guest answers: wasmtime's error, the plugin's, or its result.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, PluginError>>;

/// The future of a call that borrows its store.
pub(crate) type CallFuture<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// A linked source or guide.
#[derive(Clone)]
pub(crate) struct BatchGuest {
    pub(crate) runtime: Arc<Inner>,
    pub(crate) context: Arc<InstanceContext>,
    pub(crate) pre: InstancePre<State>,
    turns: Arc<Semaphore>,
}

impl BatchGuest {
    pub(crate) fn new(runtime: Arc<Inner>, context: Arc<InstanceContext>, pre: InstancePre<State>) -> Self {
        Self { runtime, context, pre, turns: Arc::new(Semaphore::new(CALLS_MAX)) }
    }

    /// Runs one call. Dropping the returned future drops the instance at its next wait or tick.
    pub(crate) async fn call<T, F>(
        &self,
        function: &'static str,
        scope: CallScope,
        body: F,
    ) -> Result<(T, CallScope), CallError>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<State>, Instance) -> CallFuture<'a, T> + Send + 'static,
    {
        let task = self.spawn(scope, body);
        let outcome = task.await.unwrap_or_else(|error| {
            // It is never aborted while somebody waits for it: the runtime ended, or the host's side of an import panicked.
            let panicked =
                || CallFailure::Trap("the host panicked while the plugin called it; please report this".to_owned());
            Err(if error.is_panic() { panicked() } else { CallFailure::Stopped })
        });
        outcome.map_err(|failure| self.context.error(function, failure))
    }

    /// `lifecycle.init`, for a caller that blocks; never on a batch thread.
    pub(crate) fn init<F>(&self, body: F) -> Result<(), LoadFailure>
    where
        F: for<'a> FnOnce(&'a mut Store<State>, Instance) -> CallFuture<'a, ()> + Send + 'static,
    {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let call = run(self.clone(), self.context.scope(), body);
        self.runtime.batch_threads().spawn(async move {
            // Nobody may wait for it any more.
            let _ = answer.send(call.await);
        });
        let outcome = answered.recv().unwrap_or(Err(CallFailure::Stopped));
        outcome.map(|((), _)| ()).map_err(|failure| init_failure("lifecycle.init", failure))
    }

    fn spawn<T, F>(&self, scope: CallScope, body: F) -> AbortOnDrop<Result<(T, CallScope), CallFailure>>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<State>, Instance) -> CallFuture<'a, T> + Send + 'static,
    {
        AbortOnDrop(self.runtime.batch_threads().spawn(run(self.clone(), scope, body)))
    }
}

async fn run<T, F>(guest: BatchGuest, scope: CallScope, body: F) -> Result<(T, CallScope), CallFailure>
where
    F: for<'a> FnOnce(&'a mut Store<State>, Instance) -> CallFuture<'a, T>,
{
    let deadline = scope.deadline;
    let late = || CallFailure::Deadline(guest.context.limits.call);
    let turn = tokio::time::timeout_at(deadline.into(), guest.turns.acquire()).await.map_err(|_| late())?;
    let mut store = store(&guest.runtime.engines.batch, &guest.context, scope);
    give_way_at_ticks(&mut store, deadline);
    let answer = tokio::time::timeout_at(deadline.into(), async {
        let instance = guest.pre.instantiate_async(&mut store).await?;
        body(&mut store, instance).await
    })
    .await;
    drop(turn);
    match answer {
        Err(_) => Err(late()),
        Ok(Err(error)) => Err(failure::of_trap(&error, store.data())),
        Ok(Ok(Err(error))) => Err(guest.context.answered(error)),
        Ok(Ok(Ok(value))) => Ok((value, store.into_data().call)),
    }
}

/// At every tick a computing guest gives its thread to others, until its deadline.
fn give_way_at_ticks(store: &mut Store<State>, deadline: Instant) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        Ok(if Instant::now() < deadline { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
    });
}

/// A task that ends when nobody waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl InstanceContext {
    /// The scope of a call that begins now.
    pub(crate) fn scope(&self) -> CallScope {
        CallScope::new(self.limits.call.min(Duration::from_secs(24 * 3_600)))
    }
}
