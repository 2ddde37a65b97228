//! How an entry says that past programmes can be fetched. The entry's attributes come before those of the header.

use mast_sdk::source::CatchUp;

use crate::key::Panel;
use crate::parser::{Attributes, Entry};

/// Where an entry names a mode but no number of days.
const DEFAULT_DAYS: u32 = 7;

/// What the entry offers; an error is a remark for the operator.
pub(super) fn of(header: &Attributes, entry: &Entry) -> Result<Option<CatchUp>, String> {
    let own = &entry.attributes;
    let either = |names: &[&str]| own.first(names).or_else(|| header.first(names));
    let source = either(&["catchup-source"]);
    // The days that a panel writes for a channel with an archive, with no other word about catch-up.
    let panel_days = own.get("timeshift").and_then(days).filter(|&days| days > 0);
    let mode = match either(&["catchup", "catchup-type"]) {
        Some(written) => match mode(written) {
            Some(mode) => mode,
            None if matches!(written.to_ascii_lowercase().as_str(), "none" | "disabled" | "false" | "0") => {
                return Ok(None);
            }
            None => return Err(format!("catchup {written:?} is unknown; the channel has no catch-up")),
        },
        None if source.is_some_and(|source| source.contains("://")) => "default",
        None if source.is_some() => "append",
        None if panel_days.is_some() && Panel::parse(&entry.url).is_some() => "xc",
        None if panel_days.is_some() => "shift",
        None => return Ok(None),
    };
    let days = own.first(&["catchup-days", "tvg-rec"]).and_then(days).or(panel_days);
    let days = days.or_else(|| header.get("catchup-days").and_then(self::days)).unwrap_or(DEFAULT_DAYS);
    if days == 0 {
        return Ok(None);
    }
    if mode == "default" && source.is_none() {
        return Err("catchup \"default\" needs catchup-source; the channel has no catch-up".to_owned());
    }
    let correction = either(&["catchup-correction"]).filter(|hours| hours.parse::<f64>().is_ok_and(f64::is_finite));
    Ok(Some(CatchUp {
        mode: mode.to_owned(),
        days,
        template: source.map(str::to_owned),
        attrs: correction.map(|hours| ("correction".to_owned(), hours.to_owned())).into_iter().collect(),
    }))
}

fn mode(written: &str) -> Option<&'static str> {
    Some(match written.to_ascii_lowercase().as_str() {
        "default" => "default",
        "append" => "append",
        "shift" | "timeshift" => "shift",
        "flussonic" | "fs" => "flussonic",
        "flussonic-hls" => "flussonic-hls",
        "flussonic-ts" => "flussonic-ts",
        "xc" => "xc",
        "vod" => "vod",
        _ => return None,
    })
}

fn days(written: &str) -> Option<u32> {
    written.trim().parse().ok()
}
