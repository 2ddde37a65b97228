//! Puts the bundled plugins into the binary: every `*.wasm` of `MAST_BUNDLED_DIR`, or of `target/plugins` in the workspace, where
//! `cargo xtask build` leaves them. Without any, the host still builds and knows plugins by path only.

#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=MAST_BUNDLED_DIR");
    let folder = folder()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let plugins = components(&folder)?;
    if plugins.is_empty() {
        println!("cargo::warning=no bundled plugins in {}; build them with: cargo xtask build", folder.display());
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("bundled.rs");
    std::fs::write(out, table(&plugins)?)?;
    Ok(())
}

fn folder() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(folder) = std::env::var_os("MAST_BUNDLED_DIR") {
        return Ok(std::path::absolute(folder)?);
    }
    let manifest = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let workspace = manifest.ancestors().nth(2).ok_or("the crate lies two folders below the workspace")?;
    let folder = workspace.join("target/plugins");
    // Cargo would run this script, and compile the crate, on every build as long as the folder is missing.
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Name and path of every component, by name.
fn components(folder: &Path) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "wasm") && !name.is_empty() && !name.starts_with('.') {
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

/// A Rust expression of type `&[(&str, &[u8])]`.
fn table(plugins: &[(String, PathBuf)]) -> Result<String, Box<dyn Error>> {
    let mut table = String::from("&[\n");
    for (name, path) in plugins {
        let path = path.to_str().ok_or("the plugins' folder is not named in Unicode")?;
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    table.push_str("]\n");
    Ok(table)
}
