//! The plugin contract itself: it parses, it keeps its own rules, every item is documented.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use wit_parser::{Resolve, TypeDefKind};

const PACKAGES: [&str; 5] = ["base", "source", "epg", "output", "auth"];

fn contract() -> Resolve {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut resolve = Resolve::default();
    for package in PACKAGES {
        resolve.push_dir(wit.join(package)).unwrap_or_else(|error| panic!("wit/{package}: {error:#}"));
    }
    resolve
}

#[test]
fn packages_parse_and_have_versions() {
    let resolve = contract();
    let names: Vec<String> = resolve.packages.iter().map(|(_, package)| package.name.to_string()).collect();
    for package in PACKAGES {
        assert!(names.iter().any(|name| name == &format!("mast:{package}@0.1.0")), "{package}: {names:?}");
    }
}

#[test]
fn every_item_is_documented() {
    let resolve = contract();
    let mut silent = Vec::new();
    for (_, interface) in &resolve.interfaces {
        let name = interface.name.as_deref().unwrap_or("?");
        if interface.docs.contents.is_none() {
            silent.push(name.to_owned());
        }
        for function in interface.functions.values().filter(|function| function.docs.contents.is_none()) {
            silent.push(format!("{name}.{}", function.name));
        }
        for (type_name, id) in &interface.types {
            let definition = &resolve.types[*id];
            // A `use` of another interface's type is documented there.
            let is_used = matches!(definition.kind, TypeDefKind::Type(wit_parser::Type::Id(_)));
            if definition.docs.contents.is_none() && !is_used {
                silent.push(format!("{name}.{type_name}"));
            }
            if let TypeDefKind::Record(record) = &definition.kind {
                let fields = record.fields.iter().filter(|field| field.docs.contents.is_none());
                silent.extend(fields.map(|field| format!("{name}.{type_name}.{}", field.name)));
            }
        }
    }
    assert!(silent.is_empty(), "undocumented: {silent:#?}");
}

#[test]
fn there_are_no_flags_and_no_async_functions() {
    let resolve = contract();
    for (_, definition) in &resolve.types {
        assert!(!matches!(definition.kind, TypeDefKind::Flags(_)), "{:?}: use string codes", definition.name);
    }
    for (_, interface) in &resolve.interfaces {
        for function in interface.functions.values() {
            assert!(!function.kind.is_async(), "{}: functions are synchronous; the host suspends", function.name);
        }
    }
}
