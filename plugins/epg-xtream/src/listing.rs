//! A channel's table of programmes.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use mast_sdk::epg::{Programme, Text};
use mast_sdk::time::{self, Zones};
use serde_json::{Map, Value};

/// With padding or without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One entry of a table.
pub(crate) struct Listing(Map<String, Value>);

/// The entries of an answer: a list, or an object whose values they are; panels write an empty list as an object and the other way round.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Listing>, serde_json::Error> {
    let answer: Value = serde_json::from_slice(body)?;
    let entries = match answer {
        Value::Object(mut answer) => answer.remove("epg_listings").unwrap_or_default(),
        list => list,
    };
    let entries: Vec<Value> = match entries {
        Value::Array(list) => list,
        Value::Object(entries) => entries.into_iter().map(|(_, entry)| entry).collect(),
        _ => Vec::new(),
    };
    let object = |entry| if let Value::Object(entry) = entry { Some(Listing(entry)) } else { None };
    Ok(entries.into_iter().filter_map(object).collect())
}

impl Listing {
    /// As a programme of a guide channel; why it is none.
    pub(crate) fn programme(&self, channel: &str, zones: Zones) -> Result<Programme, &'static str> {
        let start = self.seconds(&["start_timestamp", "start"], zones).ok_or("a programme's start is not a time")?;
        let title = self.encoded("title").ok_or("a programme has no title")?;
        // Some write the end as `stop`, and a number into `end`.
        let stop = self.seconds(&["stop_timestamp", "end", "stop"], zones).filter(|stop| *stop > start);
        let lang = self.0.get("lang").and_then(Value::as_str).filter(|lang| !lang.is_empty()).map(str::to_owned);
        let text = |value: String| Text { lang: lang.clone(), value };
        Ok(Programme {
            stop,
            titles: vec![text(title)],
            descriptions: self.encoded("description").map(text).into_iter().collect(),
            ..Programme::new(channel, start, "")
        })
    }

    /// The first of these fields that is a time: seconds as number or text, or a date and time.
    fn seconds(&self, names: &[&str], zones: Zones) -> Option<u64> {
        names.iter().find_map(|name| match self.0.get(*name)? {
            Value::Number(number) => number.as_u64().filter(|seconds| *seconds > 0),
            Value::String(text) => match text.trim().parse::<u64>() {
                Ok(0) => None,
                // A date without anything between its digits is longer.
                Ok(seconds) if text.trim().len() <= 10 => Some(seconds),
                _ => time::parse(text.trim().as_bytes(), zones).ok().map(|(seconds, _)| seconds),
            },
            _ => None,
        })
    }

    /// A text in Base64, or plain where it is none.
    fn encoded(&self, name: &str) -> Option<String> {
        let raw = self.0.get(name)?.as_str()?.trim();
        let joined: String = raw.split_ascii_whitespace().collect();
        let decoded = BASE64.decode(joined.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        // A plain word may happen to be Base64 of control characters.
        let readable = decoded.filter(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()));
        let text = readable.unwrap_or_else(|| raw.to_owned());
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(entry: Value) -> Result<(u64, Option<u64>, String, String), &'static str> {
        let body = json!({ "epg_listings": [entry] }).to_string();
        let found = read(body.as_bytes()).unwrap();
        let zones = Zones { default: 3600, ignore: false };
        let programme = found[0].programme("one", zones)?;
        let description = programme.descriptions.first().map(|text| text.value.clone()).unwrap_or_default();
        Ok((programme.start, programme.stop, programme.titles[0].value.clone(), description))
    }

    #[test]
    fn entries_of_every_panel() {
        let ok =
            |start, stop: Option<u64>, title: &str, text: &str| Ok((start, stop, title.to_owned(), text.to_owned()));
        for (entry, expected) in [
            (
                json!({ "title": "TmV3cw==", "description": "TG9uZyDDpA==", "start_timestamp": "1767268800", "stop_timestamp": "1767272400" }),
                ok(1_767_268_800, Some(1_767_272_400), "News", "Long ä"),
            ),
            (
                json!({ "title": "TmV3cw", "start_timestamp": 1_767_268_800, "stop_timestamp": 1_767_272_400, "description": "" }),
                ok(1_767_268_800, Some(1_767_272_400), "News", ""),
            ),
            (
                json!({ "title": "TmV3cw==", "start": "2026-01-01 13:00:00", "end": "1767272400", "stop": "2026-01-01 14:00:00" }),
                ok(1_767_268_800, Some(1_767_272_400), "News", ""),
            ),
            (
                json!({ "title": "TmV3cw==", "start": "2026-01-01 13:00:00", "end": "2026-01-01 14:00:00", "start_timestamp": "" }),
                ok(1_767_268_800, Some(1_767_272_400), "News", ""),
            ),
            (
                json!({ "title": "Not in Base64: ä", "start_timestamp": "1767268800", "stop_timestamp": "1767268800" }),
                ok(1_767_268_800, None, "Not in Base64: ä", ""),
            ),
            (json!({ "title": "News", "start_timestamp": 1 }), ok(1, None, "News", "")),
            (json!({ "title": "TmV3cw==" }), Err("a programme's start is not a time")),
            (json!({ "title": "", "start_timestamp": 1 }), Err("a programme has no title")),
            (json!({ "title": null, "start_timestamp": 1 }), Err("a programme has no title")),
        ] {
            assert_eq!(told(entry.clone()), expected, "{entry}");
        }
        for (body, count) in [
            (json!([]), 0),
            (json!({}), 0),
            (json!({ "epg_listings": {} }), 0),
            (json!({ "epg_listings": { "7": { "title": "x" } } }), 1),
            (json!({ "epg_listings": [1, null, {}] }), 1),
            (json!("no"), 0),
        ] {
            assert_eq!(read(body.to_string().as_bytes()).unwrap().len(), count, "{body}");
        }
        assert!(read(b"<html>").is_err());
    }
}
