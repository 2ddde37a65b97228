//! `bench m3u`: the playlist of a line that sees 100,000 channels, through the output plugin: the first time and from the cache, from
//! the request to the last byte. The peer is nginx with the same playlist as a file.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use mast_upstream::{ChannelSpec, Clip, Text, Upstream};

use crate::figure::{Figure, Goal, Report, median};
use crate::host::{Host, scratch};
use crate::nginx::Nginx;

const CHANNELS: usize = 100_000;
const RUNS: usize = 5;
const PATH: &str = "/get.php?username=bench&password=bench-pass&type=m3u_plus&output=ts";

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let upstream = Upstream::start([ChannelSpec::clip("c", &Clip::standard()?)]).await?;
    upstream.set_text("/all.m3u", Text::m3u(playlist(&upstream.url("c"))?));
    let (mut first, mut cached, mut list) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        // Starting asks for another kind of playlist.
        let host = Host::start(mast, &upstream.at("/all.m3u"), "").await?;
        first.push(fetch(&host.at(PATH), None).await?);
        list = host.bytes(PATH).await?;
        cached.push(fetch(&host.at(PATH), Some(list.len())).await?);
    }
    let entries = list.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"#EXTINF")).count();
    ensure!(entries == CHANNELS, "{entries} of {CHANNELS} channels are listed");
    let folder = tempfile::tempdir()?;
    std::fs::write(scratch(&folder, "list"), &list)?;
    let nginx = Nginx::start(&folder, &format!("location / {{ root {}; }}\n", folder.path().display())).await?;
    let mut theirs = Vec::new();
    for _ in 0..RUNS {
        theirs.push(fetch(&nginx.at("/list"), Some(list.len())).await?);
    }
    let size = list.len() as f64 / 1e6;
    report.progress(&format!("{size:.1} MB; first {first:.0?} ms, cached {cached:.1?} ms, nginx {theirs:.1?} ms"))?;
    let theirs = median(theirs);
    let mut add = |figure, times, goal| {
        let (value, goal) = (median(times), Some(Goal::AtMost(goal)));
        let peer = Some(("nginx, a file", theirs));
        report.add(&Figure { bench: "m3u", figure, value, unit: "ms", peer, goal })
    };
    add("100,000 channels, first", first, 60.0)?;
    add("100,000 channels, cached", cached, 5.0)?;
    upstream.shutdown().await;
    Ok(())
}

fn playlist(url: &str) -> anyhow::Result<String> {
    let mut text = String::from("#EXTM3U\n");
    for number in 0..CHANNELS {
        let group = number / 500;
        writeln!(
            text,
            "#EXTINF:-1 tvg-id=\"channel-{number}.example\" tvg-logo=\"http://logos.example/{number}.png\" \
             group-title=\"Group {group}\",Channel {number} HD\n{url}?{number}"
        )?;
    }
    Ok(text)
}

/// Milliseconds until all of it has come, over a connection that is open.
async fn fetch(url: &str, length: Option<usize>) -> anyhow::Result<f64> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let health = reqwest::Url::parse(url)?.join("/healthz")?;
    // Whatever it answers.
    http.get(health).send().await?.bytes().await?;
    let start = Instant::now();
    let mut response = http.get(url).send().await?.error_for_status()?;
    let mut got = 0;
    while let Some(piece) = response.chunk().await? {
        got += piece.len();
    }
    let elapsed = start.elapsed().as_secs_f64() * 1000.0;
    ensure!(length.is_none_or(|length| length == got), "{got} bytes instead of {length:?}");
    Ok(elapsed)
}
