//! Hot reload: real files and file system events, a loader that knows no wasm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use tokio::time::timeout;

use super::registry::tests::FakeLoader;
use super::*;

const SOURCE: &str = "kind = \"source\"\nplugin = \"p\"\n";

struct Setup {
    dir: tempfile::TempDir,
    extensions: Extensions,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Setup {
    async fn start(prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let plugins =
            PluginsConfig { dir: dir.path().join("plugins.d"), secrets: BTreeMap::new(), profiles: BTreeSet::new() };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let loader = Arc::new(FakeLoader::default());
        let extensions = Extensions::start_with(plugins, loader, &tasks, stop.clone()).await;
        Self { dir, extensions, tasks, stop }
    }

    async fn with_folder() -> Self {
        Self::start(|dir| fs::create_dir(dir.join("plugins.d")).unwrap()).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("plugins.d").join(name)
    }

    fn states(&self) -> Vec<String> {
        self.extensions.statuses().iter().map(|status| format!("{} {}", status.instance, status.state)).collect()
    }

    /// Waits until the states are these.
    async fn until(&self, expected: &[&str]) {
        let mut changes = self.extensions.changes();
        let waited = timeout(Duration::from_secs(20), async {
            while self.states() != expected {
                changes.changed().await.unwrap();
            }
        });
        assert!(waited.await.is_ok(), "{:?} instead of {expected:?}", self.states());
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        timeout(Duration::from_secs(20), self.tasks.wait()).await.expect("the task ends");
    }
}

#[tokio::test]
async fn files_come_change_and_go() {
    let setup = Setup::with_folder().await;
    fs::write(setup.path("a.toml"), SOURCE).unwrap();
    setup.until(&["a loaded"]).await;
    fs::write(setup.path("a.toml"), format!("{SOURCE}enabled = false\n")).unwrap();
    setup.until(&["a disabled"]).await;
    fs::write(setup.path("b.toml"), SOURCE).unwrap();
    setup.until(&["a disabled", "b loaded"]).await;
    fs::remove_file(setup.path("a.toml")).unwrap();
    setup.until(&["b loaded"]).await;
    setup.end().await;
}

#[tokio::test]
async fn what_is_there_at_the_start_is_loaded_before_anything_else() {
    let setup = Setup::start(|dir| {
        fs::create_dir(dir.join("plugins.d")).unwrap();
        fs::write(dir.join("plugins.d/a.toml"), SOURCE).unwrap();
    })
    .await;
    assert_eq!(setup.states(), ["a loaded"]);
    assert_eq!(setup.extensions.sources().borrow().len(), 1);
    setup.end().await;
}

#[tokio::test]
async fn an_editor_that_writes_beside_and_renames() {
    let setup = Setup::with_folder().await;
    for text in [SOURCE.to_owned(), format!("{SOURCE}enabled = false\n")] {
        fs::write(setup.path(".a.toml.swp"), &text).unwrap();
        fs::rename(setup.path(".a.toml.swp"), setup.path("a.toml")).unwrap();
        setup.until(&[if text == SOURCE { "a loaded" } else { "a disabled" }]).await;
    }
    setup.end().await;
}

#[tokio::test]
async fn rapid_edits_end_in_the_last_state() {
    let setup = Setup::with_folder().await;
    for round in 0..50 {
        fs::write(setup.path("a.toml"), format!("{SOURCE}[config]\nround = {round}\n")).unwrap();
        fs::write(setup.path("a.toml"), "kind = ").unwrap();
    }
    fs::write(setup.path("a.toml"), format!("{SOURCE}enabled = false\n")).unwrap();
    setup.until(&["a disabled"]).await;
    setup.end().await;
}

#[tokio::test]
async fn a_folder_that_is_made_later_and_made_again() {
    let setup = Setup::start(|_| {}).await;
    assert_eq!(setup.states(), Vec::<String>::new());
    for _ in 0..2 {
        fs::create_dir(setup.path("")).unwrap();
        fs::write(setup.path("a.toml"), SOURCE).unwrap();
        setup.until(&["a loaded"]).await;
        fs::write(setup.path("b.toml"), SOURCE).unwrap();
        setup.until(&["a loaded", "b loaded"]).await;
        fs::remove_dir_all(setup.path("")).unwrap();
        setup.until(&[]).await;
    }
    setup.end().await;
}

#[tokio::test]
async fn a_component_elsewhere_is_followed() {
    let setup = Setup::with_folder().await;
    let folder = setup.dir.path().join("build");
    fs::write(setup.path("a.toml"), "kind = \"source\"\npath = \"../build/my.wasm\"\n").unwrap();
    setup.until(&["a failed: the component is missing"]).await;
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("my.wasm"), "one").unwrap();
    setup.until(&["a loaded"]).await;
    let generation = |setup: &Setup| setup.extensions.sources().borrow()[0].generation;
    let (before, mut sources) = (generation(&setup), setup.extensions.sources());
    fs::write(folder.join("my.wasm"), "another").unwrap();
    timeout(Duration::from_secs(20), sources.wait_for(|set| set[0].generation > before)).await.unwrap().unwrap();
    setup.end().await;
}
