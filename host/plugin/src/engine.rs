//! The two engines, their clock and the runtime that batch calls run on.
//!
//! - *hot* (outputs, policies): pooled slots, sync calls on the caller's thread, a trap at the deadline;
//! - *batch* (sources, guides): memory on demand, async calls on two threads of their own; a guest that computes gives way at every
//!   tick, so one that spins shares the threads with the others until its deadline.
//!
//! One OS thread ticks both engines' epochs. It is not a task, because a busy runtime would then stop its own deadlines.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use mast_model::ByteSize;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::manifest::Kind;
use crate::spec::RuntimeError;

/// One epoch.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The most linear memory an output or a policy may be allowed; a slot of the pool is this large.
pub(crate) const HOT_MEMORY_MAX: ByteSize = ByteSize::mib(256);

/// The most linear memory a source or a guide may be allowed: what a 32-bit address reaches.
pub(crate) const BATCH_MEMORY_MAX: ByteSize = ByteSize::mib(4096);

/// Instances of outputs and policies alive at once, warm ones included.
const HOT_INSTANCES: u32 = 128;

/// Address space of a slot, largest first. With 4 GiB, accesses need no bounds checks; where the address space is limited
/// (`ulimit -v`), a slot is only as large as the memory in it, and accesses are checked.
const HOT_RESERVATIONS: [u64; 2] = [4 << 30, HOT_MEMORY_MAX.0];

/// Kept mapped in a slot between two instances, which saves the page faults of most policies.
const KEEP_RESIDENT: usize = 128 << 10;

pub(crate) struct Engines {
    pub(crate) hot: Engine,
    pub(crate) batch: Engine,
    /// Dropping it ends the ticker.
    _ticker: mpsc::Sender<()>,
}

impl Engines {
    pub(crate) fn start() -> Result<Self, RuntimeError> {
        let hot = hot_engine()?;
        let batch = Engine::new(&common()).map_err(|error| RuntimeError(format!("batch engine: {error:#}")))?;
        let ticker = start_ticker(vec![hot.clone(), batch.clone()])?;
        Ok(Self { hot, batch, _ticker: ticker })
    }

    pub(crate) fn of(&self, kind: Kind) -> &Engine {
        match kind {
            Kind::Source | Kind::Epg => &self.batch,
            Kind::Output | Kind::Auth => &self.hot,
        }
    }
}

/// How many ticks a call of this length is allowed; a tick has usually begun already, hence one more.
pub(crate) fn ticks(length: Duration) -> u64 {
    u64::try_from(length.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u64::MAX / 2).saturating_add(1)
}

fn hot_engine() -> Result<Engine, RuntimeError> {
    let mut failure = String::new();
    for reservation in HOT_RESERVATIONS {
        match Engine::new(&hot_config(reservation)) {
            Ok(engine) => return Ok(engine),
            Err(error) => failure = format!("{error:#}"),
        }
    }
    Err(RuntimeError(format!("hot engine: {failure}")))
}

fn hot_config(reservation: u64) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(HOT_INSTANCES)
        .total_core_instances(HOT_INSTANCES * 4)
        .total_memories(HOT_INSTANCES)
        .total_tables(HOT_INSTANCES * 4)
        .total_stacks(1)
        .max_core_instances_per_component(16)
        .max_memories_per_component(2)
        .max_tables_per_component(16)
        .max_memory_size(HOT_MEMORY_MAX.as_usize())
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(4 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = common();
    config
        .concurrency_support(false)
        .memory_reservation(reservation)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn common() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        // Only of use to native debuggers and profilers, and it costs memory per plugin.
        .native_unwind_info(false)
        .generate_address_map(false);
    config
}

fn start_ticker(engines: Vec<Engine>) -> Result<mpsc::Sender<()>, RuntimeError> {
    let (owner, ended) = mpsc::channel();
    std::thread::Builder::new()
        .name("plugin-epoch".to_owned())
        .spawn(move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engines.iter().for_each(Engine::increment_epoch);
            }
        })
        .map_err(|error| RuntimeError(format!("epoch thread: {error}")))?;
    Ok(owner)
}

/// The threads that batch calls run on.
pub(crate) fn start_batch_threads() -> Result<tokio::runtime::Runtime, RuntimeError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(2)
        .thread_name("plugin-batch")
        .enable_all()
        .build()
        .map_err(|error| RuntimeError(format!("batch threads: {error}")))
}
