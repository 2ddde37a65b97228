//! The soak test for as long as one likes; the tests run it for a minute.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::process::{cargo, run};
use crate::{build, setup};

/// How long, and which.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// To repeat a run that failed: the seed that it named. Another one each time where this is off.
    #[arg(long)]
    seed: Option<u64>,
}

/// Builds the host and the test, and runs it. Not with nextest, which would end it for taking too long.
pub(crate) fn soak(workspace: &Path, options: &Options) -> anyhow::Result<()> {
    setup::setup(workspace, setup::For::Running)?;
    build::build(workspace, false)?;
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seed = options.seed.unwrap_or_else(clock);
    run(cargo(workspace)
        .args(["test", "--workspace", "--test", "soak", "--", "--nocapture"])
        .env("MAST_SOAK_MINUTES", options.minutes.to_string())
        .env("MAST_SOAK_SEED", seed.to_string()))
}
