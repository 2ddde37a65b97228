//! `bench outputs`: what devices ask a host of 100,000 channels for, through the plugins: an M3U playlist, the Xtream list and the MAG list, the
//! first time and again, and what it costs in memory; then a thousand set-top boxes that log in at once. The peers are nginx with the
//! same bytes as a file, and Python's own JSON writer for a list that is made.

mod boxes;
mod lists;

use std::fmt::Write;
use std::path::Path;

use mast_upstream::{ChannelSpec, Clip, Text, Upstream};

use crate::figure::Report;
use crate::host::Host;

const CHANNELS: usize = 100_000;

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let upstream = Upstream::start([ChannelSpec::clip("c", &Clip::standard()?)]).await?;
    upstream.set_text("/all.m3u", Text::m3u(playlist(&upstream.url("c"))?));
    let host = Host::start(mast, &upstream.at("/all.m3u"), "").await?;
    host.add_instance("xtream", "kind = \"output\"\nplugin = \"output-xtream\"\n")?;
    let portal = "kind = \"output\"\nplugin = \"output-mag\"\n[grant]\nkv = \"64MiB\"\ndevices = true\n";
    host.add_instance("mag", portal)?;
    let key = host.api_key(mast).await?;
    boxes::add(&host, &key).await?;
    lists::run(&host, report).await?;
    boxes::run(&host, report).await?;
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
