//! A host under measurement: its folder, its process, one line, and a player's first steps.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::process::{Child, Command};

use crate::process::{MEASURED, pinned_to};

/// The longest wait for anything in a benchmark.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The line that every host has.
pub(crate) const LINE: &str = "bench";
/// Of every line.
pub(crate) const PASSWORD: &str = "bench-pass";

/// A running host; ended on drop.
pub(crate) struct Host {
    child: Child,
    base: String,
    http: reqwest::Client,
    folder: tempfile::TempDir,
}

/// A port that is free now. Another process could take it in between; then the benchmark fails and says so.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Host {
    /// Starts a host whose channels come from the playlist at `playlist` (on loopback), with `[hls]` and `[tuner]`
    /// settings added as given.
    pub(crate) async fn start(mast: &Path, playlist: &str, settings: &str) -> anyhow::Result<Self> {
        Self::start_with(mast, playlist, &[origin(playlist)?], settings).await
    }

    /// Starts a host whose channels come from these origins.
    pub(crate) async fn start_with(
        mast: &Path,
        playlist: &str,
        origins: &[String],
        settings: &str,
    ) -> anyhow::Result<Self> {
        Self::start_pinned(&MEASURED.to_string(), mast, playlist, origins, settings).await
    }

    /// The same as [`Host::start`] on other cores.
    pub(crate) async fn start_on(cores: &str, mast: &Path, playlist: &str, settings: &str) -> anyhow::Result<Self> {
        Self::start_pinned(cores, mast, playlist, &[origin(playlist)?], settings).await
    }

    async fn start_pinned(
        cores: &str,
        mast: &Path,
        playlist: &str,
        origins: &[String],
        settings: &str,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let config = folder.path().join("mast.toml");
        std::fs::write(&config, format!("[http]\nlisten = \"127.0.0.1:{port}\"\n{settings}"))?;
        let instances = folder.path().join("plugins.d");
        std::fs::create_dir(&instances)?;
        std::fs::write(
            instances.join("bench.toml"),
            format!(
                "kind = \"source\"\nplugin = \"source-m3u\"\n[config]\nurl = \"{playlist}\"\n[grant]\n\
                 http = [\"{}\"]\nupstream = {origins:?}\nnet_allow_private = [\"127.0.0.0/8\"]\n",
                origin(playlist)?
            ),
        )?;
        std::fs::write(instances.join("m3u.toml"), "kind = \"output\"\nplugin = \"output-m3u\"\n")?;
        add_line(mast, &config, LINE, 10_000).await?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let child = pinned_to(cores, mast)
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting mast under taskset")?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let host = Self { child, base: format!("http://127.0.0.1:{port}"), http, folder };
        host.wait_for_lineup().await?;
        Ok(host)
    }

    /// Adds a plugin instance while the host runs.
    pub(crate) fn add_instance(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.folder.path().join("plugins.d").join(name).with_extension("toml");
        Ok(std::fs::write(path, content)?)
    }

    /// Adds a line while the host runs, with [`PASSWORD`].
    pub(crate) async fn add_line(&self, mast: &Path, username: &str, connections: usize) -> anyhow::Result<()> {
        add_line(mast, &self.folder.path().join("mast.toml"), username, connections).await
    }

    /// A key to its API.
    pub(crate) async fn api_key(&self, mast: &Path) -> anyhow::Result<String> {
        let config = self.folder.path().join("mast.toml");
        let owner = ["operator", "add", "--username", "owner", "--password", PASSWORD, "--role", "owner"];
        ask(mast, &config, &owner).await?;
        Ok(ask(mast, &config, &["apikey", "create", "--operator", "owner"]).await?.trim().to_owned())
    }

    /// The process to measure (taskset replaces itself by the program).
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("mast has ended")
    }

    /// An absolute URL.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn wait_for_lineup(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(names) = self.channels().await
                && !names.is_empty()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("the host has no lineup after {PATIENCE:?}; its log:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// HLS paths of all channels, in lineup order.
    pub(crate) async fn channels(&self) -> anyhow::Result<Vec<String>> {
        let list = self.text("/get.php?username=bench&password=bench-pass&type=m3u&output=hls").await?;
        Ok(list.lines().filter_map(|line| line.strip_prefix(&self.base)).map(str::to_owned).collect())
    }

    /// The body of a path, which must answer 200.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(String::from_utf8(self.bytes(path).await?)?)
    }

    /// The body of a path, which must answer 200.
    pub(crate) async fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let response = self.http.get(self.at(path)).send().await?;
        let status = response.status();
        let body = response.bytes().await?;
        ensure!(
            status.is_success(),
            "{path} answered {status}: {}",
            String::from_utf8_lossy(&body[..body.len().min(200)])
        );
        Ok(body.to_vec())
    }

    /// What a player does first: the multivariant playlist of a channel, its media playlist's path, the segments' paths.
    pub(crate) async fn tune(&self, channel: &str) -> anyhow::Result<(String, Vec<String>)> {
        let multivariant = self.text(channel).await?;
        let variant = uris(&multivariant).next().context("the multivariant playlist has no variant")?;
        let media_path = join(channel, variant);
        let media = self.text(&media_path).await?;
        let segments = uris(&media).map(|uri| join(&media_path, uri)).collect();
        Ok((media_path, segments))
    }
}

async fn add_line(mast: &Path, config: &Path, username: &str, connections: usize) -> anyhow::Result<()> {
    let connections = connections.to_string();
    let line = ["line", "add", "--username", username, "--password", PASSWORD, "--max-connections", &connections];
    ask(mast, config, &line).await.map(drop)
}

/// What a command prints.
async fn ask(mast: &Path, config: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(mast).args(arguments).arg("--config").arg(config).output().await?;
    ensure!(done.status.success(), "mast {}: {}", arguments[0], String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?)
}

/// The URIs of a playlist.
pub(crate) fn uris(playlist: &str) -> impl Iterator<Item = &str> {
    playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A URI relative to the path it was found at; absolute paths stay.
pub(crate) fn join(base: &str, uri: &str) -> String {
    if uri.starts_with('/') {
        return uri.to_owned();
    }
    let folder = base.split('?').next().unwrap_or(base).rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{uri}")
}

/// Scheme, host and port of a URL.
pub(crate) fn origin(url: &str) -> anyhow::Result<String> {
    Ok(reqwest::Url::parse(url)?.origin().ascii_serialization())
}

/// Where a scratch file for `name` goes.
pub(crate) fn scratch(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}
