//! What set-top boxes are told: by whom, and until when.

use serde_json::{Value, json};

use super::Office;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_devices_are_told_waits_for_them() {
    let mut office = Office::open("");
    let key = office.key("olga", &[]);
    let anna = office.line(&key, json!({ "username": "anna", "password": "p", "macs": ["00:1a:79:00:00:01"] })).await;
    office.line(&key, json!({ "username": "ben", "password": "p" })).await;
    let path = format!("/api/v1/lines/{}/device-events", anna["id"]);
    let text = "Maintenance\n<script>'; DROP TABLE lines; $(reboot)";
    let tell =
        async |office: &Office, path: &str, body: Value| office.ask("POST", path).key(&key).json(&body).send().await;
    let told = tell(&office, &path, json!({ "code": "message", "text": text, "confirm": true })).await;
    assert_eq!(
        (told.status, &told.body["text"], &told.body["confirm"]),
        (201, &json!(text), &json!(true)),
        "{}",
        told.text
    );
    let one = tell(&office, &path, json!({ "code": "reboot", "device": "001A79000001" })).await;
    assert_eq!((one.status, &one.body["device"]), (201, &json!("00:1a:79:00:00:01")), "{}", one.text);
    for (body, field) in [
        (json!({ "code": "message" }), "text"),
        (json!({ "code": "message", "text": "x".repeat(1_001) }), "text"),
        (json!({ "code": "play-channel" }), "channel"),
        (json!({ "code": "play-channel", "channel": 987 }), "channel"),
        (json!({ "code": "stop", "device": "00:1a:79:00:00:99" }), "device"),
        (json!({ "code": "stop", "device": "a box" }), "device"),
        (json!({ "code": "explode" }), "code"),
    ] {
        let refused = tell(&office, &path, body.clone()).await;
        assert_eq!(refused.body["field"], json!(field), "{body}: {}", refused.text);
    }
    assert_eq!(
        tell(&office, "/api/v1/lines/987/device-events", json!({ "code": "stop" })).await.code(),
        "no_such_line"
    );

    // Those who only read tell nobody anything.
    office.operator("rudi", "read_only");
    let reader = office.key("rudi", &[]);
    let refused = office.ask("POST", &path).key(&reader).json(&json!({ "code": "stop" })).send().await;
    assert_eq!(refused.status, 403, "{}", refused.text);

    // Over a restart; then for every line that has a device, by command line.
    office.host.kill();
    office.host.run();
    let waiting = office.ask("GET", &path).key(&key).send().await;
    assert_eq!(waiting.body["items"].as_array().map(Vec::len), Some(2), "{}", waiting.text);
    let all = office.host.mast(&["line", "notify", "--all", "--code", "update-channels", "--json"]);
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!((&all["lines"], &all["full"]), (&json!(1), &json!(0)), "only anna has a device: {all}");
    let said = office.host.mast(&["line", "notify", "--username", "anna", "--text", "Hello"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let gone = format!("{path}/{}", one.body["id"]);
    assert_eq!(office.ask("DELETE", &gone).key(&key).send().await.status, 204);
    assert_eq!(office.ask("DELETE", &gone).key(&key).send().await.code(), "no_such_event");
    let devices = office.ask("GET", &format!("/api/v1/lines/{}/devices", anna["id"])).key(&key).send().await;
    let expected = json!([{ "mac": "00:1a:79:00:00:01", "bound": true, "seen": null }]);
    assert_eq!(devices.body["items"], expected, "{}", devices.text);

    // Who is forgotten is told nothing, and what was said to them is nowhere.
    let erase = format!("/api/v1/lines/{}/erase", anna["id"]);
    assert_eq!(office.ask("POST", &erase).key(&key).send().await.status, 200);
    let log = office.ask("GET", "/api/v1/audit?limit=1000").key(&key).send().await;
    assert!(log.text.contains("line.notify_all") && log.text.contains("line.notify_cancel"), "{}", log.text);
    for said in ["Maintenance", "Hello", "00:1a:79"] {
        assert!(!log.text.contains(said), "{said}: {}", log.text);
    }
}
