//! A line's guide in XMLTV: for one player, from the cache, and for ten at once.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::host::{Host, PATIENCE};
use crate::process::{forget_peak_memory, memory, peak_memory_of};

const PATH: &str = "/xmltv.php?username=bench&password=bench-pass";
const PLAYERS: usize = 10;

/// What one player's export took.
pub(super) struct Export {
    pub(super) seconds: f64,
    pub(super) bytes: usize,
    sum: u64,
}

/// What all players' exports took.
pub(super) struct Crowd {
    pub(super) seconds: f64,
    /// Bytes that the host had at most beyond what it had before.
    pub(super) peak_memory: f64,
}

/// Waits until the plugin that writes guides is loaded.
pub(super) async fn wait_for_route(host: &Host) -> anyhow::Result<()> {
    let started = Instant::now();
    while host.bytes("/xmltv.php?username=bench&password=bench-pass&days=0&past=0").await.is_err() {
        ensure!(started.elapsed() < PATIENCE, "no guide is exported after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// One player.
pub(super) async fn one(host: &Host) -> anyhow::Result<Export> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let start = Instant::now();
    let mut response = http.get(host.at(PATH)).send().await?.error_for_status()?;
    let (mut bytes, mut sum) = (0, 0_u64);
    while let Some(piece) = response.chunk().await? {
        bytes += piece.len();
        // However the body is cut into pieces; the reading must cost less than what is measured.
        sum = piece.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    }
    Ok(Export { seconds: start.elapsed().as_secs_f64(), bytes, sum })
}

/// Ten at once, each on a connection of its own.
pub(super) async fn crowd(host: &Host, expected: &Export) -> anyhow::Result<Crowd> {
    let pid = host.pid()?;
    let before = memory(pid)?.rss;
    forget_peak_memory(pid)?;
    let start = Instant::now();
    let all = futures_util::future::try_join_all((0..PLAYERS).map(|_| one(host))).await?;
    let seconds = start.elapsed().as_secs_f64();
    for got in all {
        ensure!((got.bytes, got.sum) == (expected.bytes, expected.sum), "two players got different guides");
    }
    Ok(Crowd { seconds, peak_memory: peak_memory_of(pid)? - before })
}
