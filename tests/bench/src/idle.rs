//! `bench idle`: memory of a host that has loaded every bundled plugin and plays nothing. There is no peer to run beside it.

use std::path::Path;
use std::time::Duration;

use mast_upstream::{ChannelSpec, Clip, Upstream};

use crate::channels::metric;
use crate::figure::{Figure, Goal, Report};
use crate::host::Host;
use crate::process::memory;

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let clip = Clip::standard()?;
    let upstream = Upstream::start((0..10).map(|number| ChannelSpec::clip(&format!("c{number}"), &clip))).await?;
    upstream.set_text("/channels.txt", mast_upstream::Text::plain(format!("1|One|{}||News|hd|1|1\n", upstream.url("c1"))));
    let host = Host::start(mast, &upstream.at("/playlist.m3u"), "").await?;
    host.add("text", &channels_txt(&upstream)?)?;
    host.add("network", "kind = \"auth\"\nplugin = \"auth-network\"\n[config]\nallow = [\"127.0.0.0/8\"]\n")?;
    while metric(&host, "mast_plugin_instances{state=\"loaded\"}").await? < 4.0 {
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
