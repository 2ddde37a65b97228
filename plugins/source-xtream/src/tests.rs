use std::collections::BTreeMap;

use mast_sdk::mock::{Answer, Host, Installed, Refreshed};
use mast_sdk::{Code, Result, pair};
use serde_json::{Value, json};

use super::Xtream;

const API: &str = "https://panel.example:8443/player_api.php?username=some%20one&password=p%26s%2Fs";
const NOW: u64 = 1_767_268_800;

type Answers = BTreeMap<String, Value>;

fn login() -> Value {
    json!({
        "user_info": {
            "username": "some one", "password": "p&s/s", "message": "", "auth": 1, "status": "Active", "exp_date": "1798804800",
            "is_trial": "0", "active_cons": "1", "created_at": "1700000000", "max_connections": "2",
            "allowed_output_formats": ["m3u8", "ts", "rtmp"],
        },
        "server_info": {
            "url": "cdn.panel.example", "port": "80", "https_port": "443", "server_protocol": "http", "rtmp_port": "8880",
            "timezone": "Europe/Kiev", "timestamp_now": NOW, "time_now": "2026-01-01 14:00:00", "process": true,
        },
    })
}

/// An upstream as panels of 2018 write it.
fn panel() -> Answers {
    let category = |id: &str, name: &str| json!({ "category_id": id, "category_name": name, "parent_id": 0 });
    let answers = [
        ("", login()),
        ("&action=get_live_categories", json!([category("1", "News"), category("2", "For Adults")])),
        (
            "&action=get_live_streams",
            json!([
                {
                    "num": 1, "name": "One", "stream_type": "live", "stream_id": 11, "stream_icon": "https://img.example/1.png",
                    "epg_channel_id": "one.example", "added": "1600000000", "category_id": "1", "custom_sid": "", "tv_archive": 1,
                    "direct_source": "http://origin.example/one.ts", "tv_archive_duration": "3",
                },
                { "num": 2, "name": "Two", "stream_type": "radio_streams", "stream_id": "12", "category_id": "2", "is_adult": "1",
                    "epg_channel_id": null, "stream_icon": "", "tv_archive": 0, "tv_archive_duration": 0 },
            ]),
        ),
        ("&action=get_vod_categories", json!([category("5", "Films")])),
        (
            "&action=get_vod_streams",
            json!([{ "num": 1, "name": "A Film", "stream_type": "movie", "stream_id": 51, "stream_icon": "https://img.example/51.jpg",
                "rating": "7.5", "rating_5based": 3.75, "added": "1600000000", "category_id": "5", "container_extension": "mkv" }]),
        ),
        ("&action=get_series_categories", json!([category("7", "Shows")])),
        (
            "&action=get_series",
            json!([
                { "num": 1, "name": "Old Show", "series_id": 71, "cover": "", "last_modified": "100", "category_id": "7", "backdrop_path": null },
                { "num": 2, "name": "New Show", "series_id": 72, "cover": "https://img.example/72.jpg", "last_modified": "200",
                    "category_id": "7", "releaseDate": "2020-02-03", "backdrop_path": ["https://img.example/b.jpg"] },
            ]),
        ),
        (&series(71), episodes("711", "mkv")),
        (&series(72), episodes("721", "mp4")),
    ];
    answers.into_iter().map(|(action, answer)| (action.to_owned(), answer)).collect()
}

fn series(id: u32) -> String {
    format!("&action=get_series_info&series_id={id}")
}

fn episodes(id: &str, container: &str) -> Value {
    json!({ "seasons": [], "info": {}, "episodes": { "1": [
        { "id": id, "episode_num": 1, "title": "Pilot", "container_extension": container, "info": [], "added": "1600000000", "season": 1 }
    ] } })
}

fn host(more: Value, answers: &Answers) -> Host {
    let mut config =
        json!({ "server": "https://panel.example:8443/", "username": "some one", "password": "${PASSWORD}" });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let host = Host::new().config(config).secret("PASSWORD", "p&s/s").now(NOW).chunk(4096);
    answers.iter().fold(host, |host, (action, answer)| host.http(&url(action), Answer::ok(answer.to_string())))
}

fn url(action: &str) -> String {
    format!("{API}{action}")
}

fn refresh(more: Value, answers: &Answers) -> Result<Refreshed> {
    host(more, answers).install().refresh::<Xtream>()
}

