//! Lists of all channels: milliseconds from the request to the last byte, and megabytes that the host needs more at most.

use std::time::Instant;

use anyhow::{Context, ensure};

use super::CHANNELS;
use super::boxes::StbSession;
use crate::figure::{Figure, Goal, Report, median};
use crate::host::{Host, PATIENCE, scratch};
use crate::nginx::Nginx;
use crate::process::{forget_peak_memory, memory, peak_memory_of};

const RUNS: usize = 5;
/// What a panel in Python does for its list, without the panel: a table of rows becomes JSON.
const PYTHON: &str = "import json, time
rows = [dict(num=n, name=f'Channel {n} HD', stream_type='live', stream_id=n, stream_icon=f'http://logos.example/{n}.png',
  epg_channel_id=f'channel-{n}.example', added='0', is_adult='0', category_id=str(n // 500), category_ids=[n // 500], custom_sid='',
  tv_archive=0, direct_source='', tv_archive_duration=0, thumbnail='') for n in range(100000)]
start = time.perf_counter(); text = json.dumps(rows).encode(); print((time.perf_counter() - start) * 1000)";

/// A list: its figures' names, what every entry has once, and what it stands beside.
struct List {
    first: &'static str,
    again: &'static str,
    memory: &'static str,
    mark: &'static [u8],
    /// At most so many milliseconds, the first time and again.
    goals: Option<(f64, f64)>,
    /// Somebody else who makes such a list.
    maker: Option<(&'static str, f64)>,
}

pub(super) async fn run(host: &Host, report: &mut Report) -> anyhow::Result<()> {
    let python = std::process::Command::new("python3").args(["-c", PYTHON]).output().context("python3 is needed")?;
    let python: f64 = String::from_utf8(python.stdout)?.trim().parse().context("python3 printed no number")?;
    let credentials = "username=bench&password=bench-pass";
    let maker = Some(("Python's json.dumps alone", python));
    let m3u = List {
        first: "M3U, first",
        again: "M3U, cached",
        memory: "M3U, memory of the first",
        mark: b"\r\n#EXTINF",
        goals: Some((60.0, 5.0)),
        maker: None,
    };
    measure(host, report, &format!("/get.php?{credentials}&type=m3u_plus&output=ts"), None, m3u).await?;
    let xtream = List {
        first: "get_live_streams, first",
        again: "get_live_streams, cached",
        memory: "get_live_streams, memory of the first",
        mark: b"\"stream_id\"",
        goals: None,
        maker,
    };
    let path = format!("/player_api.php?{credentials}&action=get_live_streams");
    wait_for(host, &path).await?;
    measure(host, report, &path, None, xtream).await?;
    let session = StbSession::log_in(host, 0).await?;
    let mag = List {
        first: "MAG get_all_channels, first",
        again: "MAG get_all_channels, again",
        memory: "MAG get_all_channels, memory",
        mark: b"\"xmltv_id\"",
        goals: None,
        maker,
    };
    let path = "/portal.php?type=itv&action=get_all_channels&JsHttpRequest=1-xml";
    measure(host, report, path, Some(&session), mag).await
}

/// Instances are loaded while the host runs.
pub(super) async fn wait_for(host: &Host, path: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = host.bytes(path).await {
        ensure!(Instant::now() < deadline, "{path}: {error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn measure(
    host: &Host,
    report: &mut Report,
    path: &str,
    session: Option<&StbSession>,
    wanted: List,
) -> anyhow::Result<()> {
    let pid = host.pid()?;
    let (mut first, mut again, mut more, mut body) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        // Another query is another answer to the cache.
        let fresh = format!("{path}&run={run}");
        let before = memory(pid)?.rss;
        forget_peak_memory(pid)?;
        first.push(fetch(host, &fresh, session, &mut body).await?);
        more.push((peak_memory_of(pid)? - before) / 1e6);
        again.push(fetch(host, &fresh, session, &mut body).await?);
    }
    let entries = body.windows(wanted.mark.len()).filter(|window| *window == wanted.mark).count();
    ensure!(entries == CHANNELS, "{path}: {entries} of {CHANNELS} channels are listed");
    let folder = tempfile::tempdir()?;
    std::fs::write(scratch(&folder, "list"), &body)?;
    let nginx = Nginx::start(&folder, &format!("location / {{ root {}; }}\n", folder.path().display())).await?;
    let mut theirs = Vec::new();
    let http = reqwest::Client::builder().no_proxy().build()?;
    for _ in 0..RUNS {
        theirs.push(timed(http.get(nginx.at("/list")), &mut body).await?);
    }
    report.progress(&format!(
        "{path}: {:.1} MB; first {first:.0?} ms, again {again:.1?} ms, nginx {theirs:.1?} ms, memory {more:.0?} MB",
        body.len() as f64 / 1e6
    ))?;
    let file = Some(("nginx, a file", median(theirs)));
    let mut add = |figure, value, unit, peer, goal: Option<f64>| {
        report.add(&Figure { bench: "outputs", figure, value, unit, peer, goal: goal.map(Goal::AtMost) })
    };
    add(wanted.first, median(first), "ms", wanted.maker.or(file), wanted.goals.map(|(first, _)| first))?;
    add(wanted.again, median(again), "ms", file, wanted.goals.map(|(_, again)| again))?;
    add(wanted.memory, median(more), "MB", None, None)
}

async fn fetch(host: &Host, path: &str, session: Option<&StbSession>, body: &mut Vec<u8>) -> anyhow::Result<f64> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    // Opens the connection, whatever it answers.
    http.get(host.at("/healthz")).send().await?.bytes().await?;
    let request = http.get(host.at(path));
    let request = match session {
        Some(session) => session.sign(request),
        None => request,
    };
    timed(request, body).await
}

async fn timed(request: reqwest::RequestBuilder, body: &mut Vec<u8>) -> anyhow::Result<f64> {
    body.clear();
    let start = Instant::now();
    let mut response = request.send().await?.error_for_status()?;
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
    }
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}
