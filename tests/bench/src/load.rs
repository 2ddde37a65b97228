//! Load from wrk on core 1, and the CPU time that the server under load used.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::host::pinned;

/// CPU seconds that a process and its children used so far.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let (mut ticks, mut alive) = (0, false);
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(candidate) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the listing and the read.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let parent: Option<u32> = fields.get(1).and_then(|text| text.parse().ok());
        alive |= candidate == pid;
        if candidate == pid || parent == Some(pid) {
            let field = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            ticks += field(11) + field(12);
        }
    }
    ensure!(alive, "process {pid} is gone");
    // USER_HZ is 100 on every Linux that Rust's standard library supports.
    Ok(ticks as f64 / 100.0)
}

/// Requests per CPU second of the server `pid`, for `seconds` of load on 50 connections.
pub(crate) async fn requests_per_cpu_second(url: &str, pid: u32, seconds: u32) -> anyhow::Result<f64> {
    let before = cpu_seconds(pid)?;
    let run = pinned(1, Path::new("wrk")).args(["-t1", "-c50", &format!("-d{seconds}s"), url]).output();
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
