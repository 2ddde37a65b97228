//! Configuration: raw (unknown keys refused) -> validated -> built. Every problem is reported together, with key path and value.
//! Each room owns its part (`<room>/config.rs`); this room owns reading, the problem list and the environment overrides.
//!
//! `examples/mast.example.toml` shows every key.

mod log;
mod problem;
pub(crate) mod reader;
mod setting;
#[cfg(test)]
mod tests;
mod value;

pub use log::LogConfig;
pub use problem::{Problem, Problems};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mast_model::ChannelId;

use crate::admin::config::RetentionConfig;
use crate::catalog::config::{BouquetConfig, CatalogConfig};
use crate::delivery::config::{HttpConfig, LimitsConfig, TlsConfig};
use crate::discovery::config::DiscoveryConfig;
use crate::extensions::config::PluginsConfig;
use crate::guide::config::GuideConfig;
use crate::operators::config::OidcConfig;
use crate::tuner::config::{ChannelConfig, FfmpegConfig, HlsConfig, PlayoutConfig, TunerConfig};
use reader::{Reader, Section};

/// `mast.toml`, validated, with absolute paths.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[http]`
    pub http: HttpConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[tls]`; none where it has no `listen`.
    pub tls: Option<TlsConfig>,
    /// `[data] dir`: where the store, the AOT cache and the control socket live; default `data` beside `mast.toml`.
    pub data_dir: PathBuf,
    /// `[plugins]` and `[secrets]`
    pub plugins: PluginsConfig,
    /// `[tuner]`
    pub tuner: TunerConfig,
    /// `[hls]`
    pub hls: HlsConfig,
    /// `[ffmpeg]`, `[profile.NAME]` and `[ladder.NAME]`
    pub ffmpeg: FfmpegConfig,
    /// `[channel.ID]`
    pub channels: BTreeMap<ChannelId, ChannelConfig>,
    /// `[playout.NAME]`
    pub playouts: BTreeMap<String, PlayoutConfig>,
    /// `[catalog]`
    pub catalog: CatalogConfig,
    /// `[bouquet.NAME]`
    pub bouquets: Vec<BouquetConfig>,
    /// `[oidc]`; none where it has no `issuer`.
    pub oidc: Option<OidcConfig>,
    /// `[discovery]`; none where nothing of it is on.
    pub discovery: Option<DiscoveryConfig>,
    /// `[guide]`
    pub guide: GuideConfig,
    /// `[retention]`
    pub retention: RetentionConfig,
    /// `[log]`
    pub log: LogConfig,
}

impl Config {
    /// Reads a file and the process's environment: `MAST__HTTP__LISTEN=...` overrides `listen` in `[http]`, lists are separated
    /// by commas.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let (config, problems) = Self::load_leniently(path, environment());
        config.filter(|_| problems.0.is_empty()).ok_or(problems)
    }

    /// As far as it can be read, for whoever looks for problems elsewhere too; nothing where the file is not TOML. What was a
    /// problem has its default.
    pub(crate) fn load_leniently(path: &Path, environment: BTreeMap<String, String>) -> (Option<Self>, Problems) {
        let mut table = match parse_file(path) {
            Ok(table) => table,
            Err(problems) => return (None, problems),
        };
        value::overlay(&mut table, &environment);
        let (config, problems) = Reader::new(path, environment).read_leniently(&table, Self::read);
        (Some(config), problems)
    }

    fn read(root: &Section<'_>) -> Self {
        let ffmpeg = FfmpegConfig::read(root);
        let mut plugins = PluginsConfig::read(&root.section("plugins"), &root.section("secrets"));
        plugins.profiles = ffmpeg.outputs.keys().cloned().collect();
        let data = root.section("data");
        let http = HttpConfig::read(&root.section("http"));
        Self {
            oidc: OidcConfig::read(&root.section("oidc"), http.public_url.as_deref(), &plugins.secrets),
            discovery: DiscoveryConfig::read(&root.section("discovery"), http.public_url.as_deref()),
            http,
            limits: LimitsConfig::read(&root.section("limits")),
            tls: TlsConfig::read(&root.section("tls")),
            data_dir: data.optional_path("dir").unwrap_or_else(|| data.absolute("data")),
            plugins,
            tuner: TunerConfig::read(&root.section("tuner")),
            hls: HlsConfig::read(&root.section("hls")),
            channels: ChannelConfig::read_all(&root.section("channel"), &ffmpeg),
            ffmpeg,
            playouts: PlayoutConfig::read_all(&root.section("playout")),
            catalog: CatalogConfig::read(&root.section("catalog")),
            bouquets: BouquetConfig::read_all(&root.section("bouquet")),
            guide: GuideConfig::read(&root.section("guide")),
            retention: RetentionConfig::read(&root.section("retention")),
            log: LogConfig::read(&root.section("log")),
        }
    }
}

/// The process's environment; what is not Unicode cannot name a setting.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A configuration file as a tree of values, or the problems with its syntax.
pub(crate) fn parse_file(path: &Path) -> Result<value::Table, Problems> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "is not a text file in UTF-8".to_owned(),
            _ => format!("could not be read: {error}"),
        };
        Problem::of_file(path, message)
    })?;
    value::parse(&text, path)
}

/// A text as such a tree.
#[cfg(test)]
pub(crate) fn parse_text(text: &str, path: &Path) -> Result<value::Table, Problems> {
    value::parse(text, path)
}
