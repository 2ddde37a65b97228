use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::client::{Client, ClientError};
use super::*;
use crate::catalog::config::BouquetConfig;
use crate::delivery::config::LimitsConfig;

struct Server {
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

/// An admin API on a store of its own, with two bouquets.
pub(super) fn admin(data_dir: &Path) -> Admin {
    over(mast_store::open_state(data_dir).unwrap(), data_dir)
}

fn over(store: Box<dyn StateStore>, data_dir: &Path) -> Admin {
    let store: Arc<dyn StateStore> = store.into();
    let bouquet = |name: &str| BouquetConfig {
        name: name.to_owned(),
        sources: Vec::new(),
        categories: Vec::new(),
        channels: Vec::new(),
    };
    let accounts = Accounts::open(Arc::clone(&store), &LimitsConfig::default()).unwrap();
    let operators = Operators::open(Arc::clone(&store), 30).unwrap();
    let events = Events::new(CancellationToken::new());
    Admin::new(AdminDeps {
        resellers: Resellers::open(Arc::clone(&store), accounts.clone(), operators.gate()).unwrap(),
        accounts,
        operators,
        oidc: None,
        catalog: Catalog::open(Arc::clone(&store), vec![bouquet("kids"), bouquet("sports")]).unwrap(),
        sessions: Sessions::open(Arc::clone(&store), events.clone()).unwrap(),
        devices: Devices::open(Arc::clone(&store)).unwrap(),
        events,
        backups: Backups::new(Arc::clone(&store), mast_store::open_plugin_kv(data_dir).unwrap().into(), data_dir),
        running: None,
        status: vec![StatusPart { name: "http", read: Box::new(|| json!({ "listening": "127.0.0.1:1" })) }],
        store,
    })
}

impl Server {
    async fn start(data_dir: &Path) -> Self {
        let admin = admin(data_dir);
        let socket = ControlSocket::bind(data_dir).await.unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio_util::task::TaskTracker::new().spawn(async move { admin.serve(socket, stopped).await });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(30), self.task).await.unwrap().unwrap().unwrap();
    }
}

fn refusal(result: Result<Value, ClientError>) -> String {
    match result.unwrap_err() {
        ClientError::Refused(view) => format!("{}: {}", view.code, view.message),
        broken => panic!("{broken}"),
    }
}

#[tokio::test]
async fn lines_over_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let client = Client::find(folder.path()).await.unwrap();

    let wish = json!({
        "username": "anna", "password": "hunter2", "max_connections": 3, "bouquets": ["sports"],
        "expires": "2030-01-01T00:00:00Z", "macs": ["00-1A-79-00-00-01"], "token": "ab".repeat(32),
    });
    let mut line: Value = client.post("/api/v1/lines", Some(&wish)).await.unwrap();
    assert!(line["created"].take().is_string());
    let expected = json!({
        "id": 1, "username": "anna", "token": "ab".repeat(32), "max_connections": 3, "expires": "2030-01-01T00:00:00Z",
        "active": true, "bouquets": ["sports"], "macs": ["00:1a:79:00:00:01"], "created": null, "above_limit": "deny_new",
        "trial": false, "outputs": [], "profiles": [], "networks": [], "countries": [], "devices": [], "notes": "",
        "email": null, "reseller": null, "plan": null, "held": false, "revision": 0,
    });
    assert_eq!(line, expected);

    let short: Value = client.post("/api/v1/lines", Some(&json!({ "username": "b&nä?" }))).await.unwrap();
    assert_eq!((&short["max_connections"], &short["expires"]), (&json!(1), &json!(null)));
    assert_eq!(short["token"].as_str().map(str::len), Some(64));
    assert_eq!(short["password"].as_str().map(str::len), Some(16), "invented");

    let off: Value = client.patch("/api/v1/lines/1", &json!({ "active": false })).await.unwrap();
    assert_eq!((&off["active"], &off["revision"]), (&json!(false), &json!(1)));
    let found: Value = client.get("/api/v1/lines?username=b%26n%C3%A4%3F").await.unwrap();
    assert_eq!(found["items"][0]["username"], short["username"]);
    let all: Value = client.get("/api/v1/lines").await.unwrap();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2));
    assert!(!all.to_string().contains("argon2") && !all.to_string().contains("hunter2"));

    let status: Value = client.get("/api/v1/status").await.unwrap();
    assert_eq!((&status["lines"], &status["http"]["listening"]), (&json!(2), &json!("127.0.0.1:1")));
    assert!(status["version"].is_string() && status["started"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn refusals_have_codes_and_sentences() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let client = Client::find(folder.path()).await.unwrap();
    let add = async |wish: Value| client.post::<Value>("/api/v1/lines", Some(&wish)).await;
    add(json!({ "username": "anna", "password": "p", "macs": ["001a79000001"] })).await.unwrap();
    let refusals = [
        add(json!({ "username": "anna", "password": "p" })).await,
        add(json!({ "username": "a b", "password": "p" })).await,
        add(json!({ "username": "ben", "password": "" })).await,
        add(json!({ "username": "ben", "password": "p", "bouquets": ["sprots"] })).await,
        add(json!({ "username": "ben", "password": "p", "macs": ["00:1a:79:00:00:01"] })).await,
        add(json!({ "username": "ben", "password": "p", "macs": ["nonsense"] })).await,
        add(json!({ "username": "ben", "password": "p", "token": "short" })).await,
        add(json!({ "username": "ben", "password": "p", "expires": "tomorrow" })).await,
        add(json!({ "username": "ben", "password": "p", "max_conections": 2 })).await,
        add(json!({ "password": "p" })).await,
        add(json!({ "username": "n".repeat(300_000), "password": "p" })).await,
        client.patch("/api/v1/lines/99", &json!({})).await,
        client.get("/api/v1/lines/nonsense").await,
        client.get("/api/v1/lines?limit=0").await,
        client.get("/api/v1/nothing").await,
        client.get("/api/v1/lines/1/token").await,
    ];
    let all: Vec<String> = refusals.into_iter().map(refusal).collect();
    insta::assert_snapshot!(all.join("\n"));
    server.stop().await;
}

#[tokio::test]
async fn a_command_without_a_server_speaks_the_same_api() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::own(&admin(folder.path()));
    assert!(!client.is_server());
    let line: Value =
        client.post("/api/v1/lines", Some(&json!({ "username": "anna", "password": "p" }))).await.unwrap();
    client.delete(&format!("/api/v1/lines/{}", line["id"])).await.unwrap();
    assert_eq!(client.lines().await.unwrap().len(), 0);
    let log: Value = client.get("/api/v1/audit").await.unwrap();
    let actions: Vec<&str> =
        log["items"].as_array().unwrap().iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["line.delete", "line.create"]);
}

