//! `bench channels`: what a copied channel costs while nobody watches, in CPU time and in memory beyond the segments it keeps, against
//! one `ffmpeg -c copy -f hls` process per channel on the same upstreams.
//!
//! Kept warm rather than watched: the peer has no viewers either. CPU time is that of the measured processes in steady state;
//! over loopback the kernel does a part of receiving on the sender's account, for both alike.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::process::Child;

use crate::figure::{Figure, Goal, Report};
use crate::fleet::Fleet;
use crate::host::{Host, PATIENCE};
use crate::process::{MEASURED, Memory, cpu_seconds, memory, pinned};
use crate::recipe::Recipe;

const CHANNELS: usize = 200;
const PEERS: usize = 24;
const SECONDS: f64 = 15.0;
const GOP: Duration = Duration::from_secs(2);
/// What upstreams send at once: many providers burst about this much.
const BURST: Duration = Duration::from_secs(4);
const MB: f64 = 1e6;

/// What some channels cost.
struct Cost {
    channels_per_core: f64,
    /// Per channel, bytes.
    memory: Memory,
}

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let clip = Recipe { seconds: 12, gop: 2, kilobits: 2300, tone: true }.make().await?;
    let fleet = Fleet::start(CHANNELS, &clip, GOP, BURST).await?;
    let rate = clip.bytes().len() as f64 * 8.0 / clip.duration().as_secs_f64();
    report.progress(&format!("{CHANNELS} channels of {:.1} Mb/s, {PEERS} ffmpeg processes", rate / 1e6))?;
    let ours = host(mast, &fleet, report).await?;
    let theirs = ffmpeg(fleet.urls(), report).await?;
    let figure = |figure, unit, value, peer, goal| Figure {
        bench: "channels",
        figure,
        value,
        unit,
        peer: Some(("ffmpeg -c copy -f hls", peer)),
        goal,
    };
    let (ours_per_core, theirs_per_core) = (ours.channels_per_core, theirs.channels_per_core);
    report.add(&figure("per core", "channels", ours_per_core, theirs_per_core, Some(Goal::AtLeast(2000.0))))?;
    let (rss, pss) = (ours.memory.rss / MB, ours.memory.pss / MB);
    report.add(&figure(
        "RSS beyond the window",
        "MB a channel",
        rss,
        theirs.memory.rss / MB,
        Some(Goal::AtMost(1.0)),
    ))?;
    report.add(&figure(
        "PSS beyond the window",
        "MB a channel",
        pss,
        theirs.memory.pss / MB,
        Some(Goal::AtMost(1.0)),
    ))?;
    fleet.shutdown().await;
    Ok(())
}

/// `mast.toml` lines that keep the first `count` channels warm with room for their windows.
pub(crate) fn warm(count: usize) -> String {
    let channels = (1..=count).map(|id| format!("[channel.{id}]\nwarm = true\n"));
    // They are not in the lineup yet when the host first tries them.
    format!("[tuner]\nwindow_budget = \"8GiB\"\nbackoff_max = \"1s\"\n{}", channels.collect::<String>())
}

/// A sample of the host's metrics, without labels.
pub(crate) async fn metric(host: &Host, name: &str) -> anyhow::Result<f64> {
    let metrics = host.text("/metrics").await?;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.with_context(|| format!("no {name} in /metrics"))
}

