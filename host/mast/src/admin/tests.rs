use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::client::{Client, ClientError};
use super::*;
use crate::delivery::config::LimitsConfig;

struct Server {
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(data_dir: &Path) -> Self {
        let store = mast_store::open_state(data_dir).unwrap();
        let deps = AdminDeps {
            accounts: Accounts::open(store.into(), &LimitsConfig::default()).unwrap(),
            bouquets: vec!["kids".to_owned(), "sports".to_owned()],
            status: vec![StatusPart { name: "http", read: Box::new(|| json!({ "listening": "127.0.0.1:1" })) }],
        };
        let socket = ControlSocket::bind(data_dir).await.unwrap();
        let stop = CancellationToken::new();
        let task = tokio_util::task::TaskTracker::new().spawn(serve(socket, deps, stop.clone()));
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
        "active": true, "bouquets": ["sports"], "macs": ["00:1a:79:00:00:01"], "created": null,
    });
    assert_eq!(line, expected);

    let short: Value = client
        .post("/api/v1/lines", Some(&json!({ "username": "b&n ä?".replace(' ', ""), "password": "p" })))
        .await
        .unwrap();
    assert_eq!((&short["max_connections"], &short["expires"]), (&json!(1), &json!(null)));
    assert_eq!(short["token"].as_str().map(str::len), Some(64));

    let off: Value = client.post("/api/v1/lines/anna/disable", None::<&()>).await.unwrap();
    assert_eq!(off["active"], json!(false));
    let on: Value = client.post("/api/v1/lines/b%26n%C3%A4%3F/disable", None::<&()>).await.unwrap();
    assert_eq!(on["username"], short["username"]);
    let on: Value = client.post("/api/v1/lines/anna/enable", None::<&()>).await.unwrap();
    assert_eq!(on["active"], json!(true));
    let all: Value = client.get("/api/v1/lines").await.unwrap();
    assert_eq!(all["lines"].as_array().map(Vec::len), Some(2));
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
        add(json!({ "username": "ben" })).await,
        add(json!({ "username": "n".repeat(100_000), "password": "p" })).await,
        client.post("/api/v1/lines/nobody/disable", None::<&()>).await,
        client.get("/api/v1/nothing").await,
        client.get("/api/v1/lines/anna/disable").await,
    ];
    let all: Vec<String> = refusals.into_iter().map(refusal).collect();
    insta::assert_snapshot!(all.join("\n"));
    server.stop().await;
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
