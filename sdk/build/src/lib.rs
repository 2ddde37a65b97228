//! Compiles plugin crates to WebAssembly components: picks a toolchain, runs cargo for `wasm32-unknown-unknown`, turns the core
//! modules into components and checks that each carries a manifest. Used by `cargo xtask` and `mast plugin build`.
//!
//! It is a tool, never a part of the serving host: it starts processes and blocks.

mod cargo;
mod component;
pub mod contract;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub use component::{MANIFEST_SECTION, manifest_section};
pub use toolchain::{NoToolchain, Toolchain};

/// Stack of a plugin, in bytes. Small, because the hot engine keeps many instances and touches each one's stack; the linker
/// places it first, so that overrunning it traps instead of overwriting memory.
pub const GUEST_STACK: u32 = 64 * 1024;

/// Bundled plugins live in this folder of the workspace, one crate each; the crate's name is the plugin's id.
const BUNDLED: &str = "plugins";

/// Receives one line per step, for a person to read. Cargo's own output goes to stderr as it is.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// Builds the plugin in `crate_dir` and writes `<crate name>.wasm` into `out_dir`, only where its content changed. Answers the
/// file's path.
pub fn build_plugin(crate_dir: &Path, out_dir: &Path, progress: Progress<'_>) -> Result<PathBuf> {
    let package = cargo::package_in(crate_dir)?;
    let target_dir = package.target_dir.join("plugins-build");
    let toolchain = Toolchain::pick(&target_dir, progress)?;
    progress(&toolchain.to_string());
    let modules =
        cargo::build(&toolchain, crate_dir, &target_dir, std::slice::from_ref(&package.name), cargo::Profile::Own)?;
    let module = modules.first().with_context(|| {
        format!("{} makes no WebAssembly module: its Cargo.toml needs [lib] crate-type = [\"cdylib\"]", package.name)
    })?;
    write_component(module, &package.name, out_dir, progress)
}

/// Builds every crate in `plugins/` of the workspace with one run of cargo and writes `target/plugins/<id>.wasm`, only where the
/// content changed. Answers the files' paths, sorted by id.
pub fn build_bundled(workspace: &Path, progress: Progress<'_>) -> Result<Vec<PathBuf>> {
    let ids = bundled_ids(workspace)?;
    let target_dir = workspace.join("target/plugins-build");
    let toolchain = Toolchain::pick(&target_dir, progress)?;
    progress(&toolchain.to_string());
    let modules = cargo::build(&toolchain, workspace, &target_dir, &ids, cargo::Profile::Workspace)?;
    let out_dir = workspace.join("target/plugins");
    let mut built = Vec::with_capacity(ids.len());
    for id in &ids {
        let file_name = cargo::module_name(id);
        let module =
            modules.iter().find(|path| path.file_name().is_some_and(|name| name == file_name.as_str())).with_context(
                || format!("plugins/{id} makes no {file_name}: its Cargo.toml needs [lib] crate-type = [\"cdylib\"]"),
            )?;
        built.push(write_component(module, id, &out_dir, progress)?);
    }
    Ok(built)
}

/// The ids of the plugins in `plugins/`, sorted.
pub fn bundled_ids(workspace: &Path) -> Result<Vec<String>> {
    let dir = workspace.join(BUNDLED);
    let entries =
        std::fs::read_dir(&dir).with_context(|| format!("cannot list the bundled plugins in {}", dir.display()))?;
    let mut ids = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            let name = entry.file_name();
            ids.push(name.to_str().with_context(|| format!("{name:?} is not a plugin id"))?.to_owned());
        }
    }
    if ids.is_empty() {
        bail!("no plugin crate in {}", dir.display());
    }
    ids.sort();
    Ok(ids)
}

fn write_component(module: &Path, id: &str, out_dir: &Path, progress: Progress<'_>) -> Result<PathBuf> {
    let bytes = std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = component::encode(&bytes, id)?;
    let path = out_dir.join(format!("{id}.wasm"));
    if std::fs::read(&path).is_ok_and(|old| old == component) {
        return Ok(path);
    }
    std::fs::create_dir_all(out_dir).with_context(|| format!("cannot create {}", out_dir.display()))?;
    // Written beside and renamed: a host that watches the folder never sees half a component.
    let staged = out_dir.join(format!(".{id}.wasm.{}", std::process::id()));
    std::fs::write(&staged, &component).with_context(|| format!("cannot write {}", staged.display()))?;
    std::fs::rename(&staged, &path).with_context(|| format!("cannot write {}", path.display()))?;
    progress(&format!("{} ({} KiB)", path.display(), component.len().div_ceil(1024)));
    Ok(path)
}
