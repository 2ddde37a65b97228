//! Plugin instances: their files watched and hot-reloaded, the services they are lent, and the three ways the host calls them
//! (refreshing sources is the catalogue's business, outputs and policies are called from here).
//!
//! The room knows no wasmtime type and no URL form of a protocol. Invariants: a file that cannot be used changes nothing that
//! runs; a policy that cannot answer denies unless its operator said otherwise; every answer comes from one version of the table.

mod bundled;
mod check;
mod component;
pub mod config;
mod follow;
mod load;
mod policy;
mod registry;
mod routes;
mod services;
mod status;
mod table;
mod watch;

pub use bundled::Bundled;
pub use check::check;
pub use services::{ActiveConnections, Asked, Desk, Gate, LineView, PlaybackUrls, Rooms};
pub use status::{GrantStatus, InstanceState, InstanceStatus};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use mast_model::InstanceId;
use mast_plugin::records::{AuthRequest, Pairs, Route};
use mast_plugin::{Output, Runtime, RuntimeConfig, RuntimeError};
use tokio::sync::watch as channel;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::catalog::SourceSet;
use crate::guide::{GuideEntry, GuideSet};
use config::{PluginsConfig, UpstreamConfig};
use follow::FollowTask;
use load::{Loader, PluginLoader};
use registry::Registry;
use table::Table;

/// Loaded plugin instances. Cheap to clone.
#[derive(Clone)]
pub struct Extensions {
    shared: Arc<Shared>,
}

struct Shared {
    table: ArcSwap<Table>,
    sources: channel::Sender<Arc<SourceSet>>,
    guides: channel::Sender<Arc<GuideSet>>,
    changes: channel::Sender<u64>,
}

/// A request path that an output claimed.
pub struct RouteMatch {
    /// Who answers.
    pub instance: InstanceId,
    /// The loaded output.
    pub output: Output,
    /// Another number for every load of an instance, since the start.
    pub generation: u64,
    /// The route.
    pub route: Arc<Route>,
    /// Values of its parameters, decoded.
    pub params: Pairs,
}

/// What all policies say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The line may, with what the policies narrowed.
    Allow {
        /// The smallest of the policies' limits.
        max_connections: Option<u32>,
        /// The earliest end, seconds since 1970.
        expires: Option<u64>,
    },
    /// The line may not.
    Deny {
        /// Which policy.
        instance: InstanceId,
        /// For log and metrics.
        code: String,
        /// For the viewer.
        message: String,
    },
}

/// Where compiled plugins are kept.
fn cache_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("plugin-cache")
}

impl Extensions {
    /// Starts the plugin runtime, loads every instance file and follows the folder until `stop`. Files that cannot be used are
    /// reported and stop nothing.
    pub async fn start(
        plugins: PluginsConfig,
        data_dir: &Path,
        rooms: Rooms,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, RuntimeError> {
        let runtime = Runtime::new(RuntimeConfig { cache_dir: Some(cache_dir(data_dir)) })?;
        let loader =
            PluginLoader { runtime, services: rooms.services(), plugins: plugins.clone(), bundled: Bundled::new() };
        Ok(Self::start_with(plugins, Arc::new(loader), tasks, stop).await)
    }

    async fn start_with(
        plugins: PluginsConfig,
        loader: Arc<dyn Loader>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            table: ArcSwap::default(),
            sources: channel::Sender::default(),
            guides: channel::Sender::default(),
            changes: channel::Sender::new(0),
        });
        let folder = plugins.dir.clone();
        let task = FollowTask::start(Arc::clone(&shared), Registry::new(plugins, loader), folder).await;
        tasks.spawn(task.run(stop));
        Self { shared }
    }

    /// The output that claimed a path, which is not yet decoded, for a query.
    pub fn route(&self, method: &str, path: &str, query: &str) -> Option<RouteMatch> {
        let table = self.shared.table.load();
        let found = table.routes.find(method, path, query)?;
        Some(RouteMatch {
            instance: found.instance.clone(),
            output: found.target.0.clone(),
            generation: found.target.1,
            route: Arc::clone(found.route),
            params: found.params,
        })
    }

    /// Asks every policy, in order of instance name; cached under their key fields. No policy: allowed. Quick enough for a serving
    /// thread.
    pub fn authorize(&self, request: &AuthRequest) -> Verdict {
        policy::authorize(self.shared.table.load().policies.iter().map(Arc::as_ref), request)
    }

    /// How the channels of a source are fetched; none where the instance is gone.
    pub fn upstream(&self, source: &InstanceId) -> Option<Arc<UpstreamConfig>> {
        self.shared.table.load().upstreams.get(source).map(Arc::clone)
    }

    /// What the catalogue keeps refreshed; moves when a source is loaded, loaded anew or gone.
    pub fn sources(&self) -> channel::Receiver<Arc<SourceSet>> {
        self.shared.sources.subscribe()
    }

    /// What the guide keeps up to date; moves when an importer is loaded, loaded anew, switched off or gone.
    pub fn guides(&self) -> channel::Receiver<Arc<GuideSet>> {
        self.shared.guides.subscribe()
    }

    /// How each instance file is doing, by name.
    pub fn statuses(&self) -> Vec<InstanceStatus> {
        let table = self.shared.table.load();
        let with_poisoned = |status: &InstanceStatus| {
            let poisoned = table.poisoned.get(&status.instance).map_or(0, |read| read());
            InstanceStatus { poisoned, ..status.clone() }
        };
        table.statuses.iter().map(with_poisoned).collect()
    }

    /// Moves with every change of any instance: routes and verdicts may differ from now on.
    pub fn changes(&self) -> channel::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

impl Shared {
    fn publish(&self, registry: &Registry) {
        let table = registry.table();
        let before = self.table.load();
        for status in &table.statuses {
            let told = |problem: &String| before.statuses.iter().any(|old| old.problems.contains(problem));
            for problem in status.problems.iter().filter(|problem| !told(problem)) {
                tracing::error!(instance = %status.instance, %problem, "an output cannot have a route");
            }
        }
        self.table.store(Arc::new(table));
        let sources = registry.sources();
        self.sources.send_if_modified(|current| {
            let same = current.len() == sources.len()
                && current.iter().zip(&sources).all(|(a, b)| {
                    a.id == b.id && a.generation == b.generation && a.calls.is_some() == b.calls.is_some()
                });
            if !same {
                *current = Arc::new(sources);
            }
            !same
        });
        let guides = registry.guides();
        self.guides.send_if_modified(|current| {
            let same = current.len() == guides.len()
                && current.iter().zip(&guides).all(|(a, b)| {
                    let key = |entry: &GuideEntry| (entry.generation, entry.calls.is_some(), entry.enabled);
                    a.id == b.id && key(a) == key(b)
                });
            if !same {
                *current = Arc::new(guides);
            }
            !same
        });
        self.changes.send_modify(|version| *version += 1);
    }
}

#[cfg(test)]
mod tests;
