//! Which crate may name which dependency, and which room may import which.

use std::collections::{BTreeMap, BTreeSet};

use crate::expect_none;
use crate::tree::{File, files};

fn outside<'a>(below: &str, allowed: &'a [&'a str]) -> impl Iterator<Item = File> + use<'a> {
    files(below, &["rs"]).into_iter().filter(move |file| !allowed.iter().any(|allowed| file.path.starts_with(allowed)))
}

#[test]
fn only_the_runtime_names_wasmtime() {
    let found = outside(".", &["host/plugin/", "tests/tests/tidy/"]).flat_map(|file| file.naming("wasmtime"));
    expect_none("wasmtime stays behind host/plugin: use mast_plugin's types", found);
}

#[test]
fn only_the_store_names_redb() {
    let found = outside(".", &["host/store/", "tests/tests/tidy/"]).flat_map(|file| file.naming("redb"));
    expect_none("redb stays behind host/store: use the traits of mast_store", found);
}

#[test]
fn only_outbound_names_reqwest() {
    let found = outside("host", &["host/mast/src/outbound"]).flat_map(|file| file.naming("reqwest"));
    expect_none("the host makes requests through mast::outbound, which checks destinations", found);
}

#[test]
fn only_the_http_side_names_axum() {
    let found =
        outside("host", &["host/mast/src/delivery", "host/mast/src/admin"]).flat_map(|file| file.naming("axum"));
    expect_none("wire formats never leave delivery and admin", found);
}

#[test]
fn only_the_ffmpeg_crate_spawns_processes() {
    let found = outside("host", &["host/ffmpeg/"]).filter(|file| !file.is_test()).flat_map(|file| {
        let spawning = |line: &str| line.contains("process::Command") || line.contains("tokio::process");
        let lines: Vec<_> = file.code().into_iter().filter(|(_, line)| spawning(line)).collect();
        lines.into_iter().map(move |(number, _)| format!("{}:{number}", file.path))
    });
    expect_none("processes are started and reaped in host/ffmpeg", found);
}

/// How high a room of `host/mast` stands. It imports from below, and rooms of the middle from each other without going round in a
/// circle.
const RANKS: [(&str, u8); 21] = [
    ("config", 0),
    ("events", 0),
    ("metrics", 0),
    ("outbound", 0),
    ("accounts", 1),
    ("backups", 1),
    ("archive", 1),
    ("catalog", 1),
    ("devices", 1),
    ("discovery", 1),
    ("extensions", 1),
    ("guide", 1),
    ("operators", 1),
    ("resellers", 1),
    ("tuner", 1),
    ("sessions", 1),
    ("delivery", 2),
    ("admin", 2),
    ("app", 3),
    ("cli", 4),
    ("main", 5),
];

fn rank(room: &str) -> u8 {
    let found = RANKS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("room {room} of host/mast has no rank: give it one in tests/tests/tidy/fences.rs")).1
}

/// (importing room, imported room, place) of all imports between rooms, apart from tests.
fn imports() -> Vec<(String, String, String)> {
    let mut imports = Vec::new();
    for file in files("host/mast/src", &["rs"]).into_iter().filter(|file| !file.is_test()) {
        let room = file.path["host/mast/src/".len()..].split(['/', '.']).next().unwrap().to_owned();
        if room == "lib" {
            continue;
        }
        let code = file.code();
        let code = code.iter().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        for (number, line) in code {
            for (at, _) in line.match_indices("crate::") {
                let path = &line[at + "crate::".len()..];
                let other = path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                // Each room reads its own settings; the config room puts them together.
                let is_settings = path[other.len()..].starts_with("::config");
                if !other.is_empty() && other != room && !(room == "config" && is_settings) {
                    imports.push((room.clone(), other.to_owned(), format!("{}:{number}", file.path)));
                }
            }
        }
    }
    imports
}

#[test]
fn rooms_import_downwards() {
    let upward = imports().into_iter().filter(|(room, other, _)| {
        let (from, to) = (rank(room), rank(other));
        to > from || (to == from && from != 1)
    });
    let rule = "app -> {delivery, admin} -> {catalog, accounts, tuner, extensions ...} -> {config, outbound, metrics}: lower rooms notify \
                upward through watch values or traits they define themselves";
    expect_none(rule, upward.map(|(room, other, place)| format!("{place}: {room} imports {other}")));
}

#[test]
fn rooms_do_not_import_in_circles() {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (room, other, _) in imports() {
        edges.entry(room).or_default().insert(other);
    }
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(room) = next.pop() {
            for other in edges.get(&room).into_iter().flatten() {
                if seen.insert(other.clone()) {
                    next.push(other.clone());
                }
            }
        }
        seen.contains(to)
    };
    let circles = edges.keys().filter(|room| reaches(room, room)).cloned();
    expect_none("these rooms import each other; the lower one should define a trait or a watch value", circles);
}
