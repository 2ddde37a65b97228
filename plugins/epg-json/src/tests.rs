use mast_sdk::Code;
use mast_sdk::mock::{Answer, Host, Imported};
use serde_json::{Value, json};

use super::Json;

/// 2026-01-01 12:00
const NOW: u64 = 1_767_268_800;

fn shown(imported: &Imported) -> Vec<String> {
    let shown = imported.programmes.iter().map(|found| {
        let stop = found.stop.map_or_else(|| "?".to_owned(), |stop| ((stop - found.start) / 60).to_string());
        format!("{} {} {stop} {}", found.channel, found.start, found.titles[0].value)
    });
    shown.collect()
}

fn check(config: Value, answers: &[(&str, Value)], expected: &[&str]) -> Imported {
    let host = answers.iter().fold(Host::new().config(config).now(NOW), |host, (url, answer)| {
        host.http(url, Answer::ok(answer.to_string()))
    });
    let imported = host.install().import::<Json>("").unwrap();
    assert_eq!(shown(&imported), expected);
    imported
}

#[test]
fn a_list_for_each_day() {
    let config = json!({ "endpoint": "https://api.example/{date}", "days": 2, "past": 1,
        "fields": { "programmes": "data.items", "channel": "station.id", "channel_name": "station.name", "title": "name",
            "start": "from", "stop": "to", "description": "text", "category": "genres", "season": "s", "episode": "e", "date": "year" } });
    let day = |items: Value| json!({ "data": { "items": items } });
    let night = json!({ "station": { "id": 7, "name": "Seven" }, "name": "Night", "from": "2026-01-01T23:00:00Z",
        "to": "2026-01-02T01:00:00+00:00", "text": "Long", "genres": ["Film", "Drama"], "s": 2, "e": "3", "year": 1999 });
    let imported = check(
        config,
        &[
            ("https://api.example/2025-12-31", day(json!([]))),
            (
                "https://api.example/2026-01-01",
                day(json!([night, { "name": "lost" }, { "station": { "id": 7 }, "name": "When", "from": [] }])),
            ),
            ("https://api.example/2026-01-02", day(json!([night]))),
        ],
        &["7 1767308400 120 Night"],
    );
    let found = &imported.programmes[0];
    assert_eq!((found.categories.len(), found.episode_numbers[0].value.as_str()), (2, "1.2."));
    assert_eq!(found.attrs, [("date".to_owned(), "1999".to_owned())]);
    assert_eq!(imported.channels[0].names[0].value, "Seven");
    assert_eq!(imported.warnings.len(), 2);
    assert_eq!(mast_sdk::pair(&imported.summary.attrs, "requests"), Some("3"));
}

#[test]
fn channels_with_their_programmes_inside_and_all_sorts_of_times() {
    let config = json!({ "endpoint": "https://api.example/all", "default_offset": "+01:00",
        "fields": { "channels": "", "channel": "id", "programmes": "shows", "title": "t", "start": "s", "duration": "m" } });
    check(
        config,
        &[(
            "https://api.example/all",
            json!([{ "id": "a", "shows": [{ "t": "A", "s": NOW, "m": 30 }, { "t": "B", "s": NOW * 1000 + 60_000 }] },
                { "id": "b", "shows": [{ "t": "C", "s": "20260101130000", "m": "45" }, { "t": "D", "s": "2026-01-01 12:00:00 +0000", "m": 0 },
                    { "t": "E", "s": NOW.to_string() }] }]),
        )],
        &["a 1767268800 30 A", "a 1767268860 ? B", "b 1767268800 45 C"],
    );
}

#[test]
fn a_request_for_each_channel() {
    let config = json!({ "endpoint": "https://api.example/{channel}", "channels": ["one", "two", "gone"],
        "fields": { "title": "t", "start": "s" } });
    let host = Host::new()
        .config(config)
        .now(NOW)
        .http("https://api.example/one", Answer::ok("[{\"t\":\"A\",\"s\":1}]"))
        .http("https://api.example/two", Answer::ok("[{\"t\":\"B\",\"s\":2}]"))
        .http("https://api.example/gone", Answer::status(404))
        .unwanted("two")
        .install();
    let imported = host.import::<Json>("").unwrap();
    assert_eq!(shown(&imported), ["one 1 ? A"]);
    assert_eq!((imported.channels.len(), imported.warnings.len()), (2, 1));
}

#[test]
fn what_goes_wrong_keeps_the_old_guide() {
    let config = json!({ "endpoint": "https://api.example/all", "fields": { "title": "t", "start": "s" } });
    for (answer, code, part) in [
        (Answer::ok("<html>"), Code::Malformed, "not JSON"),
        (Answer::ok("[{\"t\""), Code::Malformed, "ends too early"),
        (Answer::ok("[]").ends_early(), Code::Unavailable, "lost"),
        (Answer::status(500), Code::Unavailable, "500"),
        (Answer::status(404), Code::NotFound, "404"),
        (Answer::status(401), Code::Unauthorized, "401"),
        (Answer::ok(" ".repeat(9 << 20)), Code::Limit, "bytes"),
    ] {
        let host = Host::new().config(config.clone()).now(NOW).http("https://api.example/all", answer).install();
        let error = host.import::<Json>("").unwrap_err();
        assert!(error.code == code && error.message.contains(part), "{error}");
    }
}

#[test]
fn one_huge_programme_does_not_cost_the_others() {
    let config = json!({ "endpoint": "https://api.example/all",
        "fields": { "channel": "c", "title": "t", "start": "s", "description": "d" } });
    let one = |start: u64, text: String| json!({ "c": "one", "t": "News", "s": start, "d": text });
    let answer =
        json!([one(NOW, "short".to_owned()), one(NOW + 60, "x".repeat(5 << 20)), one(NOW + 120, String::new())]);
    let imported = check(
        config,
        &[("https://api.example/all", answer)],
        &[&format!("one {NOW} ? News"), &format!("one {} ? News", NOW + 120)],
    );
    assert!(
        imported.warnings.iter().any(|(_, message)| message.contains("larger than 1 MiB")),
        "{:?}",
        imported.warnings
    );
}

#[test]
fn settings_are_checked() {
    let fields = json!({ "title": "t", "start": "s" });
    for (config, part) in [
        (json!({ "endpoint": "file:///x", "fields": fields }), "http"),
        (json!({ "endpoint": "https://a.example/{channel}", "fields": fields }), "{channel}"),
        (json!({ "endpoint": "https://a.example", "channels": ["a"], "fields": fields }), "{channel}"),
        (json!({ "endpoint": "https://a.example/{date}", "days": 1001, "fields": fields }), "requests"),
        (json!({ "endpoint": "https://a.example", "default_offset": "CET", "fields": fields }), "+01:00"),
    ] {
        let host = Host::new().config(config).now(NOW).install();
        let error = host.import::<Json>("").unwrap_err();
        assert!(error.code == Code::Config && error.message.contains(part), "{error}");
    }
}
