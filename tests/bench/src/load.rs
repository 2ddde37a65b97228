//! Load from wrk, and the CPU time that the server under load used.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::process::{LOAD, cpu_seconds, pinned};

/// Requests per CPU second of the server `pid`, for `seconds` of load on 50 connections.
pub(crate) async fn requests_per_cpu_second(url: &str, pid: u32, seconds: u32) -> anyhow::Result<f64> {
    measure(pinned(LOAD, Path::new("wrk")).arg(url), url, pid, seconds).await
}

/// The same of requests that a script of wrk makes.
pub(crate) async fn scripted_requests_per_cpu_second(
    url: &str,
    script: &Path,
    pid: u32,
    seconds: u32,
) -> anyhow::Result<f64> {
    measure(pinned(LOAD, Path::new("wrk")).arg("-s").arg(script).arg(url), url, pid, seconds).await
}

async fn measure(wrk: &mut Command, url: &str, pid: u32, seconds: u32) -> anyhow::Result<f64> {
    let before = cpu_seconds(pid)?;
    let run = wrk.args(["-t1", "-c50", &format!("-d{seconds}s")]).output();
    let output =
        tokio::time::timeout(Duration::from_secs(u64::from(seconds) + 30), run).await.context("wrk hangs")??;
    let after = cpu_seconds(pid)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk: {text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "errors under load at {url}:\n{text}");
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in ")?.0.parse::<f64>().ok())
        .with_context(|| format!("wrk printed no request count:\n{text}"))?;
    Ok(requests / (after - before))
}
