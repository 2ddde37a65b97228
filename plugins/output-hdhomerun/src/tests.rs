use mast_sdk::mock::{Host, Line, Reply};
use mast_sdk::output::{Output, Request};
use proptest::prelude::*;
use quick_xml::events::Event;
use serde_json::{Value, json};

use super::{HdHomeRun, device};

const NASTY: &str = "A \"b\" <script>alert(1)</script> & '; DROP TABLE x; $(reboot)\r\n\0 📺";

fn line() -> Line {
    Line::new("anna").info(|line| line.max_connections = 2).channel(101, "One", "News").channel_with(
        102,
        "Two HD",
        "Sports, all",
        |channel| channel.number = 7,
    )
}

fn request(route: &str, path: &str) -> Request {
    let mut request = Request::test(route, path, &[]);
    request.params.push(("token".into(), "T 1".into()));
    request
}

fn get(route: &str, line: &Line) -> Reply {
    Host::new().install().handle::<HdHomeRun>(&request(route, "/"), Some(line)).unwrap()
}

fn tune(channel: &str, line: &Line) -> Reply {
    let mut request = request("auto", "/");
    request.params.push(("channel".into(), channel.into()));
    request.query.push(("duration".into(), "60".into()));
    request.query.push(("transcode".into(), "heavy".into()));
    Host::new().install().handle::<HdHomeRun>(&request, Some(line)).unwrap()
}

fn of(reply: &Reply) -> Value {
    assert_eq!((reply.status, reply.header("content-type")), (Some(200), Some("application/json; charset=utf-8")));
    serde_json::from_str(&reply.text()).unwrap()
}

/// Texts of the elements, in order, with their names.
fn elements(xml: &str) -> Vec<(String, String)> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut open, mut found): (Vec<(String, String)>, _) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                open.push((tag.name().as_ref().to_owned(), String::new()));
            }
            Event::Text(text) => {
                if let Some((_, content)) = open.last_mut() {
                    content.push_str(&text);
                }
            }
            Event::GeneralRef(name) => {
                let c = match &*name {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    other => panic!("the entity {other}"),
                };
                open.last_mut().unwrap().1.push(c);
            }
            Event::End(_) => found.push(open.pop().unwrap()),
            Event::Eof => {
                assert!(open.is_empty(), "{xml}");
                return found;
            }
            _ => {}
        }
    }
}

#[test]
fn a_tuner_describes_itself() {
    let id = format!("{:08X}", device::id_of("anna"));
    let expected = json!({
        "FriendlyName": "Mast", "Manufacturer": "Mast", "ModelNumber": "HDHR5-4US", "FirmwareName": "mast",
        "FirmwareVersion": "20250815", "DeviceID": id, "DeviceAuth": "mast",
        "BaseURL": "http://tv.example:8080/hdhr/T%201",
        "LineupURL": "http://tv.example:8080/hdhr/T%201/lineup.json",
        "TunerCount": 2,
    });
    assert_eq!(of(&get("discover", &line())), expected);
    let described = elements(&get("device", &line()).text());
    for (name, text) in [
        ("URLBase", "http://tv.example:8080/hdhr/T%201"),
        ("friendlyName", "Mast"),
        ("serialNumber", &*id),
        ("UDN", &*format!("uuid:4d617374-0000-4000-8000-0000{id}")),
    ] {
        assert!(described.contains(&(name.into(), text.into())), "{name}: {described:?}");
    }
}

#[test]
fn as_many_tuners_as_connections() {
    for (connections, tuners) in [(0, 1), (1, 1), (3, 3), (255, 255), (1000, 255)] {
        let line = line().info(|line| line.max_connections = connections);
        assert_eq!(of(&get("discover", &line))["TunerCount"], tuners, "{connections}");
    }
}