fn all() -> Value {
    json!({ "content": ["live", "movie", "series"] })
}

fn asked(host: &Installed) -> Vec<String> {
    let urls = host.requests().into_iter().map(|request| request.url);
    urls.filter_map(|url| url.split_once("series_id=").map(|(_, id)| id.to_owned())).collect()
}

#[test]
fn a_whole_panel() {
    let refreshed = refresh(all(), &panel()).unwrap();
    let one = &refreshed.channels[0];
    assert_eq!((one.key.as_str(), one.name.as_str(), one.number), ("live:11", "One", Some(1)));
    assert_eq!((one.category.as_deref(), one.epg_id.as_deref()), (Some("live:1"), Some("one.example")));
    assert_eq!(one.logo.as_deref(), Some("https://img.example/1.png"));
    assert_eq!(one.upstreams.len(), 1);
    assert_eq!(one.upstreams[0].url, "https://panel.example:8443/live/some%20one/p%26s%2Fs/11.ts");
    assert_eq!(one.upstreams[0].kind, "mpegts");
    let catch_up = one.catch_up.as_ref().unwrap();
    assert_eq!((catch_up.mode.as_str(), catch_up.days), ("xc", 3));
    assert_eq!(pair(&catch_up.attrs, "correction"), Some("2"));
    assert_eq!(pair(&one.attrs, "added"), Some("1600000000"));
    let two = &refreshed.channels[1];
    assert_eq!((two.key.as_str(), &two.catch_up, &two.logo), ("live:12", &None, &None));
    assert_eq!((pair(&two.attrs, "radio"), pair(&two.attrs, "adult")), (Some("true"), Some("true")));
    let film = &refreshed.movies[0];
    assert_eq!(
        (film.key.as_str(), film.container.as_str(), film.category.as_deref()),
        ("movie:51", "mkv", Some("movie:5"))
    );
    assert_eq!(film.upstreams[0].url, "https://panel.example:8443/movie/some%20one/p%26s%2Fs/51.mkv");
    assert_eq!(pair(&film.attrs, "rating"), Some("7.5"));
    assert_eq!(
        refreshed.series.iter().map(|series| series.key.as_str()).collect::<Vec<_>>(),
        ["series:71", "series:72"]
    );
    let episode = &refreshed.episodes[0];
    assert_eq!((episode.key.as_str(), episode.series.as_str()), ("episode:721", "series:72"));
    assert_eq!((episode.season, episode.number, episode.name.as_str()), (1, 1, "Pilot"));
    assert_eq!(episode.upstreams[0].url, "https://panel.example:8443/series/some%20one/p%26s%2Fs/721.mp4");
    let categories: Vec<_> = refreshed.categories.iter().map(|one| (&*one.key, &*one.name, &*one.content)).collect();
    assert_eq!(
        categories,
        [
            ("live:1", "News", "live"),
            ("live:2", "For Adults", "live"),
            ("movie:5", "Films", "movie"),
            ("series:7", "Shows", "series")
        ]
    );
    for (key, value) in [
        ("provider-status", "Active"),
        ("provider-expires", "1798804800"),
        ("provider-connections", "2"),
        ("provider-active", "1"),
        ("channels", "2"),
        ("movies", "1"),
        ("series", "2"),
        ("episodes", "2"),
    ] {
        assert_eq!(pair(&refreshed.summary.attrs, key), Some(value), "{key}");
    }
    assert_eq!(refreshed.warnings, []);
}

#[test]
fn settings_say_where_upstreams_are() {
    let first = |more: Value| refresh(more, &panel()).unwrap().channels.remove(0).upstreams.remove(0);
    let hls = first(json!({ "output": "m3u8", "user_agent": "Box" }));
    assert_eq!((hls.kind.as_str(), hls.url.ends_with("/11.m3u8")), ("hls", true));
    assert_eq!(hls.headers, [("user-agent".to_owned(), "Box".to_owned())]);
    assert_eq!(
        first(json!({ "use_server_url": true })).url,
        "http://cdn.panel.example:80/live/some%20one/p%26s%2Fs/11.ts"
    );
    assert_eq!(first(json!({ "use_direct_source": true })).url, "http://origin.example/one.ts");
}

