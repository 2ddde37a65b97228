//! Plugin files that are missing, not wasm, of the wrong kind, greedy or hostile: named in the log and by `mast check`; the host
//! serves on.

use std::path::{Path, PathBuf};

use mast_tests::{HlsPlayer, Instance, eventually, get};

use crate::scene::Scene;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds a plugin crate of this repository; a build that is up to date takes no time.
pub(crate) fn plugin(folder: &str) -> PathBuf {
    let crate_dir = workspace().join(folder);
    let built = mast_plugin_build::build_plugin(&crate_dir, &workspace().join("target/test-plugins"), &mut |_| {});
    built.unwrap_or_else(|error| panic!("{folder}: {error:#}")).canonicalize().unwrap()
}

fn check_names(scene: &Scene, names: &[(&str, &str)]) {
    let output = scene.host.mast(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{said}");
    for (instance, hint) in names {
        let named = said.lines().any(|line| line.contains(&format!("{instance}.toml")));
        assert!(named && said.contains(hint), "`mast check` should name {instance} and {hint}:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_no_plugins() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let folder = scene.host.folder().join("plugins.d");
    std::fs::write(folder.join("text.wasm"), "hello").unwrap();
    std::fs::write(folder.join("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let whole = std::fs::read(workspace().join("target/plugins/source-m3u.wasm")).unwrap();
    std::fs::write(folder.join("half.wasm"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.join("whole.wasm"), &whole).unwrap();
    let wrong_hash = format!("kind = \"source\"\npath = \"whole.wasm\"\nsha256 = \"{}\"\n", "0".repeat(64));
    let bad = [
        ("missing", "kind = \"source\"\npath = \"nothing.wasm\"\n", "nothing.wasm"),
        ("text", "kind = \"source\"\npath = \"text.wasm\"\n", "not a WebAssembly component"),
        ("core", "kind = \"source\"\npath = \"core.wasm\"\n", "not a component"),
        ("half", "kind = \"source\"\npath = \"half.wasm\"\n", "not a WebAssembly component"),
        ("hash", wrong_hash.as_str(), "sha256"),
        ("kind", "kind = \"auth\"\nplugin = \"source-m3u\"\n", "kind = \\\"source\\\""),
        ("unknown", "kind = \"source\"\nplugin = \"source-nothing\"\n", "source-nothing"),
    ];
    for (name, text, hint) in bad {
        scene.host.write_instance(&Instance::new(name, text));
        scene.host.wait_for_log(&["ERROR", name, hint]);
    }
    check_names(&scene, &bad.map(|(name, _, hint)| (name, if name == "kind" { "kind = \"source\"" } else { hint })));
    // The host serves on. A policy that cannot be asked denies, as a broken lock stays shut, until its file is mended or gone.
    let (status, body) = get(&scene.live(id, "m3u8")).await;
    assert_eq!(status, 403, "{body}");
    scene.host.remove_instance("kind");
    let url = scene.live(id, "m3u8");
    eventually("the policy is gone", async || (get(&url).await.0 == 200).then_some(())).await;
    HlsPlayer::open(&scene.live(id, "m3u8")).await.segments(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_grant_is_answered_with_the_lines_to_add() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let path = plugin("examples/plugins/minimal-source");
    let text = format!(
        "kind = \"source\"\npath = \"{}\"\n[config]\nurl = \"{}\"\n",
        path.display(),
        scene.upstream.at("/minimal.txt")
    );
    scene.host.write_instance(&Instance::new("greedy", text.as_str()));
    scene.host.wait_for_log(&["ERROR", "greedy", "[grant]", "http = "]);
    check_names(&scene, &[("greedy", "[grant]")]);

    // With the grant it loads, and delivers.
    let list = format!("Extra|{}\n", scene.upstream.url("one"));
    scene.upstream.set_text("/minimal.txt", mast_upstream::Text::plain(list));
    let base = scene.upstream.at("");
    let grant =
        format!("[grant]\nhttp = [\"{base}\"]\nupstream = [\"{base}\"]\nnet_allow_private = [\"127.0.0.1/32\"]\n");
    scene.host.write_instance(&Instance::new("greedy", format!("{text}{grant}")));
    let ids = scene.channels(2).await;
    assert_eq!(ids["one"], id);
    HlsPlayer::open(&scene.live(ids["Extra"], "m3u8")).await.segments(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_panics_or_loops_is_stopped_and_named() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let path = plugin("tests/plugins/hostile");
    let instance = |name: &str, misdeed: &str| {
        let path = path.display();
        let text = format!(
            "kind = \"source\"\npath = \"{path}\"\n[config]\nmisdeed = \"{misdeed}\"\nrefresh = \"10s\"\n[limits]\ncall = \"1s\"\nmemory = \"16MiB\"\n"
        );
        Instance::new(name, text)
    };
    for (name, misdeed, texts) in [
        ("panics", "panic", ["catalog.refresh", "seven is no number of channels"]),
        ("loops", "loop", ["catalog.refresh", "took longer than"]),
        ("hoards", "hoard", ["catalog.refresh", "memory"]),
        ("starts-badly", "panic-in-load", ["lifecycle.init", "not today"]),
        ("complains", "complain", ["unavailable", "it was the others"]),
    ] {
        scene.host.write_instance(&instance(name, misdeed));
        scene.host.wait_for_log(&["ERROR", name, texts[0], texts[1]]);
        HlsPlayer::open(&scene.live(id, "m3u8")).await.segments(1).await;
    }
    check_names(&scene, &[("starts-badly", "not today")]);
    // The same file, well behaved: nothing of the earlier calls is left in it.
    scene.host.write_instance(&instance("panics", "none"));
    eventually("its channel", async || {
        let (status, text) = get(&scene.playlist_url()).await;
        (status == 200 && text.contains("Reformed")).then_some(())
    })
    .await;
}
