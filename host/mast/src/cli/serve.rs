//! `mast serve`.

use std::path::Path;

use super::Failure;
use crate::config::Config;

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    super::logging::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("internal", format!("no threads to run on: {error}")))?;
    let result = runtime.block_on(crate::app::serve(config));
    // `serve` has waited for its tasks; a blocking call that ignores its deadline does not hold the process.
    runtime.shutdown_background();
    // The whole chain, each cause once.
    result.map_err(|error| Failure::new("serve_failed", format!("{error:#}")))
}
