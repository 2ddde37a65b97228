//! The benchmarks: the optimised host against its peers, in the same run.

use std::path::Path;
use std::process::Command;

use crate::process::run;
use crate::{build, setup};

/// Builds what is measured and what measures, and runs it.
pub(crate) fn bench(workspace: &Path, names: &[String], json: bool, guide_size: u64) -> anyhow::Result<()> {
    setup::setup(workspace, setup::For::Benchmarks)?;
    build::build(workspace, true)?;
    let mut command = Command::new(build::binary(workspace, "release", "mast-bench"));
    command.arg("--mast").arg(build::binary(workspace, "release", "mast")).args(names);
    command.arg("--guide-size").arg(guide_size.to_string());
    if json {
        command.arg("--json");
    }
    run(&mut command)
}
