//! What can be wrong with a component before its first call.

use std::fmt;

use mast_model::{ByteSize, Classified, ErrorClass, InstanceId, Side};

use crate::manifest::Kind;

/// A component that cannot become an instance. Display is one line (the configuration's problems and the lines to add excepted):
/// instance, plugin id and version as far as known, cause and fix.
#[derive(Debug)]
pub struct LoadError {
    /// The instance; none from [`crate::Runtime::inspect`].
    pub instance: Option<InstanceId>,
    /// Id and version, once the manifest was read.
    pub plugin: Option<String>,
    /// What is wrong.
    pub failure: LoadFailure,
}

/// What is wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFailure {
    /// Not WebAssembly at all, or cut off.
    #[error("not a WebAssembly component: {0}; build the plugin with `mast plugin build`")]
    NotWasm(String),
    /// A core module.
    #[error("a core WebAssembly module, not a component; make a component of it with `mast plugin build`")]
    CoreModule,
    /// No `mast-manifest` section.
    #[error("no manifest: the component has no `mast-manifest` section; build it with the SDK's export macro")]
    NoManifest,
    /// A manifest that does not parse or makes no sense.
    #[error("bad manifest: {0}; correct plugin.toml and build the plugin again")]
    BadManifest(String),
    /// The instance file and the manifest disagree.
    #[error(
        "the instance file says kind = \"{wanted}\", but the plugin is of kind \"{found}\"; set kind = \"{found}\" or name another plugin"
    )]
    WrongKind {
        /// In the instance file.
        wanted: Kind,
        /// In the manifest.
        found: Kind,
    },
    /// The manifest and the component disagree.
    #[error("does not export `{interface}`, which every plugin of kind \"{kind}\" exports{}; build it with the SDK of this host", also(.found))]
    MissingExport {
        /// With its version.
        interface: String,
        /// In the manifest.
        kind: Kind,
        /// What it exports of this contract.
        found: Vec<String>,
    },
    /// An import that the host does not offer to this kind.
    #[error("imports `{import}`, which this host does not offer to plugins of kind \"{kind}\"; {fix}")]
    UnknownImport {
        /// The interface.
        import: String,
        /// In the manifest.
        kind: Kind,
        /// What to do.
        fix: String,
    },
    /// An interface of a known name and version whose shape differs.
    #[error("was built against another version of the contract: {0}; build it again with the SDK of this host")]
    Incompatible(String),
    /// Every problem of `[config]`, with its key path.
    #[error("[config] is not valid:{}", lines(.0))]
    Config(Vec<String>),
    /// Granted, but not asked for.
    #[error("[grant] gives {}, which the plugin does not ask for; remove it", .0.join(" and "))]
    NotAsked(Vec<String>),
    /// Required, but not granted. Holds the lines to add.
    #[error("needs a grant; add to the instance file:\n{0}")]
    GrantMissing(String),
    /// `[limits]` that cannot be.
    #[error("[limits] {key}: {problem}")]
    Limits {
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// More memory than `[limits]` allows before the first call.
    #[error("needs more than {0} of memory to start; raise [limits] memory")]
    Memory(ByteSize),
    /// It cannot be compiled.
    #[error("cannot be compiled: {0}; build the plugin again with the SDK of this host")]
    Compile(String),
    /// `lifecycle.init`, or another question asked at load, failed.
    #[error("{function}: {cause}")]
    Init {
        /// The function.
        function: &'static str,
        /// As of a call.
        cause: String,
    },
}

fn lines(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

fn also(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" (it exports {})", found.join(", ")) }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.instance, &self.plugin) {
            (Some(instance), Some(plugin)) => write!(f, "{instance} ({plugin}): ")?,
            (Some(instance), None) => write!(f, "{instance}: ")?,
            (None, Some(plugin)) => write!(f, "{plugin}: ")?,
            (None, None) => {}
        }
        self.failure.fmt(f)
    }
}

impl std::error::Error for LoadError {}

impl Classified for LoadError {
    fn class(&self) -> ErrorClass {
        match self.failure {
            LoadFailure::NotAsked(_) | LoadFailure::GrantMissing(_) => ErrorClass::Denied,
            LoadFailure::Memory(_) => ErrorClass::Limit,
            _ => ErrorClass::Invalid,
        }
    }

    fn side(&self) -> Side {
        match self.failure {
            LoadFailure::WrongKind { .. }
            | LoadFailure::Config(_)
            | LoadFailure::NotAsked(_)
            | LoadFailure::GrantMissing(_)
            | LoadFailure::Limits { .. } => Side::Host,
            _ => Side::Plugin,
        }
    }

    /// Loading again the same bytes with the same settings fails again.
    fn retryable(&self) -> bool {
        false
    }
}