#[test]
fn the_lineup_in_json() {
    let expected = json!([
        { "GuideNumber": "1", "GuideName": "One", "Tags": "News", "URL": "http://tv.example:8080/hdhr/T%201/auto/v1" },
        { "GuideNumber": "7", "GuideName": "Two HD", "HD": 1, "Tags": "Sports  all",
          "URL": "http://tv.example:8080/hdhr/T%201/auto/v7" },
    ]);
    assert_eq!(of(&get("json", &line())), expected);
    assert_eq!(of(&get("json", &Line::new("b"))), json!([]));
    // The provider's word counts for more than the name.
    let line = Line::new("c")
        .channel_with(1, "HD in the name", "drm", |channel| channel.attrs.push(("quality".into(), "SD".into())))
        .channel_with(2, "Plain", "", |channel| {
            channel.attrs.push(("quality".into(), "1080p".into()));
            channel.attrs.push(("radio".into(), "true".into()));
        });
    let lineup = of(&get("json", &line));
    assert_eq!((&lineup[0]["HD"], &lineup[0]["Tags"]), (&Value::Null, &Value::Null));
    assert_eq!((&lineup[1]["HD"], &lineup[1]["Tags"]), (&json!(1), &json!("radio")));
}

#[test]
fn the_lineup_in_xml_and_m3u() {
    let found = elements(&get("xml", &line()).text());
    let expected = [
        ("GuideNumber", "1"),
        ("GuideName", "One"),
        ("Tags", "News"),
        ("URL", "http://tv.example:8080/hdhr/T%201/auto/v1"),
        ("Program", ""),
    ];
    let own = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    assert_eq!(found[..5], expected.map(own));
    assert!(found.contains(&own(("HD", "1"))));
    assert_eq!(
        get("m3u", &line()).text(),
        "#EXTM3U\r\n\
         #EXTINF:-1 channel-id=\"1\" channel-number=\"1\" tvg-id=\"\" tvg-logo=\"\" group-title=\"News\",1 One\r\n\
         http://tv.example:8080/hdhr/T%201/auto/v1\r\n\
         #EXTINF:-1 channel-id=\"7\" channel-number=\"7\" tvg-id=\"\" tvg-logo=\"\" group-title=\"Sports, all\",7 Two HD\r\n\
         http://tv.example:8080/hdhr/T%201/auto/v7\r\n"
    );
}

#[test]
fn a_scan_is_over_at_once() {
    let status = of(&get("status", &line()));
    assert_eq!(status, json!({ "ScanInProgress": 0, "ScanPossible": 1, "Source": "Cable", "SourceList": ["Cable"] }));
    for (query, expected) in [("start", 200), ("abort", 200), ("", 400), ("<script>", 400)] {
        let mut request = request("post", "/");
        request.query.push(("scan".into(), query.into()));
        let reply = Host::new().install().handle::<HdHomeRun>(&request, Some(&line())).unwrap();
        assert_eq!(reply.status, Some(expected), "{query}");
        assert!(!reply.text().contains("script"));
    }
    assert_eq!(get("post", &line()).status, Some(400));
}

#[test]
fn viewers_are_sent_on() {
    let reply = tune("v7", &line());
    assert_eq!(reply.status, Some(302));
    assert_eq!(reply.header("location"), Some("http://tv.example:8080/live/anna/PASSWORD/102.ts"));
    for unknown in ["v2", "7", "v", "v+7", "v-1", "v7.1", "v99999999999", "vv7", "", NASTY] {
        let reply = tune(unknown, &line());
        assert_eq!((reply.status, reply.text()), (Some(404), "There is no such channel.\n".into()), "{unknown}");
    }
}

#[test]
fn all_tuners_in_use() {
    for (active, status) in [(1, 302), (2, 503), (9, 503)] {
        let line = line().info(|line| line.active_connections = active);
        let reply = tune("v1", &line);
        assert_eq!(reply.status, Some(status), "{active}");
        let error = (status == 503).then_some("805 All Tuners In Use");
        assert_eq!(reply.header("x-hdhomerun-error"), error);
        // What is not there is not there, however busy it is.
        assert_eq!(tune("v3", &line).status, Some(404));
    }
}

