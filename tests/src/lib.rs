//! What the black-box tests share: a host of their own ([`TestHost`]), a player ([`HlsPlayer`]), ffmpeg's opinion of what was
//! received ([`probe`]) and the client libraries that real players are built on ([`clients`]).
//!
//! Everything here panics where a test should fail, waits for conditions with a deadline, and cleans up on drop.
#![allow(clippy::unwrap_used, reason = "test support: a failure is a failed test")]

pub mod clients;
pub mod connection;
pub mod host;
pub mod player;
pub mod players;
pub mod probe;
pub mod readings;

use std::time::Duration;

pub use host::{Instance, LineAccount, TestHost, is_alive};
pub use player::{EntryText, HlsPlayer, MediaText};

/// How long anything may take before a test fails. Generous: the machine may be busy.
pub const SOON: Duration = Duration::from_secs(60);

/// Waits until `condition` gives something, or fails with `what` after [`SOON`].
#[track_caller]
pub fn eventually<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    let mut condition = condition;
    let reached = async move {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    async move {
        match tokio::time::timeout(SOON, reached).await {
            Ok(value) => value,
            Err(_) => panic!("{place}: not within {SOON:?}: {what}"),
        }
    }
}

/// A client that follows no redirects and asks for no encoding by itself.
pub fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.no_gzip().no_brotli().no_deflate().timeout(SOON).build().unwrap()
}

/// Status and body of a GET.
pub async fn get(url: &str) -> (u16, String) {
    let response = client().get(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The body of a GET that must succeed.
pub async fn get_ok(url: &str) -> String {
    let (status, body) = get(url).await;
    assert_eq!(status, 200, "{url}: {body}");
    body
}
