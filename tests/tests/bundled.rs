//! The bundled plugins, the examples and the SDK in the real runtime: built, loaded with their own manifests, and called.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "bundled/guide.rs"]
mod guide;
#[path = "bundled/host.rs"]
mod host;
#[path = "bundled/sdk.rs"]
mod sdk;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use mast_model::InstanceId;
use mast_plugin::records::{AuthRequest, Decision, Request};
use mast_plugin::{CallFailure, Grants, Instance, InstanceSpec, Kind, Limits, Runtime, RuntimeConfig};
use serde_json::{Value, json};

use host::{Answer, Collected, Lineup, Received, Web};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn component(id: &str) -> Vec<u8> {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| mast_plugin_build::build_bundled(&workspace(), &mut |_| {}).unwrap());
    let path = built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == id)).unwrap();
    std::fs::read(path).unwrap()
}

/// A plugin crate that the host does not carry.
fn other(dir: &str) -> Vec<u8> {
    let out = tempfile::tempdir().unwrap();
    let path = mast_plugin_build::build_plugin(&workspace().join(dir), out.path(), &mut |_| {}).unwrap();
    std::fs::read(path).unwrap()
}

fn spec(kind: Kind, config: Value) -> InstanceSpec {
    // Loaded by the limits that an operator gets without saying anything.
    InstanceSpec {
        id: InstanceId::new("one").unwrap(),
        kind,
        config,
        grants: Grants::default(),
        limits: Limits::default_for(kind),
    }
}

fn load(component: &[u8], spec: InstanceSpec, web: Web) -> Result<Instance, String> {
    let runtime = Runtime::new(RuntimeConfig { cache_dir: None }).unwrap();
    runtime.load(component, spec, host::services(web)).map_err(|error| error.to_string())
}

fn source(component: &[u8], config: Value, web: Web) -> mast_plugin::Source {
    let mut spec = spec(Kind::Source, config);
    spec.grants.http.allow.push("http://provider.example".parse().unwrap());
    match load(component, spec, web) {
        Ok(Instance::Source(source)) => source,
        Ok(_) => panic!("not a source"),
        Err(error) => panic!("{error}"),
    }
}

