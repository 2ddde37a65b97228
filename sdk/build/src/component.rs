//! From a core module to a component.

use anyhow::{Context, Result, bail};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// The custom section that holds a plugin's manifest (TOML).
pub const MANIFEST_SECTION: &str = "mast-manifest";

/// Turns a core module into a component and checks that it carries the manifest of plugin `id`.
pub(crate) fn encode(module: &[u8], id: &str) -> Result<Vec<u8>> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .with_context(|| {
            format!("{id}: this module was not made for a world of wit/; does it call mast_sdk::export_plugin! ?")
        })?
        .encode()
        .with_context(|| format!("{id}: this module does not fit its world"))?;
    let manifest = manifest_section(&component)?
        .with_context(|| format!("{id}: no {MANIFEST_SECTION} section; call mast_sdk::export_plugin! in its lib.rs"))?;
    check_manifest(&manifest, id)?;
    Ok(component)
}

/// The manifest in a component, or in a core module inside it; none where there is none.
pub fn manifest_section(component: &[u8]) -> Result<Option<String>> {
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.context("not a WebAssembly file")?;
        if let Payload::CustomSection(section) = payload
            && section.name() == MANIFEST_SECTION
        {
            let text = std::str::from_utf8(section.data()).context("the manifest is not UTF-8")?;
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}

/// What the build needs of a manifest; the host checks all of it when it loads the plugin.
#[derive(serde::Deserialize)]
struct Identity {
    id: String,
    version: String,
    kind: String,
}

fn check_manifest(text: &str, id: &str) -> Result<()> {
    let manifest: Identity = toml::from_str(text).with_context(|| format!("{id}: plugin.toml"))?;
    if manifest.id != id {
        bail!("{id}: plugin.toml says id = {:?}; the crate's name and the plugin's id must be the same", manifest.id);
    }
    if manifest.version.is_empty() {
        bail!("{id}: plugin.toml says version = \"\"; write the crate's version");
    }
    if !matches!(manifest.kind.as_str(), "source" | "epg" | "output" | "auth") {
        bail!("{id}: plugin.toml says kind = {:?}; it is one of source, epg, output, auth", manifest.kind);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check_manifest, encode, manifest_section};

    #[test]
    fn a_manifest_is_found_in_a_nested_module() {
        let wat = r#"(component (core module (@custom "mast-manifest" "id = \"x\"")))"#;
        let bytes = wat::parse_str(wat).unwrap();
        assert_eq!(manifest_section(&bytes).unwrap().as_deref(), Some("id = \"x\""));
    }

    #[test]
    fn a_component_without_a_manifest_has_none() {
        assert_eq!(manifest_section(&wat::parse_str("(component)").unwrap()).unwrap(), None);
        assert!(manifest_section(b"#EXTM3U").is_err());
    }

    #[test]
    fn a_module_of_no_world_is_refused_with_the_next_step() {
        let bytes = wat::parse_str("(module)").unwrap();
        let error = format!("{:#}", encode(&bytes, "x").unwrap_err());
        assert!(error.contains("export_plugin"), "{error}");
    }

    #[test]
    fn manifests_that_lie_are_named() {
        let check = |text: &str, part: &str| {
            let error = format!("{:#}", check_manifest(text, "x").unwrap_err());
            assert!(error.contains(part), "{error} lacks {part}");
        };
        check("id = \"y\"\nversion = \"1.0.0\"\nkind = \"source\"", "must be the same");
        check("id = \"x\"\nversion = \"\"\nkind = \"source\"", "version");
        check("id = \"x\"\nversion = \"1.0.0\"\nkind = \"sauce\"", "one of source");
        check("id = \"x\"", "missing field");
        check_manifest("id = \"x\"\nversion = \"1.0.0\"\nkind = \"auth\"", "x").unwrap();
    }
}
