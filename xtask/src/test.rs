//! Everything CI runs.

use std::path::Path;

use crate::process::{cargo, run, succeeds};
use crate::say::{line, step};
use crate::{build, setup};

/// Runs all checks; the test runner's summary comes last.
pub(crate) fn test(workspace: &Path, filter: &[String]) -> anyhow::Result<()> {
    setup::setup(workspace, setup::For::Tests)?;
    step("formatting", || run(cargo(workspace).args(["fmt", "--all", "--check"])))?;
    build::plugins(workspace)?;
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
        return run(cargo(workspace).args(["nextest", "run", "--workspace"]).args(filter));
    }
    // Black-box tests start hosts and ffmpeg: two at once is what a small machine carries.
    run(cargo(workspace)
        .args(["test", "--workspace", "--tests", "--no-fail-fast"])
        .args(filter)
        .args(["--", "--test-threads=2"]))
}
