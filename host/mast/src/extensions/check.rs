//! `mast check`: loads every instance as a start would, serves nothing and reports every problem.

use std::path::Path;
use std::sync::Arc;

use mast_plugin::{Runtime, RuntimeConfig};

use super::bundled::Bundled;
use super::config::InstanceConfig;
use super::load::PluginLoader;
use super::registry::Registry;
use super::status::InstanceState;
use super::{cache_dir, services};
use crate::config::{Config, Problem};

/// Every problem of every instance file, as (file, problem). Blocks: compiles plugins and runs their own checks.
pub fn check(config: &Config) -> Vec<(String, String)> {
    let folder = &config.plugins.dir;
    let of_folder = |problem: String| vec![(folder.display().to_string(), problem)];
    // A host without it would run, and serve nothing.
    if !folder.exists() {
        return of_folder("does not exist; make the folder, or correct [plugins] dir".to_owned());
    }
    // A check leaves nothing behind where no host has run yet.
    let cache_dir = config.data_dir.is_dir().then(|| cache_dir(&config.data_dir));
    let runtime = match Runtime::new(RuntimeConfig { cache_dir }) {
        Ok(runtime) => runtime,
        Err(error) => return of_folder(error.to_string()),
    };
    let plugins = config.plugins.clone();
    let loader = PluginLoader { runtime, services: services::none(), plugins, bundled: Bundled::new() };
    let mut registry = Registry::new(config.plugins.clone(), Arc::new(loader));
    registry.scan();
    if let Some(problem) = registry.folder_problem() {
        return of_folder(problem.to_owned());
    }
    let mut problems = Vec::new();
    for status in registry.table().statuses {
        let path = folder.join(format!("{}.toml", status.instance));
        let file = path.display().to_string();
        if let InstanceState::Failed(reason) = status.state {
            problems.extend(reasons(&path, config, reason).into_iter().map(|reason| (file.clone(), reason)));
        }
        problems.extend(status.problems.into_iter().map(|problem| (file.clone(), problem)));
    }
    problems
}

/// The problems of the file one by one; or why the plugin cannot be loaded.
fn reasons(path: &Path, config: &Config, reason: String) -> Vec<String> {
    match InstanceConfig::load(path, &config.plugins) {
        Ok(_) => vec![reason],
        Err(problems) => problems.0.iter().map(sentence).collect(),
    }
}

/// A problem without its file, which stands beside it.
pub(super) fn sentence(problem: &Problem) -> String {
    let line = problem.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    match (problem.key.as_str(), &problem.value) {
        ("", _) => format!("{line}{}", problem.message),
        (key, Some(value)) => format!("{line}{key} = {value}: {}", problem.message),
        (key, None) => format!("{line}{key}: {}", problem.message),
    }
}
