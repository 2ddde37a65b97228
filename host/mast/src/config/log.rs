//! `[log]`.

use super::reader::Section;

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `level`: a tracing filter, for example `debug` or `info,mast::tuner=debug`; default `info`.
    pub level: String,
    /// `format`: `text` (default) or `json`, one object a line.
    pub json: bool,
}

impl LogConfig {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let level: String = section.or("level", "info".to_owned());
        if tracing_subscriber::EnvFilter::try_new(&level).is_err() {
            section.problem(
                "level",
                "expected error, warn, info, debug, trace or a filter like \"info,mast::tuner=debug\"",
            );
        }
        Self { level, json: section.choice("format", false, &[("text", false), ("json", true)]) }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Section::defaults(Self::read)
    }
}
