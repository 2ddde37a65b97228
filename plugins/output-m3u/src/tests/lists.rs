//! Contents, choices, templates and the lists of old boxes.

use mast_sdk::mock::{Host, Line, Reply};
use mast_sdk::output::{Output, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{M3u, reply_with};
use crate::entries::Entry;
use crate::escape::{is_clean, url};
use crate::format::{self, Style};

fn line() -> Line {
    Line::new("anna")
        .channel_with(1, "Zeta, one", "News", |channel| {
            channel.attrs.push(("group-titles".into(), "News;Local".into()));
            channel.attrs.push(("epg-shift".into(), "-1.5".into()));
            channel.catch_up_days = 3;
        })
        .channel_with(2, "alpha", "Music", |channel| channel.attrs.push(("radio".into(), "true".into())))
        .channel(3, "Mid", "News")
        .movie(7, "A Film", "Films", |film| film.attrs[0].1 = "mkv".into())
        .series(8, "Show", "Shows", |series| series.logo = "http://logos.example/s.png".into())
        .episode(8, 9, (1, 2), "Pilot's end", |_| {})
        .episode(8, 10, (1, 1), "Show S01E01", |_| {})
}

fn get(query: &[(&str, &str)]) -> Reply {
    reply_with(json!({}), &Request::test("get", "/get.php", query), &line())
}

/// Names of an M3U list, in order.
fn names(text: &str) -> Vec<&str> {
    let entries = text.lines().filter(|line| line.starts_with("#EXTINF"));
    entries.map(|line| line.rsplit_once(',').unwrap().1).collect()
}

#[test]
fn contents_are_chosen_by_key() {
    for (key, expected) in [
        ("live", &["Zeta; one", "Mid"][..]),
        ("radio_streams", &["alpha"]),
        ("live,radio_streams", &["Zeta; one", "alpha", "Mid"]),
        ("movie", &["A Film"]),
        ("series, movie", &["A Film", "Show S01E01", "Show S01E02 Pilot's end"]),
        ("", &["Zeta; one", "alpha", "Mid", "A Film", "Show S01E01", "Show S01E02 Pilot's end"]),
        ("odd", &[]),
    ] {
        assert_eq!(names(&get(&[("key", key)]).text()), expected, "{key}");
    }
    let text = get(&[("key", "movie,series")]).text();
    assert!(text.contains("http://tv.example:8080/movie/anna/PASSWORD/7.mkv\r\n"), "{text}");
    assert!(text.contains("http://tv.example:8080/series/anna/PASSWORD/10.mp4\r\n"), "{text}");
    let only = reply_with(json!({ "contents": ["movie"] }), &Request::test("get", "/get.php", &[]), &line()).text();
    assert_eq!(names(&only), ["A Film"]);
}

#[test]
fn entries_are_filtered_sorted_and_counted() {
    for (query, expected) in [
        (&[("category", "1")][..], &["Zeta; one", "Mid"][..]),
        (&[("group", "LOCAL")], &["Zeta; one"]),
        (&[("group", "shows"), ("limit", "1")], &["Show S01E01"]),
        (&[("q", "FILM")], &["A Film"]),
        (&[("q", "pilot")], &["Show S01E02 Pilot's end"]),
        (&[("limit", "2")], &["Zeta; one", "alpha"]),
        (&[("limit", "0")], &[]),
        (&[("sort", "name"), ("key", "live,radio_streams")], &["alpha", "Mid", "Zeta; one"]),
        (&[("sort", "name"), ("key", "live,radio_streams"), ("limit", "1")], &["alpha"]),
        (&[("sort", "category"), ("key", "live,radio_streams")], &["alpha", "Zeta; one", "Mid"]),
        (&[("sort", "number"), ("key", "live,radio_streams")], &["Zeta; one", "alpha", "Mid"]),
    ] {
        assert_eq!(names(&get(query).text()), expected, "{query:?}");
    }
    for query in [("sort", "size"), ("limit", "-1"), ("category", "News")] {
        assert_eq!(get(&[query]).status, Some(400), "{query:?}");
    }
}

#[test]
fn full_lists_have_what_players_know_of() {
    let request = Request::test("get", "/get.php", &[]);
    let config = json!({
        "full": true, "extgrp": true, "guide_url": "https://guide.example/a.xml",
        "kodi_properties": ["inputstream=inputstream.ffmpegdirect"], "vlc_options": ["network-caching=1000"],
    });
    let text = reply_with(config, &request, &line()).text();
    let expected = "#EXTM3U x-tvg-url=\"https://guide.example/a.xml\"\r\n\
        #EXTINF:-1 tvg-chno=\"1\" tvg-id=\"\" tvg-name=\"Zeta, one\" tvg-logo=\"\" group-title=\"News;Local\" tvg-shift=\"-1.5\",Zeta; one\r\n\
        #KODIPROP:inputstream=inputstream.ffmpegdirect\r\n#EXTVLCOPT:network-caching=1000\r\n#EXTGRP:News;Local\r\n\
        http://tv.example:8080/live/anna/PASSWORD/1.ts\r\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("group-title=\"Films\" media=\"true\",A Film\r\n"), "{text}");
    let none = reply_with(
        json!({ "guide_url": "none" }),
        &Request::test("get", "/get.php", &[("username", "a"), ("password", "b")]),
        &line(),
    );
    assert!(none.text().starts_with("#EXTM3U\r\n"));
}

