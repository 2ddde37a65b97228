//! The manifest: what a plugin says of itself, in a custom section named `mast-manifest` (TOML) of the component or of a core
//! module inside it. The SDK's export macro embeds the plugin's `plugin.toml`.
//!
//! ```toml
//! id = "source-m3u"
//! version = "0.1.0"
//! kind = "source"
//! summary = "Channels from an M3U playlist, by URL or file."
//!
//! [capabilities.http]                  # http, files, kv, secrets, devices; what is not asked for cannot be granted
//! reason = "downloads the playlist"
//! required = false                     # true: a missing grant is a start-up error
//!
//! [config]                             # JSON Schema of [config], written as TOML
//! type = "object"
//! additionalProperties = false
//! required = ["url"]
//! [config.properties.url]
//! type = "string"
//! description = "..."
//! ```

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use wasmparser::{Encoding, Parser, Payload};

use crate::load_error::LoadFailure;

const SECTION: &str = "mast-manifest";
const SECTION_MAX: usize = 256 << 10;

/// What can be asked for.
pub(crate) const CAPABILITIES: [&str; 5] = ["http", "files", "kv", "secrets", "devices"];

/// What a plugin says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lower-case letters, digits and dashes.
    pub id: String,
    /// SemVer.
    pub version: String,
    /// What it is.
    pub kind: Kind,
    /// One sentence.
    pub summary: String,
    /// What it asks for.
    #[serde(default)]
    pub capabilities: BTreeMap<String, Capability>,
    /// JSON Schema of its `[config]`; none means that it takes no settings.
    #[serde(default)]
    pub config: Option<serde_json::Value>,
}

/// Why a plugin asks for something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// For the operator.
    pub reason: String,
    /// Useless without it.
    #[serde(default)]
    pub required: bool,
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Where channels come from.
    Source,
    /// Where the guide comes from.
    Epg,
    /// Which device formats are spoken.
    Output,
    /// Who may watch what.
    Auth,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Epg => "epg",
            Self::Output => "output",
            Self::Auth => "auth",
        })
    }
}

impl Manifest {
    /// Finds and checks the manifest of a component.
    pub(crate) fn read(component: &[u8]) -> Result<Self, LoadFailure> {
        let section = find_section(component)?.ok_or(LoadFailure::NoManifest)?;
        let bad = |problem: String| LoadFailure::BadManifest(problem);
        if section.len() > SECTION_MAX {
            return Err(bad(format!("larger than {} KiB", SECTION_MAX >> 10)));
        }
        let text = std::str::from_utf8(section).map_err(|_| bad("not UTF-8".to_owned()))?;
        let manifest: Self = toml::from_str(text).map_err(|error| bad(error.to_string().trim_end().to_owned()))?;
        manifest.check().map_err(bad)?;
        Ok(manifest)
    }

    /// Id and version, as messages name a plugin.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.id, self.version)
    }

    fn check(&self) -> Result<(), String> {
        let id_is_word = (1..=64).contains(&self.id.len())
            && self.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !id_is_word {
            return Err(format!("id {:?} is not 1 to 64 lower-case letters, digits and dashes", self.id));
        }
        if !is_semver(&self.version) {
            return Err(format!("version {:?} is not a semantic version such as 1.2.3", self.version));
        }
        if let Some(unknown) = self.capabilities.keys().find(|name| !CAPABILITIES.contains(&name.as_str())) {
            return Err(format!("unknown capability {unknown:?}; there are {}", CAPABILITIES.join(", ")));
        }
        match &self.config {
            Some(schema) => match jsonschema::validator_for(schema) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("config is not a JSON Schema: {error}")),
            },
            None => Ok(()),
        }
    }
}

/// The section's contents, in the component itself or in any module or component nested in it.
fn find_section(wasm: &[u8]) -> Result<Option<&[u8]>, LoadFailure> {
    if !wasm.starts_with(b"\0asm") {
        let what = if wasm.is_empty() { "the file is empty" } else { "it does not begin as WebAssembly does" };
        return Err(LoadFailure::NotWasm(what.to_owned()));
    }
    let mut found = None;
    let mut outermost = true;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| LoadFailure::NotWasm(error.to_string()))? {
            Payload::Version { encoding: Encoding::Module, .. } if outermost => return Err(LoadFailure::CoreModule),
            Payload::CustomSection(section) if section.name() == SECTION && found.is_none() => {
                found = Some(section.data());
            }
            _ => {}
        }
        outermost = false;
    }
    Ok(found)
}

/// `MAJOR.MINOR.PATCH`, with a pre-release or build suffix of the allowed characters.
fn is_semver(version: &str) -> bool {
    let (core, suffix) = match version.find(['-', '+']) {
        Some(at) => version.split_at(at),
        None => (version, "-x"),
    };
    let number = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part.len() == 1 || !part.starts_with('0'))
    };
    version.len() <= 64
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && suffix.len() > 1
        && suffix.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for good in ["0.1.0", "10.20.30", "1.0.0-rc.1", "1.0.0+build5", "1.0.0-a+b"] {
            assert!(is_semver(good), "{good}");
        }
        for bad in ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.x", "1.0.0-", "v1.0.0", "1.0.0-ü"] {
            assert!(!is_semver(bad), "{bad}");
        }
    }
}