/// Waits until so many channels are live.
pub(crate) async fn all_live(host: &Host, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let metrics = host.text("/metrics").await?;
        let live = metrics.lines().filter(|line| line.starts_with("mast_channel_state{") && line.contains("\"live\""));
        let live = live.count();
        if live == count {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{live} of {count} channels are live after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn host(mast: &Path, fleet: &Fleet, report: &Report) -> anyhow::Result<Cost> {
    let host = Host::start_with(mast, &fleet.playlist(), &fleet.origins()?, &warm(CHANNELS)).await?;
    let pid = host.pid()?;
    all_live(&host, CHANNELS).await?;
    full_windows(&host, GOP).await?;
    let (own, before, start) = (cpu_seconds(std::process::id())?, cpu_seconds(pid)?, Instant::now());
    let restarts = restarts(&host).await?;
    tokio::time::sleep(Duration::from_secs_f64(SECONDS)).await;
    let elapsed = start.elapsed().as_secs_f64();
    let cores = (cpu_seconds(pid)? - before) / elapsed;
    let load = (cpu_seconds(std::process::id())? - own) / elapsed;
    let (memory, window) = (memory(pid)?, metric(&host, "mast_window_bytes").await?);
    all_live(&host, CHANNELS).await?;
    ensure!(self::restarts(&host).await? == restarts, "an upstream failed while it was measured");
    report.progress(&format!(
        "mast: {:.1} % of a core, RSS {:.0} MB, windows {:.0} MB; the upstreams took {:.0} % of their core",
        cores * 100.0,
        memory.rss / MB,
        window / MB,
        load * 100.0
    ))?;
    // The windows are files in memory, which belong to no process's resident memory.
    let each = |bytes: f64| bytes / CHANNELS as f64;
    let memory = Memory { rss: each(memory.rss), pss: each(memory.pss) };
    Ok(Cost { channels_per_core: CHANNELS as f64 / cores, memory })
}

async fn restarts(host: &Host) -> anyhow::Result<u64> {
    let metrics = host.text("/metrics").await?;
    let counts = metrics.lines().filter(|line| line.starts_with("mast_channel_restarts_total{"));
    Ok(counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum())
}

/// Waits until the windows have stopped growing.
pub(crate) async fn full_windows(host: &Host, gop: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut before = 0.0;
    loop {
        let now = metric(host, "mast_window_bytes").await?;
        if now < before * 1.02 {
            return Ok(());
        }
        before = now;
        ensure!(Instant::now() < deadline, "windows still grow after {PATIENCE:?}");
        tokio::time::sleep(2 * gop).await;
    }
}

async fn ffmpeg(urls: &[String], report: &Report) -> anyhow::Result<Cost> {
    let folder = tempfile::tempdir()?;
    let mut children = Vec::new();
    for (at, url) in urls.iter().take(PEERS).enumerate() {
        children.push(start(url, &folder.path().join(format!("{at}.m3u8")))?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let deadline = Instant::now() + PATIENCE;
    while !(0..PEERS).all(|at| folder.path().join(format!("{at}.m3u8")).exists()) {
        ensure!(Instant::now() < deadline, "not all of {PEERS} ffmpeg processes made a playlist after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let pids: Vec<u32> = children.iter().filter_map(Child::id).collect();
    let used = || pids.iter().map(|pid| cpu_seconds(*pid)).sum::<anyhow::Result<f64>>();
    let (before, start) = (used()?, Instant::now());
    tokio::time::sleep(Duration::from_secs_f64(SECONDS)).await;
    let cores = (used()? - before) / start.elapsed().as_secs_f64();
    let all = pids.iter().map(|pid| memory(*pid)).collect::<anyhow::Result<Vec<Memory>>>()?;
    let each = |of: fn(&Memory) -> f64| all.iter().map(of).sum::<f64>() / PEERS as f64;
    let memory = Memory { rss: each(|memory| memory.rss), pss: each(|memory| memory.pss) };
    for child in &mut children {
        if let Some(status) = child.try_wait()? {
            bail!("an ffmpeg ended while it was measured: {status}");
        }
        child.kill().await?;
    }
    report.progress(&format!(
        "ffmpeg: {:.2} % of a core each, RSS {:.0} MB, PSS {:.0} MB",
        cores * 100.0 / PEERS as f64,
        memory.rss / MB,
        memory.pss / MB
    ))?;
    Ok(Cost { channels_per_core: PEERS as f64 / cores, memory })
}

/// Copies a channel to HLS as long as the host's playlist is.
fn start(url: &str, playlist: &Path) -> anyhow::Result<Child> {
    let child = pinned(MEASURED, Path::new("ffmpeg"))
        .args(["-nostdin", "-v", "error", "-i", url, "-c", "copy", "-f", "hls", "-hls_time", "2"])
        .args(["-hls_list_size", "6", "-hls_flags", "delete_segments"])
        .arg(playlist)
        .stderr(Stdio::null())
        .spawn()?;
    Ok(child)
}
