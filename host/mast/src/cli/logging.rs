//! Where tracing goes: standard error, as text or as one JSON object a line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// Starts logging for the rest of the process.
pub(super) fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.level).expect("the configuration's reader has tried it");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (in a test) keeps the first.
    let _ = if config.json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
}