#[test]
fn the_tuner_at_the_root() {
    let config = json!({ "line_username": "anna", "line_password": "${TUNER}", "device_id": "1000000F" });
    let root = |route: &str, password: &str| {
        let host = Host::new().config(config.clone()).secret("TUNER", password).line("anna", "x", line()).install();
        let routes = HdHomeRun::load().unwrap().routes();
        assert!(routes.iter().any(|route| route.path == "/discover.json" && route.line == "public"));
        host.handle::<HdHomeRun>(&Request::test(route, "/", &[]), None).unwrap()
    };
    let found = of(&root("discover", "x"));
    assert_eq!(found["BaseURL"], "http://tv.example:8080");
    assert_eq!(found["LineupURL"], "http://tv.example:8080/lineup.json");
    assert_eq!(found["DeviceID"], "1000000F");
    let wrong = root("json", "wrong");
    assert_eq!((wrong.status, wrong.text()), (Some(503), "This tuner cannot be used now.\n".into()));
}

#[test]
fn settings() {
    let check = |config: Value, expected: Result<usize, &str>| {
        let _host = Host::new().config(config.clone()).install();
        match (HdHomeRun::load(), expected) {
            (Ok(own), Ok(routes)) => {
                let found = own.routes();
                assert_eq!(found.len(), routes, "{config}");
                assert!(found.iter().all(|route| (route.method == "POST") == (route.id == "post")));
            }
            (Err(error), Err(part)) => assert!(error.message.contains(part), "{config}: {error}"),
            (found, _) => panic!("{config}: {:?}", found.err()),
        }
    };
    check(json!({}), Ok(8));
    check(json!({ "line_username": "a", "line_password": "b" }), Ok(16));
    check(json!({ "line_username": "a" }), Err("both line_username and line_password"));
    check(json!({ "line_username": "a", "line_password": "${}" }), Err("${ without a name"));
    check(json!({ "device_id": "1000000F" }), Err("the tuner at the root"));
    let with_id = |id: &str| json!({ "line_username": "a", "line_password": "b", "device_id": id });
    check(with_id("10000008"), Err("check digit"));
    check(with_id("+100000F"), Err("check digit"));
    check(with_id("xyz"), Err("hexadecimal"));
}

#[test]
fn ids_are_those_that_programs_take() {
    assert_ne!(device::id_of("anna"), device::id_of("bert"));
    assert_eq!(device::id_of("anna"), device::id_of("anna"));
}

proptest! {
    #[test]
    fn every_username_has_a_valid_id(username in ".*") {
        let id = device::id_of(&username);
        prop_assert!(device::is_valid(id));
        prop_assert!((1..16).all(|wrong| !device::is_valid(id ^ wrong)));
    }

    #[test]
    fn any_name_survives_every_format(name in "(?s).{1,40}", category in "(?s).{0,20}", at_end in any::<bool>()) {
        let name = if at_end { format!("{name}{NASTY}") } else { name };
        let line = Line::new("anna").channel(1, &name, &category).channel(2, "Next", "");
        let lineup = of(&get("json", &line));
        prop_assert_eq!(&lineup[0]["GuideName"], &name);
        prop_assert_eq!(&lineup[1]["GuideName"], "Next");
        let xml = elements(&get("xml", &line).text());
        let names: Vec<_> = xml.iter().filter(|(name, _)| name == "GuideName").collect();
        prop_assert_eq!((names.len(), &*names[1].1), (2, "Next"));
        let m3u = get("m3u", &line).text();
        prop_assert_eq!(m3u.matches("\r\n").count(), 5);
        prop_assert_eq!(m3u.lines().filter(|line| line.starts_with("http")).count(), 2);
    }

    #[test]
    fn any_channel_is_answered(channel in "(?s).*") {
        let status = tune(&channel, &line()).status;
        let known = ["v1", "v7"].contains(&&*channel) || channel.trim_start_matches("v0").len() + 2 <= channel.len();
        prop_assert!(status == Some(404) || known, "{channel}");
    }
}
