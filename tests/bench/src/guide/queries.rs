//! What is on now and next on 4,000 channels, asked over and over on one connection.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::subject::Subject;
use crate::host::PATIENCE;

/// The path of a query.
pub(super) struct Query(String);

impl Query {
    /// Of the channels that have a guide, as soon as so many have one: links are made when the import is committed.
    pub(super) async fn new(subject: &Subject, channels: usize) -> anyhow::Result<Self> {
        let started = Instant::now();
        loop {
            let ids = linked(subject).await?;
            if ids.len() == channels {
                return Ok(Self(format!("/api/v1/guide/now?channels={}", ids.join(","))));
            }
            ensure!(started.elapsed() < PATIENCE, "{} of {channels} channels have a guide", ids.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Queries per second, and the longest in milliseconds, until `enough` says so.
    pub(super) async fn rate(
        &self,
        subject: &Subject,
        enough: impl Fn(Duration) -> bool,
    ) -> anyhow::Result<(f64, f64)> {
        let (start, mut count, mut longest) = (Instant::now(), 0_u32, 0.0_f64);
        while !enough(start.elapsed()) {
            let one = Instant::now();
            subject.get(&self.0).await?.error_for_status()?.bytes().await?;
            longest = longest.max(one.elapsed().as_secs_f64() * 1000.0);
            count += 1;
        }
        Ok((f64::from(count) / start.elapsed().as_secs_f64(), longest))
    }
}

/// Ids of all channels that have a guide.
async fn linked(subject: &Subject) -> anyhow::Result<Vec<String>> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let response = subject.get(&format!("/api/v1/guide/now?limit=1000{cursor}")).await?.error_for_status()?;
        let page: Value = serde_json::from_slice(&response.bytes().await?)?;
        let items = page["items"].as_array().context("no items")?;
        ids.extend(items.iter().filter_map(|item| item["channel"].as_u64()).map(|id| id.to_string()));
        let Some(next) = page["next"].as_str() else { return Ok(ids) };
        cursor = format!("&cursor={next}");
    }
}
