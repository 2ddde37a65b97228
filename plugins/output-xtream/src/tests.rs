use mast_sdk::mock::{Host, Line, Reply};
use mast_sdk::output::{Output, Programme, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CACHED, Xtream};

mod types;

/// 2026-01-01 00:00:00 UTC.
const NOW: u64 = 1_767_225_600;

fn attrs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn programme(channel: u32, start: u64, title: &str) -> Programme {
    Programme {
        channel,
        start,
        stop: start + 1800,
        title: title.to_owned(),
        sub_title: "S".to_owned(),
        description: "D".to_owned(),
        attrs: attrs(&[("lang", "de")]),
    }
}

/// A full record of each kind first, then one with nothing in it that may be missing.
fn line() -> Line {
    const ALL: [(&str, &str); 14] = [
        ("plot", "A plot"),
        ("genre", "Drama"),
        ("year", "2020"),
        ("release-date", "2020-02-29"),
        ("rating", "7.5"),
        ("duration-seconds", "5525"),
        ("cast", "A, B"),
        ("director", "C"),
        ("country", "AT"),
        ("age", "12"),
        ("tmdb-id", "603"),
        ("trailer", "abc"),
        ("backdrop", "http://p.example/b.jpg"),
        ("added", "1700000000"),
    ];
    let poster = "http://p.example/1.jpg";
    let line = Line::new("anna")
        .info(|info| {
            info.expires = Some(NOW + 86_400);
            info.max_connections = 3;
            info.active_connections = 1;
            info.created = 1_600_000_000;
        })
        .channel_with(101, "One \"HD\"\n😀", "News", |channel| {
            channel.epg_id = "one.example".into();
            channel.logo = poster.into();
            channel.catch_up_days = 7;
            channel.attrs = attrs(&[("added", "1700000000"), ("adult", "true")]);
        })
        .channel(102, "Two", "")
        .channel_with(103, "Radio", "News", |channel| channel.attrs = attrs(&[("radio", "true"), ("added", "new")]))
        .movie(101, "Film", "Films", |movie| {
            movie.logo = poster.into();
            movie.attrs = attrs(&ALL);
            movie.attrs.push(("container".into(), "mkv".into()));
        })
        .movie(202, "Sparse", "", |movie| movie.attrs.clear())
        .series(301, "Show", "Shows", |series| {
            series.logo = poster.into();
            series.attrs = attrs(&ALL);
        })
        .series(302, "Sparse", "", |_| {})
        .episode(301, 402, (1, 2), "Second", |_| {})
        .episode(301, 401, (1, 1), "First", |episode| episode.attrs = attrs(&ALL))
        .episode(301, 403, (0, 1), "Extra", |episode| episode.container.clear());
    [(NOW - 86_400 - 1800, "Older"), (NOW - 3600, "Past"), (NOW - 900, "Now"), (NOW + 900, "Next")]
        .into_iter()
        .chain((1..6).map(|at| (NOW + 900 + at * 1800, "Later")))
        .fold(line, |line, (start, title)| line.programme(programme(101, start, title)))
}

/// As the host would: the route that the query asks for.
fn request(path: &str, query: &[(&str, &str)]) -> Request {
    let is_list = |(field, value): &(&str, &str)| {
        *field == "action" && CACHED.iter().any(|(name, _)| name.eq_ignore_ascii_case(value))
    };
    let route = match path {
        "/player_api.php" if query.iter().any(is_list) => "lists",
        "/player_api.php" => "player",
        _ => "panel",
    };
    let mut all = vec![("username", "anna"), ("password", "pass word")];
    all.extend(query);
    Request::test(route, path, &all)
}

fn host(config: Value) -> Host {
    Host::new().config(config).now(NOW).line("anna", "pass word", line())
}

fn reply(query: &[(&str, &str)]) -> Reply {
    host(json!({})).install().handle::<Xtream>(&request("/player_api.php", query), Some(&line())).unwrap()
}

