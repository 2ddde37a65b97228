//! Crates: licences, direct dependencies, duplicates, and who depends on whom.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::expect_none;
use crate::tree::{files, has_word, root};

/// Keep in step with deny.toml.
const ALLOWED_LICENCES: [&str; 14] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "0BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Every direct dependency of the workspace and what it earns its place with.
const DIRECT: &[(&str, &str)] = &[
    ("anyhow", "errors of binaries, tools and tests"),
    ("arc-swap", "snapshots that readers take without a lock"),
    ("argon2", "password hashes"),
    ("aws-lc-rs", "AES-128 of HLS upstreams, signatures of identity tokens; rustls brings it"),
    ("axum", "routing of the HTTP side, over hyper"),
    ("base64", "signed session tokens"),
    ("bcrypt", "password hashes of other panels, until the first login"),
    ("blake3", "keyed hashes: sessions, credentials, wasm files"),
    ("bytes", "segments shared without copying"),
    ("cargo_metadata", "what cargo knows of the workspace, for the tidy test and plugin builds"),
    ("clap", "command lines"),
    ("csv", "export and import of lines"),
    ("deunicode", "guide texts and channel names in plain letters, to search and to compare"),
    ("encoding_rs", "guides in any charset; wasmtime brings it"),
    ("flate2", "gzip of playlists and of what upstreams send"),
    ("futures-util", "bodies as streams, for axum and hyper"),
    ("getrandom", "keys and tokens"),
    ("hashbrown", "indexes of lines that hold a pointer and no key"),
    ("hex", "tokens and hashes as text"),
    ("http", "the types that axum, hyper and reqwest share"),
    ("http-body-util", "bodies for hyper"),
    ("httparse", "heads of requests for segments; hyper brings it"),
    ("hyper", "HTTP/1 and HTTP/2 serving"),
    ("hyper-util", "hyper on tokio"),
    ("insta", "snapshots in tests"),
    ("instant-acme", "certificates over ACME, over our own outbound requests"),
    ("ipnet", "networks in rules and policies"),
    ("jiff", "time with zones, and spans as people write them"),
    ("jsonschema", "plugins' settings against their declared schema"),
    ("libc", "process groups, signals and limits in host/ffmpeg, the allocator in host/mast"),
    ("lz4_flex", "blocks of programmes in the guide's file: as fast as they are imported"),
    ("lzma-rust2", "guides packed with xz, without C code"),
    ("memchr", "finds the programmes of a guide at the speed of memory"),
    ("notify", "instance files are watched"),
    ("percent-encoding", "URL parts"),
    ("proptest", "property tests"),
    ("quick-xml", "the peer that imports of guides are measured against"),
    ("quick_cache", "bounded caches: credentials, decisions, responses"),
    ("rcgen", "certificates for ACME's checks, and in tests; instant-acme brings it"),
    ("redb", "the store"),
    ("regex", "rules over the catalogue, in linear time"),
    ("reqwest", "requests of the host; a client in tests"),
    ("rustix", "files in memory, and the kernel sending from them"),
    ("ruzstd", "guides packed with zstd, without C code"),
    ("serde", "configuration, manifests, stored records"),
    ("serde_json", "JSON"),
    ("sha2", "the hash of a plugin file that an instance file may name"),
    ("simdutf8", "UTF-8 of guides checked many bytes at a time, in the importer and behind it"),
    ("socket2", "multicast groups and buffer sizes of UDP upstreams"),
    ("strsim", "suggestions for misspelt keys"),
    ("tempfile", "folders in tests"),
    ("thiserror", "errors of libraries"),
    ("tokio", "the async runtime"),
    ("tokio-rustls", "TLS of listeners; reqwest brings it"),
    ("tokio-util", "cancellation tokens and task trackers"),
    ("toml", "configuration and manifests"),
    ("totp-rs", "second factor of operators and resellers"),
    ("tower", "services in tests of the HTTP side"),
    ("tracing", "the log"),
    ("tracing-subscriber", "writes the log"),
    ("url", "URLs"),
    ("utoipa", "the OpenAPI document, from the code"),
    ("utoipa-axum", "the same document and the router from one list"),
    ("wasmparser", "reads a component's sections without compiling it"),
    ("wasmtime", "runs plugins"),
    ("wat", "hostile components in tests, as text"),
    ("wit-bindgen", "the guest side of wit/"),
    ("wit-component", "turns core modules into components"),
    ("wit-parser", "checks wit/ in tests"),
];

