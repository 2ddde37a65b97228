//! Who watches, as operators see it, and how they end it for a while or once.

use mast_tests::player::read_bytes;
use mast_tests::players::ffmpeg;
use mast_tests::{HlsPlayer, LineAccount, client, eventually, get};
use serde_json::{Value, json};

use super::Office;
use crate::scene::Scene;

fn live(office: &Office, line: &LineAccount, file: &str) -> String {
    office.host.url(&format!("/live/{}/{}/{file}", line.username, line.password))
}

async fn sessions(office: &Office, key: &str, query: &str) -> Vec<Value> {
    let said = office.ask("GET", &format!("/api/v1/sessions{query}")).key(key).send().await;
    assert_eq!(said.status, 200, "{}", said.text);
    said.body["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_is_listed_and_ended() {
    let mut scene = Scene::of_clips(["one", "two"]).await;
    scene.host.stop();
    // So that this machine's own forwarding fields are believed.
    scene.host.set_http("trusted_proxies = [\"127.0.0.1\"]");
    scene.host.run();
    let ids = scene.channels(2).await;
    let Scene { host, upstream: _upstream, line: anna } = scene;
    let office = Office { host };
    office.operator("olga", "owner");
    let key = office.key("olga", &[]);
    let ben = office.host.add_line("ben", &["--max-connections", "3"]);

    let player = HlsPlayer::open(&live(&office, &anna, &format!("{}.m3u8", ids["one"]))).await;
    player.segments(1).await;
    let request = client().get(live(&office, &ben, &format!("{}.ts", ids["two"])));
    let request =
        request.header("cf-ipcountry", "AT").header("user-agent", "box/1").header("x-forwarded-for", "192.0.2.7");
    let mut socket = request.send().await.unwrap();
    read_bytes(&mut socket, 50_000).await;
    let watching = ffmpeg(&live(&office, &ben, &format!("{}.ts", ids["one"])));
    eventually("three sessions", async || (sessions(&office, &key, "").await.len() == 3).then_some(())).await;

    let of_anna = &sessions(&office, &key, "?output=hls").await[0];
    assert_eq!(
        (&of_anna["username"], &of_anna["channel"], &of_anna["channel_name"], &of_anna["country"]),
        (&json!("anna"), &json!(ids["one"]), &json!("one"), &Value::Null)
    );
    assert!(of_anna["bytes"].as_u64().unwrap() > 10_000, "{of_anna}");
    let there = sessions(&office, &key, "?address=192.0.2.0/24").await;
    assert_eq!((there.len(), &there[0]["country"], &there[0]["user_agent"]), (1, &json!("AT"), &json!("box/1")));
    assert!(there[0]["bytes"].as_u64().unwrap() >= 50_000, "{there:?}");
    let of_ben = there[0]["line"].as_u64().unwrap();
    assert_eq!(sessions(&office, &key, &format!("?line={of_ben}")).await.len(), 2);
    assert_eq!(sessions(&office, &key, &format!("?line={of_ben}&channel={}", ids["one"])).await.len(), 1);

    // In pages, each session once.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = office.ask("GET", &format!("/api/v1/sessions?limit=1{cursor}")).key(&key).send().await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    let listed = office.host.mast(&["session", "list", "--username", "ben", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2, "{listed}");

    let kick =
        |id: &Value| office.ask("DELETE", &format!("/api/v1/sessions/{}", id.as_str().unwrap())).key(&key).send();
    assert_eq!(kick(&of_anna["id"]).await.status, 204);
    let (status, said) = player.try_media().await;
    assert_eq!(status, 403, "{said}");
    assert_eq!(kick(&of_anna["id"]).await.code(), "no_such_session");
    let ended = office.host.mast(&["session", "kick", "--id", there[0]["id"].as_str().unwrap()]);
    assert!(ended.status.success(), "{ended:?}");
    let ends = async { while let Ok(Some(_)) = socket.chunk().await {} };
    tokio::time::timeout(mast_tests::SOON, ends).await.expect("the socket is closed");
    drop(watching);
    eventually("nobody watches", async || sessions(&office, &key, "").await.is_empty().then_some(())).await;
    // Whoever was ended may come again.
    HlsPlayer::open(&live(&office, &anna, &format!("{}.m3u8", ids["one"]))).await;

    let log = office.ask("GET", "/api/v1/audit?action=session.kick").key(&key).send().await;
    let entries = log.body["items"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["before"]["user_agent"]), (2, &json!("box/1")), "{}", log.text);
    assert_eq!((&entries[0]["name"], &entries[1]["name"]), (&json!("local"), &json!("olga")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_banned_is_let_in_again_when_it_is_over() {
    let scene = Scene::of_clips(["one"]).await;
    let id = scene.channels(1).await["one"];
    let Scene { host, upstream: _upstream, line: anna } = scene;
    let mut office = Office { host };
    office.operator("olga", "owner");
    let key = office.key("olga", &[]);
    let ben = office.host.add_line("ben", &[]);
    let path = |line: &LineAccount| format!("/live/{}/{}/{id}.m3u8", line.username, line.password);
    let ban =
        async |office: &Office, body: Value| office.ask("POST", "/api/v1/bans").key(&key).json(&body).send().await;

    let player = HlsPlayer::open(&live(&office, &anna, &format!("{id}.m3u8"))).await;
    let found = office.ask("GET", "/api/v1/lines?username=anna").key(&key).send().await;
    let line = found.body["items"][0]["id"].clone();
    let made = ban(&office, json!({ "line": line, "seconds": 3600, "reason": "shared" })).await;
    assert_eq!((made.status, &made.body["ended"], &made.body["by"]), (201, &json!(1), &json!("olga")), "{}", made.text);
    assert_eq!(player.try_media().await.0, 403);
    let (status, said) = get(&office.host.url(&path(&anna))).await;
    assert_eq!((status, said.contains("banned until")), (403, true), "{said}");
    assert_eq!(get(&office.host.url(&path(&ben))).await.0, 200, "only that line");

    // A restart is no way out, and is in nobody else's way.
    office.host.kill();
    office.host.run();
    eventually("the lineup is back", async || (get(&office.host.url(&path(&ben))).await.0 == 200).then_some(())).await;
    assert_eq!(get(&office.host.url(&path(&anna))).await.0, 403);
    // A shorter one takes the place of the first; when it is over the line is let in.
    let short = ban(&office, json!({ "line": line, "seconds": 2 })).await;
    assert_eq!(short.status, 201, "{}", short.text);
    let all = office.ask("GET", "/api/v1/bans").key(&key).send().await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 1, "{}", all.text);
    eventually("the ban is over", async || (get(&office.host.url(&path(&anna))).await.0 == 200).then_some(())).await;
    assert_eq!(office.ask("GET", "/api/v1/bans").key(&key).send().await.body["items"], json!([]));

    // By command line, and lifted.
    let banned =
        office.host.mast(&["ban", "add", "--address", "192.0.2.0/24", "--for", "2h", "--reason", "noise", "--json"]);
    let banned: Value = serde_json::from_slice(&banned.stdout).unwrap();
    assert_eq!((&banned["address"], &banned["line"]), (&json!("192.0.2.0/24"), &Value::Null));
    let found = office.ask("GET", "/api/v1/bans?address=192.0.2.7").key(&key).send().await;
    assert_eq!(found.body["items"][0]["reason"], json!("noise"));
    let id = banned["id"].to_string();
    assert!(office.host.mast(&["ban", "remove", "--id", &id]).status.success());
    assert_eq!(office.ask("DELETE", &format!("/api/v1/bans/{id}")).key(&key).send().await.code(), "no_such_ban");

    for (body, field) in [
        (json!({ "address": "127.0.0.1", "seconds": 60 }), json!("address")),
        (json!({ "address": "::ffff:127.0.0.0/104", "seconds": 60 }), json!("address")),
        (json!({ "address": "everybody", "seconds": 60 }), json!("address")),
        (json!({ "line": line, "seconds": 0 }), json!("seconds")),
        (json!({ "line": line, "address": "192.0.2.7", "seconds": 60 }), Value::Null),
        (json!({ "line": line, "seconds": 60, "reason": "a\nb" }), json!("reason")),
    ] {
        let said = ban(&office, body.clone()).await;
        assert_eq!((said.status, &said.body["field"]), (400, &field), "{body}: {}", said.text);
    }
    assert_eq!(ban(&office, json!({ "line": 99_999, "seconds": 60 })).await.code(), "no_such_line");
    let log = office.ask("GET", "/api/v1/audit?action=ban.").key(&key).send().await;
    let actions: Vec<&str> =
        log.body["items"].as_array().unwrap().iter().rev().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["ban.add", "ban.add", "ban.add", "ban.lift"], "{}", log.text);
}
