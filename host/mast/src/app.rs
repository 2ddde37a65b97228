//! The build order and the shutdown order of all rooms. No logic of its own.

use crate::config::Config;

/// Runs the host until it is told to stop.
pub async fn serve(_config: Config) -> anyhow::Result<()> {
    anyhow::bail!("the rooms are not built together yet")
}
