//! The bundled plugins and the host.

use std::path::{Path, PathBuf};

use crate::process::{cargo, run};
use crate::say::{line, step};

/// Builds the plugins, then the host, which carries them.
pub(crate) fn build(workspace: &Path, release: bool) -> anyhow::Result<()> {
    plugins(workspace)?;
    step("host", || {
        // Always the whole workspace: cargo unifies the features of what it builds together, and another selection would
        // compile the large dependencies a second time.
        let mut command = cargo(workspace);
        command.args(["build", "--workspace"]);
        if release {
            command.arg("--release");
        }
        run(&mut command)
    })?;
    line(&format!("built {}", binary(workspace, if release { "release" } else { "debug" }, "mast").display()));
    Ok(())
}

/// Builds the bundled plugins into `target/plugins`.
pub(crate) fn plugins(workspace: &Path) -> anyhow::Result<()> {
    step("bundled plugins", || {
        mast_plugin_build::build_bundled(workspace, &mut |text| line(&format!("    {text}")))?;
        Ok(())
    })
}

/// Builds one plugin, of this workspace or any other.
pub(crate) fn plugin(dir: &Path, out: &Path) -> anyhow::Result<()> {
    let path = mast_plugin_build::build_plugin(dir, out, &mut |text| line(text))?;
    line(&format!("built {}", path.display()));
    Ok(())
}

/// Where cargo puts a binary.
pub(crate) fn binary(workspace: &Path, profile: &str, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    workspace.join(target).join(profile).join(name)
}