fn get(query: &[(&str, &str)]) -> Value {
    let reply = reply(query);
    assert_eq!((reply.status, reply.header("content-type")), (Some(200), Some("application/json")));
    serde_json::from_str(&reply.text()).unwrap_or_else(|error| panic!("{query:?}: {error}: {}", reply.text()))
}

fn login(config: Value, agent: &str, line: &Line) -> Value {
    let mut request = request("/player_api.php", &[]);
    request.headers.push(("user-agent".into(), agent.into()));
    let reply = host(config).install().handle::<Xtream>(&request, Some(line)).unwrap();
    serde_json::from_str(&reply.text()).unwrap()
}

#[test]
fn the_login_object() {
    let expected = json!({
        "user_info": {
            "username": "anna", "password": "pass word", "message": "Hello", "auth": 1, "status": "Active",
            "exp_date": "1767312000", "is_trial": "0", "active_cons": "1", "created_at": "1600000000", "max_connections": "3",
            "allowed_output_formats": ["m3u8", "ts"],
        },
        "server_info": {
            "url": "tv.example", "port": "8080", "https_port": "443", "server_protocol": "http", "rtmp_port": "0",
            "timezone": "UTC", "timestamp_now": NOW, "time_now": "2026-01-01 00:00:00", "process": true,
        },
    });
    assert_eq!(login(json!({ "message": "Hello" }), "TiviMate", &line()), expected);
}

#[test]
fn ports_are_those_of_the_scheme_that_was_used() {
    for (base_url, config, expected) in [
        ("http://tv.example", json!({}), ["tv.example", "80", "443", "http"]),
        ("https://tv.example", json!({}), ["tv.example", "80", "443", "https"]),
        ("https://tv.example:8443", json!({ "http_port": 8080 }), ["tv.example", "8080", "8443", "https"]),
        ("http://[::1]:8080", json!({ "https_port": 8443 }), ["[::1]", "8080", "8443", "http"]),
    ] {
        let mut request = request("/player_api.php", &[]);
        request.base_url = base_url.into();
        let reply = host(config).install().handle::<Xtream>(&request, Some(&line())).unwrap();
        let server = &serde_json::from_str::<Value>(&reply.text()).unwrap()["server_info"];
        let shown = ["url", "port", "https_port", "server_protocol"].map(|key| server[key].as_str().unwrap());
        assert_eq!(shown, expected, "{base_url}");
    }
}

#[test]
fn dialects_change_the_login() {
    let endless = line().info(|info| info.expires = None);
    let plain = login(json!({}), "", &endless);
    assert_eq!(plain["user_info"]["exp_date"], Value::Null);
    assert_eq!(plain["server_info"].get("xui"), None);
    assert_eq!(login(json!({}), "IPTVSmartersPro", &endless)["user_info"]["max_connections"], 3);
    let config = json!({ "dialect": [{ "username": "anna", "expiry": "far-future", "server": "xui" }] });
    let other = login(config, "", &endless);
    assert_eq!(other["user_info"]["exp_date"], "2145916800");
    assert_eq!(other["server_info"]["xui"], true);
}

#[test]
fn any_other_action_is_a_login() {
    for query in [
        &[][..],
        &[("action", "")],
        &[("action", "get_profile")],
        &[("action", "get_server_info")],
        &[("action", "get_all_channels")],
        &[("action", "'; DROP TABLE lines; --")],
        &[("action", "<script>"), ("action", "get_short_epg")],
    ] {
        assert_eq!(get(query)["user_info"]["auth"], 1, "{query:?}");
    }
}

#[test]
fn the_login_is_never_cached() {
    for query in [
        [("action", "get_profile"), ("action", "get_live_streams")],
        [("action", "get_live_streams"), ("action", "get_profile")],
        [("action", "GET_LIVE_STREAMS"), ("limit", "")],
    ] {
        assert_eq!(get(&query).as_array().map(Vec::len), Some(3), "{query:?}");
    }
    let _host = Host::new().install();
    for route in Xtream::load().unwrap().routes() {
        let cached = route.attrs.iter().any(|(key, _)| key == "when");
        assert_eq!(!route.depends.is_empty(), cached, "{}", route.id);
        assert!(!route.depends.iter().any(|on| on == "guide" || on == "day"));
        assert_eq!(route.refused, if route.line == "public" { "host" } else { "plugin" });
    }
}

