//! `bench viewers`: ten thousand paced viewers over two hundred channels, by Zipf's law, against nginx serving the same segments from
//! files to the same viewers.
//!
//! Open loop: every viewer has a moment for each of its steps (the playlist, then the next segment), fixed before the run, evenly
//! spread over a segment's duration. A step is timed from that moment to the segment's last byte, so whatever holds it up
//! counts, a viewer's own earlier step too. Viewers keep their connections and have a session each. The host also takes in
//! the two hundred channels meanwhile; nginx has only files.

mod connection;
mod crowd;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::Instant;

use crate::channels::{all_live, full_windows, warm};
use crate::figure::{Figure, Goal, Report};
use crate::fleet::Fleet;
use crate::host::{Host, LINE, join, uris};
use crate::nginx::Nginx;
use crate::process::{cpu_seconds, memory};
use crate::recipe::Recipe;
use crowd::{Crowd, Outcome, Viewer};

const VIEWERS: usize = 10_000;
const CHANNELS: usize = 200;
/// Lines that the viewers share evenly: one line of so many connections is nothing that anybody sells.
const LINES: usize = 50;
const STEPS: u32 = 6;
/// A segment, which is also the distance between a viewer's steps.
const PERIOD: Duration = Duration::from_secs(4);
/// Open files that this process needs besides its viewers' connections: two for each channel that it sends, and some.
const RESERVE: usize = 1000;
/// Segments of each channel that nginx has, taken in turn.
const FILES: usize = 3;
const MB: f64 = 1e6;

/// One server under the load.
struct Served {
    outcome: Outcome,
    /// Cores.
    cpu: f64,
    /// Bytes that the viewers added.
    memory: f64,
}

/// Runs it.
pub(crate) async fn run(mast: &Path, open_files: usize, report: &mut Report) -> anyhow::Result<()> {
    let viewers = VIEWERS.min(open_files.saturating_sub(RESERVE));
    if viewers < VIEWERS {
        report.progress(&format!("only {viewers} viewers: this machine allows {open_files} open files"))?;
    }
    let clip = Recipe { seconds: 12, gop: 4, kilobits: 840, tone: true }.make().await?;
    let rate = clip.bytes().len() as f64 * 8.0 / clip.duration().as_secs_f64() / 1e6;
    report.progress(&format!("{viewers} viewers at {rate:.2} Mb/s, {CHANNELS} channels, segments of {PERIOD:?}"))?;
    let fleet = Fleet::start(CHANNELS, &clip, PERIOD, 4 * PERIOD).await?;
    let settings = format!("[hls]\nsegment_duration = \"4s\"\nplaylist_segments = 3\n{}", warm(CHANNELS));
    let host = Host::start_with(mast, &fleet.playlist(), &fleet.origins()?, &settings).await?;
    // In memory where that is to be had, so that no disk has a say.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    for number in 0..LINES {
        host.add_line(mast, &line(number), viewers.div_ceil(LINES)).await?;
    }
    let ours = ours(&host, viewers, folder.path(), report).await?;
    drop(host);
    fleet.shutdown().await;
    let theirs = theirs(&folder, viewers, report).await?;
    publish(viewers, &ours, &theirs, report)
}

fn publish(viewers: usize, ours: &Served, theirs: &Served, report: &mut Report) -> anyhow::Result<()> {
    let all = viewers == VIEWERS;
    let mut add = |figure, unit, value: fn(&Served) -> f64, goal: Option<f64>| {
        let goal = goal.filter(|_| all).map(Goal::AtMost);
        let peer = Some(("nginx, static files", value(theirs)));
        report.add(&Figure { bench: "viewers", figure, value: value(ours), unit, peer, goal })
    };
    add("CPU", "% of a core", |served| served.cpu * 100.0, Some(25.0))?;
    add("CPU per GB", "s", |served| served.cpu * served.outcome.seconds / (served.outcome.bytes as f64 / 1e9), None)?;
    add("p50 from the due moment", "ms", |served| served.outcome.latency(0.5), None)?;
    add("p99 from the due moment", "ms", |served| served.outcome.latency(0.99), Some(10.0))?;
    add("slowest", "ms", |served| served.outcome.latency(1.0), None)?;
    add("errors", "steps", |served| served.outcome.errors as f64, Some(0.0))?;
    add("memory of all viewers", "MB", |served| served.memory / MB, Some(120.0))
}

