//! Twice, below zero, beyond one's rights, and with somebody else's session.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{House, fresh, wish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_twice_is_paid_once() {
    let mut house = House::open();
    let plan = house.plan("A month", 1).await;
    let rita = house.seller("rita", None, 0).await;
    let issue = format!("/api/v1/resellers/{}/issue", rita.id);
    let unmarked = house.ask("POST", &issue).json(&json!({ "amount": 5 })).send().await;
    assert_eq!((unmarked.status, unmarked.code()), (428, "idempotency_key_required"), "{}", unmarked.text);
    let buy = |amount: i64| house.ask("POST", &issue).with("idempotency-key", "may").json(&json!({ "amount": amount }));
    let (first, again) = (buy(5).send().await, buy(5).send().await);
    assert_eq!((first.status, again.status, &again.body), (201, 201, &first.body), "{}", again.text);
    assert_eq!((again.header("idempotent-replayed"), house.has(rita.id).await), (Some("true"), 5));
    assert_eq!(buy(6).send().await.code(), "idempotency_key_reused");
    // A click too many, at the same time.
    let mut clicks = JoinSet::new();
    for _ in 0..10 {
        let body = json!({ "plan": plan, "lines": [wish("anna")] });
        clicks.spawn(rita.ask(&house, "POST", "/api/v1/sales").with("idempotency-key", "sale").json(&body).send());
    }
    let statuses: Vec<u16> = clicks.join_all().await.iter().map(|said| said.status).collect();
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
    assert_eq!((house.has(rita.id).await, house.all("/api/v1/lines").await.len()), (4, 1));
    // Also after a crash, and under the same key somebody else's request is another one.
    house.office.host.kill();
    house.office.host.run();
    let again = house.ask("POST", &issue).with("idempotency-key", "may").json(&json!({ "amount": 5 })).send().await;
    assert_eq!((again.header("idempotent-replayed"), house.has(rita.id).await), (Some("true"), 4));
    let body = json!({ "plan": plan, "lines": [wish("ben")] });
    let own = rita.ask(&house, "POST", "/api/v1/sales").with("idempotency-key", "may").json(&body).send().await;
    assert_eq!((own.status, house.has(rita.id).await), (201, 3), "{}", own.text);
}

