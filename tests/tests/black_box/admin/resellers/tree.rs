//! A reseller and everything that is not its own: each operation of the OpenAPI document, with ids that exist elsewhere and with ids that do
//! not, must answer the same.

use serde_json::{Value, json};

use super::{House, Seller, fresh};
use crate::admin::Said;

/// Nothing has this number.
const NOBODY: u64 = 987_654;

/// What a path's id may be, outside of the tree of whoever asks. A new route for resellers must be named here.
struct Outside {
    reseller: u64,
    line: u64,
    sale: u64,
    plan: u64,
}

impl Outside {
    fn id_of(&self, path: &str) -> Option<u64> {
        let of = [
            ("/api/v1/resellers/{id}", self.reseller),
            ("/api/v1/lines/{id}", self.line),
            ("/api/v1/sales/{id}", self.sale),
            ("/api/v1/plans/{id}", self.plan),
        ];
        let found = of.iter().find(|(start, _)| path == *start || path.starts_with(&format!("{start}/")));
        found.map(|(_, id)| *id)
    }
}

/// A path with everything in braces replaced.
fn at(path: &str, id: u64) -> String {
    let replaced = |part: &str| if part.starts_with('{') { id.to_string() } else { part.to_owned() };
    path.split('/').map(replaced).collect::<Vec<_>>().join("/")
}

/// A body that would do, so that nothing but the id can be wrong.
fn body(method: &str, path: &str, plan: u64) -> Value {
    match (method, path) {
        (_, path) if path.ends_with("/extensions") => json!({ "plan": plan }),
        (_, path) if path.ends_with("/issue") || path.ends_with("/transfer") || path.ends_with("/claw-back") => {
            json!({ "amount": 1 })
        }
        ("POST", "/api/v1/lines/{id}/device-events") => json!({ "code": "reboot" }),
        ("PATCH", "/api/v1/lines/{id}") => json!({ "notes": "mine" }),
        ("PATCH", "/api/v1/resellers/{id}") => json!({ "branding": "mine" }),
        _ => json!({}),
    }
}

/// Two trees; the first one's top is logged in, and everything of the second is outside.
async fn two_trees(house: &House) -> (Seller, u64, Outside) {
    let (plan, other_plan) = (house.plan("A month", 1).await, house.plan("Not for Rita", 1).await);
    let rita = house.seller("rita", None, 50).await;
    house
        .ask("PATCH", &format!("/api/v1/resellers/{}", rita.id))
        .json(&json!({ "limits": { "plans": [plan] } }))
        .send()
        .await;
    let eve = house.seller("eve", None, 50).await;
    let below = house.seller("below-eve", Some(eve.id), 50).await;
    let sold = below.sell(house, plan, &["anna"]).await;
    assert_eq!(sold.status, 201, "{}", sold.text);
    let id = |value: &Value| value.as_u64().unwrap();
    let (line, sale) = (id(&sold.body["lines"][0]["id"]), id(&sold.body["entries"][0]));
    (rita, plan, Outside { reseller: below.id, line, sale, plan: other_plan })
}

