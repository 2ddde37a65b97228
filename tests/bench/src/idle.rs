//! `bench idle`: memory of a host that has loaded every bundled plugin and plays nothing. There is no peer to run beside it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use mast_upstream::{ChannelSpec, Clip, Text, Upstream};

use crate::channels::metric;
use crate::figure::{Figure, Goal, Report};
use crate::host::{Host, PATIENCE, origin};
use crate::process::memory;

/// source-m3u, output-m3u, and what [`add_others`] adds.
const PLUGINS: f64 = 16.0;

/// Runs it.
pub(crate) async fn run(mast: &Path, report: &mut Report) -> anyhow::Result<()> {
    let clip = Clip::standard()?;
    let upstream = Upstream::start((0..10).map(|number| ChannelSpec::clip(&format!("c{number}"), &clip))).await?;
    let line = format!("1|One|{}||News|hd|1|1\n", upstream.url("c1"));
    upstream.set_text("/channels.txt", Text::plain(line));
    let (url, origin) = (upstream.at("/channels.txt"), origin(&upstream.at("/"))?);
    let host = Host::start(mast, &upstream.at("/playlist.m3u"), "").await?;
    add_others(&host, &url, &origin)?;
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

/// Everything that the host itself does not start with; `texts` is the URL of a list.
fn add_others(host: &Host, texts: &str, origin: &str) -> anyhow::Result<()> {
    let grant = format!("[grant]\nhttp = [\"{origin}\"]\nnet_allow_private = [\"127.0.0.0/8\"]\n");
    let sources = format!("{grant}upstream = [\"{origin}\"]\n");
    // There is nothing where these importers ask; loaded they are all the same.
    let output = |name: &str| format!("kind = \"output\"\nplugin = \"output-{name}\"\n");
    let fields = "fields = { title = \"title\", start = \"start\" }";
    for (name, content) in [
        (
            "text",
            format!("kind = \"source\"\nplugin = \"source-channels-txt\"\n[config]\nurl = \"{texts}\"\n{sources}"),
        ),
        (
            "network",
            "kind = \"auth\"\nplugin = \"auth-network\"\n[[config.rule]]\nallow = [\"127.0.0.0/8\"]\n".to_owned(),
        ),
        ("xmltv", output("xmltv")),
        ("xtream", output("xtream")),
        ("enigma2", output("enigma2")),
        ("hdhomerun", output("hdhomerun")),
        ("json", output("json")),
        ("mag", format!("{}[grant]\nkv = \"1MiB\"\ndevices = true\n", output("mag"))),
        (
            "other-panel",
            format!(
                "kind = \"source\"\nplugin = \"source-xtream\"\n[config]\nserver = \"{origin}\"\nusername = \"u\"\npassword = \"p\"\n{sources}"
            ),
        ),
        (
            "portal",
            format!(
                "kind = \"source\"\nplugin = \"source-stalker\"\n[config]\nportal = \"{origin}/c/\"\nmac = \"00:1a:79:00:00:01\"\n\
                 {sources}kv = \"1MiB\"\n"
            ),
        ),
        (
            "tuner",
            format!("kind = \"source\"\nplugin = \"source-hdhomerun\"\n[config]\naddress = \"{origin}\"\n{sources}"),
        ),
        ("guide", format!("kind = \"epg\"\nplugin = \"epg-xmltv\"\n[config]\nurl = \"{origin}/guide.xml\"\n{grant}")),
        (
            "schedule",
            format!("kind = \"epg\"\nplugin = \"epg-json\"\n[config]\nendpoint = \"{origin}/day\"\n{fields}\n{grant}"),
        ),
        (
            "panel",
            format!(
                "kind = \"epg\"\nplugin = \"epg-xtream\"\n[config]\nserver = \"{origin}\"\nusername = \"u\"\npassword = \"p\"\n{grant}"
            ),
        ),
    ] {
        host.add_instance(name, &content)?;
    }
    Ok(())
}