fn ids(list: &Value, key: &str) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|record| record[key].as_u64().unwrap()).collect()
}

#[test]
fn category_id_filters_where_it_is_something() {
    for (action, key, all, category, some) in [
        ("get_live_streams", "stream_id", &[101, 102, 103][..], "1", &[101, 103][..]),
        ("get_vod_streams", "stream_id", &[101, 202], "3", &[101]),
        ("get_series", "series_id", &[301, 302], "6", &[302]),
    ] {
        assert_eq!(ids(&get(&[("action", action)]), key), all);
        for none in ["", "0"] {
            assert_eq!(ids(&get(&[("action", action), ("category_id", none)]), key), all);
        }
        assert_eq!(ids(&get(&[("action", action), ("category_id", category)]), key), some);
        let repeated = [("action", action), ("category_id", category), ("category_id", "99")];
        assert_eq!(ids(&get(&repeated), key), some);
        for odd in ["99", "-1", "x", "1 OR 1=1", "4294967296", "99999999999999999999", "*"] {
            assert_eq!(get(&[("action", action), ("category_id", odd)]), json!([]), "{odd}");
        }
    }
}

#[test]
fn what_is_not_there_is_an_empty_info() {
    for id in [None, Some(""), Some("0"), Some("999"), Some("x"), Some("-1"), Some("101,202"), Some("[]")] {
        let with = |action, field| {
            let mut query = vec![("action", action)];
            query.extend(id.map(|id| (field, id)));
            get(&query)
        };
        assert_eq!(with("get_vod_info", "vod_id"), json!({ "info": [], "movie_data": {} }));
        assert_eq!(with("get_series_info", "series_id"), json!({ "seasons": [], "info": [], "episodes": {} }));
        assert_eq!(with("get_short_epg", "stream_id"), json!({ "epg_listings": [] }), "{id:?}");
        assert_eq!(with("get_simple_data_table", "stream_id"), json!({ "epg_listings": [] }));
    }
    // A movie is no channel and no series, a channel no movie.
    assert_eq!(get(&[("action", "get_vod_info"), ("vod_id", "102")])["info"], json!([]));
    assert_eq!(get(&[("action", "get_series_info"), ("series_id", "202")])["info"], json!([]));
}

