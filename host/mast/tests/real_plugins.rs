//! The catalogue and the extensions with real components: the first plugins, built as they are bundled, loaded from instance files
//! that change while everything runs. Upstreams and files are real; only delivery, which would ask all this, is left out.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

#[path = "real_plugins/rooms.rs"]
mod rooms;

use mast::catalog::SourceStatus;
use mast::extensions::{InstanceState, Verdict};
use mast_model::ChannelId;
use mast_plugin::records::AuthRequest;
use mast_upstream::{Fault, Text, Upstream};

use rooms::{Rooms, component, eventually};

const THREE: &str = "#EXTM3U\n\
    #EXTINF:-1 tvg-id=\"one.example\" tvg-chno=\"10\" group-title=\"News\",One\nhttp://tv.example/live/u/p/1.ts\n\
    #EXTINF:-1 group-title=\"Films\",Two\nhttp://tv.example/live/u/p/2.ts\n\
    #EXTINF:-1 group-title=\"News\",Three\nhttp://tv.example/live/u/p/3.ts\n";

/// Two is gone, Three is first, One has another name.
const TWO: &str = "#EXTM3U\n\
    #EXTINF:-1 group-title=\"News\",Three\nhttp://tv.example/live/u/p/3.ts\n\
    #EXTINF:-1 tvg-chno=\"10\" group-title=\"News\",One HD\nhttp://tv.example/live/u/p/1.ts\n";

async fn provider() -> Upstream {
    let upstream = Upstream::start([]).await.unwrap();
    upstream.set_text("/list.m3u", Text::m3u(THREE));
    upstream
}

/// `note` makes another file of it, and with it another refresh.
fn source(upstream: &Upstream, note: &str) -> String {
    let base = upstream.at("");
    format!(
        "# {note}\nkind = \"source\"\npath = {:?}\n[config]\nurl = \"{base}/list.m3u\"\nrefresh = \"1h\"\n\
         [grant]\nhttp = [\"{base}\"]\nnet_allow_private = [\"127.0.0.0/8\"]\n",
        component("source-m3u")
    )
}

fn other(kind: &str, plugin: &str, rest: &str) -> String {
    format!("kind = \"{kind}\"\npath = {:?}\n{rest}", component(plugin))
}

