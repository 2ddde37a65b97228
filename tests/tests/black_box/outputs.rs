//! Devices and providers: every output as a device's own software reads it, every source against somebody else's panel and against ourselves.

mod bad_input;
mod chain;
mod clients;
mod portal;

use mast_tests::{Instance, LineAccount, TestHost, client, eventually};
use mast_upstream::{Clip, Text, Upstream};
use serde_json::Value;

use crate::scene::quick;

pub(crate) const MOVIE: &[u8] = b"a film in all but the pictures, long enough to have a middle and an end";

/// A host with every output, two channels, a movie and a series, and a line for which a box is known.
pub(crate) struct Studio {
    // Dropped first: its shutdown is part of what is tested.
    pub(crate) host: TestHost,
    _upstream: Upstream,
    pub(crate) line: LineAccount,
}

pub(crate) const MAC: &str = "00:1a:79:00:00:01";

/// Instances of every output.
pub(crate) fn outputs() -> Vec<Instance> {
    let plain = ["output-m3u", "output-xtream", "output-enigma2", "output-hdhomerun", "output-json", "output-xmltv"];
    let mut all: Vec<Instance> = plain
        .iter()
        .map(|plugin| {
            let name = plugin.trim_start_matches("output-");
            Instance::new(name, format!("kind = \"output\"\nplugin = \"{plugin}\"\n"))
        })
        .collect();
    let portal = "kind = \"output\"\nplugin = \"output-mag\"\n[grant]\nkv = \"8MiB\"\ndevices = true\n";
    all.push(Instance::new("mag", portal));
    all
}

/// The playlist of a provider: names that have to survive every format.
fn playlist(upstream: &Upstream) -> String {
    let (one, two) = (upstream.url("one"), upstream.url("two"));
    let vod = |path: &str| upstream.at(path);
    format!(
        "#EXTM3U\n\
         #EXTINF:-1 tvg-id=\"one.example\" tvg-chno=\"7\" tvg-logo=\"http://logos.example/1.png\" group-title=\"News & <Talk>\",One \u{1f4fa} 'n' all\n{one}\n\
         #EXTINF:-1 tvg-id=\"two.example\" tvg-chno=\"9\" group-title=\"Sport\",Two; rm -rf $(x)\n{two}\n\
         #EXTINF:-1 group-title=\"Drama\",The Film (2020)\n{}\n\
         #EXTINF:-1 group-title=\"Crime\",The Show S01E01\n{}\n\
         #EXTINF:-1 group-title=\"Crime\",The Show S01E02\n{}\n",
        vod("/movie/u/p/501.mp4"),
        vod("/series/u/p/601.mp4"),
        vod("/series/u/p/602.mp4"),
    )
}

impl Studio {
    pub(crate) async fn open() -> Self {
        Self::open_with("").await
    }

    /// The same with settings for the host.
    pub(crate) async fn open_with(settings: &str) -> Self {
        let clip = Clip::standard().unwrap();
        let upstream = Upstream::start([quick("one", &clip), quick("two", &clip)]).await.unwrap();
        for path in ["/movie/u/p/501.mp4", "/series/u/p/601.mp4", "/series/u/p/602.mp4"] {
            upstream.set_text(path, Text::new("video/mp4", MOVIE));
        }
        upstream.set_text("/playlist.m3u", Text::m3u(playlist(&upstream)));
        let mut instances = outputs();
        instances.push(Instance::m3u_source("provider", &upstream, "/playlist.m3u"));
        let tuner = "[tuner]\nidle_timeout = \"1s\"\nstart_timeout = \"15s\"\n[hls]\nsegment_duration = \"1s\"\n";
        let host = TestHost::start_with(&format!("{tuner}{settings}"), &instances);
        let line = host.add_line("anna", &["--max-connections", "3", "--mac", MAC]);
        let studio = Self { host, _upstream: upstream, line };
        library(&studio.host, &studio.line, (2, 1, 1)).await;
        studio
    }

    /// A path with the line's credentials in its query.
    pub(crate) fn with_credentials(&self, path: &str, more: &str) -> String {
        let LineAccount { username, password, .. } = &self.line;
        self.host.url(&format!("{path}?username={username}&password={password}{more}"))
    }
}

/// What an app sees of a line, through `output-json`.
pub(crate) async fn app(host: &TestHost, line: &LineAccount, path: &str) -> Value {
    let bearer = format!("Bearer {}", line.token);
    let response =
        client().get(host.url(&format!("/app/v1/{path}"))).header("authorization", bearer).send().await.unwrap();
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
}

/// Channels, movies and series of a line, once there are so many.
pub(crate) async fn library(host: &TestHost, line: &LineAccount, counts: (usize, usize, usize)) -> [Vec<Value>; 3] {
    eventually(&format!("{counts:?} channels, movies and series"), async || {
        let mut found = [const { Vec::new() }; 3];
        for (list, path) in found.iter_mut().zip(["channels", "movies", "series"]) {
            let page = app(host, line, path).await;
            *list = page[path].as_array()?.clone();
        }
        (found.each_ref().map(Vec::len) == [counts.0, counts.1, counts.2]).then_some(found)
    })
    .await
}

/// One text field of every record.
pub(crate) fn field(records: &[Value], name: &str) -> Vec<String> {
    records.iter().map(|record| record[name].as_str().map_or_else(|| record[name].to_string(), str::to_owned)).collect()
}
