use mast_sdk::Code;
use mast_sdk::mock::{Answer, Host, Installed};
use serde_json::{Value, json};

use super::Xtream;

const API: &str = "https://panel.example/player_api.php?username=user%20name&password=p%26ss";

fn config(more: Value) -> Value {
    let mut config = json!({ "server": "https://panel.example/", "username": "user name", "password": "${PASSWORD}" });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn host(more: Value, answers: &[(&str, Answer)]) -> Installed {
    let host = Host::new().config(config(more)).secret("PASSWORD", "p&ss").now(1_767_268_800);
    answers.iter().fold(host, |host, (action, answer)| host.http(&format!("{API}{action}"), answer.clone())).install()
}

fn json_answer(value: Value) -> Answer {
    Answer::ok(value.to_string())
}

fn login(auth: Value, status: &str) -> Answer {
    json_answer(json!({ "user_info": { "auth": auth, "status": status }, "server_info": { "timezone": "UTC" } }))
}

fn listing(title: &str, start: u64) -> Value {
    json!({ "title": title, "start_timestamp": start.to_string(), "stop_timestamp": (start + 60).to_string(), "lang": "en" })
}

const STREAMS: &str = "&action=get_live_streams";

fn table(id: u32) -> String {
    format!("&action=get_simple_data_table&stream_id={id}")
}

#[test]
fn one_table_for_each_guide_id() {
    let streams = json!([
        { "num": 1, "stream_id": 11, "name": "One HD", "epg_channel_id": "one", "stream_icon": "https://img.example/1.png" },
        { "num": 2, "stream_id": "12", "name": "One SD", "epg_channel_id": "one" },
        { "num": 3, "stream_id": 13, "name": null, "epg_channel_id": "two" },
        { "num": 4, "stream_id": 14, "name": "No guide", "epg_channel_id": null },
        { "num": 5, "stream_id": 15, "name": "Nor here", "epg_channel_id": "" },
        { "name": "Nothing" },
        null,
    ]);
    let host = host(
        json!({}),
        &[
            ("", login(json!(1), "Active")),
            (STREAMS, json_answer(streams)),
            (
                &table(11),
                json_answer(json!({ "epg_listings": [listing("TmV3cw==", 1_767_268_800), { "title": "TmV3cw==" }] })),
            ),
            (&table(13), json_answer(json!([]))),
        ],
    );
    let imported = host.import::<Xtream>("").unwrap();
    let names: Vec<(&str, &str)> =
        imported.channels.iter().map(|one| (one.id.as_str(), one.names[0].value.as_str())).collect();
    assert_eq!(names, [("one", "One HD"), ("two", "two")]);
    assert_eq!(imported.channels[0].icons, ["https://img.example/1.png"]);
    assert_eq!(imported.programmes.len(), 1);
    let found = &imported.programmes[0];
    assert_eq!((found.channel.as_str(), found.start, found.stop), ("one", 1_767_268_800, Some(1_767_268_860)));
    assert_eq!((found.titles[0].value.as_str(), found.titles[0].lang.as_deref()), ("News", Some("en")));
    assert_eq!(imported.warnings.len(), 1);
    let said = |key: &str| mast_sdk::pair(&imported.summary.attrs, key).map(str::to_owned);
    assert_eq!((said("requests").as_deref(), said("programmes").as_deref()), (Some("2"), Some("1")));
}

#[test]
fn only_what_is_wanted_is_asked_for_and_not_more_than_most() {
    let streams: Vec<Value> =
        (1..=4).map(|id| json!({ "stream_id": id, "name": "x", "epg_channel_id": format!("c{id}") })).collect();
    let table_of = |id: u32| (table(id), json_answer(json!({ "epg_listings": [listing("TmV3cw==", 60)] })));
    let (first, second) = (table_of(2), table_of(3));
    let host = Host::new().config(config(json!({ "most": 2 }))).secret("PASSWORD", "p&ss").unwanted("c1");
    let answers = [("", login(json!("1"), "Active")), (STREAMS, json_answer(Value::from(streams)))];
    let answers = answers.iter().map(|(action, answer)| (*action, answer.clone()));
    let answers = answers.chain([(first.0.as_str(), first.1), (second.0.as_str(), second.1)]);
    let host = answers.fold(host, |host, (action, answer)| host.http(&format!("{API}{action}"), answer)).install();
    let imported = host.import::<Xtream>("").unwrap();
    assert_eq!(imported.programmes.len(), 2);
    assert_eq!(mast_sdk::pair(&imported.summary.attrs, "left-out"), Some("1"));
    assert!(imported.warnings.iter().any(|(_, message)| message.contains("most is 2")), "{:?}", imported.warnings);
}

#[test]
fn what_is_no_guide_is_an_error() {
    let streams = json!({ "5": { "stream_id": 5, "name": "x", "epg_channel_id": "five" } });
    type Case<'a> = (&'a str, Vec<(String, Answer)>, Code, &'a str);
    let cases: [Case<'_>; 7] = [
        ("refused", vec![(String::new(), login(json!(0), ""))], Code::Unauthorized, "refuses these credentials"),
        ("expired", vec![(String::new(), login(json!(1), "Expired"))], Code::Unauthorized, "Expired"),
        ("a page", vec![(String::new(), Answer::ok("<html>"))], Code::Malformed, "the login is not the JSON"),
        ("403", vec![(String::new(), Answer::status(403))], Code::Unauthorized, "status 403"),
        (
            "a cut list",
            vec![(String::new(), login(json!(1), "Active")), (STREAMS.to_owned(), Answer::ok("[{\"stream_id\":5,"))],
            Code::Malformed,
            "ends too early",
        ),
        (
            "a page for a list",
            vec![(String::new(), login(json!(1), "Active")), (STREAMS.to_owned(), Answer::ok("<html>"))],
            Code::Malformed,
            "the list of channels",
        ),
        (
            "too many requests",
            vec![
                (String::new(), login(json!(1), "Active")),
                (STREAMS.to_owned(), json_answer(streams)),
                (table(5), Answer::status(429).header("retry-after", "60")),
            ],
            Code::Unavailable,
            "fewer requests",
        ),
    ];
    for (what, answers, code, why) in cases {
        let answers: Vec<(&str, Answer)> =
            answers.iter().map(|(action, answer)| (action.as_str(), answer.clone())).collect();
        let error = host(json!({}), &answers).import::<Xtream>("").unwrap_err();
        assert_eq!(error.code, code, "{what}: {error}");
        assert!(error.to_string().contains(why), "{what}: {error}");
        assert!(!error.to_string().contains("p&ss") && !error.to_string().contains("p%26ss"), "{what}: {error}");
    }
}

#[test]
fn tables_that_cannot_be_read_are_reported_until_they_are_many() {
    let import = |count: u32| {
        let streams: Vec<Value> =
            (1..=count).map(|id| json!({ "stream_id": id, "name": "x", "epg_channel_id": id })).collect();
        let mut answers =
            vec![(String::new(), login(json!(1), "Active")), (STREAMS.to_owned(), json_answer(Value::from(streams)))];
        answers.extend((1..=count).map(|id| (table(id), Answer::ok("<br>Warning: mysql"))));
        let answers: Vec<(&str, Answer)> =
            answers.iter().map(|(action, answer)| (action.as_str(), answer.clone())).collect();
        host(json!({}), &answers).import::<Xtream>("")
    };
    assert_eq!(import(20).unwrap().warnings.len(), 20);
    assert_eq!(import(21).unwrap_err().code, Code::Malformed);
}

#[test]
fn settings_are_checked() {
    for (more, why) in [
        (json!({ "server": "panel.example" }), "must begin with"),
        (json!({ "server": "https://panel.example/?x" }), "without ?"),
        (json!({ "default_offset": "1" }), "default_offset"),
    ] {
        let error = host(more.clone(), &[]).import::<Xtream>("").unwrap_err();
        assert!(error.to_string().contains(why), "{more}: {error}");
    }
}
