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