#[test]
fn catch_up_is_there_where_the_host_has_a_url_for_it() {
    let attrs = Vec::new();
    let channel = Entry {
        content: "live",
        id: 1,
        number: 1,
        name: "One",
        group: "",
        logo: "",
        epg_id: "",
        url: "http://a.example/1",
        catch_up_days: 3,
        attrs: &attrs,
    };
    for (style, catch_up, expected) in [
        (Style::Plus, None, "#EXTINF:-1 tvg-id=\"\" tvg-name=\"One\" tvg-logo=\"\" group-title=\"\",One\r\n"),
        (
            Style::Plus,
            Some("http://a.example/past/1?s={utc}&d={duration}"),
            "#EXTINF:-1 timeshift=\"3\" tvg-id=\"\" tvg-name=\"One\" tvg-logo=\"\" group-title=\"\" tvg-rec=\"3\" \
             catchup=\"default\" catchup-days=\"3\" catchup-source=\"http://a.example/past/1?s={utc}&d={duration}\",One\r\n",
        ),
        (Style::Simple, None, "#EXTINF:-1,One\r\n"),
    ] {
        let mut out = Vec::new();
        format::entry(&mut out, &channel, style, b"", catch_up);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expected}http://a.example/1\r\n"));
    }
    // The host does not know the format yet.
    assert!(!get(&[]).text().contains("catchup"));
}

#[test]
fn old_boxes_get_their_lists() {
    let url = "http://tv.example:8080/live/anna/PASSWORD/2.ts";
    let one = |kind: &str| get(&[("type", kind), ("key", "radio_streams")]);
    for (kind, expected) in [
        ("simple", format!("{url} #Name: alpha\r\n")),
        ("webtvlist", format!("Channel name:alpha\r\nURL:{url}\r\n[Webtv channel END]\r\n")),
        ("starlivev3", format!("alpha,{url}\r\n")),
        (
            "starlivev5",
            format!(
                "{{\"iptvstreams_list\":{{\"@version\":1,\"group\":{{\"name\":\"IPTV\",\"channel\":[{{\"name\":\"alpha\",\"icon\":\"\",\
                 \"stream_url\":\"{url}\",\"stream_type\":0}}]}}}}}}"
            ),
        ),
        ("mediastar", format!("alpha {url}\r\n")),
        ("ariva", format!("alpha,{url}\r\n")),
        ("gst", format!("I: {url} alpha\r\n")),
        ("fps", format!("IPTV: {{ alpha }} {{ {url} }}\r\n")),
        ("revosun", format!("IPTV: {{ alpha }} {{ {url} }}\r\n")),
        ("ZORRO", format!("<NETDBS_TXT_VER_1>\r\nIPTV: {{ alpha }} {{ {url} }} -HIDE_URL\r\n")),
        ("octagon", format!("[TITLE]\r\nalpha\r\n[URL]\r\n{url}\r\n[DESCRIPTION]\r\nIPTV\r\n[TYPE]\r\nLive\r\n")),
    ] {
        let reply = one(kind);
        assert_eq!((reply.status, reply.text()), (Some(200), expected), "{kind}");
        assert!(reply.header("content-disposition").unwrap().starts_with("attachment; filename=\""), "{kind}");
    }
    assert!(one("spark").text().contains(&format!("<webtv title=\"alpha\" urlkey=\"0\" url=\"{url}\" ")));
    assert_eq!(one("simple").header("content-disposition"), Some("attachment; filename=\"simple_anna.txt\""));
}

#[test]
fn starlive_reads_json_of_many_entries() {
    let read: Value = serde_json::from_str(&get(&[("type", "starlivev5")]).text()).unwrap();
    assert_eq!(read["iptvstreams_list"]["group"]["channel"].as_array().unwrap().len(), 6);
}

fn template(change: impl FnOnce(&mut Value)) -> Value {
    let mut own = json!({
        "name": "mine", "content_type": "text/csv", "file_name": "{username}.csv", "header": "{username} {guide_url}\n",
        "entry": "{number};{name};{url};{group};{epg_id};{logo};{content};{id};{catch_up_days};{base_url} {x{name}\n", "between": "-\n",
        "footer": "}{}{ {Name}", "escape": "none",
    });
    change(&mut own);
    json!({ "template": [own] })
}