fn policy(rule: &str) -> String {
    other("auth", "auth-network", &format!("[[config.rule]]\n{rule}\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lineup_survives_what_its_provider_does() {
    let upstream = provider().await;
    let rooms = Rooms::start(&[("tv", &source(&upstream, "first"))]).await;
    eventually("the first lineup", || rooms.lineup() == ["10 One", "1 Two", "2 Three"]).await;
    let ids = rooms.ids();
    assert_eq!(rooms.catalog.lineup(&rooms.line).categories.len(), 2);

    let faults = [Fault::Truncate, Fault::Reset, Fault::Status(503), Fault::Html, Fault::Empty, Fault::RedirectLoop];
    for fault in faults {
        let name = format!("{fault:?}");
        upstream.set_fault("/list.m3u", fault);
        rooms.write("tv", &source(&upstream, &name));
        let failed = |status: &SourceStatus| status.error.is_some();
        eventually(&name, || rooms.catalog.statuses().iter().any(failed)).await;
        assert_eq!(rooms.ids(), ids, "{name}");
        // Good again before the next fault, so that each error is a new one.
        upstream.set_fault("/list.m3u", None);
        rooms.write("tv", &source(&upstream, &format!("after {name}")));
        eventually("a refresh that succeeds", || !rooms.catalog.statuses().iter().any(failed)).await;
    }

    upstream.set_text("/list.m3u", Text::m3u(TWO));
    rooms.write("tv", &source(&upstream, "changed"));
    eventually("the second lineup", || rooms.lineup() == ["1 Three", "10 One HD"]).await;
    assert_eq!(rooms.ids(), [ids[2], ids[0]], "a channel is known by its upstream's key");
    rooms.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_writes_urls_that_fit_the_request() {
    let upstream = provider().await;
    let rooms = Rooms::start(&[("tv", &source(&upstream, "")), ("lists", &other("output", "output-m3u", ""))]).await;
    eventually("the lineup", || rooms.lineup().len() == 3).await;
    let id = rooms.ids()[0];
    let classic = rooms.ask("/get.php", &[("type", "m3u_plus"), ("output", "ts")]).await;
    assert!(classic.starts_with("#EXTM3U"), "{classic}");
    let has_line = |text: &str, line: &str| text.lines().any(|found| found == line);
    assert!(has_line(&classic, &format!("http://host.example/live/me/p%20w/{id}.ts")), "{classic}");
    assert!(classic.contains("tvg-id=\"one.example\"") && classic.contains("group-title=\"News\""), "{classic}");
    let token = rooms.line.token.expose();
    let by_token = rooms.ask(&format!("/playlist/{token}.m3u8"), &[]).await;
    assert!(has_line(&by_token, &format!("http://host.example/live/stream_{id}.m3u8?token={token}")), "{by_token}");

    assert!(by_token.contains("tvg-chno=\"10\""), "{by_token}");

    // The same routes again, under a later name.
    rooms.write("more-lists", &other("output", "output-m3u", ""));
    eventually("the conflict", || {
        let statuses = rooms.extensions.statuses();
        statuses.iter().any(|status| status.instance == "more-lists" && status.problems.len() == 2)
    })
    .await;
    assert_eq!(rooms.extensions.route("GET", "/get.php", "").unwrap().instance.as_str(), "lists");
    rooms.remove("lists");
    eventually("the other one", || {
        rooms.extensions.route("GET", "/get.php", "").is_some_and(|found| found.instance.as_str() == "more-lists")
    })
    .await;
    rooms.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_edited_while_it_runs() {
    let rooms = Rooms::start(&[("net", &policy("allow = [\"192.0.2.0/24\"]"))]).await;
    let denied = |ip: &str| {
        let request = AuthRequest { username: "me".into(), ip: ip.into(), ..AuthRequest::default() };
        matches!(rooms.extensions.authorize(&request), Verdict::Deny { .. })
    };
    assert!(denied("198.51.100.7") && !denied("192.0.2.7"));

    // A setting of the wrong type: reported, and nothing changes.
    rooms.write("net", &policy("allow = 7"));
    eventually("the report", || {
        let status = rooms.extensions.statuses().remove(0);
        matches!(&status.state, InstanceState::Failed(reason) if reason.contains("config.rule")) && status.running
    })
    .await;
    assert!(denied("198.51.100.7") && !denied("192.0.2.7"));

    rooms.write("net", &policy("allow = [\"198.51.100.0/24\"]"));
    eventually("the new rule", || !denied("198.51.100.7")).await;
    assert!(denied("192.0.2.7"), "no decision of the old rule is reused");
    rooms.remove("net");
    eventually("no policy", || !denied("192.0.2.7")).await;
    rooms.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_without_the_plugin_keeps_the_channels() {
    let upstream = provider().await;
    let rooms = Rooms::start(&[("tv", &source(&upstream, ""))]).await;
    eventually("the lineup", || rooms.lineup().len() == 3).await;
    let ids = rooms.ids();
    let folder = rooms.end().await;

    let broken = source(&upstream, "").replace("source-m3u.wasm", "gone.wasm");
    let rooms = Rooms::start_in(folder, &[("tv", &broken)]).await;
    assert_eq!(rooms.ids(), ids);
    let tv = rooms.catalog.channel(ChannelId(ids[0])).unwrap().source.clone();
    assert!(rooms.extensions.upstream(&tv).is_some(), "its channels can still be fetched");
    rooms.remove("tv");
    eventually("no channels", || rooms.lineup().is_empty()).await;
    assert!(rooms.extensions.upstream(&tv).is_none());
    rooms.end().await;
}

#[test]
fn a_check_names_every_problem_and_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins.d");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::write(folder.path().join("text.wasm"), "text").unwrap();
    std::fs::write(folder.path().join("mast.toml"), "").unwrap();
    let digest = "0".repeat(64);
    let playlist = "[config]\nurl = \"http://tv.example/\"\n";
    for (name, text) in [
        ("a-good", other("source", "source-m3u", &format!("{playlist}[grant]\nhttp = [\"http://tv.example\"]\n"))),
        ("b-off", other("source", "source-m3u", "enabled = false\n")),
        ("c-digest", other("output", "output-m3u", &format!("sha256 = \"{digest}\"\n"))),
        ("d-kind", other("output", "source-m3u", playlist)),
        ("e-schema", other("source", "source-m3u", "[config]\nurl = 1\nurll = \"x\"\n")),
        ("f-first", other("output", "output-m3u", "")),
        ("g-second", other("output", "output-m3u", "")),
        ("h-text", "kind = \"source\"\npath = \"../text.wasm\"\n".to_owned()),
        ("i-unknown", "kind = \"source\"\nplugin = \"source-m4u\"\n".to_owned()),
        ("j-grant", other("source", "source-m3u", &format!("{playlist}[grant]\nkv = \"1MiB\"\n"))),
        ("k-typo", "kind = \"sauce\"\nplugin = \"x\"\nenable = false\n".to_owned()),
    ] {
        std::fs::write(plugins.join(format!("{name}.toml")), text).unwrap();
    }
    let config = mast::config::Config::load(&folder.path().join("mast.toml")).unwrap();
    let problems = mast::extensions::check(&config);
    let of = |name: &str| -> Vec<&str> {
        let file = plugins.join(format!("{name}.toml")).display().to_string();
        problems.iter().filter(|(of, _)| *of == file).map(|(_, problem)| problem.as_str()).collect()
    };
    for (name, expected) in [
        ("a-good", &[][..]),
        ("b-off", &[]),
        ("c-digest", &["has sha256 "]),
        ("d-kind", &["set kind = \"source\""]),
        ("e-schema", &["urll"]),
        ("f-first", &[]),
        ("g-second", &["f-first has claimed it already", "f-first has claimed it already"]),
        ("h-text", &["not a WebAssembly component"]),
        ("i-unknown", &["there is no bundled plugin \"source-m4u\""]),
        ("j-grant", &["kv, which the plugin does not ask for"]),
        ("k-typo", &["kind = \"sauce\"", "enable"]),
    ] {
        let found = of(name);
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for part in expected {
            assert!(found.iter().any(|problem| problem.contains(part)), "{name}: {found:?}");
        }
    }
    assert!(!config.data_dir.exists(), "a check leaves nothing behind");
}
