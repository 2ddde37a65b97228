//! Everything CI runs.

use std::num::NonZero;
use std::path::Path;

use crate::process::{cargo, run, succeeds};
use crate::say::{line, step};
use crate::{build, setup};

/// Runs all checks; the test runner's summary comes last.
pub(crate) fn test(workspace: &Path, filter: &[String]) -> anyhow::Result<()> {
    setup::setup(workspace, setup::For::Tests)?;
    step("formatting", || run(cargo(workspace).args(["fmt", "--all", "--check"])))?;
    build::plugins(workspace)?;
    // Also those of other systems: the tidy test looks at them all, without the network.
    step("dependencies", || run(cargo(workspace).args(["fetch", "--locked"])))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step("lints", || run(cargo(workspace).args(lints)))?;
    let has_nextest = succeeds(cargo(workspace).args(["nextest", "--version"]));
    if has_nextest {
        step("test binaries", || run(cargo(workspace).args(["nextest", "run", "--workspace", "--no-run"])))?;
    } else {
        line(
            "cargo-nextest is not installed: using `cargo test`, which is slower (`cargo install --locked cargo-nextest`)",
        );
        step("test binaries", || run(cargo(workspace).args(["test", "--workspace", "--no-run"])))?;
    }
    step("examples in documentation", || run(cargo(workspace).args(["test", "--workspace", "--doc", "--quiet"])))?;
    line("==> tests");
    if has_nextest {
        // Two more than there are cores: the soak and the players mostly wait, and .config/nextest.toml keeps each of them to one.
        let threads = std::thread::available_parallelism().map_or(2, NonZero::get) + 2;
        let threads = format!("--test-threads={threads}");
        return run(cargo(workspace).args(["nextest", "run", "--workspace", &threads]).args(filter));
    }
    // Black-box tests start hosts and ffmpeg: two at once is what a small machine carries.
    run(cargo(workspace)
        .args(["test", "--workspace", "--tests", "--no-fail-fast"])
        .args(filter)
        .args(["--", "--test-threads=2"]))
}