#[test]
fn filters_go_by_name() {
    let keys = |more: Value| -> Vec<String> {
        refresh(more, &panel()).unwrap().channels.into_iter().map(|channel| channel.key).collect()
    };
    assert_eq!(keys(json!({ "categories": ["news "] })), ["live:11"]);
    assert_eq!(keys(json!({ "skip_categories": ["News"] })), ["live:12"]);
    let refreshed = refresh(json!({ "skip_categories": ["Sport", "News"] }), &panel()).unwrap();
    assert_eq!(refreshed.categories.len(), 1);
    assert_eq!(pair(&refreshed.summary.attrs, "filtered"), Some("1"));
    assert_eq!(refreshed.warnings.len(), 1, "{:?}", refreshed.warnings);
    let error = refresh(json!({ "categories": ["Sport"] }), &panel()).unwrap_err();
    assert!(error.message.contains("2 filtered out"), "{error}");
}

#[test]
fn rows_of_every_panel() {
    let check = |row: Value, key: &str, name: &str, category: Option<&str>| {
        let mut answers = panel();
        answers.insert("&action=get_live_streams".to_owned(), row.clone());
        let refreshed = refresh(json!({}), &answers).unwrap_or_else(|error| panic!("{row}: {error}"));
        let channel = &refreshed.channels[0];
        assert_eq!(
            (channel.key.as_str(), channel.name.as_str(), channel.category.as_deref()),
            (key, name, category),
            "{row}"
        );
    };
    check(json!([{ "stream_id": 1, "name": "x", "category_id": null }]), "live:1", "x", None);
    check(json!([{ "stream_id": 1, "name": "x", "category_id": 2 }]), "live:1", "x", Some("live:2"));
    check(
        json!([{ "stream_id": 1, "name": "x", "category_id": null, "category_ids": [9, 2] }]),
        "live:1",
        "x",
        Some("live:2"),
    );
    check(json!([{ "stream_id": 1, "name": "x", "category_id": "99" }]), "live:1", "x", None);
    check(json!([{ "stream_id": "1", "name": null }]), "live:1", "Channel 1", None);
    check(json!([{ "stream_id": "1", "name": null, "epg_channel_id": "one" }]), "live:1", "one", None);
    check(json!([{ "stream_id": 1, "name": 24 }]), "live:1", "24", None);
    check(json!({ "0": { "stream_id": 1, "name": "x" }, "1": { "stream_id": 2 } }), "live:1", "x", None);
    check(json!([null, [], "x", { "name": "no id" }, { "stream_id": 1, "name": "x" }]), "live:1", "x", None);
    check(
        json!([{ "stream_id": "a/../b" }, { "stream_id": 1, "name": "a\r\n#EXTINF <script>" }]),
        "live:1",
        "a  #EXTINF <script>",
        None,
    );
}

#[test]
fn archives_of_every_panel() {
    for (row, expected) in [
        (json!({ "tv_archive": 1, "tv_archive_duration": 7 }), Some(7)),
        (json!({ "tv_archive": "1", "tv_archive_duration": "7" }), Some(7)),
        (json!({ "tv_archive": true }), Some(1)),
        (json!({ "tv_archive": 1, "tv_archive_duration": 0 }), None),
        (json!({ "tv_archive": 0, "tv_archive_duration": 7 }), None),
        (json!({ "tv_archive": 1, "tv_archive_duration": 99999 }), Some(365)),
        (json!({}), None),
    ] {
        let mut answers = panel();
        let mut row = row;
        row["stream_id"] = json!(1);
        answers.insert("&action=get_live_streams".to_owned(), json!([row]));
        let catch_up = refresh(json!({}), &answers).unwrap().channels.remove(0).catch_up;
        assert_eq!(catch_up.map(|catch_up| catch_up.days), expected, "{row}");
    }
}