/// The disk fails at every step of a sale: the answer says so, and the line is there exactly where it was paid for.
#[tokio::test]
async fn a_sale_that_cannot_be_stored_was_not_made() {
    let start = tempfile::tempdir().unwrap();
    let hash = format!("$2b$04${}", "a".repeat(53));
    {
        let client = Client::own(&admin(start.path()));
        let plan = json!({ "name": "A month", "term": { "count": 1, "unit": "months" }, "price": 3 });
        let _: Value = client.post("/api/v1/plans", Some(&plan)).await.unwrap();
        let reseller = json!({ "username": "rita", "password": "password-rita" });
        let _: Value = client.post("/api/v1/resellers", Some(&reseller)).await.unwrap();
        let _: Value = client.pay("/api/v1/resellers/1/issue", &json!({ "amount": 10 })).await.unwrap();
    }
    let (mut refused, mut at) = (0, 0);
    loop {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(start.path().join("state.redb"), folder.path().join("state.redb")).unwrap();
        let disk = mast_store::faults::FailingDisk::new();
        let client =
            Client::own(&over(mast_store::faults::open_state_on(folder.path(), disk.clone()).unwrap(), folder.path()));
        disk.fail_after(at);
        let lines = json!([{ "username": "anna", "password_hash": hash }]);
        let sale = json!({ "plan": 1, "reseller": 1, "lines": lines });
        let said = client.pay::<Value>("/api/v1/sales", &sale).await;
        let failed = disk.has_failed();
        drop(client);
        let client = Client::own(&admin(folder.path()));
        let balance: Value = client.get("/api/v1/resellers/1/balance").await.unwrap();
        let sold = client.lines().await.unwrap().len();
        assert_eq!(balance["balance"], json!(10 - 3 * sold), "after {at}");
        match said {
            Ok(_) => assert_eq!(sold, 1, "after {at}"),
            Err(ClientError::Refused(view)) => assert_eq!(view.code, "store_failed", "after {at}"),
            Err(broken) => panic!("{broken}"),
        }
        if !failed {
            break;
        }
        refused += usize::from(sold == 0);
        at += 1;
    }
    assert!(refused > 3, "{refused}");
}

#[tokio::test]
async fn the_socket_is_private_and_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = ControlSocket::path(folder.path());
    assert!(Client::find(folder.path()).await.is_none());
    let server = Server::start(folder.path()).await;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let second = ControlSocket::bind(folder.path()).await.unwrap_err();
    assert!(matches!(second, SocketError::Answers(_)), "{second}");
    assert!(Client::find(folder.path()).await.is_some());
    server.stop().await;
    assert!(!file.exists());
    assert!(Client::find(folder.path()).await.is_none());
}

#[tokio::test]
async fn a_socket_left_by_a_killed_server_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    // Bound and dropped: the file stays, as after kill -9, and nobody listens.
    drop(std::os::unix::net::UnixListener::bind(ControlSocket::path(folder.path())).unwrap());
    assert!(Client::find(folder.path()).await.is_none());
    let server = Server::start(folder.path()).await;
    assert!(Client::find(folder.path()).await.is_some());
    server.stop().await;
}

#[tokio::test]
async fn a_data_folder_may_have_a_long_path() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let long = folder.path().join("d".repeat(120));
    let server = Server::start(&long).await;
    let status: Value = Client::find(&long).await.unwrap().get("/api/v1/status").await.unwrap();
    assert_eq!(status["lines"], json!(0));
    assert!(ControlSocket::path(&long).exists());
    server.stop().await;
}
