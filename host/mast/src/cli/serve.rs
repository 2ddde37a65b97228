//! `mast serve`.

use std::path::Path;

use super::Failure;
use crate::config::Config;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    super::logging::start(&config.log);
    raise_descriptors(config.limits.connections);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("internal", format!("no threads to run on: {error}")))?;
    let result = runtime.block_on(crate::app::serve(config));
    // `serve` has waited for its tasks; a blocking call that ignores its deadline does not hold the process.
    runtime.shutdown_background();
    // The whole chain, each cause once.
    result.map_err(|error| Failure::new("serve_failed", format!("{error:#}")))
}

/// What the host needs besides viewers' connections: the store, upstreams, workers' pipes, plugins.
const BESIDE_VIEWERS: u64 = 512;

/// Takes as many file descriptors as the system allows, and says where that is too few.
fn raise_descriptors(connections: usize) {
    match mast_ffmpeg::raise_descriptors() {
        Ok(reached) => {
            tracing::info!(limit = reached.now, before = reached.before, "file descriptors");
            if let Some(most) = too_few(connections, reached.now) {
                tracing::warn!(
                    limit = reached.now,
                    connections,
                    "the limit of file descriptors is too low for [limits] connections: raise it (LimitNOFILE= of a systemd unit, \
                     --ulimit nofile= of a container, \"hard nofile\" in limits.conf), or set connections to {most} at most"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "the limit of file descriptors could not be raised"),
    }
}

/// How many connections a limit is good for, where that is less than wanted.
fn too_few(connections: usize, limit: u64) -> Option<u64> {
    let most = limit.saturating_sub(BESIDE_VIEWERS).max(limit / 2);
    (connections as u64 > most).then_some(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_descriptors_do_not_allow_are_told() {
        for (connections, limit, most) in
            [(20_000, 1_048_576, None), (20_000, 20_512, None), (20_000, 20_511, Some(19_999)), (100, 64, Some(32))]
        {
            assert_eq!(too_few(connections, limit), most, "{connections} of {limit}");
        }
    }
}
