//! The instances as the folder says, brought up to date by `scan`: a diff by file. What did not change is not touched, and a file
//! that cannot be used leaves what runs under its name running.
//!
//! Blocks and knows no task: `follow` decides when to scan, the table of [`super::Extensions`] is what everybody else reads.

mod files;
mod guides;
mod hint;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mast_model::InstanceId;
use mast_plugin::Kind;

use super::component::Fingerprint;
use super::config::{Component, InstanceConfig, OnError, PluginsConfig};
use super::load::{Loaded, Loader, refresh_interval, refresh_or_default};
use super::policy::Policy;
use super::status::{GrantStatus, InstanceState, InstanceStatus};
use super::table::{Member, Reading, Table};
use crate::catalog::{SourceEntry, SourceSet};
use crate::config::Problems;
use files::Listing;
use hint::Hint;

/// See the module.
pub(super) struct Registry {
    plugins: PluginsConfig,
    loader: Arc<dyn Loader>,
    /// By the file's stem.
    entries: BTreeMap<String, Entry>,
    /// Counts loads.
    generation: u64,
    /// Why the folder could not be read at the last scan.
    folder_problem: Option<String>,
}

struct Entry {
    /// What was last tried.
    seen: Seen,
    state: InstanceState,
    since: Timestamp,
    /// The file as it was last understood, whether or not it could be loaded.
    config: Option<Arc<InstanceConfig>>,
    running: Option<Arc<Running>>,
    /// Stands in for a policy that could not be loaded.
    broken: Option<Arc<Policy>>,
    /// What a file that cannot be read properly seems to say.
    hint: Hint,
}

#[derive(PartialEq, Eq, Default)]
struct Seen {
    file: Option<blake3::Hash>,
    component: Fingerprint,
}

/// An instance in use.
struct Running {
    config: Arc<InstanceConfig>,
    generation: u64,
    changed_at: Option<Timestamp>,
    refresh: Duration,
    loaded: Loaded,
    /// SHA-256 of the component.
    hash: Option<String>,
    policy: Option<Arc<Policy>>,
}

/// What became of one file.
enum Outcome {
    /// Read, not yet acted on.
    Understood,
    Loaded(Running),
    Disabled,
    Failed(String),
}

impl Registry {
    pub(super) fn new(plugins: PluginsConfig, loader: Arc<dyn Loader>) -> Self {
        Self { plugins, loader, entries: BTreeMap::new(), generation: 0, folder_problem: None }
    }

    /// Brings the instances up to date; whether anything changed.
    pub(super) fn scan(&mut self) -> bool {
        let listing = match files::list(&self.plugins.dir) {
            Ok(listing) => listing,
            Err(problem) => {
                // Not the same as an empty folder: whatever runs goes on.
                if self.folder_problem.as_ref() != Some(&problem) {
                    tracing::error!(folder = %self.plugins.dir.display(), %problem, "plugin instances cannot be listed");
                }
                self.folder_problem = Some(problem);
                return false;
            }
        };
        self.folder_problem = None;
        let mut changed = self.drop_missing(&listing);
        for (name, path) in &listing {
            changed |= self.look_at(name, path);
        }
        changed
    }

