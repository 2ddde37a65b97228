//! The types of every field, written down from PROTOCOLS.md 2a, against full and sparse records.

use serde_json::Value;

use super::{NOW, get, host, line, login as login_of, request};
use crate::Xtream;

/// What a field has to be: `s` a text, `d` a text of digits (with a decimal point or not), `n` a number, `i` a whole number, `b` a boolean,
/// `o` an object, `[i]` and `[s]` lists, `t` a date and time, `0` null; several stand side by side with `|`.
type Table = [(&'static str, &'static str)];

const USER_INFO: &Table = &[
    ("username", "s"),
    ("password", "s"),
    ("message", "s"),
    ("auth", "i"),
    ("status", "s"),
    ("exp_date", "d|0"),
    ("is_trial", "d"),
    ("active_cons", "d"),
    ("created_at", "d"),
    ("max_connections", "d"),
    ("allowed_output_formats", "[s]"),
];

const SERVER_INFO: &Table = &[
    ("url", "s"),
    ("port", "d"),
    ("https_port", "d"),
    ("server_protocol", "s"),
    ("rtmp_port", "d"),
    ("timezone", "s"),
    ("timestamp_now", "i"),
    ("time_now", "t"),
    ("process", "b"),
];

const CATEGORY: &Table = &[("category_id", "d"), ("category_name", "s"), ("parent_id", "i")];

const LIVE: &Table = &[
    ("num", "i"),
    ("name", "s"),
    ("stream_type", "s"),
    ("stream_id", "i"),
    ("stream_icon", "s"),
    ("epg_channel_id", "s|0"),
    ("added", "d"),
    ("is_adult", "d"),
    ("category_id", "d"),
    ("category_ids", "[i]"),
    ("custom_sid", "s"),
    ("tv_archive", "i"),
    ("direct_source", "s"),
    ("tv_archive_duration", "i"),
    ("thumbnail", "s"),
];

const MOVIE: &Table = &[
    ("num", "i"),
    ("name", "s"),
    ("title", "s"),
    ("year", "s"),
    ("stream_type", "s"),
    ("stream_id", "i"),
    ("stream_icon", "s"),
    ("rating", "d"),
    ("rating_5based", "n"),
    ("plot", "s"),
    ("cast", "s"),
    ("director", "s"),
    ("genre", "s"),
    ("release_date", "s"),
    ("youtube_trailer", "s"),
    ("episode_run_time", "d"),
    ("added", "d"),
    ("is_adult", "d"),
    ("category_id", "d"),
    ("category_ids", "[i]"),
    ("container_extension", "s"),
    ("custom_sid", "s"),
    ("direct_source", "s"),
];

const MOVIE_INFO: &Table = &[
    ("tmdb_id", "s"),
    ("name", "s"),
    ("o_name", "s"),
    ("cover_big", "s"),
    ("movie_image", "s"),
    ("releasedate", "s"),
    ("release_date", "s"),
    ("youtube_trailer", "s"),
    ("director", "s"),
    ("actors", "s"),
    ("cast", "s"),
    ("description", "s"),
    ("plot", "s"),
    ("genre", "s"),
    ("country", "s"),
    ("age", "s"),
    ("episode_run_time", "d"),
    ("rating", "d"),
    ("rating_5based", "n"),
    ("backdrop_path", "[s]"),
    ("duration_secs", "i"),
    ("duration", "s"),
    ("bitrate", "i"),
    ("video", "o"),
    ("audio", "o"),
];

const MOVIE_DATA: &Table = &[
    ("stream_id", "i"),
    ("name", "s"),
    ("title", "s"),
    ("year", "s"),
    ("added", "d"),
    ("category_id", "d"),
    ("category_ids", "[i]"),
    ("container_extension", "s"),
    ("custom_sid", "s"),
    ("direct_source", "s"),
];

/// `info` of `get_series_info`; a record of `get_series` has [`SERIES_ID`] too.
const SERIES: &Table = &[
    ("name", "s"),
    ("title", "s"),
    ("cover", "s"),
    ("plot", "s"),
    ("cast", "s"),
    ("director", "s"),
    ("genre", "s"),
    ("year", "s"),
    ("releaseDate", "s"),
    ("release_date", "s"),
    ("last_modified", "d"),
    ("rating", "d"),
    ("rating_5based", "n"),
    ("backdrop_path", "[s]"),
    ("youtube_trailer", "s"),
    ("episode_run_time", "d"),
    ("category_id", "d"),
    ("category_ids", "[i]"),
];

const SERIES_ID: &Table = &[("num", "i"), ("series_id", "i")];

const SEASON: &Table = &[
    ("id", "i"),
    ("season_number", "i"),
    ("name", "s"),
    ("episode_count", "i"),
    ("overview", "s"),
    ("air_date", "s"),
    ("cover", "s"),
    ("cover_big", "s"),
];

const EPISODE: &Table = &[
    ("id", "d"),
    ("episode_num", "i"),
    ("title", "s"),
    ("container_extension", "s"),
    ("info", "o"),
    ("custom_sid", "s"),
    ("added", "d"),
    ("season", "i"),
    ("direct_source", "s"),
];

const EPISODE_INFO: &Table = &[
    ("movie_image", "s"),
    ("plot", "s"),
    ("releasedate", "s"),
    ("release_date", "s"),
    ("rating", "d"),
    ("rating_5based", "n"),
    ("duration_secs", "i"),
    ("duration", "s"),
    ("bitrate", "i"),
    ("video", "o"),
    ("audio", "o"),
];

