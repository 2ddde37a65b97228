//! Running cargo for the wasm target.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, MetadataCommand};

use crate::GUEST_STACK;
use crate::toolchain::{TARGET, Toolchain};

/// Where the settings of the `plugin` profile come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The workspace defines it.
    Workspace,
    /// It is given on the command line: a third party's workspace need not know it.
    Own,
}

/// The profile of bundled plugins, for workspaces that do not define one.
const PROFILE: [&str; 7] = [
    "profile.plugin.inherits='release'",
    "profile.plugin.opt-level=3",
    "profile.plugin.lto='fat'",
    "profile.plugin.codegen-units=1",
    "profile.plugin.panic='abort'",
    "profile.plugin.debug=false",
    "profile.plugin.strip='debuginfo'",
];

pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) target_dir: PathBuf,
}

/// The package whose manifest is `crate_dir/Cargo.toml`.
pub(crate) fn package_in(crate_dir: &Path) -> Result<Package> {
    let manifest = crate_dir.join("Cargo.toml");
    let manifest = manifest
        .canonicalize()
        .with_context(|| format!("no plugin crate in {}: cannot find Cargo.toml", crate_dir.display()))?;
    let metadata = MetadataCommand::new()
        .manifest_path(&manifest)
        .no_deps()
        .exec()
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.manifest_path.as_std_path() == manifest)
        .with_context(|| format!("{} is a workspace without a package of its own", manifest.display()))?;
    Ok(Package { name: package.name.to_string(), target_dir: metadata.target_directory.clone().into_std_path_buf() })
}

/// The file name of a crate's module.
pub(crate) fn module_name(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

/// Builds `packages` with one run of cargo and answers the paths of the core modules.
pub(crate) fn build(
    toolchain: &Toolchain,
    dir: &Path,
    target_dir: &Path,
    packages: &[String],
    profile: Profile,
) -> Result<Vec<PathBuf>> {
    let mut command = Command::new("cargo");
    clear_outer_cargo(&mut command);
    command
        .current_dir(dir)
        .args(["build", "--lib", "--profile", "plugin", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target_dir)
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
            format!("-Clink-arg=-zstack-size={GUEST_STACK} -Ctarget-feature=+simd128"),
        )
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    for package in packages {
        command.args(["-p", package]);
    }
    if profile == Profile::Own {
        PROFILE.iter().for_each(|setting| {
            command.args(["--config", setting]);
        });
    }
    toolchain.apply(&mut command);
    let output = command.output().context("cannot start cargo; is it on the PATH?")?;
    if !output.status.success() {
        bail!("cargo could not build {} for {TARGET} (see above)", packages.join(", "));
    }
    modules(&output.stdout)
}

fn modules(stdout: &[u8]) -> Result<Vec<PathBuf>> {
    let mut modules = Vec::new();
    for message in Message::parse_stream(stdout) {
        if let Message::CompilerArtifact(artifact) = message.context("cannot read cargo's messages")? {
            let files = artifact.filenames.into_iter().filter(|file| file.extension() == Some("wasm"));
            modules.extend(files.map(|file| file.into_std_path_buf()));
        }
    }
    Ok(modules)
}

/// Removes what an outer cargo (`cargo xtask`, `cargo test`, clippy) set for itself. Left in, it would choose another compiler,
/// other flags or another target folder here, or an exhausted job server.
fn clear_outer_cargo(command: &mut Command) {
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(is_outer_cargo) {
            command.env_remove(key);
        }
    }
}

fn is_outer_cargo(key: &str) -> bool {
    const EXACT: [&str; 9] = [
        "CARGO",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_BOOTSTRAP",
        "RUSTFLAGS",
        "MAKEFLAGS",
        "MFLAGS",
        "TARGET",
    ];
    const USERS_OWN: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_INCREMENTAL",
    ];
    EXACT.contains(&key) || (key.starts_with("CARGO_") && !USERS_OWN.iter().any(|prefix| key.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::{is_outer_cargo, module_name, package_in};

    #[test]
    fn what_an_outer_cargo_sets_is_removed_and_the_users_own_stays() {
        for key in
            ["RUSTC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_PKG_NAME", "CARGO_MAKEFLAGS"]
        {
            assert!(is_outer_cargo(key), "{key}");
        }
        for key in
            ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY", "CARGO_REGISTRIES_X_INDEX", "PATH", "RUSTUP_HOME"]
        {
            assert!(!is_outer_cargo(key), "{key}");
        }
    }

    #[test]
    fn a_folder_without_a_crate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = format!("{:#}", package_in(dir.path()).err().unwrap());
        assert!(error.contains("no plugin crate in"), "{error}");
    }

    #[test]
    fn a_module_is_named_as_its_crate() {
        assert_eq!(module_name("source-m3u"), "source_m3u.wasm");
    }
}
