//! A host with a lineup that the guide's channels belong to, and its imports.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use mast_upstream::{ChannelSpec, Clip, GuideSpec, Text, Upstream};
use serde_json::Value;

use crate::host::Host;
use crate::process::{EVERY, cpu_seconds, forget_peak_memory, peak_memory_of};

/// The longest that an import may take.
const IMPORT: Duration = Duration::from_secs(600);
/// Between two looks at how an import goes.
const LOOK: Duration = Duration::from_millis(20);

/// A host, its upstream, and a key to its API.
pub(super) struct Subject {
    pub(super) host: Host,
    upstream: Upstream,
    http: reqwest::Client,
    key: String,
}

/// What an import took.
pub(super) struct Import {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    /// Bytes.
    pub(super) peak_memory: f64,
}

impl Subject {
    /// `tags`: guide ids of the lineup's channels.
    pub(super) async fn start(mast: &Path, tags: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let upstream = Upstream::start([ChannelSpec::clip("c", &Clip::standard()?)]).await?;
        let (mut playlist, url) = (String::from("#EXTM3U\n"), upstream.url("c"));
        for (number, tag) in tags.enumerate() {
            writeln!(playlist, "#EXTINF:-1 tvg-id=\"{tag}\",Channel {number}\n{url}?{number}")?;
        }
        upstream.set_text("/all.m3u", Text::m3u(playlist));
        let host = Host::start_on(EVERY, mast, &upstream.at("/all.m3u"), "").await?;
        let key = host.api_key(mast).await?;
        Ok(Self { host, upstream, http: reqwest::Client::builder().no_proxy().build()?, key })
    }

    pub(super) async fn shutdown(self) {
        drop(self.host);
        self.upstream.shutdown().await;
    }

    /// Adds a guide from a file and waits until it is committed.
    pub(super) async fn add_guide(&self, name: &str, file: &Path) -> anyhow::Result<Import> {
        let path = file.to_str().context("a temporary folder that is not named in Unicode")?;
        self.host.add_instance(
            name,
            &format!(
                "kind = \"epg\"\nplugin = \"epg-xmltv\"\n[config]\npath = {path:?}\n[grant]\nfiles = [{path:?}]\n\
                 [limits]\ninput = \"64GiB\"\ncall = \"600s\"\n"
            ),
        )?;
        self.imported(name, None).await
    }

    /// Touches the guide's file, so that it is imported again.
    pub(super) async fn import_again(&self, name: &str, file: &Path) -> anyhow::Result<Import> {
        let before = self.guide(name).await?["imported"].as_str().map(str::to_owned);
        std::fs::File::options().append(true).open(file)?.set_modified(SystemTime::now())?;
        self.imported(name, before).await
    }

    /// From the moment at which an import of the guide is seen to go on until another one than `before` is there.
    async fn imported(&self, name: &str, before: Option<String>) -> anyhow::Result<Import> {
        let (asked, pid) = (Instant::now(), self.host.pid()?);
        let mut began: Option<(Instant, f64)> = None;
        loop {
            let guide = self.guide(name).await?;
            if guide["state"]
                .as_str()
                .is_some_and(|state| matches!(state, "queued" | "fetching" | "reading" | "storing"))
                && began.is_none()
            {
                forget_peak_memory(pid)?;
                began = Some((Instant::now(), cpu_seconds(pid)?));
            }
            let imported = guide["imported"].as_str();
            if imported.is_some() && imported != before.as_deref() {
                let (began, cpu) = began.context("the import was over before it was seen; take a larger guide")?;
                return Ok(Import {
                    seconds: began.elapsed().as_secs_f64(),
                    cpu_seconds: cpu_seconds(pid)? - cpu,
                    peak_memory: peak_memory_of(pid)?,
                });
            }
            if asked.elapsed() > IMPORT || guide["error"].is_string() {
                bail!("{name} was not imported: {guide}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How a guide is doing; null where it is not known yet.
    async fn guide(&self, name: &str) -> anyhow::Result<Value> {
        let response = self.get(&format!("/api/v1/guides/{name}")).await?;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&response.error_for_status()?.bytes().await?)?)
    }

    /// Asks the API.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        Ok(self.http.get(self.host.at(path)).bearer_auth(&self.key).send().await?)
    }
}

/// A guide of about `megabytes` that began a day ago, written to a file. How many programmes it has.
pub(super) fn write_guide(file: &Path, channels: u32, megabytes: u64) -> anyhow::Result<u64> {
    let folder = file.parent().context("a file in a folder")?;
    let free = crate::process::free_space(folder)?;
    // The store and the peer's database take as much again.
    let needed = megabytes * 3 * 1_000_000;
    anyhow::ensure!(
        free > needed,
        "{} has {} MB free, and {} are needed; see --guide-size",
        folder.display(),
        free / 1_000_000,
        needed / 1_000_000
    );
    let day = 86_400;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let spec =
        GuideSpec { channels, start: now / day * day - day, ..GuideSpec::default() }.sized(megabytes * 1_000_000);
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    let written = spec.write(&mut out)?;
    std::io::Write::flush(&mut out)?;
    Ok(written.programmes)
}