    /// Folders in which a change may concern an instance.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let component = |entry: &Entry| match &entry.config.as_ref()?.component {
            Component::File { path, .. } => path.parent().map(Path::to_owned),
            Component::Bundled(_) => None,
        };
        self.entries.values().filter_map(component).collect()
    }

    fn drop_missing(&mut self, listing: &Listing) -> bool {
        let before = self.entries.len();
        self.entries.retain(|name, _| {
            let there = listing.contains_key(name);
            if !there {
                tracing::info!(instance = %name, "instance removed");
            }
            there
        });
        self.entries.len() != before
    }

    fn look_at(&mut self, name: &str, path: &Path) -> bool {
        let text = match files::read(path) {
            Ok(text) => Ok(text),
            // Gone since it was listed: the next scan sees it.
            Err(None) => return false,
            Err(Some(problem)) => Err(problem),
        };
        let known = self.entries.get(name);
        let config = known.and_then(|entry| entry.config.as_ref());
        let file = text.as_ref().ok().map(|text| blake3::hash(text));
        if known.is_some_and(|entry| entry.seen == Seen { file, component: fingerprint(config) }) {
            return false;
        }
        // A file that is not understood is still about the component it named before.
        let mut config = config.cloned();
        let outcome = match &text {
            Err(problem) => Outcome::Failed(problem.clone()),
            Ok(_) => match InstanceConfig::load(path, &self.plugins) {
                Ok(new) => {
                    config = Some(Arc::new(new));
                    Outcome::Understood
                }
                Err(problems) => Outcome::Failed(summary(&problems)),
            },
        };
        // Taken before the component is read: what is written meanwhile is seen next time.
        let seen = Seen { file, component: fingerprint(config.as_ref()) };
        let outcome = match (outcome, &config) {
            (Outcome::Understood, Some(config)) => self.load(config, path, &seen.component),
            (outcome, _) => outcome,
        };
        let hint = text.as_ref().map(|text| Hint::of(text)).unwrap_or_default();
        self.note(name, seen, config, hint, outcome);
        true
    }

    fn load(&mut self, config: &Arc<InstanceConfig>, path: &Path, component: &Fingerprint) -> Outcome {
        if !config.enabled {
            return Outcome::Disabled;
        }
        let configured = match refresh_interval(config) {
            Ok(configured) => configured,
            Err(problem) => return Outcome::Failed(problem),
        };
        let loaded = match self.loader.load(config) {
            Ok(loaded) => loaded,
            Err(reason) => return Outcome::Failed(reason),
        };
        let policy = match &loaded {
            Loaded::Policy(calls) => Some(Arc::new(Policy::new(config.id.clone(), Arc::clone(calls), config.on_error))),
            _ => None,
        };
        let declared = match &loaded {
            Loaded::Source(_, declared) | Loaded::Epg(_, declared) => declared.as_deref(),
            _ => None,
        };
        let refresh = refresh_or_default(configured, declared);
        if let (Loaded::Epg(..), Err(problem)) = (&loaded, guides::input(config, &self.plugins)) {
            return Outcome::Failed(problem);
        }
        self.generation += 1;
        Outcome::Loaded(Running {
            config: Arc::clone(config),
            generation: self.generation,
            changed_at: files::changed_at(path, component),
            refresh,
            hash: self.loader.hash(config),
            loaded,
            policy,
        })
    }

    fn note(&mut self, name: &str, seen: Seen, config: Option<Arc<InstanceConfig>>, hint: Hint, outcome: Outcome) {
        let (old_running, old_state) = match self.entries.remove(name) {
            Some(entry) => (entry.running, Some((entry.state, entry.since))),
            None => (None, None),
        };
        let (state, running) = match outcome {
            Outcome::Loaded(running) => (InstanceState::Loaded, Some(Arc::new(running))),
            Outcome::Disabled | Outcome::Understood => (InstanceState::Disabled, None),
            Outcome::Failed(reason) => (InstanceState::Failed(reason), old_running),
        };
        log(name, &state, running.is_some(), config.as_deref());
        let since = match old_state {
            Some((old, since)) if old == state && state != InstanceState::Loaded => since,
            _ => Timestamp::now(),
        };
        let mut entry = Entry { seen, state, since, config, running, broken: None, hint };
        entry.broken = entry.broken_policy(name);
        self.entries.insert(name.to_owned(), entry);
    }

    /// What everybody else reads.
    pub(super) fn table(&self) -> Table {
        let statuses = self.entries.iter().map(|(name, entry)| entry.status(name)).collect();
        let member = |entry: &Entry| {
            let policy = entry.running.as_ref().and_then(|running| running.policy.clone()).or(entry.broken.clone());
            let output = entry.running.as_ref().and_then(|running| match &running.loaded {
                Loaded::Output(output) => Some((output.clone(), running.generation)),
                _ => None,
            });
            let config = entry.current_config()?;
            let upstream =
                (config.kind == Kind::Source && entry.is_wanted()).then(|| Arc::new(config.upstream.clone()));
            Some(Member { id: config.id.clone(), output, policy, upstream })
        };
        let mut members: Vec<Member> = self.entries.values().filter_map(member).collect();
        // A policy whose file was never understood has no configuration, but counts.
        let unread = self.entries.iter().filter(|(_, entry)| entry.current_config().is_none());
        members.extend(unread.filter_map(|(name, entry)| {
            Some(Member { id: InstanceId::new(name).ok()?, output: None, policy: entry.broken.clone(), upstream: None })
        }));
        members.sort_by(|a, b| a.id.cmp(&b.id));
        let poisoned = self.entries.iter().filter_map(|(name, entry)| {
            let running = entry.running.clone()?;
            let read = move || running.loaded.standing().map_or(0, |standing| standing.poisoned);
            Some((name.clone(), Box::new(read) as Reading))
        });
        Table { poisoned: poisoned.collect(), ..Table::new(members, statuses) }
    }

    /// What the catalogue keeps refreshed. A source that cannot be loaded stays in the set, and with it its last good lineup.
    pub(super) fn sources(&self) -> SourceSet {
        let source = |(name, entry): (&String, &Entry)| {
            let id = InstanceId::new(name).ok()?;
            match (&entry.running, &entry.state) {
                (Some(running), _) => match &running.loaded {
                    Loaded::Source(calls, _) => Some(SourceEntry {
                        id,
                        generation: running.generation,
                        calls: Some(Arc::clone(calls)),
                        refresh: running.refresh,
                        changed_at: running.changed_at,
                    }),
                    _ => None,
                },
                (None, InstanceState::Failed(_)) if entry.may_be_source() => {
                    Some(SourceEntry { id, generation: 0, calls: None, refresh: Duration::MAX, changed_at: None })
                }
                (None, _) => None,
            }
        };
        self.entries.iter().filter_map(source).collect()
    }

    /// Why the folder could not be read.
    pub(super) fn folder_problem(&self) -> Option<&str> {
        self.folder_problem.as_deref()
    }
}

