//! What the plugin asks for against what the operator granted.

use std::collections::BTreeSet;

use mast_model::Destination;
use serde_json::Value;
use url::Url;

use crate::load_error::LoadFailure;
use crate::manifest::Manifest;
use crate::spec::Grants;

impl Grants {
    /// Nothing may be granted that is not asked for, and what is required must be granted.
    pub(crate) fn check(&self, manifest: &Manifest, config: &Value) -> Result<(), LoadFailure> {
        let not_asked: Vec<String> = self
            .given()
            .into_iter()
            .filter(|(capability, _)| !manifest.capabilities.contains_key(*capability))
            .map(|(_, key)| key.to_owned())
            .collect();
        if !not_asked.is_empty() {
            return Err(LoadFailure::NotAsked(not_asked));
        }
        let missing: Vec<String> = manifest
            .capabilities
            .iter()
            .filter(|(name, capability)| capability.required && !self.gives(name))
            .map(|(name, capability)| line_to_add(name, &capability.reason, config))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(LoadFailure::GrantMissing(format!("[grant]\n{}", missing.join("\n"))))
        }
    }

    /// (capability, key of `[grant]`) of everything granted.
    fn given(&self) -> Vec<(&'static str, &'static str)> {
        let http = &self.http;
        [
            ("http", "http", !http.allow.is_empty() || http.any_http),
            ("http", "net_allow_private", !http.allow_private.is_empty()),
            ("files", "files", !self.files.is_empty()),
            ("kv", "kv", self.kv.is_some()),
            ("secrets", "secrets", !self.secrets.is_empty()),
            ("devices", "devices", self.devices),
        ]
        .into_iter()
        .filter_map(|(capability, key, given)| given.then_some((capability, key)))
        .collect()
    }

    fn gives(&self, capability: &str) -> bool {
        self.given().iter().any(|(given, key)| *given == capability && *key != "net_allow_private")
    }
}

/// A line that can be pasted as it is; values are guessed from the settings where they hold URLs or paths.
fn line_to_add(capability: &str, reason: &str, config: &Value) -> String {
    let mut texts = Vec::new();
    collect_texts(config, &mut texts);
    let values = |found: BTreeSet<String>, example: &str| {
        let found = if found.is_empty() { BTreeSet::from([example.to_owned()]) } else { found };
        found.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ")
    };
    let value = match capability {
        "http" => {
            let destinations = texts.iter().filter_map(|text| Url::parse(text).ok());
            let destinations = destinations.filter(|url| matches!(url.scheme(), "http" | "https"));
            let destinations = destinations.filter_map(|url| Destination::of(&url)).map(|d| d.to_string()).collect();
            format!("[{}]", values(destinations, "https://provider.example:443"))
        }
        "files" => {
            let paths = texts.iter().filter(|text| text.starts_with('/')).map(|text| (*text).to_owned()).collect();
            format!("[{}]", values(paths, "/path/to/the/file"))
        }
        "secrets" => "[\"NAME\"]".to_owned(),
        "devices" => "true".to_owned(),
        _ => "\"1MiB\"".to_owned(),
    };
    let reason: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{capability} = {value}  # {reason}")
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(table) => table.values().for_each(|item| collect_texts(item, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(capabilities: &str) -> Manifest {
        let head = "id = \"x\"\nversion = \"0.1.0\"\nkind = \"source\"\nsummary = \"x\"\n";
        toml::from_str(&format!("{head}{capabilities}")).unwrap()
    }

    #[test]
    fn a_missing_grant_prints_the_line_to_add() {
        let manifest = manifest("[capabilities.http]\nreason = \"downloads the playlist\"\nrequired = true");
        let config = json!({ "url": "https://u:p@tv.example/get.php?password=p" });
        let failure = Grants::default().check(&manifest, &config).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "needs a grant; add to the instance file:\n[grant]\nhttp = [\"https://tv.example:443\"]  # downloads the playlist"
        );
        let mut grants = Grants::default();
        grants.http.allow.push("https://tv.example:443".parse().unwrap());
        assert!(grants.check(&manifest, &config).is_ok());
    }

    #[test]
    fn what_was_not_asked_for_is_refused() {
        let mut grants = Grants::default();
        grants.files.push("/etc/passwd".into());
        grants.kv = Some(mast_model::ByteSize::mib(1));
        let failure = grants.check(&manifest("[capabilities.kv]\nreason = \"x\""), &json!({})).unwrap_err();
        assert_eq!(failure.to_string(), "[grant] gives files, which the plugin does not ask for; remove it");
    }

    #[test]
    fn optional_capabilities_may_be_missing() {
        assert!(Grants::default().check(&manifest("[capabilities.http]\nreason = \"x\""), &json!({})).is_ok());
    }
}