#[test]
fn operators_write_templates() {
    let request = Request::test("get", "/get.php", &[("type", "mine"), ("limit", "2")]);
    let reply = reply_with(template(|_| {}), &request, &line());
    let expected = "anna \n1;Zeta, one;http://tv.example:8080/live/anna/PASSWORD/1.ts;News;;;live;1;3;http://tv.example:8080 {xZeta, one\n-\n\
        2;alpha;http://tv.example:8080/live/anna/PASSWORD/2.ts;Music;;;live;2;0;http://tv.example:8080 {xalpha\n}{}{ {Name}";
    assert_eq!(reply.text(), expected);
    assert_eq!(reply.header("content-type"), Some("text/csv"));
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"anna.csv\""));
}

#[test]
fn bad_templates_are_refused_when_the_instance_is_loaded() {
    let load = |config: Value| {
        let _host = Host::new().config(config).install();
        M3u::load().map(|_| ()).map_err(|error| error.message)
    };
    for (key, value, part) in [
        ("entry", "{nane}", "entry has the unknown placeholder {nane}; the known ones are name, url"),
        ("header", "{name}", "header has the unknown placeholder {name}; the known ones are username"),
        ("name", "m3u", "there is a list of this name"),
        ("name", "spark", "there is a list of this name"),
        ("escape", "html", "[config]"),
    ] {
        let error = load(template(|own| own[key] = value.into())).unwrap_err();
        assert!(error.contains(part), "{error} lacks {part}");
    }
    let mut twice = template(|_| {});
    let copy = twice["template"][0].clone();
    twice["template"].as_array_mut().unwrap().push(copy);
    assert!(load(twice).unwrap_err().contains("there is a list of this name"));
}

#[test]
fn a_long_list_is_sorted_in_windows() {
    let ids: Vec<u32> = (1..=41).collect();
    let line =
        ids.iter().fold(Line::new("anna"), |line, id| line.channel(*id, &format!("C{:02}", id * 17 % 41), "News"));
    let request =
        |query: &[(&str, &str)]| reply_with(json!({}), &Request::test("get", "/get.php", query), &line).text();
    let mut expected: Vec<_> = ids.iter().map(|id| format!("C{:02}", id * 17 % 41)).collect();
    expected.sort();
    assert_eq!(names(&request(&[("sort", "name")])), expected);
    assert_eq!(names(&request(&[("sort", "name"), ("limit", "9")])), expected[..9]);
}

proptest! {
    #[test]
    fn hostile_texts_stay_in_their_entry(name in "\\PC{1,12}|[\"'<>&{}\\[\\],\\\\\r\n\t;|]{1,9}|.{1,9}", logo: String, group: String) {
        let line = Line::new("anna").channel_with(1, &name, &group, |channel| channel.logo = logo);
        let get = |kind: &str| reply_with(json!({}), &Request::test("get", "/get.php", &[("type", kind)]), &line).text();
        for (kind, lines) in [("simple", 1), ("webtvlist", 3), ("starlivev3", 1), ("mediastar", 1), ("ariva", 1), ("gst", 1), ("zorro", 2), ("octagon", 8)] {
            prop_assert_eq!(get(kind).split_terminator("\r\n").count(), lines, "{}", kind);
        }
        prop_assert_eq!(get("starlivev3").matches(',').count(), 1);
        prop_assert_eq!(get("fps").matches(['{', '}']).count(), 4);
        let read: Value = serde_json::from_str(&get("starlivev5")).unwrap();
        let expected: String = name.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
        prop_assert_eq!(read["iptvstreams_list"]["group"]["channel"][0]["name"].as_str(), Some(expected.as_str()));
        let spark = get("spark");
        prop_assert_eq!((spark.matches('<').count(), spark.matches('"').count()), (4, 18));
    }

    #[test]
    fn clean_is_what_a_plain_loop_says(bytes in prop::collection::vec(prop_oneof![Just(b'a'), Just(b' '), Just(0x80_u8), any::<u8>()], 0..40)) {
        let plain = bytes.iter().all(|byte| !matches!(byte, b'"' | b',' | 0..=0x1F | 0x7F));
        prop_assert_eq!(is_clean(&bytes), plain);
    }

    #[test]
    fn any_query_is_answered(key in "[a-z_,]{0,9}", value in "\\PC{0,9}", sort: u8) {
        let sort = ["name", "number", "category", ""][usize::from(sort % 4)];
        let reply = get(&[("key", &key), ("group", &value), ("q", &value), ("sort", sort), ("type", &value)]);
        prop_assert!(matches!(reply.status, Some(200 | 400)));
    }

    #[test]
    fn urls_hold_any_byte(value: String) {
        let mut out = Vec::new();
        value.bytes().for_each(|byte| url(byte, &mut out));
        prop_assert!(out.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(byte)));
    }
}
