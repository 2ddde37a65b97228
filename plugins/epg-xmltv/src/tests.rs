//! Whole guides through the plugin, on the mock host.

#[path = "../../../tests/upstream/src/guide.rs"]
#[allow(dead_code, unreachable_pub, reason = "the generator is shared with other tests, which use other parts of it")]
mod guide;

mod bad;
mod elements;
mod generated;

use mast_sdk::epg::{Programme, Text};
use mast_sdk::mock::{Host, Imported};
use mast_sdk::{Result, pair};
use serde_json::json;

use super::Xmltv;

fn try_import(guide: impl Into<Vec<u8>>) -> Result<Imported> {
    Host::new().config(json!({})).chunk(7).install().import::<Xmltv>(guide)
}

fn import(guide: impl Into<Vec<u8>>) -> Imported {
    try_import(guide).unwrap()
}

/// The one programme of a guide with this content, and remarks.
fn programme(content: &str) -> (Programme, Vec<(String, String)>) {
    let mut imported = import(format!(
        "<tv><channel id=\"c\"/><programme start=\"19700101000100\" channel=\"c\">{content}</programme></tv>"
    ));
    assert_eq!(imported.programmes.len(), 1, "{content}: {:?}", imported.warnings);
    (imported.programmes.remove(0), imported.warnings)
}

fn texts(texts: &[Text]) -> String {
    let shown = texts.iter().map(|text| format!("{}:{}", text.lang.as_deref().unwrap_or("-"), text.value));
    shown.collect::<Vec<_>>().join(" ")
}

fn count(imported: &Imported, key: &str) -> u64 {
    pair(&imported.summary.attrs, key).map_or(0, |count| count.parse().unwrap())
}

#[test]
fn settings() {
    let import = |config, guide: &str| Host::new().config(config).install().import::<Xmltv>(guide);
    let guide = "<tv><programme start='19700101020000' channel='c'><title>T</title></programme>\
        <programme start='19700101020000 +0200' channel='c'><title>T</title></programme></tv>";
    for (config, expected) in [
        (json!({}), [7200, 0]),
        (json!({ "default_offset": "+01:00" }), [3600, 0]),
        (json!({ "default_offset": "-01:00" }), [10_800, 0]),
        (json!({ "default_offset": "+01:00", "ignore_offsets": true }), [3600, 3600]),
    ] {
        let starts: Vec<_> = import(config, guide).unwrap().programmes.iter().map(|found| found.start).collect();
        assert_eq!(starts, expected);
    }
    let error = import(json!({ "default_offset": "Berlin" }), guide).unwrap_err();
    assert_eq!(error.code, mast_sdk::Code::Config);
}