#[test]
fn accounts_of_every_panel() {
    let check = |own: Value, expected: Result<&[(&str, &str)], Code>| {
        let mut answers = panel();
        answers.insert(String::new(), json!({ "user_info": own, "server_info": [] }));
        match (refresh(json!({}), &answers), expected) {
            (Ok(refreshed), Ok(attrs)) => {
                let found = refreshed.summary.attrs.iter().filter(|(key, _)| key.starts_with("provider-"));
                let found: Vec<_> = found.map(|(key, value)| (key.as_str(), value.as_str())).collect();
                assert_eq!(found, attrs, "{own}");
            }
            (Err(error), Err(code)) => assert_eq!(error.code, code, "{own}: {error}"),
            (found, _) => panic!("{own}: {:?}", found.map(|found| found.summary)),
        }
    };
    check(json!({ "auth": "1", "status": "Active", "exp_date": null }), Ok(&[("provider-status", "Active")]));
    check(
        json!({ "auth": 1, "max_connections": 3, "active_cons": 0 }),
        Ok(&[("provider-connections", "3"), ("provider-active", "0")]),
    );
    check(
        json!({ "auth": true, "exp_date": 1_798_804_800, "max_connections": "0" }),
        Ok(&[("provider-expires", "1798804800")]),
    );
    check(json!({ "status": "Active", "exp_date": "Unlimited" }), Ok(&[("provider-status", "Active")]));
    check(json!({ "auth": 0 }), Err(Code::Unauthorized));
    check(json!({ "auth": "0", "status": "Active" }), Err(Code::Unauthorized));
    check(json!({ "auth": 1, "status": "Expired" }), Err(Code::Unauthorized));
    check(json!({ "auth": 1, "status": "Banned" }), Err(Code::Unauthorized));
    check(json!([]), Err(Code::Unauthorized));
    check(json!(null), Err(Code::Unauthorized));
}

#[test]
fn what_is_no_catalogue_is_an_error() {
    let check = |action: &str, answer: Answer, code: Code, why: &str| {
        let mut answers = panel();
        answers.remove(action);
        let host = host(all(), &answers).http(&url(action), answer).install();
        let error = host.refresh::<Xtream>().unwrap_err();
        assert_eq!(error.code, code, "{action}: {error}");
        assert!(error.message.contains(why), "{action}: {error}");
        for secret in ["p&s", "p%26s", "some%20one"] {
            assert!(!error.message.contains(secret), "{error}");
        }
    };
    for action in
        ["", "&action=get_live_streams", "&action=get_vod_streams", "&action=get_series", "&action=get_live_categories"]
    {
        check(action, Answer::ok("<!DOCTYPE html><html>"), Code::Malformed, "web page");
        check(action, Answer::ok(" <br />\n<b>Warning</b>"), Code::Malformed, "web page");
        check(action, Answer::ok(""), Code::Malformed, "is empty");
        check(action, Answer::status(503).header("retry-after", "60"), Code::Unavailable, "status 503");
        check(action, Answer::status(403), Code::Unauthorized, "status 403");
    }
    for action in ["&action=get_live_streams", "&action=get_vod_streams", "&action=get_series"] {
        check(action, Answer::ok("[]"), Code::Malformed, "is empty though");
        check(action, Answer::ok("{}"), Code::Malformed, "is empty though");
        check(action, Answer::ok("null"), Code::Malformed, "is empty though");
        check(action, Answer::ok(login().to_string()), Code::Malformed, "another answer than a list");
        check(action, Answer::ok("{\"error\":\"limit\"}"), Code::Malformed, "another answer than a list");
        check(
            action,
            Answer::ok("[{\"stream_id\":1,\"series_id\":1}").ends_early(),
            Code::Unavailable,
            "connection was lost",
        );
    }
}

#[test]
fn half_a_list_is_an_error() {
    let answers = panel();
    for action in
        ["", "&action=get_live_categories", "&action=get_live_streams", "&action=get_vod_streams", "&action=get_series"]
    {
        let whole = answers[action].to_string();
        for tenth in 0..10 {
            let mut others = answers.clone();
            others.remove(action);
            let half = &whole.as_bytes()[..whole.len() * tenth / 10];
            let host = host(all(), &others).http(&url(action), Answer::ok(half)).install();
            let error = host.refresh::<Xtream>().unwrap_err();
            assert_eq!(error.code, Code::Malformed, "{action} {tenth}: {error}");
        }
    }
}

#[test]
fn what_was_there_before_is_missed() {
    let installed = host(all(), &panel()).install();
    installed.refresh::<Xtream>().unwrap();
    installed.answer(&url("&action=get_vod_categories"), Answer::ok("[]"));
    installed.answer(&url("&action=get_vod_streams"), Answer::ok("[]"));
    let error = installed.refresh::<Xtream>().unwrap_err();
    assert!(error.message.contains("no movies where it had 1"), "{error}");
}

