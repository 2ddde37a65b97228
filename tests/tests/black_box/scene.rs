//! What most tests need: an upstream, a host that reads its playlist, a line, and the ids of the channels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mast_tests::{Instance, LineAccount, TestHost, eventually, get};
use mast_upstream::{ChannelSpec, Clip, Upstream};

/// An upstream and a host with one line.
pub(crate) struct Scene {
    // Dropped first: its shutdown is part of what is tested.
    pub(crate) host: TestHost,
    pub(crate) upstream: Upstream,
    pub(crate) line: LineAccount,
}

/// A channel from a clip, with a burst, so that it starts at once.
pub(crate) fn quick(name: &str, clip: &Arc<Clip>) -> ChannelSpec {
    ChannelSpec::clip(name, clip).burst(Duration::from_secs(4))
}

impl Scene {
    /// A host whose source `provider` reads the upstream's playlist, with `output-m3u`.
    pub(crate) async fn start(channels: impl IntoIterator<Item = ChannelSpec>) -> Self {
        let upstream = Upstream::start(channels).await.unwrap();
        let instances = [Instance::m3u_source("provider", &upstream, "/playlist.m3u"), Instance::m3u_output("m3u")];
        let host = TestHost::start(&instances);
        let line = host.add_line("anna", &["--max-connections", "20"]);
        Self { host, upstream, line }
    }

    /// The same with these `[tuner]` and `[hls]` settings.
    pub(crate) async fn start_with(settings: &str, channels: impl IntoIterator<Item = ChannelSpec>) -> Self {
        let upstream = Upstream::start(channels).await.unwrap();
        let instances = [Instance::m3u_source("provider", &upstream, "/playlist.m3u"), Instance::m3u_output("m3u")];
        let host = TestHost::start_with(settings, &instances);
        let line = host.add_line("anna", &["--max-connections", "20"]);
        Self { host, upstream, line }
    }

    /// The same with channels from the standard clip.
    pub(crate) async fn of_clips<const N: usize>(names: [&str; N]) -> Self {
        let clip = Clip::standard().unwrap();
        Self::start(names.map(|name| quick(name, &clip))).await
    }

    /// The playlist of the line, in HLS form.
    pub(crate) fn playlist_url(&self) -> String {
        let LineAccount { username, password, .. } = &self.line;
        self.host.url(&format!("/get.php?username={username}&password={password}&type=m3u_plus&output=hls"))
    }

    /// Ids by channel name, once there are `count`.
    pub(crate) async fn channels(&self, count: usize) -> BTreeMap<String, u32> {
        let url = self.playlist_url();
        eventually(&format!("{count} channels in the lineup"), async || {
            let (status, text) = get(&url).await;
            Some(ids(&text)).filter(|ids| status == 200 && ids.len() == count)
        })
        .await
    }

    /// The URL of a channel with the line's credentials.
    pub(crate) fn live(&self, id: u32, extension: &str) -> String {
        let LineAccount { username, password, .. } = &self.line;
        self.host.url(&format!("/live/{username}/{password}/{id}.{extension}"))
    }
}

/// Channel ids by name, from an M3U playlist.
pub(crate) fn ids(playlist: &str) -> BTreeMap<String, u32> {
    let mut ids = BTreeMap::new();
    let mut name = "";
    for line in playlist.lines() {
        if line.starts_with("#EXTINF") {
            name = line.rsplit_once(',').map_or("", |(_, name)| name.trim());
        } else if line.starts_with("http") {
            let file = line.rsplit('/').next().unwrap_or_default();
            let id = file.split('.').next().and_then(|id| id.parse().ok());
            ids.insert(name.to_owned(), id.unwrap_or_else(|| panic!("no channel id in {line}")));
        }
    }
    ids
}
