//! One word per thing (STYLE of the house): words that say nothing, or that mean five things at once, name nothing here.

use crate::expect_none;
use crate::tree::files;

/// Parts of a name that say nothing.
const EMPTY: [&str; 9] = ["manager", "helper", "helpers", "util", "utils", "misc", "common", "info", "data"];
/// Parts of a name for which we have better words: line, operator, viewer; channel, segment, upstream; programme.
const VAGUE: [&str; 5] = ["user", "users", "stream", "streams", "program"];

/// Names that stay, each with its reason.
const EXCEPTIONS: [(&str, &str); 5] = [
    ("ByteStream", "a stream of bytes is all it is"),
    ("Data", "the name that hyper's Body trait asks for"),
    ("LineInfo", "generated from wit/: info() answers what an output may know of a line"),
    ("ElementaryStream", "the name that ISO/IEC 13818-1 gives it"),
    ("StreamType", "the name that ISO/IEC 13818-1 gives it"),
];

fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut previous = ' ';
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && !previous.is_uppercase()) {
            parts.push(String::new());
        }
        if c != '_' {
            parts.last_mut().unwrap().extend(c.to_lowercase());
        }
        previous = c;
    }
    parts
}

#[test]
fn types_and_modules_have_telling_names() {
    let found = files(".", &["rs"]).into_iter().flat_map(|file| {
        let code = file.code();
        let names = code.iter().filter_map(|(number, line)| Some((*number, defined(line)?.to_owned())));
        let bad = names.filter(|(_, name)| is_banned(name));
        bad.map(|(number, name)| format!("{}:{number}: {name}", file.path)).collect::<Vec<_>>()
    });
    let rule = "name it after what it is (line, channel, segment, upstream ...), not manager, helper, util, info, data, user or stream";
    expect_none(rule, found);
}

fn is_banned(name: &str) -> bool {
    let banned = |part: &String| EMPTY.contains(&part.as_str()) || VAGUE.contains(&part.as_str());
    parts(name).iter().any(banned) && EXCEPTIONS.iter().all(|(exception, _)| *exception != name)
}

/// The name of the type or module that a line of code defines.
fn defined(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    if !["struct", "enum", "trait", "type", "mod"].contains(&keyword) {
        return None;
    }
    words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn hls_has_multivariant_playlists() {
    let old = ["master", "playlist"].join(" ");
    let found = files(".", &["rs", "md", "wit", "toml", "js", "py"]).into_iter().flat_map(|file| {
        let lines = file.text.lines().enumerate().filter(|(_, line)| line.to_lowercase().contains(&old));
        lines.map(|(i, _)| format!("{}:{}", file.path, i + 1)).collect::<Vec<_>>()
    });
    expect_none("it is called a multivariant playlist", found);
}

#[test]
fn names_are_taken_apart() {
    assert_eq!(parts("UserManager"), ["", "user", "manager"]);
    assert_eq!(parts("data_dir"), ["data", "dir"]);
    assert_eq!(defined("pub(crate) struct LineInfo<'a> {"), Some("LineInfo"));
    assert_eq!(defined("    let x = 5;"), None);
    assert!(is_banned("StreamUtil") && !is_banned("LineInfo"));
}
