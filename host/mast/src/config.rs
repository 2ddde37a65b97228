//! Configuration: raw (unknown keys refused) -> validated -> built. Every problem is reported together, with key path and value.
//! Each room owns its part (`<room>/config.rs`); this room owns reading, the problem list and the environment overrides.

use std::path::PathBuf;

use crate::catalog::config::BouquetConfig;
use crate::delivery::config::{HttpConfig, LimitsConfig};
use crate::extensions::config::PluginsConfig;
use crate::tuner::config::{HlsConfig, TunerConfig};

/// `mast.toml`, validated, with absolute paths.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[http]`
    pub http: HttpConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[data] dir`
    pub data_dir: PathBuf,
    /// `[plugins]` and `[secrets]`
    pub plugins: PluginsConfig,
    /// `[tuner]`
    pub tuner: TunerConfig,
    /// `[hls]`
    pub hls: HlsConfig,
    /// `[bouquet.NAME]`
    pub bouquets: Vec<BouquetConfig>,
    /// `[log]`
    pub log: LogConfig,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `level`: a tracing filter, default `info`.
    pub level: String,
    /// `format`: `text` (default) or `json`.
    pub json: bool,
}