async fn ours(host: &Host, viewers: usize, folder: &Path, report: &Report) -> anyhow::Result<Served> {
    let (pid, address) = (host.pid()?, host_address(host)?);
    all_live(host, CHANNELS).await?;
    full_windows(host, PERIOD).await?;
    let channels = host.channels().await?;
    copy_segments(Viewer::tuned(address, 0, &channels[0]).await?, folder).await?;
    let (before, start) = (cpu_seconds(pid)?, Instant::now());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let intake = (cpu_seconds(pid)? - before) / start.elapsed().as_secs_f64();
    let memory_before = memory(pid)?.rss;
    let crowd = Crowd::gather(viewers, |number| {
        // /live/{username}/{password}/{id}.m3u8
        let channel = channels[channel_of(number, viewers)].replacen(LINE, &line(number), 1);
        async move { Viewer::tuned(address, number, &channel).await }
    })
    .await?;
    let served = load("mast", pid, crowd, report).await?;
    report.progress(&format!("mast: taking in the channels alone took {:.1} % of a core", intake * 100.0))?;
    Ok(Served { memory: memory(pid)?.rss - memory_before, ..served })
}

fn host_address(host: &Host) -> anyhow::Result<SocketAddr> {
    host.at("").strip_prefix("http://").context("an http URL")?.parse().context("an address")
}

async fn theirs(folder: &tempfile::TempDir, viewers: usize, report: &Report) -> anyhow::Result<Served> {
    let nginx = Nginx::start(folder, &format!("location / {{ root {}; }}\n", folder.path().display())).await?;
    let (pid, address) = (nginx.pid()?, nginx.address());
    let before = memory(pid)?.rss;
    let crowd = Crowd::gather(viewers, move |number| async move {
        Viewer::of_files(address, number, &format!("/{}/index.m3u8", channel_of(number, viewers))).await
    })
    .await?;
    let served = load("nginx", pid, crowd, report).await?;
    Ok(Served { memory: memory(pid)?.rss - before, ..served })
}

async fn load(name: &str, pid: u32, crowd: Crowd, report: &Report) -> anyhow::Result<Served> {
    let (before, own) = (cpu_seconds(pid)?, cpu_seconds(std::process::id())?);
    let outcome = crowd.watch(PERIOD, STEPS).await?;
    let cpu = (cpu_seconds(pid)? - before) / outcome.seconds;
    let load = (cpu_seconds(std::process::id())? - own) / outcome.seconds;
    report.progress(&format!(
        "{name}: {:.1} % of a core, {:.2} GB, p50 {:.2} ms, p99 {:.2} ms; the load took {:.0} % of its core and was late by \
         {:.2} ms (p99); {} errors{}",
        cpu * 100.0,
        outcome.bytes as f64 / 1e9,
        outcome.latency(0.5),
        outcome.latency(0.99),
        load * 100.0,
        outcome.lateness(0.99),
        outcome.errors,
        outcome.first_error.as_ref().map(|error| format!(", first: {error}")).unwrap_or_default(),
    ))?;
    Ok(Served { outcome, cpu, memory: 0.0 })
}

/// The username of a viewer's line.
fn line(number: usize) -> String {
    format!("line-{}", number % LINES)
}

/// Which channel a viewer watches: the n-th most popular one has 1/n of the viewers of the most popular.
fn channel_of(number: usize, viewers: usize) -> usize {
    let total: f64 = (1..=CHANNELS).map(|rank| 1.0 / rank as f64).sum();
    let mut place = (number as f64 + 0.5) / viewers as f64 * total;
    for rank in 1..=CHANNELS {
        place -= 1.0 / rank as f64;
        if place < 0.0 {
            return rank - 1;
        }
    }
    CHANNELS - 1
}

/// Gives nginx the host's last segments and playlist, for each channel in files of its own.
async fn copy_segments(mut viewer: Viewer, folder: &Path) -> anyhow::Result<()> {
    let playlist = viewer.playlist().to_owned();
    let text = String::from_utf8(viewer.fetch(&playlist).await?)?;
    let segments: Vec<&str> = uris(&text).collect();
    ensure!(segments.len() >= FILES, "the playlist lists only {} segments", segments.len());
    let mut files = vec![("index.m3u8", text.clone().into_bytes())];
    for name in &segments[segments.len() - FILES..] {
        files.push((name, viewer.fetch(&join(&playlist, name)).await?));
    }
    for channel in 0..CHANNELS {
        let folder = folder.join(channel.to_string());
        std::fs::create_dir(&folder)?;
        for (name, bytes) in &files {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