const LISTING: &Table = &[
    ("id", "d"),
    ("epg_id", "d"),
    ("title", "s"),
    ("lang", "s"),
    ("start", "t"),
    ("end", "t"),
    ("stop", "t"),
    ("description", "s"),
    ("channel_id", "s"),
    ("start_timestamp", "d"),
    ("stop_timestamp", "d"),
];

const ARCHIVE: &Table = &[("now_playing", "i"), ("has_archive", "i")];

fn fits(value: &Value, kind: &str) -> bool {
    let list_of = |kind: &str| value.as_array().is_some_and(|list| list.iter().all(|item| fits(item, kind)));
    match kind {
        "s" => value.is_string(),
        "d" => value.as_str().is_some_and(|text| text.parse::<f64>().is_ok_and(|number| number >= 0.0)),
        "t" => value.as_str().is_some_and(|text| {
            text.len() == 19 && mast_sdk::time::parse(text.as_bytes(), mast_sdk::time::Zones::default()).is_ok()
        }),
        "n" => value.is_number(),
        "i" => value.as_u64().is_some_and(|number| number < 1 << 31),
        "b" => value.is_boolean(),
        "o" => value.is_object(),
        "[i]" => list_of("i"),
        "[s]" => list_of("s"),
        "0" => value.is_null(),
        other => panic!("no such type: {other}"),
    }
}

/// Every field is there, has its type, and there are no others.
fn check(record: &Value, tables: &[&Table]) {
    let object = record.as_object().unwrap_or_else(|| panic!("{record} is no object"));
    let fields: Vec<_> = tables.concat();
    for (field, kinds) in &fields {
        let value = object.get(*field).unwrap_or_else(|| panic!("{field} is missing: {record}"));
        assert!(kinds.split('|').any(|kind| fits(value, kind)), "{field} is no {kinds}: {value}");
    }
    let unknown: Vec<_> = object.keys().filter(|key| !fields.iter().any(|(field, _)| field == key)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are in no table");
}

/// A list with `count` records.
fn check_all(list: &Value, count: usize, tables: &[&Table]) {
    let list = list.as_array().unwrap_or_else(|| panic!("{list} is no list"));
    assert_eq!(list.len(), count);
    for record in list {
        check(record, tables);
    }
}

pub(super) fn login(body: &Value) {
    check(&body["user_info"], &[USER_INFO]);
    check(&body["server_info"], &[SERVER_INFO]);
}

#[test]
fn of_the_login() {
    login(&get(&[]));
    login(&login_of(serde_json::json!({}), "", &line().info(|info| info.expires = None)));
}

#[test]
fn of_the_lists() {
    for (action, count, tables) in [
        ("get_live_categories", 2, &[CATEGORY][..]),
        ("get_vod_categories", 2, &[CATEGORY]),
        ("get_series_categories", 2, &[CATEGORY]),
        ("get_live_streams", 3, &[LIVE]),
        ("get_vod_streams", 2, &[MOVIE]),
        ("get_series", 2, &[SERIES_ID, SERIES]),
    ] {
        check_all(&get(&[("action", action)]), count, tables);
    }
}

#[test]
fn of_the_details() {
    for id in ["101", "202"] {
        let movie = get(&[("action", "get_vod_info"), ("vod_id", id)]);
        check(&movie["info"], &[MOVIE_INFO]);
        check(&movie["movie_data"], &[MOVIE_DATA]);
    }
    for (id, seasons) in [("301", 2), ("302", 0)] {
        let series = get(&[("action", "get_series_info"), ("series_id", id)]);
        check(&series["info"], &[SERIES]);
        check_all(&series["seasons"], seasons, &[SEASON]);
        let lists = series["episodes"].as_object().unwrap();
        assert_eq!(lists.len(), seasons);
        for episode in lists.values().flat_map(|list| list.as_array().unwrap()) {
            check(episode, &[EPISODE]);
            check(&episode["info"], &[EPISODE_INFO]);
        }
    }
}

#[test]
fn of_the_guide() {
    let channel = ("stream_id", "101");
    check_all(&get(&[("action", "get_short_epg"), channel])["epg_listings"], 4, &[LISTING]);
    check_all(&get(&[("action", "get_simple_data_table"), channel])["epg_listings"], 8, &[LISTING, ARCHIVE]);
    // A channel without a guide id, a programme without anything but a title.
    let mut bare = super::programme(102, NOW, "T");
    bare.sub_title.clear();
    bare.description.clear();
    bare.attrs.clear();
    let host = host(serde_json::json!({})).install();
    let request = request("/player_api.php", &[("action", "get_simple_data_table"), ("stream_id", "102")]);
    let reply = host.handle::<Xtream>(&request, Some(&line().programme(bare))).unwrap();
    let body: Value = serde_json::from_str(&reply.text()).unwrap();
    check_all(&body["epg_listings"], 1, &[LISTING, ARCHIVE]);
}

#[test]
fn of_the_panel() {
    const PANEL: &Table = &[("type_name", "s"), ("category_name", "s"), ("live", "d"), ("series_no", "0")];
    const NO_FILE: &Table = &[("container_extension", "0")];
    let reply =
        host(serde_json::json!({})).install().handle::<Xtream>(&request("/panel_api.php", &[]), Some(&line())).unwrap();
    let panel: Value = serde_json::from_str(&reply.text()).unwrap();
    login(&panel);
    for (content, count) in [("live", 2), ("movie", 2), ("series", 2)] {
        check_all(&panel["categories"][content], count, &[CATEGORY]);
    }
    for record in panel["available_channels"].as_object().unwrap().values() {
        let tables = if record["live"] == "1" { [LIVE, PANEL, NO_FILE] } else { [MOVIE, PANEL, &[]] };
        check(record, &tables);
    }
}