#[test]
fn a_refresh_asks_only_for_series_that_changed() {
    let installed = host(all(), &panel()).install();
    let first = installed.refresh::<Xtream>().unwrap();
    assert_eq!(asked(&installed), ["72", "71"]);
    let second = installed.refresh::<Xtream>().unwrap();
    assert_eq!(asked(&installed).len(), 2);
    assert_eq!(second.episodes, first.episodes);
    assert_eq!(pair(&second.summary.attrs, "series-remembered"), Some("2"));
    let mut list = panel()["&action=get_series"].clone();
    list[0]["last_modified"] = json!("300");
    list.as_array_mut().unwrap().remove(1);
    installed.answer(&url("&action=get_series"), Answer::ok(list.to_string()));
    let third = installed.refresh::<Xtream>().unwrap();
    assert_eq!(asked(&installed), ["72", "71", "71"]);
    assert_eq!(third.episodes.len(), 1);
    assert!(installed.kv("series:72").is_none(), "what is gone is forgotten");
}

#[test]
fn series_are_asked_for_a_few_at_a_time() {
    let installed = host(json!({ "content": ["live", "series"], "most_series": 1 }), &panel()).install();
    let first = installed.refresh::<Xtream>().unwrap();
    assert_eq!((asked(&installed), first.episodes.len()), (vec!["72".to_owned()], 1));
    assert_eq!(pair(&first.summary.attrs, "series-waiting"), Some("1"));
    let second = installed.refresh::<Xtream>().unwrap();
    assert_eq!((asked(&installed), second.episodes.len()), (vec!["72".to_owned(), "71".to_owned()], 2));
}

#[test]
fn storage_may_be_small_or_missing() {
    for quota in [0, 40] {
        let installed = host(all(), &panel()).kv_quota(quota).install();
        for _ in 0..2 {
            assert_eq!(installed.refresh::<Xtream>().unwrap().episodes.len(), 2, "{quota}");
        }
        assert_eq!(asked(&installed).len(), 4, "{quota}");
    }
}

#[test]
fn trouble_with_one_series() {
    let run = |quota: usize, answer: Answer| {
        let mut answers = panel();
        answers.remove(&series(72));
        host(all(), &answers).kv_quota(quota).http(&url(&series(72)), answer).install().refresh::<Xtream>()
    };
    for answer in [Answer::status(404), Answer::ok("<html>"), Answer::ok("[]"), Answer::ok("{\"episodes\":[")] {
        let refreshed = run(0, answer.clone()).unwrap_or_else(|error| panic!("{answer:?}: {error}"));
        assert_eq!((refreshed.episodes.len(), refreshed.series.len()), (1, 2), "{answer:?}");
        assert_eq!(refreshed.warnings.len(), 1, "{answer:?}");
    }
    assert_eq!(run(1 << 20, Answer::status(429)).unwrap().episodes.len(), 0, "the rest is asked for next time");
    assert_eq!(run(0, Answer::status(429)).unwrap_err().code, Code::Unavailable);
    assert_eq!(run(1 << 20, Answer::status(403)).unwrap_err().code, Code::Unauthorized);
}

#[test]
fn a_hundred_thousand_channels_cross_in_batches() {
    let mut text = String::from("[");
    for id in 1..=100_000 {
        let comma = if id == 1 { "" } else { "," };
        text += &format!("{comma}{{\"num\":{id},\"name\":\"C {id}\",\"stream_id\":{id},\"category_id\":\"1\"}}");
    }
    text.push(']');
    let mut answers = panel();
    answers.remove("&action=get_live_streams");
    let host = host(json!({}), &answers).http(&url("&action=get_live_streams"), Answer::ok(text)).install();
    let refreshed = host.refresh::<Xtream>().unwrap();
    assert_eq!(refreshed.channels.len(), 100_000);
    assert!(refreshed.batches.iter().all(|batch| *batch <= mast_sdk::BATCH));
    assert!(refreshed.batches.len() >= 100_000 / mast_sdk::BATCH);
}

#[test]
fn settings_are_checked() {
    for (more, why) in [
        (json!({ "server": "panel.example" }), "must begin with"),
        (json!({ "server": "https://panel.example/?x" }), "without ?"),
        (json!({ "server": "https://me:secret@panel.example" }), "without ?"),
        (json!({ "server": "https://panel.example/player_api.php" }), "leave the file's name out"),
        (json!({ "username": "${USER" }), "without its }"),
    ] {
        let error = refresh(more.clone(), &panel()).unwrap_err();
        assert_eq!(error.code, Code::Config, "{more}");
        assert!(error.message.contains(why), "{more}: {error}");
    }
}
