//! `bench serve`: segment requests per CPU second, each authorised, against nginx sendfile without and with `auth_request`.
//!
//! The same bytes (a real segment of about 600 KB) from all three, 50 connections, server on core 0, wrk on core 1, rounds
//! interleaved so that a busy moment of the machine hits all of them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mast_upstream::{ChannelSpec, Upstream};

use crate::figure::{Figure, Goal, Report, median};
use crate::host::{Host, PATIENCE, scratch};
use crate::load::requests_per_cpu_second;
use crate::nginx::Nginx;
use crate::recipe::Recipe;

const ROUNDS: usize = 3;
const SECONDS: u32 = 5;
/// Long enough that the measured segment stays downloadable through all rounds.
const SETTINGS: &str = "[hls]\nplaylist_segments = 60\n";

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    // Segments of 600 KB.
    let clip = Recipe { seconds: 12, gop: 2, kilobits: 2300, tone: false }.make().await?;
    let upstream = Upstream::start([ChannelSpec::clip("bench", &clip)]).await?;
    let host = Host::start(mast, &upstream.at("/playlist.m3u"), SETTINGS).await?;
    let channel = host.channels().await?.into_iter().next().context("no channel")?;
    let path = third_segment(&host, &channel).await?;
    let bytes = host.bytes(&path).await?;
    report.progress(&format!("a segment of {} KB, {ROUNDS} rounds of {SECONDS} s each", bytes.len() / 1000))?;
    let folder = tempfile::tempdir()?;
    std::fs::write(scratch(&folder, "segment.ts"), &bytes)?;
    let root = folder.path().display();
    let nginx = Nginx::start(
        &folder,
        &format!(
            "location /plain/ {{ alias {root}/; }}\n\
         location /auth/ {{ auth_request /allow; alias {root}/; }}\n\
         location = /allow {{ internal; return 204; }}\n"
        ),
    )
    .await?;
    let nginx_pid = nginx.pid()?;
    let (mut plain, mut with_auth, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        plain.push(requests_per_cpu_second(&nginx.at("/plain/segment.ts"), nginx_pid, SECONDS).await?);
        with_auth.push(requests_per_cpu_second(&nginx.at("/auth/segment.ts"), nginx_pid, SECONDS).await?);
        ours.push(requests_per_cpu_second(&host.at(&path), host.pid()?, SECONDS).await?);
        report.progress(&format!(
            "round {round}: nginx {:.0}, with auth_request {:.0}, mast {:.0} requests per CPU second",
            plain[round - 1],
            with_auth[round - 1],
            ours[round - 1]
        ))?;
    }
    let value = median(ours);
    let unit = "requests per CPU second";
    let figure = |figure, peer, peer_value, goal| Figure {
        bench: "serve",
        figure,
        value,
        unit,
        peer: Some((peer, peer_value)),
        goal,
    };
    report.add(&figure(
        "authorised segments",
        "nginx sendfile without auth",
        median(plain),
        Some(Goal::RatioAtLeast(1.3)),
    ))?;
    report.add(&figure(
        "authorised segments vs authorised",
        "nginx sendfile with auth_request",
        median(with_auth),
        None,
    ))?;
    upstream.shutdown().await;
    Ok(())
}

async fn third_segment(host: &Host, channel: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, segments) = host.tune(channel).await?;
        if segments.len() >= 4 {
            return Ok(segments[2].clone());
        }
        ensure!(Instant::now() < deadline, "no four segments after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