/// What was said, with the number taken out.
fn shape(said: &Said, id: u64) -> (u16, String) {
    (said.status, said.text.replace(&format!(" {id}\""), " ID\""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_below_does_not_exist() {
    let house = House::open();
    let (rita, plan, outside) = two_trees(&house).await;
    let before = (house.balances().await, house.all("/api/v1/lines").await, house.all("/api/v1/resellers").await);
    let document = house.get("/api/openapi.json").await;
    let (mut asked, mut wrong) = (0, Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let is_shared = operation["description"].as_str().is_some_and(|text| text.contains("A reseller may do it"));
            let is_own = path == "/api/v1/logout" || path.split('/').nth(3) == Some("whoami");
            if operation["security"].as_array().is_none_or(Vec::is_empty) || is_own {
                continue;
            }
            let ask = |id: u64| {
                let ask = rita.ask(&house, &method, &at(path, id)).with("idempotency-key", &fresh());
                ask.json(&body(&method, path, plan)).send()
            };
            let named = outside.id_of(path);
            if is_shared && path.contains('{') && named.is_none() {
                wrong.push(format!("{method} {path}: say in Outside what its id may be"));
            }
            let theirs = named.unwrap_or(1);
            let (said, nothing) = (ask(theirs).await, ask(NOBODY).await);
            let shown = format!("{method} {path}: {} {}", said.status, said.text);
            asked += 1;
            if !is_shared {
                if (said.status, said.code()) != (403, "operators_only") {
                    wrong.push(format!("{shown} (it is for operators)"));
                }
            } else if path.contains('{') {
                if said.status != 404 || shape(&said, theirs) != shape(&nothing, NOBODY) {
                    wrong.push(format!("{shown} (of nobody: {} {})", nothing.status, nothing.text));
                }
            } else if said.status >= 500 || said.status == 401 {
                wrong.push(shown);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 40, "{asked}");
    let after = (house.balances().await, house.all("/api/v1/lines").await, house.all("/api/v1/resellers").await);
    assert_eq!(after, before);
}

/// Ids that do not stand in the path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_ids_in_bodies_and_queries() {
    let house = House::open();
    let (rita, plan, outside) = two_trees(&house).await;
    let below = house.seller("below-rita", Some(rita.id), 1).await;
    // Whose a device is.
    let taken = json!({ "macs": ["00:1a:79:00:00:01"] });
    let bound = house.ask("PATCH", &format!("/api/v1/lines/{}", outside.line)).json(&taken).send().await;
    assert_eq!(bound.status, 200, "{}", bound.text);
    let mut wish = super::wish("ben");
    wish["macs"] = taken["macs"].clone();
    let said = rita.post(&house, "/api/v1/sales", json!({ "plan": plan, "lines": [wish] })).await;
    assert_eq!((said.status, said.code()), (409, "device_taken"), "{}", said.text);
    assert!(!said.text.contains("anna"), "{}", said.text);
    let before = (house.balances().await, house.all("/api/v1/lines").await, house.all("/api/v1/resellers").await);
    let own = format!("/api/v1/resellers/{}", below.id);
    let lines = json!([super::wish("ben")]);
    type Request = (&'static str, String, fn(u64) -> Value);
    let requests: [Request; 2] = [
        (
            "POST",
            "/api/v1/resellers".to_owned(),
            |id| json!({ "username": "new", "password": "password-new", "parent": id }),
        ),
        ("POST", format!("{own}/transfer"), |id| json!({ "amount": 1, "from": id })),
    ];
    for (method, path, body) in &requests {
        let ask = |id| rita.ask(&house, method, path).with("idempotency-key", &fresh()).json(&body(id)).send();
        let (theirs, nothing) = (ask(outside.reseller).await, ask(NOBODY).await);
        assert_eq!(theirs.status, 404, "{path}: {}", theirs.text);
        assert_eq!(shape(&theirs, outside.reseller), shape(&nothing, NOBODY), "{path}");
    }
    for (field, theirs) in [("reseller", outside.reseller), ("plan", outside.plan)] {
        let sell = async |id: u64| {
            let mut body = json!({ "plan": plan, "lines": lines });
            body[field] = json!(id);
            rita.post(&house, "/api/v1/sales", body).await
        };
        let (said, nothing) = (sell(theirs).await, sell(NOBODY).await);
        assert_eq!((said.status, shape(&said, theirs)), (404, shape(&nothing, NOBODY)), "{field}");
    }
    for path in ["/api/v1/lines?reseller=", "/api/v1/resellers?parent="] {
        for id in [outside.reseller, NOBODY] {
            let seen = rita.get(&house, &format!("{path}{id}")).await;
            assert_eq!(seen["items"], json!([]), "{path}{id}");
        }
    }
    for path in ["/api/v1/lines?username=anna", "/api/v1/lines?search=ann", "/api/v1/resellers?username=eve"] {
        assert_eq!(rita.get(&house, path).await["items"], json!([]), "{path}");
    }
    let plans = rita.get(&house, "/api/v1/plans").await;
    assert_eq!(plans["items"].as_array().map(Vec::len), Some(1), "{plans}");
    let seen = rita.get(&house, "/api/v1/balances").await;
    let accounts: Vec<&str> =
        seen["items"].as_array().unwrap().iter().filter_map(|item| item["account"].as_str()).collect();
    assert_eq!(accounts, [format!("reseller/{}", rita.id), format!("reseller/{}", below.id)]);
    // A reseller below does not reach above it either.
    for path in ["", "/balance", "/statement"] {
        let said = below.ask(&house, "GET", &format!("/api/v1/resellers/{}{path}", rita.id)).send().await;
        assert_eq!((said.status, said.code()), (404, "no_such_reseller"), "{path}");
    }
    let after = (house.balances().await, house.all("/api/v1/lines").await, house.all("/api/v1/resellers").await);
    assert_eq!(after, before);
}
