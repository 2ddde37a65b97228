//! Many channels on upstreams that are out of step: keyframes of different channels do not come at the same moment.

use std::sync::Arc;
use std::time::Duration;

use mast_upstream::{ChannelSpec, Clip, Text, Upstream};

use crate::host::origin;

/// Upstreams that the channels are spread over.
const UPSTREAMS: usize = 20;
/// Where the playlist of all channels is.
const PLAYLIST: &str = "/all.m3u";

/// Running upstreams.
pub(crate) struct Fleet {
    upstreams: Vec<Upstream>,
    urls: Vec<String>,
}

impl Fleet {
    /// Starts channels that all play the clip, whose keyframes are `gop` apart, and burst this much to a new client.
    pub(crate) async fn start(
        channels: usize,
        clip: &Arc<Clip>,
        gop: Duration,
        burst: Duration,
    ) -> anyhow::Result<Self> {
        let (mut upstreams, mut urls) = (Vec::new(), Vec::new());
        for at in 0..UPSTREAMS {
            let names: Vec<String> = (at..channels).step_by(UPSTREAMS).map(|number| format!("c{number}")).collect();
            let upstream = Upstream::start(names.iter().map(|name| ChannelSpec::clip(name, clip).burst(burst))).await?;
            urls.extend(names.iter().map(|name| upstream.url(name)));
            upstreams.push(upstream);
            tokio::time::sleep(gop / UPSTREAMS as u32).await;
        }
        let entries = urls.iter().enumerate().map(|(at, url)| format!("#EXTINF:-1 tvg-id=\"c{at}\",c{at}\n{url}\n"));
        upstreams[0].set_text(PLAYLIST, Text::m3u(format!("#EXTM3U\n{}", entries.collect::<String>())));
        Ok(Self { upstreams, urls })
    }

    /// The playlist of all channels.
    pub(crate) fn playlist(&self) -> String {
        self.upstreams[0].at(PLAYLIST)
    }

    /// What a source must be granted.
    pub(crate) fn origins(&self) -> anyhow::Result<Vec<String>> {
        self.upstreams.iter().map(|upstream| origin(&upstream.at("/"))).collect()
    }

    /// The channels' URLs.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Ends all.
    pub(crate) async fn shutdown(self) {
        for upstream in self.upstreams {
            upstream.shutdown().await;
        }
    }
}
