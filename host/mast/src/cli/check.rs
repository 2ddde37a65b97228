//! `mast check`: every problem of `mast.toml`, of every instance file and of every plugin, in one go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::output::{say, say_json};
use crate::config::{Config, Problem, Problems};
use crate::extensions::config::InstanceConfig;
use crate::tuner::playout;

pub(super) fn run(path: &Path, json: bool) -> ExitCode {
    let (config, problems) = Config::load_leniently(path, crate::config::environment());
    let mut problems = problems.0;
    let files = match &config {
        Some(config) => {
            let files = instance_files(&config.plugins.dir);
            problems.extend(folder_problem(&config.plugins.dir));
            problems.extend(instance_problems(config, &files));
            problems.extend(bouquet_problems(path, config, &files));
            problems.extend(playout_problems(path, config, &files));
            let certificate = config.tls.as_ref().and_then(|tls| crate::delivery::check_certificate(tls).err());
            problems.extend(certificate.map(|error| Problem::of_file(path, error.to_string())));
            files
        }
        None => Vec::new(),
    };
    if json {
        let list: Vec<_> =
            problems.iter().map(|problem| json!({ "problem": problem, "text": problem.to_string() })).collect();
        say_json(&json!({ "ok": problems.is_empty(), "instances": files.len(), "problems": list }));
    } else if problems.is_empty() {
        say(format!("{} and {} are fine", path.display(), counted(files.len(), "plugin instance")));
    } else {
        problems.iter().for_each(say);
        say(counted(problems.len(), "problem"));
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The instance files, in order; none where the folder cannot be read, which loading the plugins reports.
fn instance_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_instance = |path: &PathBuf| {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|extension| extension == "toml")
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_instance).collect();
    files.sort();
    files
}

/// A host without the folder runs, and waits for it; whoever checks wants to know.
fn folder_problem(folder: &Path) -> Option<Problem> {
    let message = "there is no such folder; make it for the plugin instances, or correct [plugins] dir";
    (!folder.exists()).then(|| Problem::of_file(folder, message))
}

/// What the files say wrong, and for files without a fault of their own what keeps their plugins from loading.
fn instance_problems(config: &Config, files: &[PathBuf]) -> Vec<Problem> {
    let broken: BTreeMap<&Path, Problems> =
        files.iter().filter_map(|file| Some((&**file, InstanceConfig::load(file, &config.plugins).err()?))).collect();
    let of_plugins = crate::extensions::check(config).into_iter().map(|(file, message)| (PathBuf::from(file), message));
    let loading = of_plugins
        .filter(|(file, _)| !broken.contains_key(&**file))
        .map(|(file, message)| Problem::of_file(&file, message))
        .collect::<Vec<_>>();
    broken.into_values().flat_map(|problems| problems.0).chain(loading).collect()
}

/// A bouquet of an instance that does not exist would be empty.
fn bouquet_problems(path: &Path, config: &Config, files: &[PathBuf]) -> Vec<Problem> {
    let own = |name: &str| name == playout::SOURCE && !config.playouts.is_empty();
    let exists = |name: &str| own(name) || files.iter().any(|file| file.file_stem().is_some_and(|stem| stem == name));
    let sources =
        config.bouquets.iter().flat_map(|bouquet| bouquet.sources.iter().map(move |source| (bouquet, source)));
    let missing = sources.filter(|(_, source)| !exists(source.as_str()));
    let problem = |(bouquet, source): (&crate::catalog::config::BouquetConfig, &mast_model::InstanceId)| Problem {
        key: format!("bouquet.{}.sources", bouquet.name),
        value: Some(format!("\"{source}\"")),
        ..Problem::of_file(path, format!("there is no {source}.toml in {}", config.plugins.dir.display()))
    };
    missing.map(problem).collect()
}

/// Files of playouts that cannot be played, entries that cut others short, an instance that has the playouts' name.
fn playout_problems(path: &Path, config: &Config, files: &[PathBuf]) -> Vec<Problem> {
    let found = playout::check::check(&config.playouts).into_iter().map(|(key, file, message)| Problem {
        key,
        value: Some(format!("\"{}\"", file.display())),
        ..Problem::of_file(path, message)
    });
    let taken = files.iter().filter(|file| file.file_stem().is_some_and(|stem| stem == playout::SOURCE));
    let taken = taken.filter(|_| !config.playouts.is_empty()).map(|file| {
        Problem::of_file(file, "is never loaded: the channels of [playout.NAME] have this source; rename the file")
    });
    found.chain(taken).collect()
}