const URL: &str = "http://provider.example/list";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn source_m3u_reads_a_large_playlist_within_the_default_limits() {
    const CHANNELS: usize = 100_000;
    let mut text = "#EXTM3U\n".to_owned();
    for number in 1..=CHANNELS {
        text.push_str(&format!(
            "#EXTINF:-1 tvg-id=\"c{number}.example\" tvg-logo=\"http://logos.example/{number}.png\" group-title=\"Group {}\",Channel {number}\n\
             http://upstream.example/live/u/p/{number}.ts\n",
            number % 100
        ));
    }
    let web = Web::new(URL, Answer::ok(&text));
    let source = source(&component("source-m3u"), json!({ "url": URL }), web);
    let collected = Collected::default();
    let refreshed = source.refresh(Box::new(collected.clone()), Vec::new()).await.unwrap();
    assert!(refreshed.attrs.contains(&("channels".to_owned(), CHANNELS.to_string())), "{:?}", refreshed.attrs);
    let lineup = collected.lock();
    assert_eq!((lineup.channels.len(), lineup.categories.len()), (CHANNELS, 100));
    assert_eq!(lineup.channels[CHANNELS - 1].key, format!("xc:{CHANNELS}"));
    assert_eq!(lineup.channels[0].upstreams[0].url, "http://upstream.example/live/u/p/1.ts");
    assert!(lineup.warnings.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_report_what_the_upstream_did() {
    for id in ["source-m3u", "source-channels-txt"] {
        let one = if id == "source-m3u" {
            "#EXTM3U\n#EXTINF:-1,1\nhttp://a.example/1\n"
        } else {
            "1|One|http://a.example/1\n"
        };
        let web = Web::new(URL, Answer::default());
        let source = source(&component(id), json!({ "url": URL }), web.clone());
        for (answer, expected) in [
            (Answer::ok(one), None),
            (Answer::ok("<html>login</html>"), Some("malformed")),
            (Answer::ok(""), Some("malformed")),
            (Answer::ok(one).lost(), Some("unavailable")),
            (Answer::status(403), Some("unauthorized")),
        ] {
            web.set(answer);
            let code = source.refresh(Box::new(Collected::default()), Vec::new()).await.err().map(|error| match error
                .failure
            {
                CallFailure::Plugin { code, .. } => code,
                other => panic!("{id}: {other}"),
            });
            assert_eq!(code.as_deref(), expected, "{id}");
        }
        web.set(Answer::status(304));
        assert!(source.refresh(Box::new(Collected::default()), Vec::new()).await.unwrap().unchanged);
    }
}

#[test]
fn settings_are_checked_when_an_instance_is_loaded() {
    for (id, kind, config, part) in [
        ("source-m3u", Kind::Source, json!({}), "set url or path"),
        ("source-m3u", Kind::Source, json!({ "url": URL, "refresh": "often" }), "config.refresh"),
        ("source-channels-txt", Kind::Source, json!({ "url": "channels.txt" }), "for a file use path"),
        ("output-m3u", Kind::Output, json!({ "type": "m3u" }), "config"),
        ("auth-network", Kind::Auth, json!({ "rule": [{ "deny": ["10.0.0.0/40"] }] }), "rule 1: deny \"10.0.0.0/40\""),
    ] {
        let mut spec = spec(kind, config);
        if kind == Kind::Source {
            spec.grants.http.allow.push("http://provider.example".parse().unwrap());
        }
        let error = load(&component(id), spec, Web::default()).err().unwrap();
        assert!(error.contains(part), "{error} lacks {part}");
    }
}

#[test]
fn auth_network_decides() {
    let config = json!({ "rule": [{ "lines": ["anna"], "allow": ["192.0.2.0/24"] }] });
    let Ok(Instance::Policy(policy)) = load(&component("auth-network"), spec(Kind::Auth, config), Web::default())
    else {
        panic!("not a policy");
    };
    for (ip, expected) in [("192.0.2.9", true), ("203.0.113.9", false), ("2001:db8::1", false)] {
        let request = AuthRequest { username: "anna".to_owned(), ip: ip.to_owned(), ..AuthRequest::default() };
        let decision = policy.decide(&request.keep(policy.key_fields())).unwrap();
        let allowed = matches!(decision, Decision::Allow { cache_seconds: 300, .. });
        assert_eq!(allowed, expected, "{ip}: {decision:?}");
    }
}

#[test]
fn output_m3u_writes_a_long_list() {
    let Ok(Instance::Output(output)) = load(&component("output-m3u"), spec(Kind::Output, json!({})), Web::default())
    else {
        panic!("not an output");
    };
    assert_eq!(output.routes().len(), 2);
    let request = Request {
        route: output.routes()[0].id.clone(),
        query: vec![("type".to_owned(), "m3u_plus".to_owned())],
        base_url: "http://tv.example".to_owned(),
        ..Request::default()
    };
    let received = Received::default();
    output.handle(request, Some(Arc::new(Lineup(10_000))), Box::new(received.clone())).unwrap();
    let (status, body) = received.take();
    assert_eq!(status, 200);
    assert!(body.starts_with("#EXTM3U\r\n#EXTINF:-1 tvg-id=\"c1.example\" tvg-name=\"Channel 1\""), "{}", &body[..200]);
    assert!(body.ends_with("/10000.mpegts\r\n"));
    assert_eq!(body.lines().count(), 20_001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tutorials_plugin_runs_and_its_grant_is_asked_for() {
    let component = other("examples/plugins/minimal-source");
    let ungranted = load(&component, spec(Kind::Source, json!({ "url": URL })), Web::default()).err().unwrap();
    assert!(ungranted.contains("http"), "{ungranted}");
    let web = Web::new(URL, Answer::ok("One|http://a.example/1\n"));
    let source = source(&component, json!({ "url": URL }), web);
    let collected = Collected::default();
    source.refresh(Box::new(collected.clone()), Vec::new()).await.unwrap();
    assert_eq!(collected.lock().channels[0].name, "One");
}
