//! Rules of the house that neither the compiler nor a lint checks, offline: from `cargo metadata` and the files themselves. Each rule
//! is one test, and its message says how to fix what it found. Where a rule makes a piece of code worse, the exception goes into
//! the list beside the rule, with its reason.
//!
//! That every setting is documented is checked where the settings are read (`host/mast/src/config/tests.rs`).

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "tidy/crates.rs"]
mod crates;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/fences.rs"]
mod fences;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/words.rs"]
mod words;

/// Fails with everything that a rule found, one a line.
#[track_caller]
fn expect_none(rule: &str, found: impl IntoIterator<Item = String>) {
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{rule}\n  {}", found.join("\n  "));
}
