//! Scans of a real folder with a loader that knows no wasm. The `[config]` of an instance says what its fake does.

use std::sync::Mutex;

use mast_plugin::records::{AuthRequest, Decision, KeyField, Refreshed, Upstream};
use mast_plugin::services::{BoxFuture, CatalogSink, Validator};
use mast_plugin::{CallError, CallFailure};

use super::*;
use crate::catalog::SourceCalls;
use crate::extensions::Verdict;
use crate::extensions::policy::{PolicyCalls, authorize};

#[derive(Default)]
pub(in crate::extensions) struct FakeLoader {
    loads: Mutex<Vec<String>>,
}

impl FakeLoader {
    fn take_loads(&self) -> Vec<String> {
        std::mem::take(&mut self.loads.lock().unwrap())
    }
}

impl Loader for FakeLoader {
    fn load(&self, config: &InstanceConfig) -> Result<Loaded, String> {
        self.loads.lock().unwrap().push(config.id.to_string());
        if let Component::File { path, .. } = &config.component {
            std::fs::metadata(path).map_err(|_| "the component is missing".to_owned())?;
        }
        match (config.config["fail"].as_str(), config.kind) {
            (Some(reason), _) => Err(reason.to_owned()),
            (None, Kind::Source) => Ok(Loaded::Source(Arc::new(FakeSource), Some("5m".to_owned()))),
            (None, Kind::Auth) => Ok(Loaded::Policy(Arc::new(FakePolicy))),
            (None, kind) => Err(format!("no fake of kind {kind}")),
        }
    }
}

struct FakeSource;

impl SourceCalls for FakeSource {
    fn refresh(&self, _: Box<dyn CatalogSink>, _: Vec<Validator>) -> BoxFuture<'_, Result<Refreshed, CallError>> {
        Box::pin(std::future::pending())
    }

    fn resolves(&self) -> bool {
        false
    }

    fn resolve<'a>(&'a self, _: &'a str, _: u32) -> BoxFuture<'a, Result<Upstream, CallError>> {
        Box::pin(async {
            let instance = InstanceId::new("fake").unwrap();
            let (plugin, version) = ("fake".into(), "0.1.0".into());
            let failure = CallFailure::Trap("never called".into());
            Err(CallError { instance, plugin, version, function: "resolver.resolve", failure })
        })
    }
}

/// Denies everybody.
struct FakePolicy;

impl PolicyCalls for FakePolicy {
    fn key_fields(&self) -> &[KeyField] {
        &[]
    }

    fn decide(&self, _request: &AuthRequest) -> Result<Decision, CallError> {
        Ok(Decision::Deny { code: "fake".into(), message: "no".into(), cache_seconds: 0 })
    }
}

struct Folder {
    dir: tempfile::TempDir,
    loader: Arc<FakeLoader>,
    registry: Registry,
}

const SOURCE: &str = "kind = \"source\"\nplugin = \"p\"\n";
const POLICY: &str = "kind = \"auth\"\nplugin = \"p\"\n";

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plugins = PluginsConfig {
            dir: dir.path().join("plugins.d"),
            secrets: BTreeMap::new(),
            profiles: std::collections::BTreeSet::new(),
        };
        std::fs::create_dir(&plugins.dir).unwrap();
        let loader = Arc::new(FakeLoader::default());
        let registry = Registry::new(plugins, Arc::clone(&loader) as Arc<dyn Loader>);
        Self { dir, loader, registry }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join("plugins.d").join(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.dir.path().join("plugins.d").join(name)).unwrap();
    }

    /// What was loaded by one scan.
    fn scan(&mut self) -> Vec<String> {
        let changed = self.registry.scan();
        let loads = self.loader.take_loads();
        assert!(changed || loads.is_empty());
        loads
    }

    /// `name state running` of each file.
    fn states(&self) -> Vec<String> {
        let table = self.registry.table();
        let show = |status: &InstanceStatus| {
            format!("{} {}{}", status.instance, status.state, if status.running { ", running" } else { "" })
        };
        table.statuses.iter().map(show).collect()
    }

    fn verdict(&self) -> Option<String> {
        let table = self.registry.table();
        match authorize(table.policies.iter().map(Arc::as_ref), &AuthRequest::default()) {
            Verdict::Allow { .. } => None,
            Verdict::Deny { instance, code, .. } => Some(format!("{instance}: {code}")),
        }
    }
}

