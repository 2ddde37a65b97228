//! What resellers do all day, by API alone.

use mast_tests::get;
use serde_json::{Value, json};

use super::{House, wish};

/// From the operator to a thousand lines, to the end of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_become_a_thousand_lines() {
    let house = House::open();
    let plan = house.plan("A month", 1).await;
    let rita = house.seller("rita", None, 1_500).await;
    let own = json!({ "username": "sam", "password": "password-sam", "rights": { "refunds": true } });
    let added = rita.post(&house, "/api/v1/resellers", own).await;
    assert_eq!((added.status, &added.body["parent"]), (201, &json!(rita.id)), "{}", added.text);
    let sam = house.login("sam").await;
    let path = format!("/api/v1/resellers/{}", sam.id);
    let given = rita.post(&house, &format!("{path}/transfer"), json!({ "amount": 1_200, "text": "for May" })).await;
    assert_eq!((given.status, &given.body["reason"]), (201, &json!("transfer")), "{}", given.text);

    for batch in 0..4 {
        let lines: Vec<Value> = (0..250).map(|number| wish(&format!("line-{batch}-{number}"))).collect();
        let sold = sam.post(&house, "/api/v1/sales", json!({ "plan": plan, "lines": lines })).await;
        assert_eq!(sold.status, 201, "{}", sold.text);
        assert_eq!(sold.body["entries"].as_array().map(Vec::len), Some(250));
    }
    let lines = rita.get(&house, &format!("/api/v1/lines?limit=1000&reseller={}", sam.id)).await;
    let lines = lines["items"].as_array().unwrap();
    assert_eq!(lines.len(), 1_000);
    assert!(lines.iter().all(|line| line["plan"] == json!(plan) && line["max_connections"] == json!(2)));
    assert_eq!((house.has(rita.id).await, house.has(sam.id).await), (300, 200));

    // A statement, in pages.
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = sam.get(&house, &format!("{path}/statement?limit=400{cursor}")).await;
        assert_eq!((&page["opening"], &page["closing"]), (&json!(0), &json!(200)));
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((rows.len(), &rows[0]["change"], &rows[1_000]["balance"]), (1_001, &json!(1_200), &json!(200)));
    assert_eq!((&rows[0]["from"], &rows[1]["to"]), (&Value::Null, &json!("sales")), "who stands above is not told");
    // Of a period.
    let at = rows[1_000]["at"].as_str().unwrap();
    let last = sam.get(&house, &format!("{path}/statement?from={at}")).await;
    assert!(last["items"].as_array().unwrap().len() <= 250 && last["closing"] == json!(200), "{last}");
    let none = sam.get(&house, &format!("{path}/statement?until=2020-01-01T00:00:00Z")).await;
    assert_eq!((&none["items"], &none["closing"]), (&json!([]), &json!(0)));

    // One ends, and is extended.
    let line = format!("/api/v1/lines/{}", lines[0]["id"]);
    let channel =
        |line: &Value| house.office.host.url(&format!("/live/stream_1.m3u8?token={}", line["token"].as_str().unwrap()));
    assert_eq!(get(&channel(&lines[0])).await.0, 404, "it may watch, and there is nothing");
    let ended = house.ask("PATCH", &line).json(&json!({ "expires": "2026-01-01T00:00:00Z" })).send().await;
    assert_eq!(ended.status, 200, "{}", ended.text);
    let refused = get(&channel(&lines[0])).await.0;
    assert!(matches!(refused, 401 | 403), "{refused}");
    let expired = rita.get(&house, "/api/v1/lines?expired=true").await;
    assert_eq!(expired["items"].as_array().map(Vec::len), Some(1));
    let longer = sam.post(&house, &format!("{line}/extensions"), json!({ "plan": plan })).await;
    assert_eq!(longer.status, 201, "{}", longer.text);
    assert_eq!(get(&channel(&lines[0])).await.0, 404);
    assert_eq!(house.has(sam.id).await, 199);

    // The log says who.
    let log = house.get(&format!("/api/v1/audit?reseller={}&action=line.extend", sam.id)).await;
    let entry = &log["items"][0];
    assert_eq!((&entry["name"], &entry["operator"], &entry["via"]), (&json!("sam"), &Value::Null, &json!("session")));
    let balances = house.balances().await;
    assert_eq!(balances[1], ("sales".to_owned(), 1_001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_are_undone_and_credits_taken_back() {
    let house = House::open();
    let plan = house.plan("A month", 3).await;
    let rita = house.seller("rita", None, 20).await;
    let sam = house.seller("sam", Some(rita.id), 10).await;
    let sold = sam.sell(&house, plan, &["anna"]).await;
    let entry = &sold.body["entries"][0];
    let path = format!("/api/v1/sales/{entry}/refund");
    let refund = || sam.post(&house, &path, json!({ "text": "a mistake" }));
    let undone = refund().await;
    assert_eq!((undone.status, &undone.body["refunds"]), (201, entry), "{}", undone.text);
    let again = refund().await;
    assert_eq!(again.status, 409, "{}", again.text);
    let line = house.get(&format!("/api/v1/lines/{}", sold.body["lines"][0]["id"])).await;
    let ended: Vec<Value> = house.all("/api/v1/lines").await;
    assert!(ended.len() == 1 && line["expires"].is_string());
    assert_eq!(house.has(sam.id).await, 10);

    let path = format!("/api/v1/resellers/{}", sam.id);
    let back = rita.post(&house, &format!("{path}/claw-back"), json!({ "amount": 4 })).await;
    assert_eq!(back.status, 201, "{}", back.text);
    let too_much = rita.post(&house, &format!("{path}/claw-back"), json!({ "amount": 7 })).await;
    assert_eq!((too_much.status, too_much.code()), (409, "not_enough_credits"), "{}", too_much.text);
    assert_eq!((house.has(rita.id).await, house.has(sam.id).await), (24, 6));

    // Only what is empty is removed.
    let remove = || house.ask("DELETE", &path).send();
    assert_eq!((remove().await.code(), house.has(sam.id).await), ("not_empty", 6));
    house.ask("DELETE", &format!("/api/v1/lines/{}", sold.body["lines"][0]["id"])).send().await;
    assert_eq!(remove().await.code(), "not_empty");
    house.post(&format!("{path}/claw-back"), json!({ "amount": 6 })).await;
    assert_eq!(remove().await.status, 204);
    assert_eq!(sam.ask(&house, "GET", "/api/v1/whoami").send().await.status, 401);
    let issued = house.get("/api/v1/house/issued/statement").await;
    assert_eq!(issued["closing"], json!(-24), "{issued}");
    house.balances().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reseller_looks_after_itself_and_its_lines() {
    let house = House::open();
    let plan = house.plan("A month", 1).await;
    let rita = house.seller("rita", None, 5).await;
    let path = format!("/api/v1/resellers/{}", rita.id);
    house.ask("PATCH", &path).json(&json!({ "notes": "pays late" })).send().await;
    let own = rita.get(&house, &path).await;
    assert_eq!((&own["notes"], &own["parent"], &own["username"]), (&Value::Null, &Value::Null, &json!("rita")));
    let patch = json!({ "own_notes": "call Olga", "branding": "Rita's TV" });
    let changed = rita.patch(&house, &path, patch).await;
    assert_eq!((changed.status, &changed.body["branding"]), (200, &json!("Rita's TV")), "{}", changed.text);
    let late =
        rita.ask(&house, "PATCH", &path).with("if-match", "\"0\"").json(&json!({ "branding": "x" })).send().await;
    assert_eq!((late.status, late.code()), (412, "changed"));

    let sold = rita.sell(&house, plan, &["anna"]).await;
    let line = format!("/api/v1/lines/{}", sold.body["lines"][0]["id"]);
    let changed = rita.patch(&house, &line, json!({ "notes": "in the attic", "active": false })).await;
    assert_eq!((changed.status, &changed.body["held"]), (200, &json!(false)), "{}", changed.text);
    assert_eq!(rita.patch(&house, &line, json!({ "active": true })).await.status, 200);
    for (field, value) in [("expires", Value::Null), ("max_connections", json!(99)), ("bouquets", json!([]))] {
        let refused = rita.patch(&house, &line, json!({ field: value })).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{}", refused.text);
    }
    // What an operator switched off stays off.
    house.ask("PATCH", &line).json(&json!({ "active": false })).send().await;
    let refused = rita.patch(&house, &line, json!({ "active": true })).await;
    assert_eq!((refused.status, refused.code()), (403, "held"), "{}", refused.text);
    let token = rita.ask(&house, "POST", &format!("{line}/token")).send().await;
    assert_ne!(token.body["token"], sold.body["lines"][0]["token"]);

    // A password that was invented is shown once, and the sale is not repeated.
    let sell = || {
        let body = json!({ "plan": plan, "lines": [{ "username": "ben" }] });
        rita.ask(&house, "POST", "/api/v1/sales").with("idempotency-key", "ben").json(&body).send()
    };
    let first = sell().await;
    assert!(first.status == 201 && first.body["lines"][0]["password"].is_string(), "{}", first.text);
    assert_eq!((sell().await.code(), house.has(rita.id).await), ("done_already", 3));

    let body = json!({ "current": "password-rita", "new": "another-password" });
    assert_eq!(rita.post(&house, "/api/v1/whoami/password", body).await.status, 204);
    assert_eq!(rita.ask(&house, "GET", "/api/v1/whoami").send().await.status, 401, "ends its sessions");
    assert_eq!(house.try_login("rita", "another-password").await.status, 200);
}
