//! What operators see of channels, sources, plugins and the host itself; and how they are refused.

use mast_tests::{HlsPlayer, Instance, LineAccount, eventually};
use serde_json::{Value, json};

use super::{Office, Said};
use crate::hostile::plugin;
use crate::scene::Scene;

async fn get(office: &Office, key: &str, path: &str) -> Value {
    let said = office.ask("GET", path).key(key).send().await;
    assert_eq!(said.status, 200, "{path}: {}", said.text);
    said.body
}

async fn check(office: &Office, key: &str, name: &str) -> (String, String) {
    let health = get(office, key, "/api/v1/health").await;
    let all = health["checks"].as_array().unwrap().clone();
    let found = all.into_iter().find(|check| check["name"] == json!(name)).unwrap_or_else(|| panic!("{health}"));
    assert_eq!(
        health["status"] == json!("degraded"),
        health["checks"].to_string().contains("\"degraded\""),
        "{health}"
    );
    (found["status"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_sources_and_plugins_say_how_they_do() {
    let scene = Scene::of_clips(["one", "two"]).await;
    let ids = scene.channels(2).await;
    let Scene { host, upstream, line } = scene;
    let office = Office { host };
    office.operator("olga", "owner");
    let key = office.key("olga", &[]);
    let LineAccount { username, password, .. } = &line;
    let player = HlsPlayer::open(&office.host.url(&format!("/live/{username}/{password}/{}.m3u8", ids["one"]))).await;
    player.segments(2).await;
    let path = format!("/api/v1/channels/{}/on-air", ids["one"]);
    let one = get(&office, &key, &path).await;
    let base = upstream.at("");
    assert_eq!((&one["state"], &one["name"], &one["viewers"]), (&json!("live"), &json!("one"), &json!(1)), "{one}");
    assert!(one["bitrate"].as_u64() > Some(10_000) && one["bytes"].as_u64() > Some(10_000), "{one}");
    assert!(one["upstream_host"].as_str().unwrap().starts_with(base.trim_end_matches('/')), "{one}");
    assert_eq!((&one["last_error"], &one["fault"]), (&Value::Null, &Value::Null), "{one}");
    let two = get(&office, &key, &format!("/api/v1/channels/{}/on-air", ids["two"])).await;
    assert_eq!((&two["state"], &two["restarts"]), (&json!("idle"), &json!(0)));
    let live = get(&office, &key, "/api/v1/channels/on-air?state=live&watched=true").await;
    assert_eq!(live["items"].as_array().unwrap().len(), 1, "{live}");
    let said = office.ask("GET", "/api/v1/channels/on-air?state=asleep").key(&key).send().await;
    assert_eq!((said.status, &said.body["field"]), (400, &json!("state")));
    assert_eq!(office.ask("GET", "/api/v1/channels/999999/on-air").key(&key).send().await.status, 404);

    // The upstream ends, and comes back: the last error stays to be read.
    upstream.set_text("/playlist.m3u", mast_upstream::Text::plain("#EXTM3U\n"));
    let before = get(&office, &key, "/api/v1/sources/provider").await;
    assert_eq!((&before["channels"], &before["error"]), (&json!(2), &Value::Null), "{before}");
    let refresh = office.ask("POST", "/api/v1/sources/provider/refresh").key(&key).send().await;
    assert_eq!(refresh.status, 202, "{}", refresh.text);
    eventually("the refresh failed", async || {
        let now = get(&office, &key, "/api/v1/sources/provider").await;
        (now["error"].is_string() && now["channels"] == json!(2)).then_some(())
    })
    .await;
    let (status, detail) = check(&office, &key, "sources").await;
    assert!(status == "degraded" && detail.contains("provider"), "{detail}");
    let refused = office.ask("POST", "/api/v1/sources/nobody/refresh").key(&key).send().await;
    assert_eq!(refused.status, 404, "{}", refused.text);

    let m3u = get(&office, &key, "/api/v1/plugins/provider").await;
    assert_eq!((&m3u["kind"], &m3u["state"], &m3u["poisoned"]), (&json!("source"), &json!("loaded"), &json!(0)));
    assert!(m3u["version"].is_string() && m3u["sha256"].as_str().is_some_and(|hash| hash.len() == 64), "{m3u}");
    assert!(m3u["grants"]["http"][0].as_str().unwrap().starts_with("http://127.0.0.1:"), "{m3u}");
    for name in ["store", "ffmpeg", "disk", "plugins", "clock"] {
        assert_eq!(check(&office, &key, name).await.0, "ok", "{name}");
    }
    let path = plugin("tests/plugins/hostile");
    let text = format!("kind = \"source\"\npath = \"{}\"\n[config]\nmisdeed = \"panic\"\n", path.display());
    office.host.write_instance(&Instance::new("panics", text));
    eventually("its instance was thrown away", async || {
        let said = office.ask("GET", "/api/v1/plugins/panics").key(&key).send().await;
        (said.body["poisoned"].as_u64() > Some(0)).then_some(())
    })
    .await;
    office.host.write_instance(&Instance::new("broken", "kind = \"source\"\nplugin = \"source-nothing\"\n"));
    eventually("the broken file is told", async || {
        let (status, detail) = check(&office, &key, "plugins").await;
        (status == "degraded" && detail.contains("source-nothing")).then_some(())
    })
    .await;
    let failed = get(&office, &key, "/api/v1/plugins?state=failed").await;
    assert_eq!(failed["items"].as_array().unwrap().len(), 1, "{failed}");
    let said = office.host.mast(&["status"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("degraded") && said.contains("one") && said.contains("source-nothing"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_too_often_or_is_banned_gets_a_problem_document() {
    let office = Office::open("[limits]\nexempt = []\napi_requests_per_second = 2\nburst = \"1s\"\n");
    let problem = |said: &Said, status: u16, code: &str| {
        assert_eq!(
            (said.status, said.code(), said.body["status"].as_u64()),
            (status, code, Some(status.into())),
            "{}",
            said.text
        );
        assert_eq!(said.header("content-type"), Some("application/problem+json"), "{}", said.text);
        assert_eq!(said.header("x-content-type-options"), Some("nosniff"));
    };
    let refused = eventually("too many requests", async || {
        let said = office.ask("GET", "/api/v1/whoami").send().await;
        (said.status == 429).then_some(said)
    })
    .await;
    problem(&refused, 429, "rate");
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|s| s >= 1)));
    let banned = office.host.mast(&["ban", "add", "--address", "127.0.0.0/8", "--for", "1h"]);
    assert!(banned.status.success(), "{banned:?}");
    problem(&office.ask("GET", "/api/v1/whoami").send().await, 403, "banned");
    // Viewers read plain text as before.
    let said = office.ask("GET", "/live/a/b/1.ts").send().await;
    assert_eq!((said.status, said.header("content-type")), (403, Some("text/plain; charset=utf-8")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_field_that_is_wrong_is_named() {
    let office = Office::open("");
    let key = office.key("olga", &[]);
    office.line(&key, json!({ "username": "anna", "password": "p", "macs": ["00:1a:79:00:00:01"] })).await;
    for (wrong, field) in [
        (json!({ "max_connections": "three" }), "max_connections"),
        (json!({ "max_connections": 0 }), "max_connections"),
        (json!({ "expires": "tomorrow" }), "expires"),
        (json!({ "bouquets": ["none such"] }), "bouquets"),
        (json!({ "networks": ["everywhere"] }), "networks"),
        (json!({ "countries": ["AUT"] }), "countries"),
        (json!({ "macs": ["00:1a:79:00:00:01"] }), "macs"),
        (json!({ "outputs": [""] }), "outputs"),
        (json!({ "notes": "n".repeat(5_000) }), "notes"),
        (json!({ "email": "nobody" }), "email"),
        (json!({ "username": "anna" }), "username"),
        (json!({ "password": "a/b" }), "password"),
        (json!({ "max_conections": 1 }), "max_conections"),
    ] {
        let mut body = json!({ "username": "ben", "password": "p" });
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let said = office.ask("POST", "/api/v1/lines").key(&key).json(&body).send().await;
        assert!((400..500).contains(&said.status), "{wrong}: {}", said.text);
        assert_eq!(said.body["field"], json!(field), "{wrong}: {}", said.text);
    }
}
