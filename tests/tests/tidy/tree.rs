//! The repository's files.

use std::path::{Path, PathBuf};

/// Folders that hold nothing anybody wrote for this repository.
const SKIPPED: [&str; 7] = [".git", "target", "node_modules", "data", "corpus", "artifacts", "snapshots"];

/// A text file of the repository.
pub(crate) struct File {
    /// Relative to the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Lines of code, numbered from 1, without comments and without what stands in string literals.
    pub(crate) fn code(&self) -> Vec<(usize, String)> {
        strip(&self.text).lines().map(str::to_owned).enumerate().map(|(i, line)| (i + 1, line)).collect()
    }

    /// Where a word stands in the code.
    pub(crate) fn naming(&self, word: &str) -> Vec<String> {
        let code = self.code();
        let naming = code.iter().filter(|(_, line)| has_word(line, word));
        naming.map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim())).collect()
    }

    pub(crate) fn is_test(&self) -> bool {
        let stem = self.path.rsplit('/').next().unwrap_or_default();
        self.path.contains("/tests/") || self.path.starts_with("tests/") || stem == "tests.rs"
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every text file with one of these extensions below a folder, sorted.
pub(crate) fn files(below: &str, extensions: &[&str]) -> Vec<File> {
    let mut files = Vec::new();
    collect(&root().join(below), extensions, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect(folder: &Path, extensions: &[&str], files: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&path, extensions, files);
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            let relative = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            files.push(File { path: relative, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}

/// Whether a word stands in a line with nothing of an identifier beside it.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

/// Rust with comments removed and string literals emptied; line breaks stay. Good enough for finding words, not a lexer: it
/// knows `//`, `"..."` with escapes, `r"..."` and `r#"..."#`, and character literals of a quote.
fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if let Some(after) = rest.strip_prefix("'\"'") {
            rest = after;
        } else if let Some((hashes, after)) = raw_string(rest).filter(|_| !out.ends_with(char::is_alphanumeric)) {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = after.find(&end).unwrap_or(after.len());
            out.extend(after[..length].matches('\n'));
            rest = after.get(length + end.len()..).unwrap_or_default();
        } else if c == '"' {
            rest = after_string(&rest[1..], &mut out);
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn raw_string(text: &str) -> Option<(usize, &str)> {
    let after = text.strip_prefix('r')?;
    let content = after.trim_start_matches('#');
    Some((after.len() - content.len(), content.strip_prefix('"')?))
}

fn after_string<'a>(text: &'a str, out: &mut String) -> &'a str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '\n' => out.push('\n'),
            '"' if !escaped => return &text[at + 1..],
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    ""
}

#[test]
fn comments_and_strings_are_no_code() {
    for (text, code) in [
        ("a // b\nc", "a \nc"),
        ("a(\"// b\") c", "a() c"),
        ("a(\"\\\"b\") c", "a() c"),
        ("a(r#\"b \" c\"#) d", "a() d"),
        ("for b in '\"' .. c", "for b in  .. c"),
    ] {
        assert_eq!(strip(text), code);
    }
    assert!(has_word("use redb::Database;", "redb") && !has_word("use redb_extra;", "redb"));
}
