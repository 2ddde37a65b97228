//! The description against the answers: every route and parameter is in it, and every field of every answer, with its type.

use std::collections::BTreeSet;

use mast_sdk::mock::Line;
use serde_json::Value;

use super::{body, get, install, line, request};
use crate::{Api, DESCRIPTION, ROUTES};

fn description() -> Value {
    serde_json::from_str(DESCRIPTION).expect("openapi.json is JSON")
}

/// Checks a value against a named schema, in the part of JSON Schema that the description uses; no field may be missing or unknown.
pub(super) fn check(value: &Value, schema: &str) {
    let description = description();
    matches(value, &description["components"]["schemas"][schema], &description)
        .unwrap_or_else(|problem| panic!("no {schema}: {problem}\n{value:#}"));
}

fn matches(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    if let Some(path) = schema["$ref"].as_str() {
        let target = root.pointer(path.trim_start_matches('#')).ok_or_else(|| format!("{path} is not there"))?;
        return matches(value, target, root);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let problems: Vec<_> = options.iter().map(|option| matches(value, option, root)).collect();
        return if problems.iter().any(Result::is_ok) { Ok(()) } else { Err(format!("none of {problems:?}")) };
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Err(format!("a schema without a type: {schema}")),
    };
    if !kinds.iter().any(|kind| is(value, kind)) {
        return Err(format!("{value} is none of {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
        return Err(format!("{value} is not in {}", schema["enum"]));
    }
    if let (Some("date-time"), Some(text)) = (schema["format"].as_str(), value.as_str())
        && !(text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[text.len() - 10] == b'T')
    {
        return Err(format!("{text} is no time"));
    }
    match value {
        Value::Object(members) => object(members, schema, root),
        Value::Array(items) => items.iter().try_for_each(|item| matches(item, &schema["items"], root)),
        _ => Ok(()),
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn object(members: &serde_json::Map<String, Value>, schema: &Value, root: &Value) -> Result<(), String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|field| !members.contains_key(*field)) {
        return Err(format!("{missing} is missing"));
    }
    members.iter().try_for_each(|(field, value)| {
        let described = schema["properties"].get(field).ok_or_else(|| format!("{field} is not described"))?;
        matches(value, described, root).map_err(|problem| format!("{field}: {problem}"))
    })
}

/// The paths to ask, for each route, so that every record is once full and once sparse.
const ASKED: [(&str, &[&str]); 14] = [
    ("line", &["line"]),
    ("categories", &["categories"]),
    ("channels", &["channels"]),
    ("channel", &["channels/101", "channels/102", "channels/103"]),
    ("channel-playback", &["channels/101/playback"]),
    ("channel-guide", &["channels/101/guide", "channels/103/guide"]),
    ("now", &["now"]),
    ("movies", &["movies"]),
    ("movie", &["movies/201", "movies/202"]),
    ("movie-playback", &["movies/201/playback"]),
    ("series", &["series"]),
    ("one-series", &["series/301", "series/302"]),
    ("episodes", &["series/301/episodes", "series/302/episodes"]),
    ("episode-playback", &["episodes/401/playback"]),
];

#[test]
fn every_answer_is_as_described() {
    let description = description();
    for (route, path) in ROUTES.into_iter().filter(|(id, _)| *id != "openapi") {
        let operation = &description["paths"][format!("/app/v1/{path}")]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let (_, asked) =
            ASKED.into_iter().find(|(id, _)| *id == route).unwrap_or_else(|| panic!("{route} is not asked"));
        for path in asked {
            let found = get(path, &[]);
            matches(&found, schema, &description).unwrap_or_else(|problem| panic!("{path}: {problem}\n{found:#}"));
        }
    }
}

#[test]
fn an_empty_lineup_is_as_described_too() {
    let host = install(Line::new("anna"));
    for (path, schema) in
        [("line", "Line"), ("categories", "Categories"), ("channels", "Channels"), ("movies", "Movies"), ("now", "Now")]
    {
        check(&body(&host.handle::<Api>(&request(path, &[]), None).unwrap()), schema);
    }
}

#[test]
fn every_route_is_described_and_no_other() {
    let description = description();
    let paths: BTreeSet<_> = description["paths"].as_object().unwrap().keys().cloned().collect();
    let routes: BTreeSet<_> = ROUTES.into_iter().map(|(_, path)| format!("/app/v1/{path}")).collect();
    assert_eq!(paths, routes);
    for (id, path) in ROUTES {
        let operation = &description["paths"][format!("/app/v1/{path}")]["get"];
        assert_eq!(operation["operationId"], id);
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        assert_eq!(parameters.filter(|one| one["in"] == "path").count(), path.matches('{').count(), "{path}");
    }
}

/// A parameter that makes no sense is refused by name exactly where it is described (`q` takes anything).
#[test]
fn every_parameter_is_described_and_no_other() {
    let description = description();
    let all = ["content", "category", "limit", "after", "format", "from", "to", "channels"];
    for (_, path) in ROUTES.into_iter().filter(|(id, _)| *id != "openapi") {
        let operation = &description["paths"][format!("/app/v1/{path}")]["get"];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let described: BTreeSet<_> = parameters
            .filter(|one| one["in"] == "query" && one["name"] != "q")
            .filter_map(|one| one["name"].as_str())
            .collect();
        let id = ["101", "201", "301", "401"].into_iter().find(|id| {
            let asked = request(&path.replace("{id}", id), &[]);
            install(line()).handle::<Api>(&asked, None).unwrap().status == Some(200)
        });
        let path = path.replace("{id}", id.unwrap());
        let refused: BTreeSet<_> = all
            .into_iter()
            .filter(|name| {
                let reply = install(line()).handle::<Api>(&request(&path, &[(name, "no sense")]), None).unwrap();
                reply.status == Some(400) && body(&reply)["field"] == *name
            })
            .collect();
        assert_eq!(described, refused, "{path}");
    }
}

#[test]
fn every_schema_is_used_and_described() {
    let description = description();
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        let path = format!("\"#/components/schemas/{name}\"");
        assert!(DESCRIPTION.contains(&path), "{name} is not used");
        for (field, described) in schema["properties"].as_object().unwrap() {
            assert!(described["description"].is_string(), "{name}.{field} says nothing");
        }
    }
}

/// The comparison itself can fail.
#[test]
fn a_wrong_answer_is_noticed() {
    let good = get("channels/101", &[]);
    let description = description();
    let schema = &description["components"]["schemas"]["Channel"];
    assert_eq!(matches(&good, schema, &description), Ok(()));
    for (field, value) in
        [("id", Value::from("101")), ("more", Value::Null), ("name", Value::Null), ("added", Value::from("now"))]
    {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(matches(&bad, schema, &description).is_err(), "{field}");
    }
    let mut bad = good;
    bad.as_object_mut().unwrap().remove("logo");
    assert!(matches(&bad, schema, &description).is_err());
}
