//! What happens, told as it happens: to those who may know, in order, without gaps that nobody mentions.

use std::time::Duration;

use mast_tests::HlsPlayer;
use serde_json::{Value, json};

use super::Office;
use crate::scene::Scene;

/// Somebody who looks on.
struct Listener {
    answer: reqwest::Response,
    text: String,
}

/// An event as it came.
#[derive(Debug)]
struct Told {
    id: String,
    kind: String,
    about: Value,
}

impl Listener {
    async fn open(office: &Office, key: &str, query: &str, last: Option<&str>) -> Self {
        let mut request = mast_tests::client().get(office.host.url(&format!("/api/v1/events{query}"))).bearer_auth(key);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    /// The next event, heartbeats left out; none at the end.
    async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    lines.next_back().unwrap_or_default().to_owned()
                };
                let told = Told {
                    id: field("id"),
                    kind: field("event"),
                    about: serde_json::from_str(&field("data")).unwrap_or_default(),
                };
                self.text = rest.to_owned();
                if !told.kind.is_empty() {
                    return Some(told);
                }
            }
            let chunk = tokio::time::timeout(mast_tests::SOON, self.answer.chunk()).await.expect("something in time");
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    /// The next event of a kind.
    async fn until(&mut self, kind: &str) -> Told {
        loop {
            let told = self.next().await.unwrap_or_else(|| panic!("it ended before {kind}"));
            if told.kind == kind {
                return told;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_look_on_see_what_they_may() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let Scene { host, upstream: _upstream, line } = scene;
    let mut office = Office { host };
    office.operator("olga", "owner");
    let key = office.key("olga", &[]);
    let narrow = office.key("olga", &["--scope", "status:read"]);
    let mut all = Listener::open(&office, &key, "", None).await;
    let mut few = Listener::open(&office, &narrow, "", None).await;
    let mut sessions = Listener::open(&office, &key, "?kinds=session", None).await;

    let url = office.host.url(&format!("/live/{}/{}/{id}.m3u8", line.username, line.password));
    let player = HlsPlayer::open(&url).await;
    let began = all.until("session.began").await;
    assert_eq!((&began.about["channel"], &began.about["address"]), (&json!(id), &json!("127.0.0.1")));
    let state = all.until("channel.state").await;
    assert_eq!(state.about["channel"], json!(id), "{state:?}");
    let session = began.about["session"].as_str().unwrap();
    let kicked = office.ask("DELETE", &format!("/api/v1/sessions/{session}")).key(&key).send().await;
    assert_eq!(kicked.status, 204, "{}", kicked.text);
    let ended = all.until("session.ended").await;
    assert_eq!(ended.about["session"], began.about["session"]);
    let changed = all.until("changed").await;
    assert_eq!((&changed.about["action"], &changed.about["by"]), (&json!("session.kick"), &json!("olga")));
    drop(player);
    let path = format!("/api/v1/lines/{}", began.about["line"]);
    office.ask("PATCH", &path).key(&key).json(&json!({ "notes": "a secret of hers" })).send().await;
    let changed = all.until("changed").await;
    assert_eq!((&changed.about["action"], &changed.about["subject"]), (&json!("line.update"), &json!("line/1")));
    assert!(!changed.about.to_string().contains("secret"), "what changed is for the audit log: {changed:?}");
    assert_eq!(sessions.next().await.unwrap().id, began.id);
    assert_eq!(sessions.next().await.unwrap().id, ended.id, "and nothing in between");

    // Who may read the status alone sees channels alone.
    let seen = few.next().await.unwrap();
    assert_eq!((seen.kind.as_str(), &seen.about["channel"]), ("channel.state", &json!(id)));

    // From a place on: what came behind it, once.
    let mut again = Listener::open(&office, &key, "?wait=false", Some(&began.id)).await;
    let mut ids = Vec::new();
    while let Some(told) = again.next().await {
        ids.push(told.id);
    }
    assert!(ids.contains(&ended.id) && ids.contains(&changed.id) && !ids.contains(&began.id), "{ids:?}");
    for forgotten in ["1-1", "nonsense", "ffffffffff-99999999"] {
        let mut late = Listener::open(&office, &key, "?wait=false", Some(forgotten)).await;
        assert_eq!(late.next().await.unwrap().kind, "reset", "{forgotten}");
    }

    // A key that is revoked sees no more.
    let keys = office.ask("GET", "/api/v1/api-keys").key(&key).send().await;
    let revoked =
        keys.body["items"].as_array().unwrap().iter().find(|one| one["scopes"] == json!(["status:read"])).unwrap();
    assert!(office.host.mast(&["apikey", "revoke", "--id", &revoked["id"].to_string()]).status.success());
    assert_eq!(few.until("end").await.about["reason"], json!("logged_out"));
    assert!(few.next().await.is_none());
    // And nobody when the host stops, which does not wait for them.
    let stopping = std::time::Instant::now();
    office.host.stop();
    assert!(stopping.elapsed() < Duration::from_secs(20), "{:?}", stopping.elapsed());
    assert_eq!(all.until("end").await.about["reason"], json!("stopping"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_an_operator_ends_what_it_looks_at() {
    let office = Office::open("");
    let said = office.login("olga", "password-olga").await;
    let (cookie, csrf) = (super::cookie(&said), said.body["csrf_token"].as_str().unwrap().to_owned());
    let request = mast_tests::client().get(office.host.url("/api/v1/events")).header("cookie", &cookie);
    let mut listener = Listener { answer: request.send().await.unwrap(), text: String::new() };
    assert_eq!(listener.answer.status(), 200);
    let out = office.ask("POST", "/api/v1/logout").with("cookie", &cookie).with("x-csrf-token", &csrf).send().await;
    assert_eq!(out.status, 204, "{}", out.text);
    assert_eq!(listener.until("end").await.about["reason"], json!("logged_out"));
    assert_eq!(office.ask("GET", "/api/v1/events").send().await.status, 401);
}