#[test]
fn only_what_changed_is_touched() {
    let mut folder = Folder::new();
    assert_eq!(folder.scan(), Vec::<String>::new());
    folder.write("b.toml", SOURCE);
    folder.write("a.toml", SOURCE);
    folder.write(".a.toml", "an editor's");
    folder.write("a.toml~", "an editor's");
    folder.write("README.md", "");
    assert_eq!(folder.scan(), ["a", "b"]);
    assert_eq!(folder.states(), ["a loaded, running", "b loaded, running"]);
    let before: Vec<u64> = folder.registry.sources().iter().map(|source| source.generation).collect();

    assert!(!folder.registry.scan(), "nothing happened");
    folder.write("a.toml", SOURCE);
    assert!(!folder.registry.scan(), "written again with the same text");

    folder.write("b.toml", &format!("{SOURCE}[config]\nx = 1\n"));
    folder.write("c.toml", SOURCE);
    assert_eq!(folder.scan(), ["b", "c"]);
    let after: Vec<u64> = folder.registry.sources().iter().map(|source| source.generation).collect();
    assert_eq!(after[0], before[0]);
    assert!(after[1] > before[1]);

    folder.remove("a.toml");
    assert_eq!(folder.scan(), Vec::<String>::new());
    assert_eq!(folder.states(), ["b loaded, running", "c loaded, running"]);
}

#[test]
fn a_broken_edit_changes_nothing_and_a_mended_one_counts() {
    for broken in [
        "kind = \"source\"\nplugin = ",
        "kind = \"source\"\nplugin = \"p\"\nunknown = 1\n",
        "kind = \"source\"\nplugin = \"p\"\n[config]\nfail = \"on purpose\"\n",
        "kind = \"source\"\nplugin = \"p\"\n[config]\nrefresh = \"often\"\n",
        "kind = \"source\"\nplugin = \"p\"\n[config]\nrefresh = 60\n",
        "kind = \"source\"\npath = \"missing.wasm\"\n",
        "",
    ] {
        let mut folder = Folder::new();
        folder.write("a.toml", SOURCE);
        folder.scan();
        let before = folder.registry.sources()[0].generation;

        folder.write("a.toml", broken);
        folder.scan();
        let states = folder.states();
        assert!(states[0].starts_with("a failed: ") && states[0].ends_with(", running"), "{states:?}");
        let sources = folder.registry.sources();
        assert!(sources[0].generation == before && sources[0].calls.is_some(), "{broken}");
        assert!(folder.registry.table().upstreams.contains_key(&sources[0].id));

        folder.write("a.toml", SOURCE);
        assert_eq!(folder.scan(), ["a"]);
        assert_eq!(folder.states(), ["a loaded, running"]);
    }
}

#[test]
fn failures_name_the_cause() {
    let mut folder = Folder::new();
    folder.write("a.toml", "kind = \"sauce\"\nplugin = \"p\"\n");
    folder.write("b.toml", "kind = \"source\"\nplugin = \"p\"\n[config]\nrefresh = 60\n");
    folder.write("C.toml", SOURCE);
    std::fs::create_dir(folder.dir.path().join("plugins.d/d.toml")).unwrap();
    folder.scan();
    let states = folder.states();
    assert!(states[0].starts_with("C failed: rename the file: \"C\" is not an instance name"), "{states:?}");
    assert!(states[1].starts_with("a failed: line 1: kind = \"sauce\": expected one of"), "{states:?}");
    assert_eq!(states[2], "b failed: config.refresh = 60: expected a span of time in quotes, for example \"6h\"");
    assert_eq!(states[3], "d failed: is not a file");
}

#[test]
fn a_source_that_cannot_be_loaded_keeps_its_place() {
    let mut folder = Folder::new();
    folder.write("failing.toml", &format!("{SOURCE}[config]\nfail = \"on purpose\"\n"));
    folder.write("garbage.toml", "kind = ");
    folder.write("off.toml", &format!("{SOURCE}enabled = false\n"));
    folder.write("off-garbage.toml", "enabled = false\nkind = ");
    folder.write("policy.toml", "kind = \"auth\"\nplugin = ");
    folder.scan();
    let sources = folder.registry.sources();
    let shown: Vec<_> = sources.iter().map(|source| (source.id.as_str(), source.calls.is_some())).collect();
    assert_eq!(shown, [("failing", false), ("garbage", false)]);
    let rules = folder.registry.table().upstreams;
    assert_eq!(rules.keys().map(InstanceId::as_str).collect::<Vec<_>>(), ["failing"]);
    let url = "http://tv.example/".parse().unwrap();
    assert!(rules.values().all(|config| config.rules.check_url(&url).is_ok()));
}

