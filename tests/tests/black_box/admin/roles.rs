//! Every operation of the OpenAPI document with every role, with a key that has no use for it, and with nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Office;

/// What an operation says it needs: none where nobody has to be known, empty where anybody who is known may.
fn needed(operation: &Value) -> Option<String> {
    if operation["security"].as_array().is_none_or(Vec::is_empty) {
        return None;
    }
    let text = operation["description"].as_str().unwrap_or_default();
    let scope = text.split("Needs the scope `").nth(1).and_then(|rest| rest.split('`').next());
    Some(scope.unwrap_or_default().to_owned())
}

/// (method, path, what it needs) of the whole API.
async fn operations(office: &Office) -> Vec<(String, String, Option<String>)> {
    let document = office.ask("GET", "/api/openapi.json").send().await;
    assert_eq!(document.status, 200);
    assert!(document.body["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document.body["openapi"]);
    let mut all = Vec::new();
    for (path, item) in document.body["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            all.push((method.to_uppercase(), path.clone(), needed(operation)));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_asks_who_it_is() {
    let office = Office::open("");
    let roles: BTreeMap<&str, &[&str]> = BTreeMap::from([
        (
            "owner",
            &[
                "status:read",
                "lines:read",
                "lines:write",
                "catalog:read",
                "catalog:write",
                "operators:read",
                "operators:write",
                "audit:read",
                "resellers:read",
                "resellers:write",
                "credits:write",
                "backups:write",
            ][..],
        ),
        (
            "admin",
            &[
                "status:read",
                "lines:read",
                "lines:write",
                "catalog:read",
                "catalog:write",
                "operators:read",
                "audit:read",
                "resellers:read",
                "resellers:write",
                "credits:write",
            ],
        ),
        ("support", &["status:read", "lines:read", "lines:write", "catalog:read", "resellers:read"]),
        ("read_only", &["status:read", "lines:read", "catalog:read", "resellers:read"]),
    ]);
    let mut keys = BTreeMap::new();
    for role in roles.keys() {
        office.operator(role, role);
        keys.insert(*role, office.key(role, &[]));
    }
    // The owner's key that can do one thing only.
    let narrow = office.key("olga", &["--scope", "status:read"]);
    let operations = operations(&office).await;
    assert!(operations.len() > 40, "{}", operations.len());
    let mut wrong = Vec::new();
    for (method, path, needs) in &operations {
        let at = path.replace("{id}", "987654").replace("{name}", "no-such-name");
        // It would not end.
        let at = if path.ends_with("/events") { format!("{at}?wait=false") } else { at };
        let ask = || office.ask(method, &at).json(&json!({}));
        let Some(scope) = needs else { continue };
        let nobody = ask().send().await;
        if nobody.status != 401 || nobody.header("content-type") != Some("application/problem+json") {
            wrong.push(format!("{method} {path} without a credential: {}", nobody.status));
        }
        // Ending one's session and the like would end the test; what is for operators has no scope.
        if scope.is_empty() {
            continue;
        }
        for (role, key) in &keys {
            let said = ask().key(key).send().await;
            let refused = said.status == 403 && said.code() == "missing_scope";
            if refused == roles[role].contains(&scope.as_str()) || said.status >= 500 || said.status == 401 {
                wrong.push(format!("{method} {path} as {role}: {} {}", said.status, said.text));
            }
        }
        let said = ask().key(&narrow).send().await;
        if (said.status == 403) == (scope == "status:read") {
            wrong.push(format!("{method} {path} with a key for status:read: {}", said.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gives_away_more_than_they_have() {
    let office = Office::open("");
    office.operator("sam", "support");
    office.operator("ada", "admin");
    let (sam, ada) = (office.key("sam", &[]), office.key("ada", &[]));
    let make = async |key: &str, body: Value| office.ask("POST", "/api/v1/api-keys").key(key).json(&body).send().await;
    let said = make(&sam, json!({ "name": "x", "scopes": ["audit:read"] })).await;
    assert_eq!((said.status, said.code()), (403, "missing_scope"), "{}", said.text);
    // Not for the owner, who is operator 1, either.
    let said = make(&ada, json!({ "name": "x", "operator": 1 })).await;
    assert_eq!(said.status, 403, "{}", said.text);
    // A narrow key makes no wider one.
    let narrow = office.key("sam", &["--scope", "lines:read"]);
    let made = make(&narrow, json!({ "name": "x" })).await;
    assert_eq!((made.status, &made.body["scopes"]), (201, &json!(["lines:read"])), "{}", made.text);
    let said = make(&narrow, json!({ "name": "x", "scopes": ["lines:write"] })).await;
    assert_eq!(said.status, 403);
    // Others' keys do not exist.
    let said = office.ask("GET", "/api/v1/api-keys").key(&sam).send().await;
    assert!(said.body["items"].as_array().unwrap().iter().all(|key| key["operator"] == json!(2)), "{}", said.text);
    let said = office.ask("DELETE", "/api/v1/api-keys/2").key(&sam).send().await;
    assert_eq!(said.status, 404, "{}", said.text);
    // An admin makes nobody an owner.
    let said = office.ask("PATCH", "/api/v1/operators/3").key(&ada).json(&json!({ "role": "owner" })).send().await;
    assert_eq!(said.status, 403);
    let promoted = office.host.mast(&["operator", "disable", "--username", "sam"]);
    assert!(promoted.status.success());
    assert_eq!(office.ask("GET", "/api/v1/whoami").key(&sam).send().await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_for_those_who_may_change_lines() {
    let office = Office::open("");
    office.operator("ron", "read_only");
    let (owner, reader) = (office.key("olga", &[]), office.key("ron", &[]));
    let line = office.line(&owner, json!({ "username": "anna", "password": "p" })).await;
    let path = format!("/api/v1/lines/{}", line["id"]);
    let seen = office.ask("GET", &path).key(&reader).send().await;
    assert_eq!((seen.status, &seen.body["token"]), (200, &Value::Null), "{}", seen.text);
    assert_eq!(office.ask("GET", "/api/v1/lines/export").key(&reader).send().await.status, 403);
    let seen = office.ask("GET", &path).key(&owner).send().await;
    assert_eq!(seen.body["token"], line["token"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_ends_when_it_says() {
    let office = Office::open("");
    let soon = office.key("olga", &["--expires", "2999-01-01T00:00:00Z"]);
    assert_eq!(office.ask("GET", "/api/v1/whoami").key(&soon).send().await.status, 200);
    let past = office.host.mast(&["apikey", "create", "--operator", "olga", "--expires", "2020-01-01T00:00:00Z"]);
    assert!(!past.status.success() && String::from_utf8_lossy(&past.stderr).contains("ended"));
    let listed = office.ask("GET", "/api/v1/api-keys").key(&soon).send().await;
    let id = listed.body["items"][0]["id"].as_u64().unwrap();
    assert!(!listed.text.contains(&soon), "the key itself is not kept");
    let revoked = office.host.mast(&["apikey", "revoke", "--id", &id.to_string()]);
    assert!(revoked.status.success());
    assert_eq!(office.ask("GET", "/api/v1/whoami").key(&soon).send().await.status, 401);
}
