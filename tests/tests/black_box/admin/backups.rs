//! Everything into a file and back: while the host works, while it is killed, and with names that mean harm.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use mast_tests::TestHost;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Office;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A host that does not run, with what a backup has in it.
fn restored(file: &Path) -> TestHost {
    let host = TestHost::prepare("", &[]);
    let output = host.mast(&["restore", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    host
}

fn lines(host: &TestHost) -> Vec<Value> {
    let output = host.mast(&["line", "list", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    list["lines"].as_array().unwrap().clone()
}

/// Lines with hashes, which cost nothing to make.
fn batch(number: u32, count: u32) -> Value {
    let lines: Vec<Value> = (0..count)
        .map(|line| json!({ "username": format!("sub-{number}-{line}"), "password_hash": format!("$2b$04${}", "a".repeat(53)) }))
        .collect();
    json!({ "lines": lines })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_lines_are_made_is_of_one_moment() {
    let office = Office::open("");
    let key = office.key("olga", &[]);
    let (url, asked) = (office.host.url("/api/v1/lines/bulk"), key.clone());
    let mut making = JoinSet::new();
    making.spawn(async move {
        for number in 0..100 {
            let request = mast_tests::client().post(&url).header("content-type", "application/json");
            let answer = request.bearer_auth(&asked).body(batch(number, 10).to_string()).send().await.unwrap();
            assert_eq!(answer.status(), 201, "{:?}", answer.text().await);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for round in 0..3 {
        let file = folder.path().join(format!("round-{round}"));
        let output = office.host.mast(&["backup", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let host = restored(&file);
        let found = lines(&host);
        // Ten at a time, all or none, and each with its entry in the log.
        assert_eq!(found.len() % 10, 0, "{}", found.len());
        assert!(found.iter().enumerate().all(|(at, line)| line["id"] == json!(at + 1)), "ids without gaps");
        let export = host.mast(&["export", "-"]);
        let export: Value = serde_json::from_slice(&export.stdout).unwrap_or_else(|_| panic!("{}", said(&export)));
        assert_eq!(export["lines"].as_array().unwrap().len(), found.len());
        sizes.push(found.len());
    }
    making.join_all().await;
    assert_eq!(lines(&office.host).len(), 1_000, "nobody was kept from working");
    let file = folder.path().join("last");
    assert!(office.host.mast(&["backup", file.to_str().unwrap()]).status.success());
    let mut host = restored(&file);
    host.run();
    let office = Office { host };
    // The same operators, keys and lines.
    let log = office.ask("GET", "/api/v1/audit?action=line.create&limit=1000").key(&key).send().await;
    assert_eq!((log.status, log.body["items"].as_array().map(Vec::len)), (200, Some(1_000)), "{sizes:?}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 4, "no drafts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_leaves_no_half_backup() {
    let mut office = Office::open("");
    let key = office.key("olga", &[]);
    for number in 0..4 {
        let made = office.ask("POST", "/api/v1/lines/bulk").key(&key).json(&batch(number, 1_000)).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let folder = tempfile::tempdir().unwrap();
    for millis in [2, 10, 30, 60, 120] {
        let request =
            office.ask("POST", "/api/v1/backups").key(&key).json(&json!({ "name": format!("after-{millis}") }));
        // The host goes away in the middle of it.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(millis), request.attempt()).await;
        office.host.kill();
        let backups = office.host.folder().join("data/backups");
        for entry in std::fs::read_dir(&backups).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "backup") {
                assert_eq!(lines(&restored(&path)).len(), 4_000, "{}", path.display());
            }
        }
        office.host.run();
    }
    let file = folder.path().join("whole");
    let output = office.host.mast(&["backup", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(lines(&restored(&file)).len(), 4_000);
    let hidden = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    let drafts =
        std::fs::read_dir(office.host.folder().join("data/backups")).unwrap().map(Result::unwrap).filter(hidden);
    assert_eq!(drafts.count(), 0, "what was begun is cleared away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_lead_nowhere_else() {
    let office = Office::open("");
    let key = office.key("olga", &[]);
    let create =
        async |name: &str| office.ask("POST", "/api/v1/backups").key(&key).json(&json!({ "name": name })).send().await;
    let long = "n".repeat(200);
    for name in [
        "../evil",
        "..",
        ".",
        "/tmp/evil",
        "a/../../evil",
        "a/b",
        ".hidden",
        "a\\b",
        "a..b",
        "-rf",
        "",
        "a\u{0}",
        &long,
    ] {
        let said = create(name).await;
        assert_eq!((said.status, &said.body["field"]), (400, &json!("name")), "{name:?}: {}", said.text);
    }
    let made = create("before-update_1.0").await;
    assert_eq!((made.status, &made.body["name"]), (201, &json!("before-update_1.0")), "{}", made.text);
    assert_eq!(create("before-update_1.0").await.code(), "backup_exists");
    for name in ["..%2f..%2fstate.redb", "%2e%2e", "..%5c", "%2fetc%2fpasswd", "before-update_1.0%00", "..%252f"] {
        let said = office.ask("DELETE", &format!("/api/v1/backups/{name}")).key(&key).send().await;
        assert!(matches!(said.status, 400 | 404), "{name}: {} {}", said.status, said.text);
    }
    let files: Vec<String> = std::fs::read_dir(office.host.folder().join("data/backups"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, ["before-update_1.0.backup"]);
    let listed = office.ask("GET", "/api/v1/backups").key(&key).send().await;
    assert_eq!((listed.status, &listed.body["items"][0]["lines"]), (200, &json!(0)), "{}", listed.text);
    // A link is not followed, and not written over.
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("target");
    std::os::unix::fs::symlink(&target, office.host.folder().join("data/backups/link.backup")).unwrap();
    assert_eq!(create("link").await.code(), "backup_exists");
    assert!(!target.exists());
    let gone = office.ask("DELETE", "/api/v1/backups/before-update_1.0").key(&key).send().await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    office.operator("ada", "admin");
    let said = office.ask("POST", "/api/v1/backups").key(&office.key("ada", &[])).json(&json!({})).send().await;
    assert_eq!((said.status, said.code()), (403, "missing_scope"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_by_restoring() {
    let mut office = Office::open("");
    let key = office.key("olga", &[]);
    office.line(&key, json!({ "username": "anna", "password": "p", "notes": "first" })).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mast = |arguments: &[&str]| office.host.mast(arguments);
    assert!(mast(&["backup", &path("one")]).status.success());
    // A file that is there, a way round, a running host.
    let again = mast(&["backup", &path("one")]);
    assert!(!again.status.success() && said(&again).contains("--force"), "{}", said(&again));
    assert!(mast(&["backup", &path("one"), "--force"]).status.success());
    let up = mast(&["backup", &path("sub/../two")]);
    assert!(!up.status.success() && said(&up).contains(".."), "{}", said(&up));
    let running = mast(&["restore", &path("one")]);
    assert!(!running.status.success() && said(&running).contains("stop it first"), "{}", said(&running));

    assert!(mast(&["reseller", "add", "--username", "rita", "--password", "password-rita"]).status.success());
    assert!(mast(&["reseller", "credit", "--username", "rita", "--amount", "7"]).status.success());
    assert!(mast(&["reseller", "credit", "--username", "rita", "--amount", "2", "--take-back"]).status.success());
    let export = mast(&["export", "-"]);
    let document: Value = serde_json::from_slice(&export.stdout).unwrap();
    let amounts: Vec<&Value> =
        document["ledger"].as_array().unwrap().iter().map(|entry| &entry["movement"]["amount"]).collect();
    assert_eq!(amounts, [7, 2], "{}", document["ledger"]);
    assert_eq!(document["reseller_sessions"], Value::Null, "sessions are nobody's work");
    assert_eq!(
        (&document["lines"][0]["username"], &document["operators"][0]["username"]),
        (&json!("anna"), &json!("olga"))
    );
    let text = String::from_utf8(export.stdout).unwrap();
    assert!(!text.contains("argon2") && !text.contains("token"), "{text}");
    assert!(mast(&["export", &path("everything.json"), "--secrets"]).status.success());
    assert!(std::fs::read_to_string(path("everything.json")).unwrap().contains("argon2id"));

    office.line(&key, json!({ "username": "ben", "password": "p" })).await;
    office.host.stop();
    // What is broken changes nothing.
    let mut broken = std::fs::read(path("one")).unwrap();
    broken.truncate(broken.len() / 2);
    std::fs::write(path("broken"), broken).unwrap();
    for file in ["broken", "everything.json", "missing"] {
        let output = office.host.mast(&["restore", &path(file)]);
        assert!(!output.status.success(), "{file}: {}", said(&output));
    }
    assert_eq!(lines(&office.host).len(), 2);
    let output = office.host.mast(&["restore", &path("one"), "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    assert_eq!(answer["lines"], json!(1));
    assert_eq!(lines(&office.host).len(), 1);
    let before = Path::new(answer["before"].as_str().unwrap());
    assert!(before.join("state.redb").is_file() && before.join("plugins.redb").is_file(), "the store before is kept");
    assert_eq!(before.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    office.host.run();
    let whoami = office.ask("GET", "/api/v1/whoami").key(&key).send().await;
    assert_eq!(whoami.status, 200, "the key is as old as the backup");
}
