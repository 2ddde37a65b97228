//! `bench idle`: memory of a host that has loaded every bundled plugin and plays nothing. There is no peer to run beside it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use mast_upstream::{ChannelSpec, Clip, Text, Upstream};

use crate::channels::metric;
use crate::figure::{Figure, Goal, Report};
use crate::host::{Host, PATIENCE, origin};
use crate::process::memory;

/// source-m3u, output-m3u, source-channels-txt, auth-network.
const PLUGINS: f64 = 4.0;

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let clip = Clip::standard()?;
    let upstream = Upstream::start((0..10).map(|number| ChannelSpec::clip(&format!("c{number}"), &clip))).await?;
    let line = format!("1|One|{}||News|hd|1|1\n", upstream.url("c1"));
    upstream.set_text("/channels.txt", Text::plain(line));
    let (url, origin) = (upstream.at("/channels.txt"), origin(&upstream.at("/"))?);
    let host = Host::start(mast, &upstream.at("/playlist.m3u"), "").await?;
    host.add_instance(
        "text",
        &format!(
            "kind = \"source\"\nplugin = \"source-channels-txt\"\n[config]\nurl = \"{url}\"\n[grant]\n\
             http = [\"{origin}\"]\nupstream = [\"{origin}\"]\nnet_allow_private = [\"127.0.0.0/8\"]\n"
        ),
    )?;
    host.add_instance(
        "network",
        "kind = \"auth\"\nplugin = \"auth-network\"\n[[config.rule]]\nallow = [\"127.0.0.0/8\"]\n",
    )?;
    let started = Instant::now();
    while metric(&host, "mast_plugin_instances{state=\"loaded\"}").await? < PLUGINS {
        ensure!(started.elapsed() < PATIENCE, "not all of {PLUGINS} plugins are loaded after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What starting needed is given back, or not: after a while it shows.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let memory = memory(host.pid()?)?;
    report.progress(&format!("RSS {:.1} MB, PSS {:.1} MB", memory.rss / 1e6, memory.pss / 1e6))?;
    let goal = Some(Goal::AtMost(60.0));
    report.add(&Figure { bench: "idle", figure: "RSS", value: memory.rss / 1e6, unit: "MB", peer: None, goal })?;
    upstream.shutdown().await;
    Ok(())
}