impl Entry {
    /// The configuration in force: of what runs, or else of the file.
    fn current_config(&self) -> Option<&Arc<InstanceConfig>> {
        self.running.as_ref().map(|running| &running.config).or(self.config.as_ref())
    }

    /// Not switched off, as far as can be told.
    fn is_wanted(&self) -> bool {
        self.current_config().map_or(!self.hint.disabled, |config| config.enabled)
    }

    /// Of a file that could not be loaded.
    fn may_be_source(&self) -> bool {
        let kind = self.config.as_ref().map(|config| config.kind).or(self.hint.kind);
        kind.is_none_or(|kind| kind == Kind::Source) && self.is_wanted()
    }

    /// A policy that is wanted but was never loaded must not be as if it were not there.
    fn broken_policy(&self, name: &str) -> Option<Arc<Policy>> {
        let failed = matches!(self.state, InstanceState::Failed(_));
        if self.running.is_some() || !failed || !self.is_wanted() {
            return None;
        }
        let on_error = match &self.config {
            Some(config) if config.kind == Kind::Auth => config.on_error,
            None if self.hint.kind == Some(Kind::Auth) => self.hint.on_error,
            _ => return None,
        };
        let id = InstanceId::new(name).ok()?;
        if on_error != OnError::Skip {
            tracing::error!(instance = %name, "viewers are denied until this policy can be loaded; on_error = \"skip\" would pass it over");
        }
        Some(Arc::new(Policy::broken(id, on_error)))
    }

    fn status(&self, name: &str) -> InstanceStatus {
        let kind = self.config.as_ref().map(|config| config.kind).or(self.hint.kind);
        InstanceStatus {
            instance: name.to_owned(),
            kind: kind.map(|kind| kind.to_string()),
            plugin: self.config.as_ref().map(|config| plugin_of(config)),
            state: self.state.clone(),
            since: self.since,
            running: self.running.is_some(),
            problems: Vec::new(),
            version: self.running.as_ref().and_then(|one| Some(one.loaded.standing()?.version.to_string())),
            sha256: self.running.as_ref().and_then(|running| running.hash.clone()),
            poisoned: 0,
            grants: self.current_config().map(|config| GrantStatus::of(&config.grant)).unwrap_or_default(),
        }
    }
}

fn fingerprint(config: Option<&Arc<InstanceConfig>>) -> Fingerprint {
    config.map(|config| Fingerprint::of(&config.component)).unwrap_or_default()
}

fn plugin_of(config: &InstanceConfig) -> String {
    match &config.component {
        Component::Bundled(name) => name.clone(),
        Component::File { path, .. } => path.display().to_string(),
    }
}

fn log(name: &str, state: &InstanceState, running: bool, config: Option<&InstanceConfig>) {
    let plugin = config.map(plugin_of).unwrap_or_default();
    let file = format!("{name}.toml");
    match state {
        InstanceState::Loaded => tracing::info!(instance = %name, %plugin, "instance loaded"),
        InstanceState::Disabled => tracing::info!(instance = %name, "instance disabled"),
        InstanceState::Failed(reason) if running => {
            tracing::error!(instance = %name, file, %reason, "the edit cannot be used; the instance goes on as before");
        }
        InstanceState::Failed(reason) => tracing::error!(instance = %name, file, %reason, "instance not loaded"),
    }
}

fn summary(problems: &Problems) -> String {
    let lines: Vec<String> = problems.0.iter().map(super::check::sentence).collect();
    lines.join("; ")
}

#[cfg(test)]
pub(super) mod tests;
