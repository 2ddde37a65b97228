//! People who are to be forgotten, and a log that does not grow for ever.

use serde_json::{Value, json};

use super::Office;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_forgotten_is_nowhere() {
    let office = Office::open("");
    let key = office.key("olga", &[]);
    let body = json!({
        "username": "anna.of.vienna", "password": "p", "notes": "lives in the second district", "email": "anna@mail.example",
        "macs": ["00:1a:79:00:00:77"], "networks": ["198.51.100.77/32"], "devices": ["her-own-box"],
    });
    let made = office.ask("POST", "/api/v1/lines").key(&key).with("idempotency-key", "once").json(&body).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/api/v1/lines/{}", made.body["id"]);
    let patch = json!({ "username": "anna.k", "notes": "moved" });
    assert_eq!(office.ask("PATCH", &path).key(&key).json(&patch).send().await.status, 200);
    let ban = json!({ "line": made.body["id"], "seconds": 3600, "reason": "her brother watches" });
    assert_eq!(office.ask("POST", "/api/v1/bans").key(&key).json(&ban).send().await.status, 201);
    let other = office.line(&key, json!({ "username": "ben", "password": "p", "notes": "stays" })).await;

    // Long after the line is gone.
    assert_eq!(office.ask("DELETE", &path).key(&key).send().await.status, 204);
    let erased = office.ask("POST", &format!("{path}/erase")).key(&key).send().await;
    assert_eq!((erased.status, &erased.body["line"]), (200, &json!(false)), "{}", erased.text);
    let log = office.ask("GET", "/api/v1/audit?limit=1000").key(&key).send().await;
    let export = office.ask("GET", "/api/v1/export?secrets=true").key(&key).send().await;
    let bans = office.ask("GET", "/api/v1/bans").key(&key).send().await;
    for text in ["anna", "district", "moved", "brother", "00:1a:79", "198.51.100.77", "her-own-box"] {
        for said in [&log, &export, &bans] {
            assert!(!said.text.contains(text), "{text} in {}", said.text);
        }
    }
    // What was done is still there, and nobody else is touched.
    let about = office.ask("GET", &format!("/api/v1/audit?subject=line/{}", made.body["id"])).key(&key).send().await;
    let actions: Vec<&str> =
        about.body["items"].as_array().unwrap().iter().rev().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["line.create", "line.update", "line.delete", "line.erase"]);
    assert!(log.text.contains("stays"));
    // The request is known to have been done; its answer is not kept any more.
    let again = office.ask("POST", "/api/v1/lines").key(&key).with("idempotency-key", "once").json(&body).send().await;
    assert_eq!((again.status, again.code()), (409, "done_already"), "{}", again.text);

    // One that is there, by command line.
    let forgotten = office.host.mast(&["line", "forget", "--username", "ben", "--json"]);
    let forgotten: Value = serde_json::from_slice(&forgotten.stdout).unwrap();
    assert_eq!(forgotten["line"], json!(true));
    assert_eq!(office.ask("GET", &format!("/api/v1/lines/{}", other["id"])).key(&key).send().await.status, 404);
    let nobody = office.ask("POST", "/api/v1/lines/987/erase").key(&key).send().await;
    assert_eq!(nobody.code(), "no_such_line");
}
