//! Warm instances of one output or policy.
//!
//! Poison before call: an instance is taken out before it is called and put back only after it returned in good order. A
//! trap, a deadline, a panic of the host or handles that the guest did not return drop it, so no later call meets a half-done state.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::base::mast::base::types::PluginError;
use crate::call::CallFailure;
use crate::engine::ticks;
use crate::failure;
use crate::guest_log::GuestLog;
use crate::load::init_failure;
use crate::load_error::LoadFailure;
use crate::runtime::Inner;
use crate::state::{CallScope, InstanceContext, State, store};

/// Calls of one plugin instance at once.
const CALLS_MAX: usize = 32;
/// Warm instances kept; each holds the memory that its guest has touched.
const WARM_MAX: usize = 4;
/// A warm instance whose memory grew beyond this is not kept.
const WARM_MEMORY_MAX: usize = 16 << 20;
/// Calls after which an instance is replaced, so that what leaks slowly in a guest stays small.
const WARM_CALLS_MAX: u32 = 100_000;

type FindExports<E> = Box<dyn Fn(&mut Store<State>, &Instance) -> wasmtime::Result<E> + Send + Sync>;

/// A linked output or policy; `E` are its exports.
pub(crate) struct Pool<E> {
    pub(crate) context: Arc<InstanceContext>,
    runtime: Arc<Inner>,
    pre: InstancePre<State>,
    exports: FindExports<E>,
    slots: Mutex<Slots<E>>,
    freed: Condvar,
    /// How long a call waits where all slots are taken.
    patience: Duration,
}

struct Slots<E> {
    warm: Vec<Warm<E>>,
    busy: usize,
}

struct Warm<E> {
    store: Store<State>,
    exports: E,
    calls: u32,
}

impl<E> Pool<E> {
    pub(crate) fn new(
        runtime: Arc<Inner>,
        context: Arc<InstanceContext>,
        pre: InstancePre<State>,
        patience: Duration,
        exports: impl Fn(&mut Store<State>, &Instance) -> wasmtime::Result<E> + Send + Sync + 'static,
    ) -> Self {
        let slots = Mutex::new(Slots { warm: Vec::new(), busy: 0 });
        Self { context, runtime, pre, exports: Box::new(exports), slots, freed: Condvar::new(), patience }
    }

    /// Runs one call on the caller's thread.
    pub(crate) fn call<T>(
        &self,
        scope: CallScope,
        body: impl FnOnce(&mut Store<State>, &E) -> wasmtime::Result<Result<T, PluginError>>,
    ) -> Result<T, CallFailure> {
        let _slot = self.slot(scope.deadline)?;
        let mut warm = match self.slots().warm.pop() {
            Some(mut warm) => {
                let state = warm.store.data_mut();
                state.call = scope;
                state.log = GuestLog::default();
                warm.store.set_epoch_deadline(ticks(self.context.limits.call));
                warm
            }
            None => self.fresh(scope)?,
        };
        match body(&mut warm.store, &warm.exports) {
            Err(error) => Err(failure::of_trap(&error, warm.store.data())),
            Ok(answer) => {
                self.put_back(warm);
                answer.map_err(|error| self.context.answered(error))
            }
        }
    }

    /// A question asked while loading.
    pub(crate) fn ask<T>(
        &self,
        function: &'static str,
        body: impl FnOnce(&mut Store<State>, &E) -> wasmtime::Result<Result<T, PluginError>>,
    ) -> Result<T, LoadFailure> {
        self.call(self.context.scope(), body).map_err(|failure| init_failure(function, failure))
    }

    /// Drops the warm instances; the next calls start with fresh ones.
    pub(crate) fn drop_warm(&self) {
        let warm = std::mem::take(&mut self.slots().warm);
        drop(warm);
    }

    fn fresh(&self, scope: CallScope) -> Result<Warm<E>, CallFailure> {
        let mut store = store(&self.runtime.engines.hot, &self.context, scope);
        // The deadline may have moved since the call began: see `CallScope::deadline`.
        store.epoch_deadline_callback(|store| {
            let left = store.data().call.deadline.saturating_duration_since(Instant::now());
            Ok(if left.is_zero() { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(ticks(left)) })
        });
        store.set_epoch_deadline(ticks(self.context.limits.call));
        let made = self.pre.instantiate(&mut store).and_then(|instance| (self.exports)(&mut store, &instance));
        match made {
            Ok(exports) => Ok(Warm { store, exports, calls: 0 }),
            Err(error) => Err(failure::of_trap(&error, store.data())),
        }
    }

    fn put_back(&self, mut warm: Warm<E>) {
        warm.calls += 1;
        let state = warm.store.data();
        let clean = state.table.is_empty() && !state.memory.exceeded;
        if !clean || state.memory.used() > WARM_MEMORY_MAX || warm.calls >= WARM_CALLS_MAX {
            return;
        }
        let mut slots = self.slots();
        if slots.warm.len() < WARM_MAX {
            slots.warm.push(warm);
        }
    }

    fn slot(&self, deadline: Instant) -> Result<Slot<'_, E>, CallFailure> {
        let until = deadline.min(Instant::now() + self.patience);
        let mut slots = self.slots();
        while slots.busy >= CALLS_MAX {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(CallFailure::Busy(format!("all {CALLS_MAX} instances are busy; try again")));
            }
            slots = self.freed.wait_timeout(slots, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        slots.busy += 1;
        Ok(Slot(self))
    }

    fn slots(&self) -> MutexGuard<'_, Slots<E>> {
        // Nothing that can panic runs under this lock.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn; freed on every way out, a panic of the host included.
struct Slot<'a, E>(&'a Pool<E>);

impl<E> Drop for Slot<'_, E> {
    fn drop(&mut self) {
        self.0.slots().busy -= 1;
        self.0.freed.notify_one();
    }
}
