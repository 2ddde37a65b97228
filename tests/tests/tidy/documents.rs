//! Documents that must not fall behind the code.

use crate::expect_none;
use crate::tree::{files, root};

#[test]
fn plugins_md_describes_this_contract() {
    let hash = mast_plugin_build::contract::hash(&root().join("wit")).unwrap();
    let document = std::fs::read_to_string(root().join("PLUGINS.md")).expect("PLUGINS.md documents wit/");
    assert!(
        document.contains(&hash),
        "wit/ changed: read PLUGINS.md, bring it up to date, then put the hash of wit/ into it: {hash}"
    );
}

/// Each block behind a comment that names a file is that file.
#[test]
fn the_tutorial_is_the_code_that_compiles() {
    let document = std::fs::read_to_string(root().join("PLUGINS.md")).expect("PLUGINS.md has the tutorial");
    let blocks: Vec<(&str, &str)> = document
        .split("<!-- examples/")
        .skip(1)
        .filter_map(|part| {
            let (path, rest) = part.split_once(" -->\n```")?;
            let (_, code) = rest.split_once('\n')?;
            Some((path, code.split_once("\n```\n")?.0))
        })
        .collect();
    assert_eq!(blocks.len(), 3, "Cargo.toml, plugin.toml and src/lib.rs");
    let differs = blocks.into_iter().filter(|(path, code)| {
        let file = std::fs::read_to_string(root().join("examples").join(path)).expect("the tutorial names a file");
        file.trim_end() != *code
    });
    expect_none("PLUGINS.md shows another text than the file; copy it over", differs.map(|(path, _)| path.to_owned()));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let broken = files(".", &["md"]).into_iter().flat_map(|file| {
        let folder = root().join(&file.path).parent().unwrap().to_owned();
        let targets = file.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let local =
            targets.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
        let broken = local.filter(|target| !folder.join(target).exists());
        broken.map(|target| format!("{}: {target}", file.path)).collect::<Vec<_>>()
    });
    expect_none("these links lead nowhere", broken);
}

#[test]
fn the_parts_that_a_newcomer_looks_for_are_there() {
    let wanted =
        ["README.md", "PLUGINS.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "host/ARCHITECTURE.md", ".ci/run"];
    expect_none("missing", wanted.iter().filter(|path| !root().join(path).exists()).map(|path| (*path).to_owned()));
}
