//! What a store holds: the instance's settings, and everything that one call may use or has used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use mast_model::{ByteSize, InstanceId};
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store};

use crate::guest_log::{GuestLog, LogRate, cut};
use crate::manifest::Kind;
use crate::services::{Line, Services, Validator};
use crate::spec::{Grants, Limits};

/// Table elements of one store, over all its tables.
const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Core instances, memories and tables of one store; a component of the SDK has three, one and two.
const INSTANCES_MAX: usize = 16;
/// Resources of the host that one store may hold.
const HANDLES_MAX: usize = 1_024;
/// Bytes that the guest may hand to the host in one call.
const HOSTCALL_BYTES_BATCH: usize = 32 << 20;
const HOSTCALL_BYTES_HOT: usize = 8 << 20;

/// What stays the same between the calls of an instance.
pub(crate) struct InstanceContext {
    pub(crate) id: InstanceId,
    pub(crate) plugin: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) kind: Kind,
    /// `[config]` with its defaults, as JSON.
    pub(crate) config: String,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) services: Services,
    pub(crate) log_rate: LogRate,
    pub(crate) started: Instant,
    /// Instances that trapped, or were stopped, and were thrown away for it.
    pub(crate) poisoned: AtomicU64,
}

impl InstanceContext {
    /// A text of the guest, fit for one line of log: cut, control characters replaced, granted secrets hidden.
    pub(crate) fn clean(&self, text: &str, max: usize) -> String {
        let mut line: String =
            cut(text, max).chars().map(|c| if c.is_control() || c == '\u{2028}' { ' ' } else { c }).collect();
        for secret in self.grants.secrets.values() {
            // Shorter ones would hide half of every line.
            if secret.expose().len() >= 4 && line.contains(secret.expose()) {
                line = line.replace(secret.expose(), "***");
            }
        }
        line
    }
}

/// Who asks an output.
pub(crate) struct Asked {
    pub(crate) client_ip: String,
    pub(crate) user_agent: String,
    pub(crate) base_url: String,
}

/// What belongs to one call.
pub(crate) struct CallScope {
    /// Of the last accepted import.
    pub(crate) validators: Vec<Validator>,
    /// Of what this call read, by resource.
    pub(crate) seen: BTreeMap<String, Validator>,
    /// The request that an output answers.
    pub(crate) asked: Option<Asked>,
    /// The lines that an output was given or has found.
    pub(crate) lines: Vec<Arc<dyn Line>>,
    /// Moves on while the host makes an output wait for a slow viewer; the sink has a deadline of its own for that.
    pub(crate) deadline: Instant,
    /// One reference for each connection that the guest holds open, and one of its own.
    pub(crate) connections: Arc<()>,
}

impl CallScope {
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            validators: Vec::new(),
            seen: BTreeMap::new(),
            asked: None,
            lines: Vec::new(),
            deadline: Instant::now() + length,
            connections: Arc::new(()),
        }
    }
}

/// The data of a store.
pub(crate) struct State {
    pub(crate) instance: Arc<InstanceContext>,
    pub(crate) log: GuestLog,
    pub(crate) memory: MemoryLimit,
    pub(crate) table: ResourceTable,
    pub(crate) call: CallScope,
}

/// A store with its limits set and no deadline yet.
pub(crate) fn store(engine: &Engine, instance: &Arc<InstanceContext>, call: CallScope) -> Store<State> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES_MAX);
    let state = State {
        instance: Arc::clone(instance),
        log: GuestLog::default(),
        memory: MemoryLimit::new(instance.limits.memory),
        table,
        call,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.memory);
    store.set_max_component_handles(HANDLES_MAX);
    store.set_hostcall_fuel(match instance.kind {
        Kind::Source | Kind::Epg => HOSTCALL_BYTES_BATCH,
        Kind::Output | Kind::Auth => HOSTCALL_BYTES_HOT,
    });
    store
}

/// Bounds what a store may allocate, and remembers whether it wanted more.
pub(crate) struct MemoryLimit {
    allowed: usize,
    used: usize,
    elements: usize,
    pub(crate) exceeded: bool,
}

impl MemoryLimit {
    fn new(allowed: ByteSize) -> Self {
        Self { allowed: allowed.as_usize(), used: 0, elements: 0, exceeded: false }
    }

    /// Bytes of linear memory in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        let fits = wanted <= self.allowed;
        if fits {
            self.used = wanted;
        } else {
            self.exceeded = true;
        }
        Ok(fits)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.elements.saturating_add(desired.saturating_sub(current));
        let fits = wanted <= TABLE_ELEMENTS_MAX;
        if fits {
            self.elements = wanted;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        INSTANCES_MAX
    }
}
