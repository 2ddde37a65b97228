use std::collections::BTreeMap;

use mast_sdk::mock::{Answer, Host, Installed, Refreshed};
use mast_sdk::{Code, Result, pair};
use serde_json::{Value, json};

use super::Stalker;
use crate::portal::Portal;
use crate::settings::Settings;

const NOW: u64 = 1_767_268_800;
const API: &str = "http://p.example:8080/server/load.php";
const HANDSHAKE: &str = "type=stb&action=handshake&token=&prehash=0";
const ACCOUNT: &str = "type=account_info&action=get_main_info";
const WATCHDOG: &str = "type=watchdog&action=get_events&init=0&cur_play_type=1&event_active_id=0";
const GENRES: &str = "type=itv&action=get_genres";
const ALL: &str = "type=itv&action=get_all_channels";
const PAGES: &str = "type=itv&action=get_ordered_list&genre=*&force_ch_link_check=&fav=0&sortby=number&hd=0";
const FILMS: &str = "type=vod&action=get_ordered_list&category=*&fav=0&sortby=added";

type Answers = BTreeMap<String, Answer>;

fn config(more: &Value) -> Value {
    let mut config = json!({ "portal": "http://p.example:8080/c/", "mac": "${MAC}", "device_id": "ABC" });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn url(query: &str) -> String {
    format!("{API}?{query}&JsHttpRequest=1-xml")
}

fn profile(more: &Value, second: bool) -> String {
    let _host = Host::new().secret("MAC", "00:1a:79:00:00:01").now(NOW).install();
    let settings: Settings = serde_json::from_value(config(more)).unwrap();
    Portal::open(&settings).unwrap().profile_query(second).unwrap()
}

fn js(value: Value) -> Answer {
    Answer::ok(json!({ "js": value, "text": "" }).to_string())
}

fn link(cmd: &str) -> String {
    let cmd: String = cmd
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    format!("type=itv&action=create_link&cmd={cmd}&series=&forced_storage=0&disable_ad=0&download=0")
}

fn channels() -> Value {
    json!({ "total_items": 3, "max_page_items": 14, "selected_item": 0, "cur_page": 0, "data": [
        { "id": "11", "name": "One", "number": "1", "cmd": "ffrt http://localhost/ch/11_", "logo": "http://img.example/1.png", "tv_genre_id": "1",
            "use_http_tmp_link": "1", "use_load_balancing": "0", "censored": 0, "xmltv_id": "one.example", "hd": "1" },
        { "id": 12, "name": "Two", "number": 2, "cmd": "ffmpeg http://cdn.example/two.m3u8", "logo": "2.png", "tv_genre_id": 2,
            "use_http_tmp_link": 0, "use_load_balancing": 0, "censored": "1" },
        { "id": "13", "name": "", "number": "", "cmds": [{ "url": "ffrt http://localhost/ch/99_" }], "tv_genre_id": "77" },
    ] })
}

fn portal(more: &Value) -> Answers {
    let answers = [
        (HANDSHAKE.to_owned(), js(json!({ "token": "T0", "not_valid": 0 }))),
        (profile(more, false), js(json!({ "id": "1", "status": 0, "watchdog_timeout": "120" }))),
        (ACCOUNT.to_owned(), js(json!({ "mac": "x", "phone": "January 1, 2027, 12:00 am" }))),
        (WATCHDOG.to_owned(), js(json!({ "data": { "msgs": 0 } }))),
        (
            GENRES.to_owned(),
            js(json!([{ "id": "*", "title": "All" }, { "id": "1", "title": "News" }, { "id": 2, "title": "Adult" }])),
        ),
        (ALL.to_owned(), js(channels())),
        (
            "type=vod&action=get_categories".to_owned(),
            js(json!([{ "id": "*", "title": "All" }, { "id": "5", "title": "Films" }])),
        ),
        (
            format!("{FILMS}&p=1"),
            js(json!({ "total_items": "2", "max_page_items": 14, "data": [
            { "id": "51", "name": "A Film", "category_id": "5", "cmd": "/media/51.mpg", "year": "2006-01-01", "rating_imdb": "7.1", "time": "90" },
            { "id": "52", "name": "A Show", "category_id": "5", "cmd": "/media/52.mpg", "series": [1, 2] },
        ] })),
        ),
        (
            link("ffrt http://localhost/ch/11_"),
            js(json!({ "id": "11", "cmd": "ffmpeg http://cdn.example/live/11.ts?t=1", "error": "" })),
        ),
    ];
    answers.into_iter().collect()
}

fn host(more: &Value, answers: &Answers) -> Host {
    let host = Host::new().config(config(more)).secret("MAC", "00:1a:79:00:00:01").now(NOW).chunk(512);
    answers.iter().fold(host, |host, (query, answer)| host.http(&url(query), answer.clone()))
}

fn refresh_with(query: &str, answer: Answer) -> Result<Refreshed> {
    let mut answers = portal(&json!({}));
    answers.insert(query.to_owned(), answer);
    host(&json!({}), &answers).install().refresh::<Stalker>()
}

fn asked(host: &Installed, query: &str) -> usize {
    host.requests().iter().filter(|request| request.url == url(query)).count()
}

#[test]
fn a_whole_portal() {
    let more = json!({ "content": ["live", "movie"] });
    let installed = host(&more, &portal(&more)).install();
    let refreshed = installed.refresh::<Stalker>().unwrap();
    let told: Vec<_> =
        refreshed.channels.iter().map(|one| (&*one.key, &*one.name, one.number, one.category.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("live:11", "One", Some(1), Some("live:1")),
            ("live:12", "Two", Some(2), Some("live:2")),
            ("live:13", "Channel 13", None, None)
        ]
    );
    let one = &refreshed.channels[0];
    assert_eq!((one.epg_id.as_deref(), one.logo.as_deref()), (Some("one.example"), Some("http://img.example/1.png")));
    assert!(one.upstreams.is_empty(), "asked for at tune time");
    assert_eq!(
        (refreshed.channels[1].logo.as_ref(), pair(&refreshed.channels[1].attrs, "adult")),
        (None, Some("true"))
    );
    let film = &refreshed.movies[0];
    assert_eq!(
        (film.key.as_str(), film.container.as_str(), film.category.as_deref()),
        ("movie:51", "mpg", Some("movie:5"))
    );
    assert_eq!((pair(&film.attrs, "year"), pair(&film.attrs, "duration-seconds")), (Some("2006"), Some("5400")));
    for (key, value) in [
        ("provider-status", "Active"),
        ("provider-expires", "1798761600"),
        ("channels", "3"),
        ("movies", "1"),
        ("series-entries", "1"),
    ] {
        assert_eq!(pair(&refreshed.summary.attrs, key), Some(value), "{key}");
    }
    let requests = installed.requests();
    let field = |at: usize, name: &str| pair(&requests[at].headers, name).map(str::to_owned);
    assert_eq!(
        field(0, "cookie").as_deref(),
        Some("mac=00%3A1A%3A79%3A00%3A00%3A01; stb_lang=en; timezone=Europe%2FLondon")
    );
    assert_eq!(field(0, "referer").as_deref(), Some("http://p.example:8080/c/"));
    assert_eq!(field(0, "x-user-agent").as_deref(), Some("Model: MAG250; Link: WiFi"));
    assert_eq!((field(0, "authorization"), field(1, "authorization").as_deref()), (None, Some("Bearer T0")));
}

#[test]
fn links_are_asked_for_when_somebody_tunes() {
    let installed = host(&json!({}), &portal(&json!({}))).install();
    installed.refresh::<Stalker>().unwrap();
    let upstream = installed.resolve::<Stalker>("live:11", 0).unwrap();
    assert_eq!((upstream.url.as_str(), upstream.kind.as_str()), ("http://cdn.example/live/11.ts?t=1", "mpegts"));
    assert!(pair(&upstream.headers, "user-agent").is_some());
    assert_eq!(asked(&installed, HANDSHAKE), 1, "the session is kept");
    let direct = installed.resolve::<Stalker>("live:12", 0).unwrap();
    assert_eq!((direct.url.as_str(), direct.kind.as_str()), ("http://cdn.example/two.m3u8", "hls"));
    assert_eq!(installed.resolve::<Stalker>("live:77", 0).unwrap_err().code, Code::NotFound);
}

#[test]
fn what_a_portal_answers_to_a_tune() {
    let check = |answer: Value, expected: Result<&str, Code>| {
        let mut answers = portal(&json!({}));
        answers.insert(link("ffrt http://localhost/ch/11_"), Answer::ok(answer.to_string()));
        let installed = host(&json!({}), &answers).install();
        installed.refresh::<Stalker>().unwrap();
        let found = installed.resolve::<Stalker>("live:11", 0).map(|upstream| upstream.url).map_err(|error| error.code);
        assert_eq!(found, expected.map(str::to_owned), "{answer}");
    };
    let url = "http://cdn.example/1";
    check(json!({ "js": { "cmd": format!("ffmpeg {url}") }, "streamer_id": 5, "link_id": 1, "load": "" }), Ok(url));
    check(json!({ "js": { "cmd": format!("ffrt {url}"), "error": null } }), Ok(url));
    check(json!({ "js": { "cmd": url } }), Ok(url));
    check(json!({ "js": { "cmd": "ffmpeg http://localhost/x" } }), Ok("http://p.example:8080/x"));
    check(json!({ "js": { "cmd": "", "error": "limit" } }), Err(Code::Unavailable));
    check(json!({ "js": { "error": "nothing_to_play" } }), Err(Code::NotFound));
    check(json!({ "js": { "cmd": "", "error": "link_fault" } }), Err(Code::Unavailable));
    check(json!({ "js": { "cmd": "ffmpeg file:///etc/passwd" } }), Err(Code::Malformed));
    check(json!({ "js": false }), Err(Code::Unavailable));
    check(json!({ "js": [] }), Err(Code::Unavailable));
}

#[test]
fn a_session_that_ended_is_begun_anew_once() {
    let refused = Answer::ok("Authorization failed.");
    let mut answers = portal(&json!({}));
    let good = answers.remove(&link("ffrt http://localhost/ch/11_")).unwrap();
    let tune = url(&link("ffrt http://localhost/ch/11_"));
    let installed = host(&json!({}), &answers).http(&tune, refused.clone()).http(&tune, good).install();
    installed.refresh::<Stalker>().unwrap();
    installed.resolve::<Stalker>("live:11", 0).unwrap();
    assert_eq!(asked(&installed, HANDSHAKE), 2);
    installed.answer(&tune, refused);
    let error = installed.resolve::<Stalker>("live:11", 0).unwrap_err();
    assert_eq!((error.code, asked(&installed, HANDSHAKE)), (Code::Unauthorized, 3));
}

#[test]
fn a_portal_is_told_that_the_box_is_there() {
    let installed = host(&json!({}), &portal(&json!({}))).install();
    installed.refresh::<Stalker>().unwrap();
    installed.resolve::<Stalker>("live:11", 0).unwrap();
    assert_eq!(asked(&installed, WATCHDOG), 1);
    installed.set_now(NOW + 121);
    installed.resolve::<Stalker>("live:11", 0).unwrap();
    assert_eq!(asked(&installed, WATCHDOG), 2);
    installed.answer(&url(WATCHDOG), Answer::status(500));
    installed.set_now(NOW + 242);
    installed.resolve::<Stalker>("live:11", 0).unwrap();
}

#[test]
fn boxes_that_have_to_log_in() {
    let run = |settings: Value, login: Value, second: Value| {
        let mut answers = portal(&settings);
        answers.insert(profile(&settings, false), js(json!({ "status": "2" })));
        answers.insert(profile(&settings, true), js(second));
        answers
            .insert("type=stb&action=do_auth&login=me&password=p%26s&device_id=ABC&device_id2=".to_owned(), js(login));
        host(&settings, &answers).install().refresh::<Stalker>().map(|refreshed| refreshed.channels.len()).map_err(
            |error| {
                assert!(!error.message.contains("p&s"), "{error}");
                error.code
            },
        )
    };
    let settings = || json!({ "login": "me", "password": "p&s" });
    assert_eq!(run(settings(), json!(true), json!({ "status": 0 })), Ok(3));
    assert_eq!(run(settings(), json!(false), json!({ "status": 0 })), Err(Code::Unauthorized));
    assert_eq!(run(settings(), json!(true), json!({ "status": 2 })), Err(Code::Unauthorized));
    assert_eq!(run(json!({}), json!(true), json!({ "status": 0 })), Err(Code::Unauthorized));
}

#[test]
fn a_portal_without_a_whole_list_has_pages() {
    let page = |ids: std::ops::Range<u32>, total: u32| {
        let rows: Vec<Value> =
            ids.map(|id| json!({ "id": id, "name": "x", "cmd": format!("ffrt http://localhost/ch/{id}_") })).collect();
        js(json!({ "total_items": total, "max_page_items": 14, "data": rows }))
    };
    let run = |whole: Answer, pages: Vec<Answer>| {
        let mut answers = portal(&json!({}));
        answers.insert(ALL.to_owned(), whole);
        answers.extend((1..).zip(pages).map(|(number, answer)| (format!("{PAGES}&p={number}"), answer)));
        host(&json!({}), &answers)
            .install()
            .refresh::<Stalker>()
            .map(|refreshed| refreshed.channels.len())
            .map_err(|error| error.code)
    };
    for whole in [Answer::status(404), js(json!([])), js(json!(false)), Answer::ok("")] {
        assert_eq!(run(whole, vec![page(1..15, 20), page(15..21, 20)]), Ok(20));
    }
    assert_eq!(run(js(json!([])), vec![page(1..15, 15), page(0..0, 15)]), Ok(14), "some are not shown");
    assert_eq!(run(js(json!([])), vec![page(1..15, 30), page(0..0, 30)]), Err(Code::Malformed));
    assert_eq!(run(js(json!([])), vec![page(1..15, 15), page(1..15, 15)]), Ok(14), "the same page again");
    assert_eq!(run(js(json!([])), vec![page(0..0, 0)]), Err(Code::Malformed));
}

#[test]
fn what_is_no_catalogue_is_an_error() {
    let check = |query: &str, answer: Answer, code: Code| {
        let error = refresh_with(query, answer).unwrap_err();
        assert_eq!(error.code, code, "{query}: {error}");
        assert!(!error.message.contains("00:1") && !error.message.contains("00%3A"), "{error}");
    };
    let own_profile = profile(&json!({}), false);
    for query in [HANDSHAKE, own_profile.as_str(), GENRES, ALL] {
        check(query, Answer::ok("Authorization failed."), Code::Unauthorized);
        check(query, Answer::ok("Access denied."), Code::Unauthorized);
        check(query, Answer::status(503), Code::Unavailable);
    }
    check(HANDSHAKE, js(json!([])), Code::Unauthorized);
    check(HANDSHAKE, js(json!({ "token": "" })), Code::Unauthorized);
    check(&own_profile, js(json!({ "status": 1 })), Code::Unauthorized);
    check(GENRES, Answer::ok("<html>"), Code::Malformed);
    let whole = json!({ "js": channels() }).to_string();
    for tenth in 5..10 {
        check(ALL, Answer::ok(&whole.as_bytes()[..whole.len() * tenth / 10]), Code::Malformed);
    }
    for tenth in 0..5 {
        let error = refresh_with(ALL, Answer::ok(&whole.as_bytes()[..whole.len() * tenth / 10])).unwrap_err();
        assert!(matches!(error.code, Code::Malformed | Code::NotGranted), "{tenth}: {error}");
    }
}

#[test]
fn a_portal_is_found_at_its_other_addresses() {
    let mut answers = portal(&json!({}));
    answers.insert(HANDSHAKE.to_owned(), Answer::status(404));
    let host = host(&json!({}), &answers);
    let other = |query: &str| format!("http://p.example:8080/portal.php?{query}&JsHttpRequest=1-xml");
    let own = portal(&json!({}));
    let host = own.iter().fold(host, |host, (query, answer)| host.http(&other(query), answer.clone()));
    let installed = host.install();
    assert_eq!(installed.refresh::<Stalker>().unwrap().channels.len(), 3);
    installed.resolve::<Stalker>("live:11", 0).unwrap();
    assert_eq!(asked(&installed, HANDSHAKE), 1, "the address that answered is kept");
}

#[test]
fn filters_go_by_name() {
    let keys = |more: Value| -> Vec<String> {
        let refreshed = host(&more, &portal(&more)).install().refresh::<Stalker>().unwrap();
        refreshed.channels.into_iter().map(|channel| channel.key).collect()
    };
    assert_eq!(keys(json!({ "categories": ["news"] })), ["live:11"]);
    assert_eq!(keys(json!({ "skip_categories": ["Adult"] })), ["live:11", "live:13"]);
}

#[test]
fn a_hundred_thousand_channels_cross_in_batches() {
    let row = |id: u32| json!({ "id": id.to_string(), "name": "x", "cmd": format!("ffrt http://localhost/ch/{id}_"), "use_http_tmp_link": "1" });
    let mut answers = portal(&json!({}));
    answers.insert(ALL.to_owned(), js(json!({ "data": (1..=100_000).map(row).collect::<Value>() })));
    answers.insert(link("ffrt http://localhost/ch/99999_"), js(json!({ "cmd": "ffmpeg http://cdn.example/1" })));
    let installed = host(&json!({}), &answers).kv_quota(4 << 20).install();
    let refreshed = installed.refresh::<Stalker>().unwrap();
    assert_eq!(refreshed.channels.len(), 100_000);
    assert!(refreshed.batches.iter().all(|batch| *batch <= mast_sdk::BATCH));
    assert_eq!(installed.resolve::<Stalker>("live:99999", 0).unwrap().url, "http://cdn.example/1");
}

#[test]
fn settings_are_checked() {
    for more in [
        json!({ "portal": "p.example/c/" }),
        json!({ "portal": "http://p.example/c/?x" }),
        json!({ "portal": "http://me:secret@p.example/c/" }),
        json!({ "mac": "00:1A" }),
        json!({ "mac": "${MAC" }),
        json!({ "password": "${}" }),
    ] {
        let error = host(&more, &Answers::new()).install().refresh::<Stalker>().unwrap_err();
        assert_eq!(error.code, Code::Config, "{more}: {error}");
    }
}
