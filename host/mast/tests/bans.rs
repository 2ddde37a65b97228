//! Bans, as whoever is banned meets them.
#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::{Timestamp, ToSpan};
use mast::app::App;
use mast::config::Config;
use mast::sessions::{Banned, NewBan};
use mast_store::{Actor, Change};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn status(app: &App) -> String {
    let mut socket = TcpStream::connect(app.address()).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_banned_network_is_refused_until_the_ban_is_lifted_or_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("plugins.d")).unwrap();
    let file = folder.path().join("mast.toml");
    std::fs::write(&file, "[http]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    let config = Config::load(&file).unwrap();
    let app = App::start(config.clone()).await.unwrap();
    assert_eq!(status(&app).await, "HTTP/1.1 200 OK");
    let change = || Change::by(Actor::machine("test"));
    let banned = Banned::Network("127.0.0.0/8".parse().unwrap());
    let ban = |until| NewBan { banned, until, reason: "a test".to_owned() };
    assert_eq!(app.sessions().ban(ban(Timestamp::now() + 1.hours()), change()).await.unwrap().1, 0);
    assert_eq!(status(&app).await, "HTTP/1.1 403 Forbidden");
    app.shutdown().await;

    let app = App::start(config).await.unwrap();
    assert_eq!(status(&app).await, "HTTP/1.1 403 Forbidden", "a restart is no way out");
    let kept = app.sessions().bans().remove(0);
    assert_eq!(kept.reason, "a test");
    app.sessions().lift(kept.id, change()).await.unwrap();
    assert_eq!(status(&app).await, "HTTP/1.1 200 OK");
    app.sessions().ban(ban(Timestamp::now() - 1.seconds()), change()).await.unwrap();
    assert_eq!(status(&app).await, "HTTP/1.1 200 OK", "over already");
    assert!(app.sessions().list(None, |_| true).is_empty());
    app.sessions().kick("0123456789abcdef".to_owned(), change()).await.unwrap_err();
    app.shutdown().await;
}
