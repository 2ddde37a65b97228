//! `[secrets]`: names for values that come from a variable or a file, never from `mast.toml` itself.

use std::collections::BTreeMap;

use mast_model::Secret;

use crate::config::reader::Section;

/// Every secret; a problem for each that does not resolve, and then an empty value, so that its name is known where it is granted.
pub(super) fn read(secrets: &Section<'_>) -> BTreeMap<String, Secret> {
    let sections = secrets.named_sections();
    sections.into_iter().map(|(name, section)| (name, value(&section).unwrap_or_else(|| Secret::new("")))).collect()
}

fn value(section: &Section<'_>) -> Option<Secret> {
    let variable: Option<String> = section.optional("env");
    let file = section.optional_path("file");
    match (variable, file) {
        (Some(variable), None) => {
            let value = section.reader().variable(&variable).filter(|value| !value.is_empty());
            if value.is_none() {
                section.problem("env", format!("environment variable {variable} is not set"));
            }
            value.map(Secret::new)
        }
        (None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(text) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                section.problem("file", format!("{} could not be read: {error}", file.display()));
                None
            }
        },
        (Some(_), Some(_)) => {
            section.problem("file", "give either env or file, not both");
            None
        }
        (None, None) => {
            if !section.has("env") && !section.has("file") {
                section.problem("env", "say where the secret is: { env = \"VARIABLE\" } or { file = \"path\" }");
            }
            None
        }
    }
}
