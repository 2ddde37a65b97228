//! Reading `plugins.d/<instance>.toml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use mast_model::{ByteSize, Destination, DestinationRules, InstanceId};
use mast_plugin::manifest::Kind;
use mast_plugin::spec::Limits;

use super::{Component, GrantConfig, InstanceConfig, OnError, PluginsConfig, UpstreamConfig};
use crate::config::reader::{Reader, Section};
use crate::config::{Problem, Problems, parse_file};
use crate::guide::config::InstanceGuideConfig;

const KINDS: [(&str, Kind); 4] =
    [("source", Kind::Source), ("epg", Kind::Epg), ("output", Kind::Output), ("auth", Kind::Auth)];

const ON_ERROR: [(&str, OnError); 3] =
    [("deny", OnError::Deny), ("allow-stale", OnError::AllowStale), ("skip", OnError::Skip)];

impl InstanceConfig {
    /// Reads and validates one instance file; the secrets it is granted must exist in `plugins`. Says nothing of the plugin itself.
    pub fn load(path: &Path, plugins: &PluginsConfig) -> Result<Self, Problems> {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let id = InstanceId::new(&stem).map_err(|error| Problem::of_file(path, format!("rename the file: {error}")))?;
        let table = parse_file(path)?;
        // An instance file holds no secrets of its own, so it gets no environment.
        let config = Reader::new(path, BTreeMap::new()).read(&table, |root| read(root, id, plugins))?;
        // The kind is missing only where that was a problem, and then nothing comes out of the reader.
        config.ok_or_else(|| Problem::of_file(path, "kind is missing").into())
    }
}

fn read(root: &Section<'_>, id: InstanceId, plugins: &PluginsConfig) -> Option<InstanceConfig> {
    let kind = root.optional_choice("kind", &KINDS);
    if !root.has("kind") {
        root.problem("kind", "is missing; expected one of \"source\", \"epg\", \"output\", \"auth\"");
    }
    let component = component(root);
    let on_error = root.optional_choice("on_error", &ON_ERROR);
    if on_error.is_some() && kind.is_some_and(|kind| kind != Kind::Auth) {
        root.problem("on_error", "only a plugin of kind \"auth\" has it; remove it");
    }
    let enabled = root.or("enabled", true);
    let config = root.json("config");
    let grant = grant(&root.section("grant"), kind, plugins);
    if root.has("upstream") && kind.is_some_and(|kind| !matches!(kind, Kind::Source | Kind::Epg)) {
        root.problem("upstream", "only a plugin of kind \"source\" or \"epg\" has something to fetch; remove it");
    }
    if root.has("guide") && kind.is_some_and(|kind| kind != Kind::Epg) {
        root.problem("guide", "only a plugin of kind \"epg\" has a guide; remove it");
    }
    let guide = InstanceGuideConfig::read(&root.section("guide"));
    let upstream = UpstreamConfig::read(&root.section("upstream"), &grant, plugins);
    // A wrong kind must not hide problems of the limits.
    let limits = limits(&root.section("limits"), kind.unwrap_or(Kind::Source));
    Some(InstanceConfig {
        id,
        kind: kind?,
        component: component?,
        enabled,
        on_error: on_error.unwrap_or(OnError::Deny),
        config,
        grant,
        upstream,
        guide,
        limits,
    })
}

fn component(root: &Section<'_>) -> Option<Component> {
    let bundled: Option<String> = root.optional("plugin");
    let path = root.optional_path("path");
    let sha256: Option<String> = root.optional("sha256");
    if let Some(digest) = &sha256 {
        if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            root.problem("sha256", "expected 64 hexadecimal digits");
        }
        if !root.has("path") {
            root.problem("sha256", "belongs to path; a bundled plugin has none");
        }
    }
    match (bundled, path) {
        (Some(_), Some(_)) => root.problem("path", "give either plugin or path, not both"),
        (Some(name), None) => return Some(Component::Bundled(name)),
        (None, Some(path)) => {
            return Some(Component::File { path, sha256: sha256.map(|digest| digest.to_ascii_lowercase()) });
        }
        (None, None) if root.has("plugin") || root.has("path") => {}
        (None, None) => {
            root.problem("plugin", "is missing; expected the name of a bundled plugin, or path = \"my-plugin.wasm\"");
        }
    }
    None
}

fn grant(section: &Section<'_>, kind: Option<Kind>, plugins: &PluginsConfig) -> GrantConfig {
    let allow_private: Vec<IpNet> = section.list("net_allow_private");
    let upstream = section.optional_list("upstream");
    if upstream.is_some() && kind.is_some_and(|kind| kind != Kind::Source) {
        section.problem("upstream", "only a plugin of kind \"source\" has upstreams; remove it");
    }
    let secrets: Vec<String> = section.list("secrets");
    for (index, name) in secrets.iter().enumerate().filter(|(_, name)| !plugins.secrets.contains_key(*name)) {
        section.problem(&format!("secrets[{index}]"), format!("[secrets] in mast.toml has no \"{name}\""));
    }
    let http: Vec<Destination> = section.list("http");
    if http.iter().any(|destination| !matches!(destination.scheme(), "http" | "https")) {
        section.problem("http", "plugins make http and https requests only");
    }
    GrantConfig {
        http: DestinationRules { allow: http, allow_private: allow_private.clone(), any_http: false },
        upstream: DestinationRules { any_http: upstream.is_none(), allow: upstream.unwrap_or_default(), allow_private },
        files: section.paths("files"),
        devices: section.or("devices", false),
        kv: section.has("kv").then(|| section.size("kv", ByteSize(0), ByteSize(1 << 10)..=ByteSize::mib(1024))),
        secrets,
    }
}

fn limits(section: &Section<'_>, kind: Kind) -> Limits {
    let default = Limits::default_for(kind);
    let (kib, gib) = (ByteSize(1 << 10), |count: u64| ByteSize::mib(count << 10));
    Limits {
        memory: section.size("memory", default.memory, ByteSize::mib(1)..=gib(4)),
        call: section.span("call", default.call, Duration::from_millis(1)..=Duration::from_secs(3600)),
        input: section.size("input", default.input, kib..=gib(64)),
        response: section.size("response", default.response, kib..=gib(16)),
    }
}
