//! `bench serve`: segment requests per CPU second, each authorised, against nginx sendfile without and with `auth_request`.
//!
//! The same bytes (a real segment of about 600 KB) from all three, 50 connections, server on core 0, wrk on core 1, rounds
//! interleaved so that a busy moment of the machine hits all of them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mast_upstream::{ChannelSpec, Clip, Upstream};
use tokio::process::Child;

use crate::figure::{Figure, Goal, Report, median};
use crate::host::{Host, PATIENCE, free_port, pinned, scratch};
use crate::load::requests_per_cpu_second;

const ROUNDS: usize = 3;
const SECONDS: u32 = 5;
/// Long enough that the measured segment stays downloadable through all rounds.
const SETTINGS: &str = "[hls]\nplaylist_segments = 60\n";

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let clip = Arc::new(clip().await?);
    let upstream = Upstream::start([ChannelSpec::clip("bench", &clip)]).await?;
    let host = Host::start(mast, &upstream.at("/playlist.m3u"), SETTINGS).await?;
    let channel = host.channels().await?.into_iter().next().context("no channel")?;
    let path = third_segment(&host, &channel).await?;
    let bytes = host.bytes(&path).await?;
    report.progress(&format!("a segment of {} KB, {ROUNDS} rounds of {SECONDS} s each", bytes.len() / 1000))?;
    let folder = tempfile::tempdir()?;
    std::fs::write(scratch(&folder, "segment.ts"), &bytes)?;
    let port = free_port()?;
    let nginx = start_nginx(&folder, port).await?;
    let nginx_pid = nginx.id().context("nginx has ended")?;
    let (mut plain, mut with_auth, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        plain.push(
            requests_per_cpu_second(&format!("http://127.0.0.1:{port}/plain/segment.ts"), nginx_pid, SECONDS).await?,
        );
        with_auth.push(
            requests_per_cpu_second(&format!("http://127.0.0.1:{port}/auth/segment.ts"), nginx_pid, SECONDS).await?,
        );
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
    let figure =
        |figure, peer, peer_value, goal| Figure { bench: "serve", figure, value, unit, peer, peer_value, goal };
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

/// 12 s at 2.4 Mb/s with a keyframe every 2 s: segments of 600 KB.
async fn clip() -> anyhow::Result<Clip> {
    let made = tokio::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25,noise=alls=60:allf=t"])
        .args([
            "-t",
            "12",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-keyint_min",
            "50",
            "-sc_threshold",
            "0",
        ])
        .args([
            "-b:v",
            "2300k",
            "-minrate",
            "2300k",
            "-maxrate",
            "2300k",
            "-bufsize",
            "1150k",
            "-x264-params",
            "nal-hrd=cbr",
        ])
        .args(["-f", "mpegts", "pipe:1"])
        .output()
        .await
        .context("ffmpeg is needed; `cargo xtask setup` installs it")?;
    ensure!(made.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&made.stderr));
    Clip::from_packets(made.stdout, 12)
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

async fn start_nginx(folder: &tempfile::TempDir, port: u16) -> anyhow::Result<Child> {
    let root = folder.path().display();
    let config = format!(
        "user root;\nmaster_process off;\ndaemon off;\npid {root}/pid;\nerror_log {root}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  tcp_nodelay on;\n  keepalive_requests 1000000;\n\
         \x20 open_file_cache max=100;\n  types {{ video/mp2t ts; }}\n\
         \x20 server {{\n    listen 127.0.0.1:{port} backlog=4096;\n\
         \x20   location /plain/ {{ alias {root}/; }}\n\
         \x20   location /auth/ {{ auth_request /allow; alias {root}/; }}\n\
         \x20   location = /allow {{ internal; return 204; }}\n  }}\n}}\n"
    );
    let path = scratch(folder, "nginx.conf");
    std::fs::write(&path, config)?;
    let nginx = pinned(0, Path::new("/usr/sbin/nginx"))
        .arg("-c")
        .arg(&path)
        .spawn()
        .context("nginx is needed; `cargo xtask bench` installs it where it may")?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        ensure!(
            Instant::now() < deadline,
            "nginx does not listen: {}",
            std::fs::read_to_string(scratch(folder, "error.log"))?
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(nginx)
}