#[test]
fn a_series_lists_its_episodes_by_season() {
    let series = get(&[("action", "get_series_info"), ("series_id", "301")]);
    let titles = |season: &str| -> Vec<_> {
        series["episodes"][season].as_array().unwrap().iter().map(|episode| episode["title"].clone()).collect()
    };
    assert_eq!(titles("0"), ["Extra"]);
    assert_eq!(titles("1"), ["First", "Second"]);
    let seasons: Vec<_> = series["seasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].clone(), one["episode_count"].clone()))
        .collect();
    assert_eq!(seasons, [(json!("Specials"), json!(1)), (json!("Season 1"), json!(2))]);
    let sparse = get(&[("action", "get_series_info"), ("series_id", "302")]);
    assert_eq!((&sparse["seasons"], &sparse["episodes"]), (&json!([]), &json!({})));
}

fn titles(query: &[(&str, &str)]) -> Vec<String> {
    use base64::Engine;
    let text = |value: &Value| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    get(query)["epg_listings"].as_array().unwrap().iter().map(|listing| text(&listing["title"])).collect()
}

#[test]
fn the_short_guide_begins_with_what_is_on() {
    let short = |limit: Option<&str>| {
        let mut query = vec![("action", "get_short_epg"), ("stream_id", "101")];
        query.extend(limit.map(|limit| ("limit", limit)));
        titles(&query)
    };
    let four = ["Now", "Next", "Later", "Later"];
    for limit in [None, Some(""), Some("0"), Some("4"), Some("x"), Some("-1")] {
        assert_eq!(short(limit), four, "{limit:?}");
    }
    assert_eq!(short(Some("1")), ["Now"]);
    assert_eq!(short(Some("1000000")).len(), 7);
    let listing = &get(&[("action", "get_short_epg"), ("stream_id", "101")])["epg_listings"][0];
    let expected = json!({
        "id": ((101_u64 << 28) + (NOW - 900) / 60).to_string(), "epg_id": "101", "title": "Tm93", "lang": "de",
        "start": "2025-12-31 23:45:00", "end": "2026-01-01 00:15:00", "stop": "2026-01-01 00:15:00", "description": "RA==",
        "channel_id": "one.example", "start_timestamp": "1767224700", "stop_timestamp": "1767226500",
    });
    assert_eq!(listing, &expected);
}

#[test]
fn the_data_table_has_a_day_of_the_past_and_says_what_is_on() {
    let query = [("action", "get_simple_data_table"), ("stream_id", "101")];
    assert_eq!(titles(&query), ["Past", "Now", "Next", "Later", "Later", "Later", "Later", "Later"]);
    let listings = get(&query);
    let playing: Vec<_> =
        listings["epg_listings"].as_array().unwrap().iter().map(|one| one["now_playing"].clone()).collect();
    assert_eq!(playing, [0, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn the_panel_keys_channels_by_id() {
    let request = request("/panel_api.php", &[]);
    let reply = host(json!({})).install().handle::<Xtream>(&request, Some(&line())).unwrap();
    let panel: Value = serde_json::from_str(&reply.text()).unwrap();
    assert_eq!(panel["user_info"]["auth"], 1);
    let keys: Vec<_> = panel["available_channels"].as_object().unwrap().keys().cloned().collect();
    // The movie 101 has the id of a channel.
    assert_eq!(keys, ["101", "102", "103", "202"]);
    assert_eq!(panel["available_channels"]["101"]["stream_type"], "live");
    assert_eq!(panel["available_channels"]["202"]["stream_type"], "movie");
    assert_eq!(panel["categories"]["series"].as_array().unwrap().len(), 2);
    for line in [Line::new("anna"), Line::new("anna").movie(1, "A", "", |_| {}).movie(2, "B", "", |_| {})] {
        let reply = host(json!({})).install().handle::<Xtream>(&request, Some(&line)).unwrap();
        assert!(serde_json::from_str::<Value>(&reply.text()).unwrap()["available_channels"].is_object());
    }
}

fn refused(code: Option<&str>, config: Value, query: &[(&str, &str)]) -> (Option<u16>, Value, String) {
    let account = code.map_or_else(|| Line::new("anna"), |code| Line::new("anna").refused(code));
    let host = Host::new().config(config).now(NOW).line("anna", "pass word", account).install();
    let reply = host.handle::<Xtream>(&Request::test("player", "/player_api.php", query), None).unwrap();
    (reply.status, serde_json::from_str(&reply.text()).unwrap(), reply.text())
}

#[test]
fn wrong_credentials_are_auth_0_and_nothing_else() {
    for query in [
        &[][..],
        &[("username", "anna")],
        &[("password", "pass word")],
        &[("username", "anna"), ("password", "wrong-secret")],
        &[("username", ""), ("password", "")],
        &[("username", "<script>"), ("password", "'; DROP"), ("action", "get_live_streams")],
    ] {
        let (status, body, _) = refused(None, json!({}), query);
        assert_eq!((status, body), (Some(200), json!({ "user_info": { "auth": 0 } })), "{query:?}");
        let (status, body, text) = refused(None, json!({ "dialect": [{ "refusal": "status" }] }), query);
        assert_eq!((status, &body["user_info"]), (Some(401), &json!({ "auth": 0 })));
        assert!(!text.contains("wrong-secret"));
    }
}

#[test]
fn a_line_that_may_not_watch_learns_why() {
    let query = [("username", "anna"), ("password", "pass word"), ("action", "get_live_streams")];
    for (code, expected) in [
        (Some("expired"), "Expired"),
        (Some("disabled"), "Disabled"),
        (Some("banned"), "Banned"),
        (Some("denied"), "Disabled"),
        (Some("something new"), "Disabled"),
        // The host's refusal stands, even where the credentials are right now.
        (None, "Disabled"),
    ] {
        let (status, body, _) = refused(code, json!({}), &query);
        assert_eq!((status, &body["user_info"]["status"]), (Some(200), &json!(expected)), "{code:?}");
        assert_eq!(body["user_info"]["auth"], 1);
        types::login(&body);
    }
    let (status, body, _) = refused(Some("throttled"), json!({}), &query);
    assert_eq!((status, &body["user_info"]["auth"]), (Some(429), &json!(0)));
}

#[test]
fn there_is_no_archive() {
    for route in ["archive", "archive-old", "archive-php"] {
        let request = Request::test(route, "/timeshift/anna/pass word/60/2026-01-01:00-00/101.ts", &[]);
        let reply = host(json!({})).install().handle::<Xtream>(&request, None).unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (Some(404), "This host keeps no archive yet.\n"));
    }
}

#[test]
fn a_long_list_crosses_in_pieces_of_about_64_kib() {
    let line = (1..=5_000).fold(Line::new("anna"), |line, id| line.channel(id, "A channel", "News"));
    let request = request("/player_api.php", &[("action", "get_live_streams")]);
    let reply = host(json!({})).install().handle::<Xtream>(&request, Some(&line)).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Value>>(&reply.text()).unwrap().len(), 5_000);
    let (_, full) = reply.writes.split_last().unwrap();
    assert!(full.len() > 5 && full.iter().all(|piece| (65_536..70_000).contains(&piece.len())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_an_answer(text in "(?s).{1,20}|[\"\\\\\n\t😀<>';$()]{1,8}", other: String) {
        let line = Line::new("anna")
            .channel_with(1, &text, &other, |channel| {
                channel.logo.clone_from(&other);
                channel.epg_id.clone_from(&text);
            })
            .movie(2, &text, &other, |movie| {
                for key in ["plot", "cast", "rating", "year", "release-date", "duration-seconds", "container", "backdrop", "added"] {
                    movie.attrs.insert(0, (key.to_owned(), other.clone()));
                }
            })
            .series(3, &text, &other, |series| series.attrs.push(("release-date".to_owned(), text.clone())))
            .episode(3, 4, (1, 1), &text, |episode| episode.container.clone_from(&other))
            .programme(programme(1, NOW, &text));
        let host = host(json!({})).install();
        for (action, field, id) in [
            ("get_live_categories", "", ""),
            ("get_live_streams", "", ""),
            ("get_vod_streams", "", ""),
            ("get_series", "", ""),
            ("get_vod_info", "vod_id", "2"),
            ("get_series_info", "series_id", "3"),
            ("get_simple_data_table", "stream_id", "1"),
            (text.as_str(), other.as_str(), text.as_str()),
        ] {
            let request = request("/player_api.php", &[("action", action), (field, id)]);
            let body: Value = serde_json::from_str(&host.handle::<Xtream>(&request, Some(&line)).unwrap().text()).unwrap();
            let shown = match action {
                "get_live_streams" | "get_vod_streams" | "get_series" => &body[0]["name"],
                "get_vod_info" | "get_series_info" => &body["info"]["name"],
                _ => continue,
            };
            prop_assert_eq!(shown, &json!(text));
        }
        let request = Request::test("panel", "/panel_api.php", &[]);
        let panel = host.handle::<Xtream>(&request, Some(&line)).unwrap().text();
        prop_assert!(serde_json::from_str::<Value>(&panel).is_ok());
    }
}
