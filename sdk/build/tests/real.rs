//! Real builds: the bundled plugins and the tutorial's plugin become components that import nothing but the contract.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use mast_plugin_build::{build_bundled, build_plugin, bundled_ids, manifest_section};
use wasmparser::{Parser, Payload};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The names of what a component imports and exports, of the outermost level only.
fn surface(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|export| export.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    (imports, exports)
}

fn check(path: &Path, interface: &str) {
    let component = std::fs::read(path).unwrap();
    assert!(manifest_section(&component).unwrap().is_some(), "{} has no manifest", path.display());
    let (imports, mut found) = surface(&component);
    assert!(imports.iter().all(|import| import.starts_with("mast:")), "{}: {imports:?}", path.display());
    // A source may make its upstreams' addresses when they are wanted.
    found.retain(|export| !(interface.starts_with("mast:source/") && export.starts_with("mast:source/resolver")));
    found.sort();
    let mut exports = ["mast:base/lifecycle@0.1.0", interface];
    exports.sort();
    assert_eq!(found, exports, "{}", path.display());
}

#[test]
fn bundled_plugins_become_components_and_a_second_build_changes_nothing() {
    let built = build_bundled(&workspace(), &mut |_| {}).unwrap();
    assert_eq!(built.len(), bundled_ids(&workspace()).unwrap().len());
    for path in &built {
        let interface = match path.file_stem().unwrap().to_str().unwrap().split('-').next().unwrap() {
            "source" => "mast:source/catalog@0.1.0",
            "epg" => "mast:epg/importer@0.1.0",
            "output" => "mast:output/handler@0.1.0",
            "auth" => "mast:auth/policy@0.1.0",
            other => panic!("which interface does {other} export?"),
        };
        check(path, interface);
    }
    let mut said = Vec::new();
    build_bundled(&workspace(), &mut |line| said.push(line.to_owned())).unwrap();
    assert_eq!(said.len(), 1, "only the choice of toolchain is worth a line: {said:?}");
}

#[test]
fn the_tutorials_plugin_becomes_a_component() {
    let out = tempfile::tempdir().unwrap();
    let path = build_plugin(&workspace().join("examples/plugins/minimal-source"), out.path(), &mut |_| {}).unwrap();
    check(&path, "mast:source/catalog@0.1.0");
}
