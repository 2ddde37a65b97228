//! The lines: `line-NUMBER` with the number as token, all with the same password.

use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use serde_json::{Value, json};

use super::logins::hash;
use crate::host::{Host, PASSWORD};

pub(super) const COUNT: usize = 1_000_000;
/// Lines of one request.
const PIECE: usize = 20_000;
/// Lines whose passwords are hashed.
const WITH_PASSWORDS: usize = 500;
pub(super) fn pieces() -> impl Iterator<Item = Range<usize>> {
    (0..COUNT).step_by(PIECE).map(|from| from..from + PIECE)
}

/// A host's lines through its API.
pub(super) struct Lines<'a> {
    host: &'a Host,
    http: reqwest::Client,
    key: String,
    /// The same for all, so that adding a million need not take hours.
    hash: String,
}

impl<'a> Lines<'a> {
    pub(super) async fn new(host: &'a Host, mast: &Path) -> anyhow::Result<Self> {
        let key = host.api_key(mast).await?;
        Ok(Self { host, http: reqwest::Client::builder().no_proxy().build()?, key, hash: hash() })
    }

    /// Seconds that it took.
    pub(super) async fn add(&self, numbers: Range<usize>) -> anyhow::Result<f64> {
        let line = |n: usize| json!({ "username": name(n), "token": format!("{n:064x}"), "password_hash": self.hash, "max_connections": 2 });
        self.send("/api/v1/lines/import?format=json", numbers.map(line).collect()).await
    }

    /// Lines per second.
    pub(super) async fn add_with_passwords(&self) -> anyhow::Result<f64> {
        let line = |n: usize| json!({ "username": format!("hashed-{n}"), "password": PASSWORD });
        let lines: Vec<Value> = (0..WITH_PASSWORDS).map(line).collect();
        Ok(WITH_PASSWORDS as f64 / self.send("/api/v1/lines/bulk", json!({ "lines": lines })).await?)
    }

    async fn send(&self, path: &str, body: Value) -> anyhow::Result<f64> {
        let request = self.http.post(self.host.at(path)).bearer_auth(&self.key).body(body.to_string());
        let request = request.header("content-type", "application/json");
        let start = Instant::now();
        let answer = request.send().await?;
        let elapsed = start.elapsed().as_secs_f64();
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path} answered {status}: {}", text.chars().take(300).collect::<String>());
        Ok(elapsed)
    }
}

pub(super) fn name(n: usize) -> String {
    format!("line-{n}")
}