#[test]
fn switching_off_unloads() {
    let mut folder = Folder::new();
    folder.write("p.toml", POLICY);
    folder.scan();
    assert_eq!(folder.verdict().as_deref(), Some("p: fake"));
    folder.write("p.toml", &format!("{POLICY}enabled = false\n"));
    folder.scan();
    assert_eq!((folder.states(), folder.verdict()), (vec!["p disabled".to_owned()], None));
    // A broken edit of what is switched off switches nothing on.
    folder.write("p.toml", "kind = \"auth\"\nenabled = false\nplugin = ");
    folder.scan();
    assert_eq!(folder.verdict(), None);
    folder.write("p.toml", POLICY);
    folder.scan();
    assert_eq!(folder.verdict().as_deref(), Some("p: fake"));
    folder.remove("p.toml");
    folder.scan();
    assert_eq!((folder.states(), folder.verdict()), (vec![], None));
}

#[test]
fn a_policy_that_was_never_loaded_denies_unless_it_may_be_skipped() {
    for (text, expected) in [
        ("kind = \"auth\"\nplugin = \"p\"\n[config]\nfail = \"x\"\n", Some("p: policy-failed")),
        ("kind = \"auth\"\nplugin = \"p\"\nunknown = 1\n", Some("p: policy-failed")),
        ("kind = \"auth\"\nplugin = ", Some("p: policy-failed")),
        ("kind = \"auth\"\non_error = \"skip\"\nplugin = ", None),
        ("kind = \"auth\"\non_error = \"skip\"\nplugin = \"p\"\n[config]\nfail = \"x\"\n", None),
        ("kind = \"source\"\nplugin = ", None),
        ("nonsense", None),
    ] {
        let mut folder = Folder::new();
        folder.write("p.toml", text);
        folder.scan();
        assert_eq!(folder.verdict().as_deref(), expected, "{text}");
        folder.write("p.toml", &POLICY.replace("\"p\"", "\"q\""));
        folder.scan();
        assert_eq!(folder.verdict().as_deref(), Some("p: fake"), "{text}");
    }
}

#[test]
fn a_component_that_changes_or_appears_is_loaded() {
    let mut folder = Folder::new();
    let wasm = folder.dir.path().join("my.wasm");
    folder.write("a.toml", "kind = \"source\"\npath = \"../my.wasm\"\n");
    assert_eq!(folder.scan(), ["a"]);
    assert_eq!(folder.states(), ["a failed: the component is missing"]);
    assert_eq!(folder.registry.folders(), [folder.dir.path().join("plugins.d/..")]);

    std::fs::write(&wasm, "one").unwrap();
    assert_eq!(folder.scan(), ["a"]);
    assert_eq!(folder.states(), ["a loaded, running"]);
    assert_eq!(folder.scan(), Vec::<String>::new());

    std::fs::write(&wasm, "another").unwrap();
    assert_eq!(folder.scan(), ["a"]);
    std::fs::remove_file(&wasm).unwrap();
    assert_eq!(folder.scan(), ["a"]);
    assert_eq!(folder.states(), ["a failed: the component is missing, running"]);
}

#[test]
fn a_folder_that_is_gone_is_empty() {
    let mut folder = Folder::new();
    folder.write("a.toml", SOURCE);
    folder.scan();
    std::fs::remove_dir_all(folder.dir.path().join("plugins.d")).unwrap();
    folder.scan();
    assert_eq!(folder.states(), Vec::<String>::new());
}

#[test]
fn a_folder_that_cannot_be_read_changes_nothing() {
    let mut folder = Folder::new();
    folder.write("a.toml", SOURCE);
    folder.scan();
    let dir = folder.dir.path().join("plugins.d");
    std::fs::rename(&dir, folder.dir.path().join("moved")).unwrap();
    std::fs::write(&dir, "a file in its place").unwrap();
    assert!(!folder.registry.scan());
    assert!(folder.registry.folder_problem().unwrap().contains("plugins.d could not be read: "));
    assert_eq!(folder.states(), ["a loaded, running"]);
}

#[test]
fn the_interval_is_the_files_or_the_manifests() {
    let mut folder = Folder::new();
    folder.write("a.toml", SOURCE);
    folder.write("b.toml", &format!("{SOURCE}[config]\nrefresh = \"1h30m\"\n"));
    folder.write("c.toml", &format!("{SOURCE}[config]\nrefresh = \"1s\"\n"));
    folder.scan();
    let seconds: Vec<u64> = folder.registry.sources().iter().map(|source| source.refresh.as_secs()).collect();
    assert_eq!(seconds, [300, 5_400, 10]);
    assert_eq!(refresh_or_default(None, None), Duration::from_secs(6 * 3600));
}