/// Crates that appear in more than one version, and why nobody here can change that.
const DUPLICATES: &[(&str, &str)] = &[
    ("base64", "instant-acme is a version behind"),
    ("bit-set", "proptest and jsonschema disagree"),
    ("bit-vec", "with bit-set"),
    ("block-buffer", "argon2 uses the new digest, pulled-in crates the old one"),
    ("cpufeatures", "with block-buffer"),
    ("crypto-common", "with block-buffer"),
    ("digest", "with block-buffer"),
    ("embedded-io", "postcard, under wasmtime, asks for two"),
    ("getrandom", "ring, proptest and we are three generations apart"),
    ("hashbrown", "wasmtime and the rest"),
    ("r-efi", "with getrandom; not compiled on Linux"),
    ("sha2", "totp-rs uses the new digest, we the old one with others"),
    ("syn", "derive macros are moving to 3"),
    ("synstructure", "an optional part of rcgen, not compiled, is a version behind"),
    ("untrusted", "aws-lc-rs for rcgen, and rustls, are a version apart"),
    ("wasm-encoder", "wasmtime, wit-component and wat each pin their own"),
    ("wasm-metadata", "with wasm-encoder"),
    ("wasmparser", "with wasm-encoder"),
    ("windows-sys", "not compiled on Linux"),
    ("wit-bindgen", "wasip2 support of getrandom; not compiled on Linux"),
    ("wit-component", "wasmtime's macros pin their own"),
    ("wit-parser", "with wit-component"),
];

/// Dependencies that no source text names, with the reason.
const UNNAMED: &[(&str, &str, &str)] = &[];

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).other_options(["--offline".to_owned(), "--locked".to_owned()]);
    command.exec().expect("cargo metadata, offline")
}

fn members(metadata: &Metadata) -> Vec<&Package> {
    metadata.workspace_packages()
}

#[test]
fn licences_are_compatible() {
    let metadata = metadata();
    let bad = metadata.packages.iter().filter(|package| !package.license.as_deref().is_some_and(allowed));
    let rule = "these licences are not on the list of tests/tests/tidy/crates.rs; choose another crate, or add the licence there and in deny.toml";
    expect_none(rule, bad.map(|package| format!("{} {}: {:?}", package.name, package.version, package.license)));
}

/// Whether an SPDX expression leaves a choice that is allowed.
fn allowed(expression: &str) -> bool {
    // Old manifests separate alternatives with a slash.
    let expression = expression.replace('/', " OR ");
    let expression = expression.trim();
    if let Some((left, right)) = split(expression, " AND ") {
        return allowed(left) && allowed(right);
    }
    if let Some((left, right)) = split(expression, " OR ") {
        return allowed(left) || allowed(right);
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => allowed(inner),
        None => ALLOWED_LICENCES.contains(&expression),
    }
}

/// Splits at the first operator that is not inside brackets. (AND binds tighter than OR; no expression mixes them without brackets in
/// a way where the order would decide otherwise than reading AND first.)
fn split<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let found = expression.match_indices(operator).find(|(at, _)| {
        let before = &expression[..*at];
        before.matches('(').count() == before.matches(')').count()
    });
    found.map(|(at, _)| (&expression[..at], &expression[at + operator.len()..]))
}

#[test]
fn licence_expressions_are_read() {
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("ISC AND (GPL-3.0 OR AGPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception", true),
    ] {
        assert_eq!(allowed(expression), expected, "{expression}");
    }
}

#[test]
fn direct_dependencies_are_earned() {
    let metadata = metadata();
    let local: BTreeSet<String> = members(&metadata).iter().map(|member| member.name.to_string()).collect();
    let used: BTreeSet<&str> = members(&metadata)
        .iter()
        .flat_map(|member| &member.dependencies)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !local.contains(*name))
        .collect();
    let known: BTreeSet<&str> = DIRECT.iter().map(|(name, _)| *name).collect();
    let added =
        used.difference(&known).map(|name| format!("{name} is not on the list: say what it earns its place with"));
    let gone = known.difference(&used).map(|name| format!("{name} is on the list, but no crate uses it"));
    expect_none("DIRECT in tests/tests/tidy/crates.rs", added.chain(gone));
}

