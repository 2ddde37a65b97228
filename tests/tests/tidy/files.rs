//! Size and form of files.

use crate::expect_none;
use crate::tree::files;

const MOST_LINES: usize = 600;

/// Files that are longer, each with its reason.
const LONG: [(&str, &str); 0] = [];

const SOURCES: [&str; 5] = ["rs", "wit", "js", "ts", "py"];

#[test]
fn files_are_short() {
    let long = files(".", &SOURCES)
        .into_iter()
        .filter(|file| file.text.lines().count() > MOST_LINES && LONG.iter().all(|(path, _)| *path != file.path));
    let rule = "files stay below 600 lines: split by what changes together, or add the file to LONG in tests/tests/tidy/files.rs with a reason";
    expect_none(rule, long.map(|file| format!("{} has {} lines", file.path, file.text.lines().count())));
}

#[test]
fn exceptions_are_still_needed() {
    let files = files(".", &SOURCES);
    let gone = LONG.iter().filter(|(path, _)| {
        files.iter().find(|file| file.path == *path).is_none_or(|file| file.text.lines().count() <= MOST_LINES)
    });
    expect_none("remove these from LONG in tests/tests/tidy/files.rs", gone.map(|(path, _)| (*path).to_owned()));
}

#[test]
fn there_is_no_mod_rs() {
    let found = files(".", &["rs"]).into_iter().filter(|file| file.path.ends_with("/mod.rs"));
    expect_none("name the file after its module: room.rs beside room/, not room/mod.rs", found.map(|file| file.path));
}

#[test]
fn no_test_is_switched_off() {
    let ignore = ["#[", "ignore"].concat();
    let found =
        files(".", &["rs"]).into_iter().filter(|file| file.code().iter().any(|(_, line)| line.contains(&ignore)));
    expect_none("a test runs or does not exist: mend or delete it", found.map(|file| file.path));
}

#[test]
fn every_source_file_says_what_it_is() {
    let silent = files(".", &["rs"]).into_iter().filter(|file| !file.text.trim_start().starts_with("//!"));
    // Long tests stand beside what they test, which has the head.
    let silent = silent.filter(|file| !file.path.ends_with("/tests.rs"));
    expect_none(
        "start the file with a //! head: what it is, what it is not, who owns it",
        silent.map(|file| file.path),
    );
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let places = [["/ro", "ot/"].concat(), ["/wo", "rk/"].concat(), ["/ho", "me/"].concat()];
    let extensions = ["rs", "md", "toml", "wit", "js", "py", "json", "snap", "txt"];
    let found = files(".", &extensions).into_iter().flat_map(|file| {
        let lines =
            file.text.lines().enumerate().filter(|(_, line)| places.iter().any(|place| line.contains(place.as_str())));
        lines.map(|(i, line)| format!("{}:{}: {}", file.path, i + 1, line.trim())).collect::<Vec<_>>()
    });
    expect_none("use a relative path, or /srv/... in an example", found);
}