/// What the document says of it is what happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_move_for_marked_requests_only() {
    let house = House::open();
    let document = house.get("/api/openapi.json").await;
    let mut marked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(operation) = item.get("post") else { continue };
        let is_needed = |field: &Value| field["name"] == json!("Idempotency-Key") && field["required"] == json!(true);
        let needed = operation["parameters"].as_array().is_some_and(|fields| fields.iter().any(is_needed));
        let at = path.replace("{id}", "987654").replace("{name}", "none");
        let said = house.ask("POST", &at).json(&json!({})).send().await;
        assert_eq!(said.status == 428, needed, "{path}: {} {}", said.status, said.text);
        marked += usize::from(needed);
    }
    assert_eq!(marked, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_credit_is_spent_once() {
    let house = House::open();
    let plan = house.plan("A month", 1).await;
    let rita = house.seller("rita", None, 0).await;
    let sam = house.seller("sam", Some(rita.id), 0).await;
    for round in 0..3 {
        house.issue(rita.id, 1).await;
        let mut spends = JoinSet::new();
        for number in 0..6 {
            let body = json!({ "plan": plan, "lines": [wish(&format!("line-{round}-{number}"))] });
            let transfer = format!("/api/v1/resellers/{}/transfer", sam.id);
            let (path, body) =
                if number % 2 == 0 { ("/api/v1/sales", body) } else { (&*transfer, json!({ "amount": 1 })) };
            spends.spawn(rita.ask(&house, "POST", path).with("idempotency-key", &fresh()).json(&body).send());
        }
        let all = spends.join_all().await;
        let done = all.iter().filter(|said| said.status == 201).count();
        let refused = all.iter().filter(|said| (said.status, said.code()) == (409, "not_enough_credits")).count();
        assert_eq!((done, refused, house.has(rita.id).await), (1, 5, 0));
    }
    let lines = house.all("/api/v1/lines").await.len();
    assert_eq!(i64::try_from(lines).unwrap() + house.has(sam.id).await, 3);
    house.balances().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_that_are_none_are_refused() {
    let house = House::open();
    let rita = house.seller("rita", None, 10).await;
    let sam = house.seller("sam", Some(rita.id), 10).await;
    let before = house.balances().await;
    let amounts = [
        "0",
        "-1",
        "-9223372036854775808",
        "9223372036854775808",
        "1e3",
        "1.5",
        "\"1\"",
        "null",
        "99999999999999999999",
    ];
    for way in ["issue", "transfer", "claw-back"] {
        let path = format!("/api/v1/resellers/{}/{way}", sam.id);
        for amount in amounts {
            let ask = if way == "issue" { house.ask("POST", &path) } else { rita.ask(&house, "POST", &path) };
            let ask = ask.with("idempotency-key", &fresh()).with("content-type", "application/json");
            let said = ask.body(format!("{{\"amount\":{amount}}}")).send().await;
            assert!(matches!(said.status, 400 | 422), "{way} {amount}: {} {}", said.status, said.text);
            assert_eq!(said.header("content-type"), Some("application/problem+json"));
            assert!(said.status == 422 || said.body["field"] == json!("amount"), "{}", said.text);
        }
    }
    assert_eq!(house.balances().await, before);
    // More than can be counted.
    let most = json!({ "amount": i64::MAX });
    for way in ["transfer", "claw-back"] {
        let said = rita.post(&house, &format!("/api/v1/resellers/{}/{way}", sam.id), most.clone()).await;
        assert_eq!(said.status, 409, "{}", said.text);
    }
    let issue = format!("/api/v1/resellers/{}/issue", sam.id);
    let said = house.ask("POST", &issue).with("idempotency-key", &fresh()).json(&most).send().await;
    assert_eq!((said.status, said.code()), (409, "too_many_credits"), "{}", said.text);
    let dear = house.plan("Dear", i64::MAX).await;
    let said = rita.sell(&house, dear, &["a", "b"]).await;
    assert_eq!(said.status, 409, "{}", said.text);
    for price in [-1, i64::MIN] {
        let wish = json!({ "name": "odd", "term": { "count": 1, "unit": "days" }, "price": price });
        let said = house.ask("POST", "/api/v1/plans").json(&wish).send().await;
        assert_eq!(said.status, 400, "{}", said.text);
    }
    assert_eq!((house.balances().await, house.all("/api/v1/lines").await.len()), (before, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_rises_by_themselves() {
    let house = House::open();
    let plan = house.plan("A month", 1).await;
    let rita = house.seller("rita", None, 10).await;
    let narrow = json!({ "username": "sam", "password": "password-sam", "rights": { "sub_resellers": true } });
    let added = rita.post(&house, "/api/v1/resellers", narrow).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let sam = house.login("sam").await;
    let path = format!("/api/v1/resellers/{}", sam.id);
    let rights = json!({ "sub_resellers": true, "claw_back": true, "trials": true, "refunds": true });
    for patch in [
        json!({ "rights": rights }),
        json!({ "limits": { "overdraft": 100 } }),
        json!({ "active": true }),
        json!({ "parent": Value::Null }),
        json!({ "notes": "pays in time" }),
    ] {
        let said = sam.patch(&house, &path, patch.clone()).await;
        assert_eq!((said.status, said.code()), (403, "not_for_itself"), "{patch}: {}", said.text);
    }
    // What one does not have, one does not give.
    let wider = json!({ "username": "tom", "password": "password-tom", "rights": rights });
    let said = sam.post(&house, "/api/v1/resellers", wider).await;
    assert_eq!((said.status, said.code()), (403, "missing_right"), "{}", said.text);
    let indebted = json!({ "username": "tom", "password": "password-tom", "limits": { "overdraft": 5 } });
    let said = rita.post(&house, "/api/v1/resellers", indebted).await;
    assert_eq!((said.status, said.code()), (403, "operators_only"), "{}", said.text);
    let said = rita.post(&house, &format!("{path}/issue"), json!({ "amount": 1 })).await;
    assert_eq!((said.status, said.code()), (403, "operators_only"), "{}", said.text);
    for (method, path) in [("POST", "/api/v1/lines"), ("POST", "/api/v1/plans"), ("GET", "/api/v1/audit")] {
        let said = rita.ask(&house, method, path).json(&wish("free")).send().await;
        assert_eq!((said.status, said.code()), (403, "operators_only"), "{}", said.text);
    }
    // Operators without the scope.
    house.office.operator("ron", "read_only");
    house.office.operator("sue", "support");
    for name in ["ron", "sue"] {
        let key = house.office.key(name, &[]);
        let issue = house.office.ask("POST", &format!("{path}/issue")).key(&key).with("idempotency-key", &fresh());
        let said = issue.json(&json!({ "amount": 1 })).send().await;
        assert_eq!((said.status, said.code()), (403, "missing_scope"), "{}", said.text);
    }
    // Whoever is switched off is out at once, with everybody below.
    let off = json!({ "active": false });
    let said = house.ask("PATCH", &format!("/api/v1/resellers/{}", rita.id)).json(&off).send().await;
    assert_eq!(said.status, 200, "{}", said.text);
    for seller in [&rita, &sam] {
        assert_eq!(seller.sell(&house, plan, &["late"]).await.status, 401);
    }
    assert_eq!(house.try_login("sam", "password-sam").await.status, 401);
    let named = json!({ "plan": plan, "lines": [wish("late")], "reseller": sam.id });
    let said = house.ask("POST", "/api/v1/sales").with("idempotency-key", &fresh()).json(&named).send().await;
    assert_eq!((said.status, said.code()), (403, "reseller_inactive"), "{}", said.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resellers_log_in_by_their_own_door() {
    let house = House::open();
    let rita = house.seller("rita", None, 0).await;
    // Neither is known at the other's door.
    assert_eq!(house.office.login("rita", "password-rita").await.status, 401);
    assert_eq!(house.try_login("olga", "password-olga").await.status, 401);
    let (wrong, unknown) = (house.try_login("rita", "wrong-password").await, house.try_login("nobody", "x").await);
    assert_eq!((wrong.status, &wrong.body), (401, &unknown.body));
    let forged = house.office.ask("POST", "/api/v1/resellers").with("cookie", &rita.cookie);
    let body = json!({ "username": "tom", "password": "password-tom" });
    let forged = forged.json(&body).send().await;
    assert_eq!((forged.status, forged.code()), (403, "csrf"), "{}", forged.text);
    let who = rita.get(&house, "/api/v1/whoami").await;
    assert_eq!((&who["role"], &who["scopes"], &who["id"]), (&json!("reseller"), &json!([]), &json!(rita.id)));
    let end = rita.ask(&house, "POST", "/api/v1/logout").send().await;
    assert_eq!(end.status, 204, "{}", end.text);
    assert_eq!(rita.ask(&house, "GET", "/api/v1/whoami").send().await.status, 401);
    // Twenty-one failures are too many, from wherever.
    let mut last = house.try_login("rita", "wrong-password").await.status;
    for _ in 0..30 {
        last = house.try_login("rita", "wrong-password").await.status;
    }
    assert_eq!(last, 429);
    let log = house.office.host.log();
    assert!(!log.contains("password-rita") && !log.contains("wrong-password"));
}