#[test]
fn duplicates_are_known() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata().packages {
        versions.entry(package.name.to_string()).or_default().insert(package.version.to_string());
    }
    versions.retain(|_, versions| versions.len() > 1);
    let added = versions.iter().filter(|(name, _)| DUPLICATES.iter().all(|(known, _)| known != name));
    let added = added.map(|(name, versions)| format!("{name} appears as {versions:?}: agree on one, or say why not"));
    let gone = DUPLICATES.iter().filter(|(name, _)| !versions.contains_key(*name));
    let gone = gone.map(|(name, _)| format!("{name} has one version now: remove it from the list"));
    expect_none("DUPLICATES in tests/tests/tidy/crates.rs", added.chain(gone));
}

#[test]
fn dependencies_are_used() {
    let metadata = metadata();
    let mut unused = Vec::new();
    for member in members(&metadata) {
        let folder = member.manifest_path.parent().unwrap().strip_prefix(root()).unwrap();
        let sources = files(folder.as_str(), &["rs"]);
        for dependency in &member.dependencies {
            let name = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
            let is_named = sources.iter().any(|file| file.text.lines().any(|line| has_word(line, &name)));
            let is_excused =
                UNNAMED.iter().any(|(krate, known, _)| **krate == **member.name && *known == dependency.name);
            if !is_named && !is_excused {
                unused.push(format!("{} does not use {}", member.name, dependency.name));
            }
        }
    }
    expect_none("remove these from their Cargo.toml", unused);
}

#[test]
fn crates_depend_in_one_direction() {
    const HOST: &[&str] = &["mast-model", "mast-media", "mast-store", "mast-ffmpeg", "mast-plugin"];
    const MODEL: &[&str] = &["mast-model"];
    let metadata = metadata();
    let local: BTreeSet<String> = members(&metadata).iter().map(|member| member.name.to_string()).collect();
    let mut wrong = Vec::new();
    for member in members(&metadata) {
        let allowed: &[&str] = match member.name.as_str() {
            "mast-media" | "mast-store" | "mast-ffmpeg" | "mast-plugin" => MODEL,
            "mast" => HOST,
            "mast-tests" => &["mast-upstream", "mast-plugin-build", "mast-media", "mast-model"],
            "mast-bench" => &["mast-upstream"],
            "xtask" => &["mast-plugin-build"],
            _ if member.manifest_path.as_str().contains("/plugins/") => &["mast-sdk"],
            _ => &[],
        };
        let normal = member.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        for dependency in normal.filter(|dependency| local.contains(&dependency.name)) {
            if !allowed.contains(&dependency.name.as_str()) {
                wrong.push(format!("{} depends on {}", member.name, dependency.name));
            }
        }
    }
    expect_none("model <- {media, store, ffmpeg, plugin} <- mast; plugins see only the SDK", wrong);
}

#[test]
fn fences_hold_in_manifests() {
    const FENCES: &[(&str, &[&str])] = &[
        ("wasmtime", &["mast-plugin"]),
        ("redb", &["mast-store"]),
        ("axum", &["mast"]),
        ("reqwest", &["mast", "mast-bench", "mast-tests", "mast-upstream"]),
        ("wit-component", &["mast-plugin-build", "mast-plugin"]),
        ("wit-bindgen", &["mast-sdk"]),
    ];
    let metadata = metadata();
    let mut wrong = Vec::new();
    for member in members(&metadata) {
        for dependency in &member.dependencies {
            let fence = FENCES.iter().find(|(name, _)| *name == dependency.name);
            if fence.is_some_and(|(_, inside)| !inside.contains(&member.name.as_str())) {
                wrong.push(format!("{} depends on {}", member.name, dependency.name));
            }
        }
    }
    expect_none("each of these is behind one crate's fence", wrong);
}

#[test]
fn every_crate_takes_the_workspace_s_lints_and_versions() {
    let mut wrong = Vec::new();
    // An example stands for a plugin outside this repository, which has no workspace to inherit from.
    let own = |member: &&Package| !member.manifest_path.as_str().contains("/examples/");
    for member in members(&metadata()).into_iter().filter(own) {
        let manifest: toml::Table = std::fs::read_to_string(&member.manifest_path).unwrap().parse().unwrap();
        let inherits = |value: Option<&toml::Value>| {
            value.and_then(|value| value.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
        };
        if !inherits(manifest.get("lints")) {
            wrong.push(format!("{}: needs [lints] workspace = true", member.name));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table);
            for (name, value) in table.into_iter().flatten() {
                if !inherits(Some(value)) {
                    wrong.push(format!("{}: {name} needs workspace = true", member.name));
                }
            }
        }
    }
    expect_none("one place for lints and versions: the root Cargo.toml", wrong);
}
