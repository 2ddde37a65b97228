use mast_sdk::mock::{Host, Installed, Line};
use mast_sdk::output::{DeviceEvent, Output, Programme, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Mag;

const MAC: &str = "00:1a:79:00:00:01";
const NOW: u64 = 1_706_732_100;

fn line() -> Line {
    let line = Line::new("anna").info(|line| {
        line.max_connections = 2;
        line.expires = Some(NOW + 10 * 86_400);
        line.attrs.push(("lineup".into(), "v1".into()));
    });
    let line = (1..=30).fold(line, |line, id| line.channel(100 + id, &format!("Channel {}", 31 - id), "News"));
    line.channel_with(200, "Radio <script>", "Music", |channel| channel.attrs.push(("radio".into(), "true".into())))
        .movie(300, "Movie", "Films", |movie| movie.attrs.push(("added".into(), "5".into())))
        .series(400, "Show", "Shows", |_| {})
        .episode(400, 401, (1, 1), "Pilot", |_| {})
        .episode(400, 402, (1, 2), "Second", |_| {})
        .episode(400, 403, (2, 1), "Third", |_| {})
        .programme(Programme {
            channel: 101,
            start: NOW - 60,
            stop: NOW + 600,
            title: "News".into(),
            sub_title: String::new(),
            description: String::new(),
            attrs: Vec::new(),
        })
}

fn host() -> Host {
    Host::new().now(NOW).line("anna", "secret", line())
}

fn bound() -> Installed {
    host().device(MAC, line()).install()
}

/// One call of a box; the text of the answer.
fn ask(host: &Installed, token: &str, kind: &str, action: &str, fields: &[(&str, &str)]) -> String {
    ask_as(host, MAC, token, kind, action, fields)
}

fn ask_as(host: &Installed, mac: &str, token: &str, kind: &str, action: &str, fields: &[(&str, &str)]) -> String {
    let mut query = vec![("type", kind), ("action", action), ("JsHttpRequest", "1-xml")];
    query.extend_from_slice(fields);
    let mut request = Request::test("api", "/portal.php", &query);
    request.headers.push(("cookie".into(), format!("mac={}; stb_lang=en", mac.replace(':', "%3A"))));
    request.headers.push(("authorization".into(), format!("Bearer {token}")));
    let reply = host.handle::<Mag>(&request, None).unwrap();
    assert_eq!(reply.status, Some(200));
    reply.text()
}

fn js(text: &str) -> Value {
    let answer: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(answer["text"], "");
    answer["js"].clone()
}

fn handshake(host: &Installed, mac: &str) -> String {
    js(&ask_as(host, mac, "", "stb", "handshake", &[]))["token"].as_str().unwrap().to_owned()
}

const DEVICE: [(&str, &str); 2] = [("sn", "SN1"), ("device_id", "D1")];

fn profile(host: &Installed, token: &str, device: &[(&str, &str)]) -> Value {
    js(&ask(host, token, "stb", "get_profile", device))["status"].clone()
}

const REFUSED: &str = "Authorization failed.";

#[test]
fn before_a_handshake_and_with_a_foreign_token_nothing_is_said() {
    let host = host().device(MAC, line()).device("00:1a:79:00:00:02", line()).install();
    for (kind, action) in
        [("itv", "get_all_channels"), ("stb", "get_profile"), ("watchdog", "get_events"), ("x", "y"), ("", "")]
    {
        assert_eq!(ask(&host, "", kind, action, &[]), REFUSED, "{action}");
        assert_eq!(ask(&host, &"0".repeat(32), kind, action, &[]), REFUSED, "{action}");
    }
    let token = handshake(&host, MAC);
    assert_eq!(profile(&host, &token, &DEVICE), 0);
    assert!(ask(&host, &token, "itv", "get_genres", &[]).starts_with("{\"js\""));
    assert_eq!(ask_as(&host, "00:1a:79:00:00:02", &token, "itv", "get_genres", &[]), REFUSED);
    for wrong in ["", "00:1a:79", "'; DROP TABLE boxes", "00:1a:79:00:00:0g"] {
        assert_eq!(ask_as(&host, wrong, "", "stb", "handshake", &[]), REFUSED, "{wrong}");
    }
}

#[test]
fn another_device_neither_gets_in_nor_puts_the_box_out() {
    let host = bound();
    let own = handshake(&host, MAC);
    assert_eq!(profile(&host, &own, &DEVICE), 0);
    let thief = handshake(&host, MAC);
    assert_ne!(own, thief);
    for other in [&[][..], &[("sn", "SN2"), ("device_id", "D1")], &[("sn", "SN1")]] {
        assert_eq!(profile(&host, &thief, other), 1, "{other:?}");
        assert_eq!(ask(&host, &thief, "itv", "get_genres", &[]), REFUSED);
    }
    assert!(ask(&host, &own, "itv", "get_genres", &[]).starts_with("{\"js\""));
    // The box itself comes back: its old token has had its time.
    let again = handshake(&host, MAC);
    assert_eq!(profile(&host, &again, &DEVICE), 0);
    assert_eq!(ask(&host, &own, "itv", "get_genres", &[]), REFUSED);
    assert_eq!(ask(&host, &thief, "itv", "get_genres", &[]), REFUSED);
}

/// Tokens are kept, not computed: one is in use, and a new one takes its place.
fn good(host: &Installed, token: &str) -> bool {
    ask(host, token, "itv", "get_genres", &[]) != REFUSED
}

#[test]
fn a_renewed_token_of_a_locked_box_lives_until_the_new_one_has_its_profile() {
    let host = bound();
    let old = opened(&host);
    let skipped = handshake(&host, MAC);
    let new = handshake(&host, MAC);
    assert_eq!((good(&host, &old), good(&host, &skipped), good(&host, &new)), (true, false, false));
    assert_eq!(profile(&host, &new, &DEVICE), 0);
    assert!(good(&host, &new));
    for gone in [&old, &skipped] {
        assert!(!good(&host, gone));
        assert_eq!(ask(&host, gone, "stb", "get_profile", &DEVICE), REFUSED, "it does not come back");
    }
}

#[test]
fn a_renewed_token_of_a_box_without_a_lock_ends_with_the_handshake() {
    for (config, device) in [(json!({ "lock": "off" }), &DEVICE[..]), (json!({}), &[])] {
        let host = host().device(MAC, line()).config(config.clone()).install();
        let old = handshake(&host, MAC);
        assert_eq!(profile(&host, &old, device), 0);
        let new = handshake(&host, MAC);
        assert_eq!((good(&host, &old), good(&host, &new)), (false, true), "{config}");
        assert_eq!(ask(&host, &old, "stb", "get_profile", device), REFUSED);
    }
}

#[test]
fn the_operator_opens_locks() {
    for (config, expected) in [
        (json!({}), 1),
        (json!({ "lock": "off" }), 0),
        (json!({ "unlock": ["00-1A-79-00-00-01"] }), 0),
        (json!({ "unlock": ["00:1A:79:00:00:02"] }), 1),
    ] {
        let host = host().device(MAC, line()).kv(&format!("lock/{MAC}"), "SN9\nD9\n").config(config.clone()).install();
        let token = handshake(&host, MAC);
        assert_eq!(profile(&host, &token, &DEVICE), expected, "{config}");
    }
}

#[test]
fn a_box_logs_in() {
    let host = host().install();
    let token = handshake(&host, MAC);
    assert_eq!(host.kv(&format!("token/{MAC}")), None, "a stranger is not kept");
    assert_eq!(profile(&host, &token, &DEVICE), 2);
    let log_in = |password| js(&ask(&host, &token, "stb", "do_auth", &[("login", "anna"), ("password", password)]));
    assert_eq!(log_in("wrong"), false);
    assert_eq!(host.bound(MAC), None);
    assert_eq!(log_in("secret"), true);
    assert_eq!(host.bound(MAC).as_deref(), Some("anna"));
    assert_eq!(profile(&host, &token, &DEVICE), 0);
    assert!(ask(&host, &token, "itv", "get_genres", &[]).starts_with("{\"js\""));
}

#[test]
fn where_nobody_may_register_or_the_line_is_refused() {
    let host = host().config(json!({ "register": false })).install();
    let token = handshake(&host, MAC);
    assert_eq!(profile(&host, &token, &DEVICE), 1);
    assert_eq!(js(&ask(&host, &token, "stb", "do_auth", &[("login", "anna"), ("password", "secret")])), false);
    drop(host);
    for code in ["expired", "disabled", "banned", "denied", "throttled", "new-code"] {
        let host = Host::new().device(MAC, line().refused(code)).install();
        let token = handshake(&host, MAC);
        let found = js(&ask(&host, &token, "stb", "get_profile", &DEVICE));
        assert_eq!(found["status"], 1, "{code}");
        assert!(!found["msg"].as_str().unwrap().is_empty() && found["msg"] == found["block_msg"]);
        assert_eq!(ask(&host, &token, "itv", "get_all_channels", &[]), REFUSED);
    }
}

fn opened(host: &Installed) -> String {
    let token = handshake(host, MAC);
    assert_eq!(profile(host, &token, &DEVICE), 0);
    token
}

#[test]
fn channels_and_their_pages() {
    let host = bound();
    let token = opened(&host);
    let all = js(&ask(&host, &token, "itv", "get_all_channels", &[]));
    assert_eq!((all["total_items"].as_u64(), all["data"].as_array().unwrap().len()), (Some(31), 31));
    let first = &all["data"][0];
    for (name, expected) in [
        ("id", json!("101")),
        ("number", json!("1")),
        ("name", json!("Channel 30")),
        ("cmd", json!("ffrt http://localhost/ch/101")),
        ("use_http_tmp_link", json!("1")),
        ("allow_pvr", json!("")),
    ] {
        assert_eq!(first[name], expected, "{name}");
    }
    let ids = |fields: &[(&str, &str)], kind: &str| {
        let page = js(&ask(&host, &token, kind, "get_ordered_list", fields));
        let ids: Vec<String> =
            page["data"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().into()).collect();
        (page["total_items"].as_u64().unwrap(), ids.len(), ids.first().cloned().unwrap_or_default())
    };
    for (fields, expected) in [
        (&[("p", "1")][..], (31, 14, "101")),
        (&[("p", "0")], (31, 14, "101")),
        (&[("p", "3")], (31, 3, "129")),
        (&[("p", "99999999999999999999")], (31, 14, "101")),
        (&[("p", "9")], (31, 0, "")),
        (&[("genre", "2")], (1, 1, "200")),
        (&[("genre", "x")], (0, 0, "")),
        (&[("sortby", "name")], (31, 14, "130")),
        (&[("search", "radio")], (1, 1, "200")),
        (&[("fav", "1")], (0, 0, "")),
    ] {
        assert_eq!(ids(fields, "itv"), (expected.0, expected.1, expected.2.to_owned()), "{fields:?}");
    }
    assert_eq!(ids(&[], "radio"), (1, 1, "200".into()));
    assert_eq!(js(&ask(&host, &token, "itv", "set_fav", &[("fav_ch", "130,x,101,130")])), true);
    assert_eq!(js(&ask(&host, &token, "itv", "get_fav_ids", &[])), json!(["130", "101"]));
    assert_eq!(ids(&[("fav", "1")], "itv"), (2, 2, "101".into()));
    ask(&host, &token, "itv", "set_last_id", &[("id", "103")]);
    assert_eq!(js(&ask(&host, &token, "itv", "get_last_id", &[])), "103");
}

/// Boxes and their imitators stop at a member that is missing or of another type.
#[test]
fn a_channel_has_every_member() {
    let name = "4K \"Sport\" \\ \u{1}\n\u{2028}é";
    let channels = line()
        .channel_with(501, name, "\"", |channel| {
            channel.epg_id = "sport\".uk".into();
            channel.logo = "http://logos.example/a?b=\"".into();
            channel.attrs.push(("adult".into(), "true".into()));
        })
        .channel_with(502, "Plain HD", "News", |channel| channel.attrs.push(("quality".into(), "SD".into())))
        .programme(Programme {
            channel: 501,
            start: NOW - 60,
            stop: NOW + 600,
            title: "\"Live\"\t".into(),
            sub_title: String::new(),
            description: String::new(),
            attrs: Vec::new(),
        });
    let host = host().device(MAC, channels).kv(&format!("live/{MAC}"), "501").install();
    let token = opened(&host);
    let expected = |id: &str, number: &str, playing: &str| {
        let special = id == "501";
        json!({
            "id": id, "number": number, "name": if special { name } else { "Plain HD" }, "censored": u8::from(special),
            "cmd": format!("ffrt http://localhost/ch/{id}"),
            "cmds": [{
                "id": id, "ch_id": id, "priority": "0", "url": format!("ffrt http://localhost/ch/{id}"), "status": "1",
                "use_http_tmp_link": "1", "wowza_tmp_link": "0", "use_load_balancing": "0", "user_agent_filter": "",
                "changed": "", "enable_monitoring": "0", "monitoring_status": "1", "enable_balancer_monitoring": "0",
                "flussonic_tmp_link": "0",
            }],
            "cost": "0", "count": "0", "status": 1, "hd": if special { "1" } else { "0" },
            "tv_genre_id": if special { "5" } else { "1" }, "base_ch": "1",
            "xmltv_id": if special { "sport\".uk" } else { "" }, "service_id": "", "bonus_ch": "0",
            "volume_correction": "0", "mc_cmd": "", "enable_tv_archive": 0, "tv_archive_duration": 0, "archive": 0,
            "wowza_tmp_link": "0", "wowza_dvr": "0", "use_http_tmp_link": "1", "use_load_balancing": "0",
            "monitoring_status": "1", "logo": if special { "http://logos.example/a?b=\"" } else { "" },
            "correct_time": "0", "nimble_dvr": "0", "allow_pvr": "", "allow_local_pvr": "1", "allow_remote_pvr": "",
            "modified": "", "allow_local_timeshift": "1", "nginx_secure_link": "0", "open": 1, "lock": 0,
            "fav": u8::from(special), "pvr": 0, "cur_playing": playing, "epg": [],
        })
    };
    let list = |action: &str, page: &str| js(&ask(&host, &token, "itv", action, &[("p", page)]));
    let all = list("get_all_channels", "");
    assert_eq!((&all["data"][31], &all["data"][32]), (&expected("501", "32", ""), &expected("502", "33", "")));
    let page = list("get_ordered_list", "3");
    let playing = expected("501", "32", "\"Live\"\t");
    assert_eq!((&page["data"][3], &page["data"][4]), (&playing, &expected("502", "33", "")));
    let favourites = list("get_all_fav_channels", "3");
    assert_eq!(favourites["data"], json!([expected("501", "32", "")]));
    for (list, total, page) in [(all, 33, 0), (page, 33, 3), (favourites, 1, 1)] {
        let members = list.as_object().unwrap().iter().filter(|(name, _)| *name != "data");
        let members: Value = members.map(|(name, value)| (name.clone(), value.clone())).collect();
        let expected = json!({ "total_items": total, "max_page_items": 14, "selected_item": 0, "cur_page": page });
        assert_eq!(members, expected);
    }
}

#[test]
fn links() {
    let host = bound();
    let token = opened(&host);
    for (kind, cmd, series, expected) in [
        ("itv", "ffrt http://localhost/ch/101", "", "ffmpeg http://tv.example:8080/live/anna/PASSWORD/101.ts"),
        ("itv", "ffrt http://localhost/ch/999", "", ""),
        ("itv", "/ch/", "", ""),
        ("itv", "", "", ""),
        ("itv", "/ch/99999999999999999999", "", ""),
        ("vod", "/media/300.mpg", "", "ffmpeg http://tv.example:8080/movie/anna/PASSWORD/300.mp4"),
        ("vod", "/media/file_300.mpg", "0", "ffmpeg http://tv.example:8080/movie/anna/PASSWORD/300.mp4"),
        ("vod", "/media/file_402.mpg", "", "ffmpeg http://tv.example:8080/series/anna/PASSWORD/402.mp4"),
        ("vod", "/media/400.mpg", "2", "ffmpeg http://tv.example:8080/series/anna/PASSWORD/402.mp4"),
        ("series", "/media/season_400_2.mpg", "1", "ffmpeg http://tv.example:8080/series/anna/PASSWORD/403.mp4"),
        ("series", "/media/season_400_2.mpg", "2", ""),
        ("vod", "/media/$(reboot)", "", ""),
        ("tv_archive", "auto /media/1.mpg", "", ""),
    ] {
        let link = js(&ask(&host, &token, kind, "create_link", &[("cmd", cmd), ("series", series)]));
        assert_eq!(link["cmd"], expected, "{cmd}");
        assert_eq!(link["error"], if expected.is_empty() { "nothing_to_play" } else { "" }, "{cmd}");
    }
}

#[test]
fn from_a_series_down_to_an_episode() {
    let host = bound();
    let token = opened(&host);
    let list = |fields: &[(&str, &str)]| js(&ask(&host, &token, "vod", "get_ordered_list", fields))["data"].clone();
    assert_eq!(list(&[])[0]["cmd"], "/media/file_300.mpg");
    assert_eq!((&list(&[])[1]["id"], &list(&[])[1]["is_series"]), (&json!("400"), &json!(1)));
    let seasons = list(&[("movie_id", "400")]);
    assert_eq!((&seasons[0]["id"], &seasons[0]["series"]), (&json!("400:1"), &json!([1, 2])));
    let episodes = list(&[("movie_id", "400"), ("season_id", "400:1")]);
    assert_eq!((&episodes[1]["id"], &episodes[1]["name"]), (&json!("402"), &json!("2. Second")));
    let file = list(&[("movie_id", "400"), ("season_id", "400:1"), ("episode_id", "402")]);
    assert_eq!((&file[0]["cmd"], &file[0]["is_file"]), (&json!("/media/file_402.mpg"), &json!(true)));
    assert_eq!(list(&[("movie_id", "300")])[0]["is_file"], true);
    assert_eq!(list(&[("movie_id", "12345")]), json!([]));
}

#[test]
fn the_guide() {
    let host = bound();
    let token = opened(&host);
    let info = js(&ask(&host, &token, "itv", "get_epg_info", &[("period", "5")]));
    let programme = &info["data"]["101"][0];
    assert_eq!((&programme["name"], &programme["descr"]), (&json!("News"), &json!("")));
    assert_eq!((&programme["time"], &programme["t_time_to"]), (&json!("2024-01-31 20:14:00"), &json!("20:25")));
    assert_eq!(js(&ask(&host, &token, "itv", "get_short_epg", &[("ch_id", "101")]))[0]["ch_id"], "101");
    let day = js(&ask(
        &host,
        &token,
        "epg",
        "get_simple_data_table",
        &[("ch_id", "101"), ("date", "2024-01-31"), ("p", "0")],
    ));
    assert_eq!((&day["total_items"], &day["selected_item"]), (&json!(1), &json!(1)));
    let week = js(&ask(&host, &token, "epg", "get_week", &[]));
    assert!(
        week.as_array().unwrap().contains(&json!({ "f_human": "2024-01-31", "f_mysql": "2024-01-31", "today": 1 }))
    );
    let grid = js(&ask(&host, &token, "epg", "get_data_table", &[("p", "4")]));
    assert_eq!((&grid["total_items"], &grid["data"][0]["ch_id"]), (&json!(31), &json!("200")));
}

#[test]
fn events_come_once() {
    let event = |id, code: &str, attrs: &[(&str, &str)]| DeviceEvent {
        id,
        code: code.into(),
        text: "Hello <b>".into(),
        attrs: attrs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    };
    let host = host()
        .device(MAC, line())
        .event(MAC, event(1, "new-code", &[]))
        .event(MAC, event(2, "message", &[("confirm", "true")]))
        .event(MAC, event(3, "play-channel", &[("channel", "102")]))
        .install();
    let token = opened(&host);
    let next = |shown: &str| {
        let data = js(&ask(&host, &token, "watchdog", "get_events", &[("event_active_id", shown)]))["data"].clone();
        (data["msgs"].as_u64().unwrap(), data["event"].clone(), data["msg"].clone())
    };
    let message = (1, json!("send_msg"), json!("Hello <b>"));
    assert_eq!(next("0"), message);
    assert_eq!(next("0"), message, "it has not been confirmed");
    assert_eq!(next("2").0, 0, "it is on the screen");
    assert_eq!(
        js(&ask(&host, &token, "watchdog", "confirm_event", &[("event_active_id", "2")])),
        json!({ "data": "ok" })
    );
    assert_eq!(next("0"), (1, json!("play_channel"), json!("2")));
    assert_eq!(next("0").0, 0);
}

#[test]
fn a_new_lineup_is_told_once() {
    let host = host().device(MAC, line()).install();
    let token = opened(&host);
    let kept = host.kv(&format!("token/{MAC}")).unwrap();
    drop(host);
    let changed = line().info(|line| line.attrs = vec![("lineup".into(), "v2".into())]);
    let host = Host::new()
        .now(NOW)
        .device(MAC, changed)
        .kv(&format!("token/{MAC}"), kept)
        .kv(&format!("lineup/{MAC}"), "v1")
        .install();
    let events = || js(&ask(&host, &token, "watchdog", "get_events", &[]))["data"]["event"].clone();
    assert_eq!((events(), events()), (json!("update_channels"), Value::Null));
}

#[test]
fn the_account_on_the_box_and_on_the_page() {
    let host = bound();
    let check = |fields: &[(&str, &str)]| js(&ask_as(&host, "", "", "account_info", "check", fields));
    let shown = check(&[("mac", MAC)]);
    assert_eq!((&shown["ok"], &shown["channels"], &shown["days"]), (&json!(true), &json!(31), &json!(10)));
    let token = opened(&host);
    let locked = check(&[("mac", MAC)]);
    assert_eq!((&locked["ok"], &locked["username"]), (&json!(false), &Value::Null));
    assert_eq!(check(&[("login", "anna"), ("password", "secret")])["ok"], true);
    for wrong in [&[("login", "anna"), ("password", "x")][..], &[("mac", "<script>")], &[]] {
        assert_eq!(check(wrong)["ok"], false, "{wrong:?}");
    }
    let info = js(&ask(&host, &token, "account_info", "get_main_info", &[]));
    assert_eq!((&info["phone"], &info["end_date"]), (&json!("2024-02-10 20:15"), &json!("2024-02-10 20:15:00")));
}

#[test]
fn the_page_runs_its_own_script_and_no_other() {
    let host = Host::new().install();
    let page = || host.handle::<Mag>(&Request::test("page", "/c/", &[]), None).unwrap();
    let (one, two) = (page(), page());
    let policy = one.header("content-security-policy").unwrap();
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(one.text().matches(&format!("nonce=\"{nonce}\"")).count(), 2);
    assert!(!one.text().contains("NONCE") && !one.text().contains("innerHTML"));
    assert!(!one.text().contains("//") || !one.text().contains("http"), "nothing comes from elsewhere");
    assert_ne!(one.text(), two.text());
}

#[test]
fn texts_modules_and_what_is_unknown() {
    let host = bound();
    let token = opened(&host);
    assert_eq!(js(&ask(&host, "", "stb", "get_localization", &[]))["ok_btn"], "OK");
    assert!(js(&ask(&host, &token, "stb", "get_modules", &[]))["all_modules"].is_array());
    for (kind, action, expected) in [
        ("stb", "log", json!(true)),
        ("stb", "set_volume", json!(true)),
        ("stb", "set_parent_password", json!(false)),
        ("itv", "set_played", json!(true)),
        ("itv", "$(reboot)", json!([])),
        ("nonsense", "", json!([])),
    ] {
        assert_eq!(js(&ask(&host, &token, kind, action, &[])), expected, "{kind} {action}");
    }
}

#[test]
fn boxes_that_stay_away_are_forgotten() {
    let old = "00:1a:79:ff:ff:ff";
    let host = host()
        .device(MAC, line())
        .kv(&format!("token/{old}"), "1 a b")
        .kv(&format!("live/{old}"), "1")
        .kv(&format!("lock/{old}"), "SN\n\n")
        .install();
    handshake(&host, MAC);
    assert_eq!((host.kv(&format!("token/{old}")), host.kv(&format!("live/{old}"))), (None, None));
    assert!(host.kv(&format!("lock/{old}")).is_some());
}

#[test]
fn settings() {
    for (config, good) in [
        (json!({}), true),
        (json!({ "unlock": ["001a79000001"], "utc_offset": "+02:00" }), true),
        (json!({ "unlock": ["x"] }), false),
        (json!({ "utc_offset": "+99:00" }), false),
    ] {
        let _host = Host::new().config(config.clone()).install();
        assert_eq!(Mag::load().is_ok(), good, "{config}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_field_and_any_name_is_answered(
        kind in prop::sample::select(vec!["itv", "radio", "epg", "vod", "series", "watchdog", "account_info", "stb"]),
        action in prop::sample::select(vec![
            "get_ordered_list", "get_all_channels", "create_link", "get_data_table", "get_simple_data_table", "get_epg_info",
            "get_events", "confirm_event", "set_fav", "get_short_epg", "set_last_id", "get_profile", "do_auth", "check",
        ]),
        field in prop::sample::select(vec!["p", "cmd", "date", "from", "from_ts", "movie_id", "season_id", "series", "sn", "period"]),
        value in "(?s)([0-9:._-]{0,24}|.*)",
        name in "(?s).{1,20}",
    ) {
        let host = host().device(MAC, line().channel(500, &name, &name)).install();
        let token = handshake(&host, MAC);
        prop_assert_eq!(profile(&host, &token, &[]), 0);
        let text = ask(&host, &token, kind, action, &[(field, &value)]);
        prop_assert!(text == REFUSED || serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        let all = js(&ask(&host, &token, "itv", "get_all_channels", &[]));
        prop_assert_eq!(&all["data"][31]["name"], &name);
    }
}
