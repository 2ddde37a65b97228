//! `[config]` against the schema that the plugin declared: defaults filled in, every problem reported.

use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use crate::load_error::LoadFailure;
use crate::manifest::Manifest;

/// The settings as the plugin reads them, one JSON document.
pub(crate) fn settle(manifest: &Manifest, config: Value) -> Result<Value, LoadFailure> {
    let mut config = if config.is_null() { Value::Object(Map::new()) } else { config };
    let problems = match &manifest.config {
        None => match config.as_object() {
            Some(table) => {
                table.keys().map(|key| format!("config.{key}: the plugin takes no settings; remove it")).collect()
            }
            None => vec!["config: must be a table".to_owned()],
        },
        Some(schema) => {
            fill_defaults(schema, &mut config);
            problems(schema, &config)?
        }
    };
    if problems.is_empty() { Ok(config) } else { Err(LoadFailure::Config(problems)) }
}

fn fill_defaults(schema: &Value, value: &mut Value) {
    let (Some(properties), Some(table)) = (schema.get("properties").and_then(Value::as_object), value.as_object_mut())
    else {
        return;
    };
    for (key, schema) in properties {
        if let (false, Some(default)) = (table.contains_key(key), schema.get("default")) {
            table.insert(key.clone(), default.clone());
        }
        if let Some(value) = table.get_mut(key) {
            fill_defaults(schema, value);
        }
    }
}

fn problems(schema: &Value, config: &Value) -> Result<Vec<String>, LoadFailure> {
    let validator = jsonschema::validator_for(schema)
        .map_err(|error| LoadFailure::BadManifest(format!("config is not a JSON Schema: {error}")))?;
    let mut problems = Vec::new();
    for error in validator.iter_errors(config) {
        let pointer = error.instance_path().to_string();
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            problems.extend(unexpected.iter().map(|key| unknown_key(schema, &pointer, key)));
        } else {
            // Masked: a setting's value may be a credential.
            problems.push(format!("{}: {}", key_path(&pointer), error.masked_with("the value")));
        }
    }
    Ok(problems)
}

fn unknown_key(schema: &Value, pointer: &str, key: &str) -> String {
    let known: Vec<&str> = table_schema(schema, pointer)
        .and_then(|schema| schema.get("properties")?.as_object())
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let distance = |near: &&&str| strsim::osa_distance(near, key);
    let hint = match known.iter().min_by_key(distance) {
        Some(near) if strsim::osa_distance(near, key) <= 2 => format!("did you mean {near}?"),
        Some(_) => format!("known are {}", known.join(", ")),
        None => "remove it".to_owned(),
    };
    format!("{}: unknown key; {hint}", key_path(&format!("{pointer}/{key}")))
}

/// The schema of the table at a JSON pointer, through plain `properties` only.
fn table_schema<'a>(schema: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(schema, |schema, key| schema.get("properties")?.get(key))
}

/// `/a/0/b` as `config.a[0].b`.
fn key_path(pointer: &str) -> String {
    pointer.split('/').skip(1).fold("config".to_owned(), |path, key| {
        if key.bytes().all(|b| b.is_ascii_digit()) && !key.is_empty() {
            format!("{path}[{key}]")
        } else {
            format!("{path}.{}", key.replace("~1", "/").replace("~0", "~"))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(schema: Option<Value>) -> Manifest {
        let mut manifest: Manifest =
            toml::from_str("id = \"x\"\nversion = \"0.1.0\"\nkind = \"source\"\nsummary = \"x\"").unwrap();
        manifest.config = schema;
        manifest
    }

    fn schema() -> Value {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["url"],
            "properties": {
                "url": { "type": "string" },
                "refresh": { "type": "string", "default": "6h" },
                "names": { "type": "array", "items": { "type": "string" } },
                "deep": { "type": "object", "default": {}, "additionalProperties": false,
                          "properties": { "size": { "type": "integer", "default": 3 } } },
            },
        })
    }

    #[test]
    fn defaults_are_filled_in() {
        let settled = settle(&manifest(Some(schema())), json!({ "url": "x" })).unwrap();
        assert_eq!(settled, json!({ "url": "x", "refresh": "6h", "deep": { "size": 3 } }));
        assert_eq!(settle(&manifest(None), Value::Null).unwrap(), json!({}));
    }

    #[test]
    fn every_problem_is_reported_without_values() {
        let config = json!({ "ulr": "http://a:hunter2@b", "refresh": 5, "names": ["a", 7], "deep": { "sise": 1 } });
        let Err(LoadFailure::Config(mut problems)) = settle(&manifest(Some(schema())), config) else { panic!() };
        problems.sort();
        assert_eq!(
            problems,
            [
                "config.deep.sise: unknown key; did you mean size?",
                "config.names[1]: the value is not of type \"string\"",
                "config.refresh: the value is not of type \"string\"",
                "config.ulr: unknown key; did you mean url?",
                "config: \"url\" is a required property",
            ]
        );
        let Err(LoadFailure::Config(problems)) = settle(&manifest(None), json!({ "a": 1 })) else { panic!() };
        assert_eq!(problems, ["config.a: the plugin takes no settings; remove it"]);
    }
}
