//! `bench m3u`: the playlist of a line that sees 100,000 channels, through the output plugin: the first time and from the cache, from
//! the request to the last byte. There is no peer to run beside it.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use mast_upstream::{ChannelSpec, Clip, Text, Upstream};

use crate::figure::{Figure, Goal, Report, median};
use crate::host::Host;

const CHANNELS: usize = 100_000;
const RUNS: usize = 5;

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let upstream = Upstream::start([ChannelSpec::clip("c", &Clip::standard()?)]).await?;
    let url = upstream.url("c");
    let mut text = String::from("#EXTM3U\n");
    for number in 0..CHANNELS {
        let group = number / 500;
        writeln!(
            text,
            "#EXTINF:-1 tvg-id=\"channel-{number}.example\" tvg-logo=\"http://logos.example/{number}.png\" \
             group-title=\"Group {group}\",Channel {number} HD\n{url}?{number}"
        )?;
    }
    upstream.set_text("/all.m3u", Text::m3u(text));
    let (mut first, mut cached, mut size) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        // Starting asks for another kind of playlist.
        let host = Host::start(mast, &upstream.at("/all.m3u"), "").await?;
        for times in [&mut first, &mut cached] {
            let start = Instant::now();
            let list = host.text("/get.php?username=bench&password=bench-pass&type=m3u_plus&output=ts").await?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            ensure!(
                list.lines().filter(|line| line.starts_with("#EXTINF")).count() == CHANNELS,
                "channels are missing"
            );
            size = list.len();
        }
    }
    report.progress(&format!("{:.1} MB; first {first:.0?} ms, cached {cached:.1?} ms", size as f64 / 1e6))?;
    let mut add = |figure, times, goal| {
        let (value, goal) = (median(times), Some(Goal::AtMost(goal)));
        report.add(&Figure { bench: "m3u", figure, value, unit: "ms", peer: None, goal })
    };
    add("100,000 channels, first", first, 60.0)?;
    add("100,000 channels, cached", cached, 5.0)?;
    upstream.shutdown().await;
    Ok(())
}
