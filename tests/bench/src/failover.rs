//! `bench failover`: from the failure of a channel's upstream to the last byte of the first segment of its backup, while the channel
//! plays, where the upstream closes (and resets whoever connects again) and where it stays silent. The peer is one
//! `ffmpeg -c copy -f hls` under a loop that starts it on the other URL as soon as it exits, with the same patience
//! with silence as the host's.
//!
//! Default settings. Every run has channels and upstreams of its own, all at the same time. Upstreams burst 5 s to whoever connects.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mast_upstream::{ChannelSpec, Clip, Fault, Upstream};
use tokio::task::JoinSet;

use crate::figure::{Figure, Report, median};
use crate::host::{Host, PATIENCE};
use crate::process::{MEASURED, pinned};

const RUNS: usize = 5;
const BURST: Duration = Duration::from_secs(5);
/// How long a channel has played when it fails.
const PLAYED: Duration = Duration::from_secs(5);
/// Between two looks at a playlist.
const LOOK: Duration = Duration::from_millis(10);

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    // A keyframe every second.
    let clip = Clip::standard()?;
    for (figure, fault) in [("upstream closes", Fault::Reset), ("upstream hangs", Fault::HangAfterHead)] {
        let ours = median(ours(mast, &clip, &fault, report).await?);
        let theirs = median(theirs(&clip, &fault, report).await?);
        let peer = Some(("ffmpeg restarted on the backup", theirs));
        report.add(&Figure { bench: "failover", figure, value: ours, unit: "ms", peer, goal: None })?;
    }
    Ok(())
}

/// A first upstream and a backup for each run.
async fn upstreams(clip: &Arc<Clip>) -> anyhow::Result<Arc<Upstream>> {
    let names = (0..RUNS).flat_map(|run| [first(run), backup(run)]);
    let specs = names.map(|name| ChannelSpec::clip(&name, clip).burst(BURST));
    Ok(Arc::new(Upstream::start(specs.collect::<Vec<_>>()).await?))
}

fn first(run: usize) -> String {
    format!("first-{run}")
}

fn backup(run: usize) -> String {
    format!("backup-{run}")
}

async fn ours(mast: &Path, clip: &Arc<Clip>, fault: &Fault, report: &Report) -> anyhow::Result<Vec<f64>> {
    let upstream = upstreams(clip).await?;
    let settings = (0..RUNS).map(|run| format!("[channel.{}]\nbackups = [{}]\n", 2 * run + 1, 2 * run + 2));
    let host = Host::start(mast, &upstream.at("/playlist.m3u"), &settings.collect::<String>()).await?;
    let (channels, mut runs) = (host.channels().await?, JoinSet::new());
    let host = Arc::new(host);
    for run in 0..RUNS {
        let (host, upstream, fault) = (Arc::clone(&host), Arc::clone(&upstream), fault.clone());
        let channel = channels.get(2 * run).context("too few channels")?.clone();
        runs.spawn(async move {
            let (playlist, _) = host.tune(&channel).await?;
            let settled = Instant::now();
            while settled.elapsed() < PLAYED {
                host.text(&playlist).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let seams = |text: &str| text.lines().filter(|line| *line == "#EXT-X-DISCONTINUITY").count();
            let before = seams(&host.text(&playlist).await?);
            let failed = Instant::now();
            upstream.set_fault(&first(run), fault);
            // What comes from the backup stands behind a discontinuity.
            loop {
                let text = host.text(&playlist).await?;
                if seams(&text) > before {
                    let (_, segments) = host.tune(&channel).await?;
                    host.bytes(segments.last().context("an empty playlist")?).await?;
                    return anyhow::Ok(failed.elapsed().as_secs_f64() * 1000.0);
                }
                ensure!(failed.elapsed() < PATIENCE, "no segment of the backup after {PATIENCE:?}");
                tokio::time::sleep(LOOK).await;
            }
        });
    }
    all(runs, "mast", report).await
}

async fn theirs(clip: &Arc<Clip>, fault: &Fault, report: &Report) -> anyhow::Result<Vec<f64>> {
    let (upstream, mut runs) = (upstreams(clip).await?, JoinSet::new());
    for run in 0..RUNS {
        let (upstream, fault) = (Arc::clone(&upstream), fault.clone());
        runs.spawn(async move {
            let folder = tempfile::tempdir()?;
            let folder = folder.path();
            let (playlist, settled) = (folder.join("index.m3u8"), Instant::now());
            let mut worker = copy(&upstream.url(&first(run)), folder, "a")?;
            while !playlist.exists() || settled.elapsed() < PLAYED {
                ensure!(settled.elapsed() < PATIENCE, "ffmpeg made no playlist within {PATIENCE:?}");
                tokio::time::sleep(LOOK).await;
            }
            let failed = Instant::now();
            upstream.set_fault(&first(run), fault);
            tokio::time::timeout(PATIENCE, worker.wait()).await.context("ffmpeg does not notice")??;
            let mut worker = copy(&upstream.url(&backup(run)), folder, "b")?;
            // The muxer renames the playlist into place when a segment is whole.
            while !std::fs::read_to_string(&playlist)?.lines().any(|line| line.starts_with('b')) {
                ensure!(failed.elapsed() < PATIENCE, "no segment of the backup after {PATIENCE:?}");
                tokio::time::sleep(LOOK).await;
            }
            let elapsed = failed.elapsed().as_secs_f64() * 1000.0;
            worker.kill().await?;
            anyhow::Ok(elapsed)
        });
    }
    all(runs, "ffmpeg", report).await
}

async fn all(mut runs: JoinSet<anyhow::Result<f64>>, name: &str, report: &Report) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    while let Some(time) = runs.join_next().await {
        times.push(time??);
    }
    report.progress(&format!("{name}: {times:.0?} ms"))?;
    Ok(times)
}

fn copy(url: &str, folder: &Path, prefix: &str) -> anyhow::Result<tokio::process::Child> {
    let child = pinned(MEASURED, Path::new("ffmpeg"))
        .args(["-nostdin", "-v", "error", "-rw_timeout", "10000000", "-i", url, "-c", "copy", "-f", "hls"])
        .args(["-hls_time", "2", "-hls_flags", "append_list+omit_endlist+discont_start", "-hls_segment_filename"])
        .arg(folder.join(format!("{prefix}%d.ts")))
        .arg(folder.join("index.m3u8"))
        .stderr(Stdio::null())
        .spawn()?;
    Ok(child)
}
