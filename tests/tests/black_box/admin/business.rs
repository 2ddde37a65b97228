//! What operators do all day, by API alone: lines made, changed, imported, exported; and what the log says of it.

use mast_tests::get;
use serde_json::{Value, json};

use super::Office;
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_edit_the_same_line_do_not_overwrite_each_other() {
    let office = Office::open("");
    let key = office.key("olga", &[]);
    let line = office.line(&key, json!({ "username": "anna", "password": "p" })).await;
    let path = format!("/api/v1/lines/{}", line["id"]);
    let seen = office.ask("GET", &path).key(&key).send().await;
    let tag = seen.header("etag").unwrap().to_owned();
    assert_eq!(office.ask("GET", &path).key(&key).with("if-none-match", &tag).send().await.status, 304);
    let patch = |tag: &str, notes: &str| {
        office.ask("PATCH", &path).key(&key).with("if-match", tag).json(&json!({ "notes": notes }))
    };
    let first = patch(&tag, "first").send().await;
    assert_eq!((first.status, &first.body["notes"]), (200, &json!("first")), "{}", first.text);
    let second = patch(&tag, "second").send().await;
    assert_eq!((second.status, second.code()), (412, "changed"), "{}", second.text);
    assert_eq!(patch(first.header("etag").unwrap(), "second").send().await.status, 200);
    assert_eq!(patch("*", "third").send().await.status, 200);
    assert_eq!(patch("W/\"1\"", "x").send().await.status, 400);
    let late = office.ask("DELETE", &path).key(&key).with("if-match", &tag).send().await;
    assert_eq!(late.status, 412);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_sent_twice_is_done_once() {
    let mut office = Office::open("");
    let key = office.key("olga", &[]);
    let extend = |office: &Office, days: i64, id: &Value| {
        let body = json!({ "ids": [id], "days": days });
        office.ask("POST", "/api/v1/lines/bulk/extend").key(&key).with("idempotency-key", "k-1").json(&body)
    };
    let wish = json!({ "username": "anna", "password": "p", "expires": "2999-01-01T00:00:00Z" });
    let line = office.line(&key, wish).await;
    let first = extend(&office, 30, &line["id"]).send().await;
    assert_eq!(first.status, 200, "{}", first.text);
    let again = extend(&office, 30, &line["id"]).send().await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    office.host.kill();
    office.host.run();
    assert_eq!(extend(&office, 30, &line["id"]).send().await.header("idempotent-replayed"), Some("true"));
    let other = extend(&office, 31, &line["id"]).send().await;
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
    let path = format!("/api/v1/lines/{}", line["id"]);
    let seen = office.ask("GET", &path).key(&key).send().await;
    assert_eq!(seen.body["expires"], json!("2999-01-31T00:00:00Z"), "thirty days once");
    // A secret is not kept to be repeated.
    let make = || {
        let ask = office.ask("POST", "/api/v1/api-keys").key(&key).with("idempotency-key", "k-2");
        ask.json(&json!({ "name": "once" }))
    };
    assert_eq!(make().send().await.status, 201);
    let repeated = make().send().await;
    assert_eq!((repeated.status, repeated.code()), (409, "done_already"), "{}", repeated.text);
    // Twenty at the same time make one line.
    let many = (0..20).map(|_| {
        let ask = office.ask("POST", "/api/v1/lines").key(&key).with("idempotency-key", "k-3");
        ask.json(&json!({ "username": "ben", "password": "p" })).send()
    });
    let answers = futures(many).await;
    assert!(answers.iter().all(|status| matches!(status, 201 | 409)), "{answers:?}");
    let found = office.ask("GET", "/api/v1/lines?search=BEN").key(&key).send().await;
    assert_eq!(found.body["items"].as_array().map(Vec::len), Some(1));
}

/// The statuses of requests that are sent at the same time.
async fn futures(all: impl Iterator<Item = impl Future<Output = super::Said> + Send + 'static>) -> Vec<u16> {
    let mut set = tokio::task::JoinSet::new();
    for one in all {
        set.spawn(one);
    }
    set.join_all().await.into_iter().map(|said| said.status).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_come_and_go_in_pages_and_files() {
    let office = Office::open("");
    let key = office.key("olga", &[]);
    // The old panel's records, with hashes, as they come out of Redis.
    let records: Vec<Value> = (0..250)
        .map(|number| {
            json!({
                "username": format!("sub-{number}"), "password": format!("$2b$04${}", "a".repeat(53)),
                "token": format!("{number:064x}"), "email": format!("{number}@mail.example"),
                "max_connections": 2, "is_active": number % 2 == 0, "expires_at": "2999-01-01T00:00:00",
            })
        })
        .collect();
    let import = |query: &str, body: String| {
        office.ask("POST", &format!("/api/v1/lines/import?{query}")).key(&key).body(body).send()
    };
    let text = Value::Array(records).to_string();
    let dry = import("format=panel&dry_run=true", text.clone()).await;
    assert_eq!((dry.status, &dry.body["added"]), (200, &json!(250)), "{}", dry.text);
    let done = import("format=panel", text.clone()).await;
    assert_eq!((done.status, &done.body["added"]), (200, &json!(250)), "{}", done.text);
    assert_eq!(import("format=panel", text.clone()).await.status, 409, "all or none");
    assert_eq!(import("format=panel&skip_existing=true", text).await.body["skipped"], json!(250));

    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = office.ask("GET", &format!("/api/v1/lines?limit=100&active=true{cursor}")).key(&key).send().await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|line| line["id"].as_u64().unwrap()));
        pages += 1;
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((seen.len(), pages), (125, 2));
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));

    let evil = json!({ "username": "=1+2", "password": "p", "notes": "@SUM(A1)" });
    office.line(&key, evil).await;
    let csv = office.ask("GET", "/api/v1/lines/export").key(&key).send().await;
    assert_eq!(csv.text.lines().count(), 252);
    assert!(csv.text.contains("'=1+2") && csv.text.contains("'@SUM(A1)") && !csv.text.contains("\n=1+2"));
    assert!(!csv.text.contains("$2b$"), "no hashes unless asked for");
    let with_hashes = office.ask("GET", "/api/v1/lines/export?format=json&password_hashes=true").key(&key).send().await;
    // Another host takes it as it is.
    let other = Office::open("");
    let other_key = other.key("olga", &[]);
    let import =
        other.ask("POST", "/api/v1/lines/import?format=json").key(&other_key).body(with_hashes.text).send().await;
    assert_eq!((import.status, &import.body["added"]), (200, &json!(251)), "{}", import.text);
    let back = other.ask("GET", "/api/v1/lines?username=%3D1%2B2").key(&other_key).send().await;
    assert_eq!(back.body["items"][0]["notes"], json!("@SUM(A1)"));
    let bad = other
        .ask("POST", "/api/v1/lines/import")
        .key(&other_key)
        .body("username,expires\nx,\ny,tomorrow\n")
        .send()
        .await;
    assert_eq!((bad.status, &bad.body["rows"][0]["row"]), (422, &json!(2)), "{}", bad.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_changes_viewers_see_and_the_log_has() {
    let scene = Scene::of_clips(["one", "two"]).await;
    let ids = scene.channels(2).await;
    let office = Office { host: scene.host };
    office.operator("olga", "owner");
    let key = office.key("olga", &[]);
    let send = async |method: &str, path: &str, body: Value| {
        let said = office.ask(method, path).key(&key).json(&body).send().await;
        assert!(said.status < 300, "{method} {path}: {}", said.text);
        said
    };
    send("POST", "/api/v1/bouquets", json!({ "name": "first", "channels": [ids["one"]] })).await;
    let line =
        send("POST", "/api/v1/lines", json!({ "username": "ben", "password": "p", "bouquets": ["first"] })).await.body;
    let playlist = async || get(&office.host.url("/get.php?username=ben&password=p&type=m3u_plus")).await.1;
    assert!(playlist().await.contains(",one") && !playlist().await.contains(",two"));
    send("PATCH", &format!("/api/v1/channels/{}", ids["one"]), json!({ "name": "Première" })).await;
    assert!(playlist().await.contains(",Première"));
    send("PATCH", "/api/v1/bouquets/first", json!({ "channels": [ids["one"], ids["two"]] })).await;
    let rules = json!({ "rules": [{ "kind": "rename", "pattern": "^two$", "replacement": "Deux" }] });
    let preview = send("POST", "/api/v1/rules/preview", rules.clone()).await;
    assert_eq!(preview.body["effects"][0]["after"]["name"], json!("Deux"), "{}", preview.text);
    assert!(playlist().await.contains(",two"));
    send("PUT", "/api/v1/rules", rules).await;
    assert!(playlist().await.contains(",Deux"));
    let in_use = office.ask("DELETE", "/api/v1/bouquets/first").key(&key).send().await;
    assert_eq!(in_use.status, 409, "{}", in_use.text);
    let token = line["token"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/lines/{}", line["id"]);
    send("POST", &format!("{path}/token"), json!({})).await;
    assert_eq!(get(&office.host.url(&format!("/playlist/{token}.m3u8"))).await.0, 401);
    send("DELETE", &path, json!({})).await;
    assert_eq!(get(&office.host.url("/get.php?username=ben&password=p&type=m3u_plus")).await.0, 401);

    let log = office.ask("GET", "/api/v1/audit?limit=1000").key(&key).send().await;
    let actions: Vec<&str> =
        log.body["items"].as_array().unwrap().iter().rev().filter_map(|entry| entry["action"].as_str()).collect();
    let expected = [
        "bouquet.create",
        "line.create",
        "channel.edit",
        "bouquet.update",
        "rules.replace",
        "line.rotate_token",
        "line.delete",
    ];
    assert!(actions.ends_with(&expected), "{actions:?}");
    let newest = &log.body["items"][0];
    assert_eq!(
        (&newest["name"], &newest["address"], &newest["subject"]),
        (&json!("olga"), &json!("127.0.0.1"), &json!(format!("line/{}", line["id"])))
    );
    assert!(!log.text.contains(&token) && !log.text.contains("argon2") && !log.text.contains(&key), "no secret");
    let renamed = office.ask("GET", "/api/v1/audit?action=channel.").key(&key).send().await;
    assert_eq!(renamed.body["items"][0]["after"]["name"], json!("Première"));
    for secret in [token.as_str(), key.as_str(), "password-olga"] {
        assert!(!office.host.log().contains(secret), "no secret in the log");
    }
    assert!(!office.ask("GET", "/api/v1/sources").key(&key).send().await.body["items"].as_array().unwrap().is_empty());
    assert_eq!(office.ask("GET", "/api/v1/plugins").key(&key).send().await.body["items"].as_array().unwrap().len(), 2);
}
