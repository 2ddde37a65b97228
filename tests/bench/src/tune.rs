//! `bench tune`: from the viewer's first request to the first whole segment, on a channel nobody watches, against FFmpeg's HLS
//! muxer (from its start to the first segment its playlist lists), with an upstream that bursts its buffer and one that
//! does not.
//!
//! Each run takes a channel of its own, so that nothing is warm.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mast_upstream::{ChannelSpec, Clip, Upstream};

use crate::figure::{Figure, Goal, Report, median};
use crate::host::{Host, PATIENCE};
use crate::process::{MEASURED, pinned};

const RUNS: usize = 5;

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    // The standard clip has a keyframe every 2 s.
    let clip = Clip::standard()?;
    for (figure, burst, goal) in [
        ("cold start, upstream bursts", Some(Duration::from_secs(5)), Some(Goal::AtMost(50.0))),
        ("cold start, upstream does not burst", None, None),
    ] {
        let names: Vec<String> = (0..RUNS * 2).map(|index| format!("c{index}")).collect();
        let specs = names.iter().map(|name| {
            let spec = ChannelSpec::clip(name, &clip);
            burst.map_or(spec.clone(), |length| spec.burst(length))
        });
        let upstream = Upstream::start(specs).await?;
        let host = Host::start(mast, &upstream.at("/playlist.m3u"), "").await?;
        let channels = host.channels().await?;
        ensure!(channels.len() == names.len(), "{} of {} channels in the lineup", channels.len(), names.len());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for index in 0..RUNS {
            ours.push(tune(&host, &channels[index]).await?);
            theirs.push(ffmpeg(&upstream.url(&names[RUNS + index])).await?);
        }
        report.progress(&format!("{figure}: mast {ours:.0?} ms, ffmpeg {theirs:.0?} ms"))?;
        let (value, peer_value) = (median(ours), median(theirs));
        report.add(&Figure {
            bench: "tune",
            figure,
            value,
            unit: "ms",
            peer: Some(("ffmpeg -c copy -f hls", peer_value)),
            goal,
        })?;
        upstream.shutdown().await;
    }
    Ok(())
}

async fn tune(host: &Host, channel: &str) -> anyhow::Result<f64> {
    let start = Instant::now();
    let (_, segments) = host.tune(channel).await?;
    let first = segments.first().context("the first playlist lists no segment")?;
    let bytes = host.bytes(first).await?;
    ensure!(bytes.first() == Some(&0x47), "the first segment is not MPEG-TS");
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

async fn ffmpeg(url: &str) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let playlist = folder.path().join("index.m3u8");
    let start = Instant::now();
    let mut child = pinned(MEASURED, Path::new("ffmpeg"))
        .args(["-nostdin", "-v", "error", "-i", url, "-c", "copy", "-f", "hls", "-hls_time", "2"])
        .arg(&playlist)
        .stderr(Stdio::null())
        .spawn()?;
    // The muxer renames the playlist into place after its first segment is whole.
    while !playlist.exists() {
        ensure!(start.elapsed() < PATIENCE, "ffmpeg made no playlist within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let elapsed = start.elapsed().as_secs_f64() * 1000.0;
    child.kill().await?;
    Ok(elapsed)
}
