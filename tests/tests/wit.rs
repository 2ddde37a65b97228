//! The plugin contract in `wit/`: every package parses, is at version 0.1.0, documents every item, and keeps the rules that
//! let it grow (no flags, no async functions).

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

use wit_parser::{Docs, Function, Interface, Resolve, TypeDef, TypeDefKind, TypeOwner, World};

const PACKAGES: [&str; 5] = ["base", "source", "epg", "output", "auth"];

fn folder(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(package)
}

fn resolve() -> Resolve {
    let mut resolve = Resolve::default();
    for package in PACKAGES {
        resolve.push_dir(folder(package)).unwrap_or_else(|error| panic!("wit/{package}: {error:#}"));
    }
    resolve
}

#[test]
fn every_folder_is_a_known_package_at_0_1_0() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut folders: Vec<String> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    let mut known = PACKAGES.map(str::to_owned);
    known.sort();
    assert_eq!(folders, known, "a package in wit/ that this test does not know, or the other way round");
    let resolve = resolve();
    let mut names: Vec<String> = resolve.packages.iter().map(|(_, package)| package.name.to_string()).collect();
    names.sort();
    assert_eq!(
        names,
        ["mast:auth@0.1.0", "mast:base@0.1.0", "mast:epg@0.1.0", "mast:output@0.1.0", "mast:source@0.1.0"]
    );
}

/// Names everything without a doc comment.
#[derive(Default)]
struct Undocumented(Vec<String>);

impl Undocumented {
    fn check(&mut self, docs: &Docs, item: String) {
        if docs.contents.as_deref().unwrap_or_default().trim().is_empty() {
            self.0.push(item);
        }
    }

    fn interface(&mut self, resolve: &Resolve, path: &str, interface: &Interface) {
        self.check(&interface.docs, path.to_owned());
        for (name, id) in &interface.types {
            self.type_(&format!("{path}.{name}"), &resolve.types[*id]);
        }
        for (name, function) in &interface.functions {
            self.function(&format!("{path}.{name}"), function);
        }
    }

    fn type_(&mut self, path: &str, type_: &TypeDef) {
        // A `use` of another interface's type is documented where it is defined.
        if matches!(type_.kind, TypeDefKind::Type(wit_parser::Type::Id(_))) {
            return;
        }
        self.check(&type_.docs, path.to_owned());
        match &type_.kind {
            TypeDefKind::Record(record) => {
                record.fields.iter().for_each(|field| self.check(&field.docs, format!("{path}.{}", field.name)));
            }
            TypeDefKind::Variant(variant) => {
                variant.cases.iter().for_each(|case| self.check(&case.docs, format!("{path}.{}", case.name)));
            }
            TypeDefKind::Enum(cases) => {
                cases.cases.iter().for_each(|case| self.check(&case.docs, format!("{path}.{}", case.name)));
            }
            _ => {}
        }
    }

    fn function(&mut self, path: &str, function: &Function) {
        self.check(&function.docs, path.to_owned());
    }

    fn world(&mut self, path: &str, world: &World) {
        self.check(&world.docs, path.to_owned());
    }
}

#[test]
fn every_item_is_documented() {
    let resolve = resolve();
    let mut undocumented = Undocumented::default();
    for (_, package) in &resolve.packages {
        undocumented.check(&package.docs, package.name.to_string());
        for (name, id) in &package.interfaces {
            undocumented.interface(&resolve, &format!("{}/{name}", package.name), &resolve.interfaces[*id]);
        }
        for (name, id) in &package.worlds {
            undocumented.world(&format!("{}/{name}", package.name), &resolve.worlds[*id]);
        }
    }
    assert!(undocumented.0.is_empty(), "without a doc comment: {:#?}", undocumented.0);
}

#[test]
fn the_rules_for_growth_are_kept() {
    let resolve = resolve();
    for (_, type_) in &resolve.types {
        let TypeOwner::Interface(owner) = type_.owner else { continue };
        let name = format!("{}.{}", resolve.id_of(owner).unwrap(), type_.name.as_deref().unwrap_or("?"));
        let flags = matches!(type_.kind, TypeDefKind::Flags(_));
        assert!(!flags, "{name}: flags cannot grow; use string codes");
        let concurrent = matches!(type_.kind, TypeDefKind::Future(_) | TypeDefKind::Stream(_));
        assert!(!concurrent, "{name}: version 1 of the contract is synchronous");
    }
    for (id, interface) in &resolve.interfaces {
        for (name, function) in &interface.functions {
            let sync = !function.kind.is_async();
            assert!(sync, "{}.{name}: version 1 of the contract is synchronous", resolve.id_of(id).unwrap());
        }
    }
}

#[test]
fn every_kind_has_one_world_that_exports_lifecycle() {
    let resolve = resolve();
    for kind in ["source", "epg", "output", "auth"] {
        let package = resolve.packages.iter().find(|(_, package)| package.name.name == kind).unwrap().0;
        let world = resolve.select_world(&[package], Some(kind)).unwrap_or_else(|error| panic!("{kind}: {error:#}"));
        let exports = resolve.worlds[world].exports.keys().map(|key| resolve.name_world_key(key));
        let exports: Vec<String> = exports.collect();
        assert!(exports.contains(&"mast:base/lifecycle@0.1.0".to_owned()), "{kind}: {exports:?}");
        assert_eq!(exports.len(), 2, "{kind}: {exports:?}");
    }
}
