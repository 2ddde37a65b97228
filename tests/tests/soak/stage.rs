//! The upstream, the host and its channels.

use std::collections::BTreeMap;

use mast_media::lint::Linter;
use mast_tests::readings::Readings;
use mast_tests::{Instance, LineAccount, TestHost, eventually, get};
use mast_upstream::{ChannelSpec, Clip, Text, Upstream};
use tokio::sync::Mutex;

const SETTINGS: &str = r#"
[tuner]
idle_timeout = "1s"
connect_timeout = "2s"
stall_timeout = "2s"
backoff_min = "100ms"
backoff_max = "1s"
return_after = "2s"
healthy_after = "2s"
[hls]
segment_duration = "1s"
"#;

/// Copied by the host: from MPEG-TS, and from HLS in the clear and encrypted.
const COPIED: [&str; 5] = ["news", "sport", "films", "hls", "locked"];
/// Sent through FFmpeg. One: an encoder costs more than everything else here.
const TRANSCODED: [&str; 1] = ["worked"];

/// A channel with what its playlists said from the first to the last.
pub(crate) struct Channel {
    pub(crate) name: &'static str,
    pub(crate) id: u32,
    /// Locked while a playlist is fetched, so that it hears them in the order in which they were made.
    pub(crate) linter: Mutex<Linter>,
}

pub(crate) struct Stage {
    // Dropped first: its shutdown is part of what is tested.
    pub(crate) host: TestHost,
    pub(crate) upstream: Upstream,
    pub(crate) channels: Vec<Channel>,
    /// For viewers that do not get in each other's way, and for the one that zaps.
    pub(crate) crowd: LineAccount,
    pub(crate) solo: LineAccount,
}

impl Stage {
    pub(crate) async fn build() -> Self {
        let clip = Clip::standard().unwrap();
        let specs = COPIED.iter().chain(&TRANSCODED).map(|name| ChannelSpec::clip(name, &clip));
        let upstream = Upstream::start(specs.map(|spec| spec.burst(std::time::Duration::from_secs(2)))).await.unwrap();
        let url = |name: &str| match name {
            "hls" => upstream.hls_url(name),
            "locked" => upstream.at("/locked/aes/index.m3u8"),
            _ => upstream.url(name),
        };
        let list = |names: &[&str]| {
            let entry = |name: &&str| format!("#EXTINF:-1 tvg-id=\"{name}\",{name}\n{}\n", url(name));
            Text::m3u(format!("#EXTM3U\n{}", names.iter().map(entry).collect::<String>()))
        };
        upstream.set_text("/copied.m3u", list(&COPIED));
        upstream.set_text("/transcoded.m3u", list(&TRANSCODED));
        let mut transcoded = Instance::m3u_source("transcoded", &upstream, "/transcoded.m3u");
        transcoded.text += "[upstream]\nprofile = \"low\"\n";
        let instances =
            [Instance::m3u_source("copied", &upstream, "/copied.m3u"), transcoded, Instance::m3u_output("m3u")];
        let host = TestHost::start_with(SETTINGS, &instances);
        let crowd = host.add_line("crowd", &["--max-connections", "1000"]);
        let solo = host.add_line("solo", &["--max-connections", "1"]);
        let channels = channels(&host, &crowd).await;
        Self { host, upstream, channels, crowd, solo }
    }

    /// Every playlist was by the book.
    pub(crate) async fn verdict(&self) {
        for Channel { name, linter, .. } in &self.channels {
            let linter = linter.lock().await;
            let violations: Vec<String> = linter.violations().iter().take(20).map(ToString::to_string).collect();
            assert!(violations.is_empty(), "playlists of {name}:\n{}", violations.join("\n"));
        }
        let readings = Readings::of(&self.host).await;
        for Channel { name, id, .. } in &self.channels {
            let label = format!("channel=\"{id}\"");
            let (segments, restarts) = (
                readings.sum("mast_channel_segments_total", &label),
                readings.sum("mast_channel_restarts_total", &label),
            );
            eprintln!("soak: {name}: {segments} segments, {restarts} restarts");
            assert!(segments > 5 && restarts > 0, "{name} had a part in it: {segments} segments, {restarts} restarts");
        }
    }
}

async fn channels(host: &TestHost, line: &LineAccount) -> Vec<Channel> {
    let LineAccount { username, password, .. } = line;
    let url = host.url(&format!("/get.php?username={username}&password={password}&type=m3u_plus"));
    let wanted = COPIED.len() + TRANSCODED.len();
    let ids = eventually("all channels are in the lineup", async || {
        let (_, playlist) = get(&url).await;
        Some(ids(&playlist)).filter(|ids| ids.len() == wanted)
    })
    .await;
    let names = COPIED.iter().chain(&TRANSCODED);
    names.map(|name| Channel { name, id: ids[*name], linter: Mutex::default() }).collect()
}

/// Channel ids by name: each URL stands behind the line with the name, and ends with the id.
fn ids(playlist: &str) -> BTreeMap<String, u32> {
    let lines: Vec<&str> = playlist.lines().collect();
    let entries = lines.windows(2).filter(|pair| pair[1].starts_with("http"));
    let read = |pair: &[&str]| {
        let name = pair[0].rsplit(',').next().unwrap_or_default();
        let file = pair[1].rsplit('/').next().unwrap_or_default();
        (name.to_owned(), file.split('.').next().unwrap_or_default().parse().unwrap())
    };
    entries.map(read).collect()
}
