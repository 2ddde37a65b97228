//! From bytes to an instance: every check that can be made before the first call, in the order in which an operator would
//! want to hear of it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use wasmtime::component::{Component, InstancePre, Linker};

use crate::Instance;
use crate::call::CallFailure;
use crate::engine::{BATCH_MEMORY_MAX, HOT_MEMORY_MAX};
use crate::epg::Epg;
use crate::guest_log::LogRate;
use crate::load_error::LoadFailure;
use crate::manifest::{Kind, Manifest};
use crate::output::Output;
use crate::policy::Policy;
use crate::runtime::Inner;
use crate::services::Services;
use crate::settings;
use crate::source::Source;
use crate::spec::{InstanceSpec, Limits};
use crate::state::{InstanceContext, State};

const LIFECYCLE: &str = "mast:base/lifecycle";
/// The contract's version; 0.1.x are compatible with each other.
const VERSION: &str = "0.1.0";
const COMPATIBLE: &str = "0.1.";

/// The interfaces of `mast:base` that may be imported.
const BASE: [&str; 10] =
    ["types", "streams", "log", "config", "secrets", "kv", "clock", "random", "http-client", "files"];

impl Kind {
    /// The interface that makes a component one of this kind.
    fn interface(self) -> &'static str {
        match self {
            Self::Source => "mast:source/catalog",
            Self::Epg => "mast:epg/importer",
            Self::Output => "mast:output/handler",
            Self::Auth => "mast:auth/policy",
        }
    }

    fn offers(self, import: &str) -> bool {
        let own: &[&str] = match self {
            Self::Source => &["mast:source/types", "mast:source/sink"],
            Self::Epg => &["mast:epg/types", "mast:epg/sink"],
            Self::Output => &[
                "mast:output/types",
                "mast:output/views",
                "mast:output/accounts",
                "mast:output/devices",
                "mast:output/response",
            ],
            Self::Auth => &["mast:auth/types"],
        };
        own.contains(&import) || import.strip_prefix("mast:base/").is_some_and(|name| BASE.contains(&name))
    }
}

pub(crate) fn load(
    runtime: &Arc<Inner>,
    wasm: &[u8],
    manifest: Manifest,
    spec: InstanceSpec,
    services: Services,
) -> Result<Instance, LoadFailure> {
    let kind = manifest.kind;
    if spec.kind != kind {
        return Err(LoadFailure::WrongKind { wanted: spec.kind, found: kind });
    }
    check_limits(kind, &spec.limits)?;
    let config = settings::settle(&manifest, spec.config)?;
    spec.grants.check(&manifest, &config)?;
    let component = runtime.compile(kind, wasm)?;
    check_exports(kind, &component)?;
    let pre = link(runtime.linker(kind), kind, &component)?;
    let context = Arc::new(InstanceContext {
        id: spec.id,
        plugin: manifest.id.into(),
        version: manifest.version.into(),
        kind,
        config: config.to_string(),
        grants: spec.grants,
        limits: spec.limits,
        services,
        log_rate: LogRate::new(),
        started: Instant::now(),
        poisoned: AtomicU64::new(0),
    });
    let runtime = Arc::clone(runtime);
    Ok(match kind {
        Kind::Source => Instance::Source(Source::start(runtime, context, pre)?),
        Kind::Epg => Instance::Epg(Epg::start(runtime, context, pre)?),
        Kind::Output => Instance::Output(Output::start(runtime, context, pre)?),
        Kind::Auth => Instance::Policy(Policy::start(runtime, context, pre)?),
    })
}

fn check_limits(kind: Kind, limits: &Limits) -> Result<(), LoadFailure> {
    let most = match kind {
        Kind::Source | Kind::Epg => BATCH_MEMORY_MAX,
        Kind::Output | Kind::Auth => HOT_MEMORY_MAX,
    };
    let wrong = |key, problem| Err(LoadFailure::Limits { key, problem });
    if limits.memory > most {
        return wrong(
            "memory",
            format!("{} is more than a plugin of kind \"{kind}\" can have; set {most} or less", limits.memory),
        );
    }
    if limits.memory.0 < 64 << 10 {
        return wrong("memory", format!("{} is less than one page of memory; set 64KiB or more", limits.memory));
    }
    if limits.call.is_zero() {
        return wrong("call", "no time at all; set for example 5s".to_owned());
    }
    Ok(())
}

fn check_exports(kind: Kind, component: &Component) -> Result<(), LoadFailure> {
    for interface in [kind.interface(), LIFECYCLE] {
        if component.get_export_index(None, versioned(interface)).is_none() {
            let engine = component.engine();
            let found = component.component_type();
            let found = found.exports(engine).map(|(name, _)| name).filter(|name| name.starts_with("mast:"));
            return Err(LoadFailure::MissingExport {
                interface: versioned(interface),
                kind,
                found: found.map(|name| format!("`{name}`")).collect(),
            });
        }
    }
    Ok(())
}

pub(crate) fn versioned(interface: &str) -> String {
    format!("{interface}@{VERSION}")
}

fn link(linker: &Linker<State>, kind: Kind, component: &Component) -> Result<InstancePre<State>, LoadFailure> {
    let incompatible = |error: wasmtime::Error| LoadFailure::Incompatible(format!("{error:#}"));
    let mut wasi = false;
    for (import, _) in component.component_type().imports(component.engine()) {
        wasi |= import.starts_with("wasi:");
        check_import(kind, import)?;
    }
    if !wasi {
        return linker.instantiate_pre(component).map_err(incompatible);
    }
    // There is nothing behind WASI: a component that only carries the imports runs, one that uses them traps by name.
    let mut linker = linker.clone();
    linker.define_unknown_imports_as_traps(component).map_err(incompatible)?;
    linker.instantiate_pre(component).map_err(incompatible)
}

fn check_import(kind: Kind, import: &str) -> Result<(), LoadFailure> {
    if import.starts_with("wasi:") {
        return Ok(());
    }
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let fix = if !kind.offers(name) {
        "build it against the world of its kind in wit/, or set the kind right".to_owned()
    } else if !version.starts_with(COMPATIBLE) {
        format!("this host speaks version {VERSION} of it; build the plugin again with the SDK of this host")
    } else {
        return Ok(());
    };
    Err(LoadFailure::UnknownImport { import: import.to_owned(), kind, fix })
}

/// What failed while an instance was asked the questions of loading.
pub(crate) fn init_failure(function: &'static str, failure: CallFailure) -> LoadFailure {
    match failure {
        CallFailure::Memory(allowed) => LoadFailure::Memory(allowed),
        other => LoadFailure::Init { function, cause: other.to_string() },
    }
}
