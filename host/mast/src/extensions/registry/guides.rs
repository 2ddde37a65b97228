//! Instances of kind `epg` as the guide needs them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mast_model::{InstanceId, UpstreamUrl};
use mast_plugin::Kind;

use super::super::config::{InstanceConfig, PluginsConfig};
use super::super::load::Loaded;
use super::super::status::InstanceState;
use super::{Entry, Registry};
use crate::guide::{GuideEntry, GuideInput, GuideSet};

impl Registry {
    /// What the guide keeps up to date. An importer that is switched off or cannot be loaded stays in the set, and with it what it
    /// imported last.
    pub(in crate::extensions) fn guides(&self) -> GuideSet {
        self.entries.iter().filter_map(|(name, entry)| self.guide(InstanceId::new(name).ok()?, entry)).collect()
    }

    fn guide(&self, id: InstanceId, entry: &Entry) -> Option<GuideEntry> {
        let kind = entry.current_config().map(|config| config.kind).or(entry.hint.kind);
        let config = entry.current_config();
        let settings = config.map(|config| config.guide.clone());
        let running = entry.running.as_ref();
        let calls = running.and_then(|running| match &running.loaded {
            Loaded::Epg(calls, _) => Some(Arc::clone(calls)),
            _ => None,
        });
        if kind != Some(Kind::Epg) {
            return None;
        }
        let input = config.and_then(|config| input(config, &self.plugins).ok()).unwrap_or(GuideInput::Own);
        Some(GuideEntry {
            id,
            generation: running.map_or(0, |running| running.generation),
            enabled: calls.is_some() || (matches!(entry.state, InstanceState::Failed(_)) && entry.is_wanted()),
            calls,
            refresh: running.map_or(Duration::MAX, |running| running.refresh),
            changed_at: running.and_then(|running| running.changed_at),
            input,
            cap: config.map_or(mast_model::ByteSize(0), |config| config.limits.input),
            settings: settings.unwrap_or_default(),
        })
    }
}

/// Where the importer's input comes from: `url`, `path`, or neither, in its `[config]`.
pub(super) fn input(config: &InstanceConfig, plugins: &PluginsConfig) -> Result<GuideInput, String> {
    let text = |key: &str| -> Result<Option<String>, String> {
        match config.config.get(key) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(serde_json::Value::String(text)) if text.is_empty() => Ok(None),
            Some(serde_json::Value::String(text)) => filled(text, key, config, plugins).map(Some),
            Some(_) => Err(format!("config.{key}: expected a text")),
        }
    };
    // One path, or several.
    let paths = match config.config.get("path").and_then(serde_json::Value::as_array) {
        Some(list) if list.iter().all(serde_json::Value::is_string) => {
            list.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect()
        }
        _ => text("path")?.into_iter().collect::<Vec<String>>(),
    };
    match (text("url")?, paths.is_empty()) {
        (Some(_), false) => Err("config.path: give either url or path, not both".to_owned()),
        (Some(url), true) => match url::Url::parse(&url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(GuideInput::Url {
                url: UpstreamUrl::new(url),
                rules: config.grant.http.clone(),
                route: config.upstream.route.clone(),
                headers: config.upstream.headers.clone(),
            }),
            // The text may hold a password.
            _ => Err("config.url: expected an http or https URL; a file is named by path".to_owned()),
        },
        (None, false) => {
            let absolute = |path: &String| plugins.dir.join(Path::new(path));
            let paths = paths.iter().map(absolute).collect();
            Ok(GuideInput::Files { paths, granted: config.grant.files.clone() })
        }
        (None, true) => Ok(GuideInput::Own),
    }
}

/// The text with `${NAME}` replaced by that secret, if it was granted.
fn filled(text: &str, key: &str, config: &InstanceConfig, plugins: &PluginsConfig) -> Result<String, String> {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((name, rest)) = part.split_once('}') else {
            return Err(format!("config.{key}: \"${{\" without \"}}\"; expected ${{NAME}} of a secret"));
        };
        let granted = config.grant.secrets.iter().any(|granted| granted == name);
        let Some(secret) = plugins.secrets.get(name).filter(|_| granted) else {
            return Err(format!("config.{key}: secret {name} is not granted; add it to secrets under [grant]"));
        };
        filled.push_str(secret.expose());
        filled.push_str(rest);
    }
    Ok(filled)
}
