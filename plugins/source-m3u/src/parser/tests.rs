use proptest::prelude::*;

use super::{Attributes, Entry, Parser, Step};

/// The entries and remarks of a playlist, with line numbers.
fn parse(text: &str) -> (Vec<Entry>, Vec<(u64, String)>) {
    let mut parser = Parser::default();
    let (mut entries, mut remarks) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        match parser.line(number, line) {
            Step::Nothing => {}
            Step::Entry(entry) => entries.push(*entry),
            Step::Remark(remark) => remarks.push((number, remark)),
            Step::NotAList(why) => remarks.push((number, format!("not a list: {why}"))),
        }
    }
    (entries, remarks)
}

fn one(lines: &str) -> Entry {
    let (mut entries, remarks) = parse(&format!("#EXTM3U\n{lines}"));
    assert_eq!((entries.len(), &remarks[..]), (1, &[][..]), "{lines}");
    entries.remove(0)
}

#[test]
fn names_and_attributes() {
    for (extinf, name, attributes) in [
        ("#EXTINF:-1,One", "One", &[][..]),
        ("#EXTINF:-1, One, the Best ", "One, the Best", &[]),
        ("#EXTINF:-1", "", &[]),
        ("#EXTINF:0 tvg-id=\"a\" tvg-name=\"A, b\",One", "One", &[("tvg-id", "a"), ("tvg-name", "A, b")]),
        ("#EXTINF:-1 TVG-ID='a' tvg-chno=5,One", "One", &[("tvg-id", "a"), ("tvg-chno", "5")]),
        ("#EXTINF:-1 tvg-id=\"\",One", "One", &[("tvg-id", "")]),
        (
            "#EXTINF:-1 tvg-name=\"The \"Best\"One\" radio=\"true\",X",
            "X",
            &[("tvg-name", "The \"Best\"One"), ("radio", "true")],
        ),
        ("#EXTINF:-1 junk tvg-id=\"a\" more junk,One", "One", &[("tvg-id", "a")]),
        ("#EXTINF:-1 tvg-id=\"a\"tvg-name=\"b\",One", "One", &[("tvg-id", "a"), ("tvg-name", "b")]),
        ("#EXTINF:tvg-id=\"a b\",One", "One", &[("tvg-id", "a b")]),
        ("#EXTINF:-1 tvg-id=\"open,One", "", &[("tvg-id", "open,One")]),
        ("#extinf:-1\ttvg-id=\"a\" , One", "One", &[("tvg-id", "a")]),
        ("#EXTINF:-1 =x,One", "One", &[]),
    ] {
        let entry = one(&format!("{extinf}\nhttp://a.example/1"));
        assert_eq!(entry.name, name, "{extinf}");
        let mut expected = Attributes::default();
        attributes.iter().for_each(|(key, value)| expected.push(key, value));
        assert_eq!(entry.attributes, expected, "{extinf}");
    }
}

#[test]
fn groups_come_from_group_title_or_the_last_extgrp() {
    let (entries, _) = parse(
        "#EXTM3U\n#EXTINF:-1 group-title=\"A; B;\",1\nhttp://a.example/1\n#EXTINF:-1,2\n#EXTGRP:C\nhttp://a.example/2\n\
         #EXTINF:-1 group-title=\"\",3\nhttp://a.example/3\n#EXTGRP:\n#EXTINF:-1,4\nhttp://a.example/4\n#EXTGRP:D;E\n#EXTINF:-1,5\n\
         http://a.example/5\n#EXTINF:-1 group-title=\"F\",6\nhttp://a.example/6\n#EXTINF:-1,7\nhttp://a.example/7\n",
    );
    let groups: Vec<_> = entries.iter().map(|entry| entry.groups.join("+")).collect();
    assert_eq!(groups, ["A+B", "C", "C", "", "D+E", "F", ""]);
}

#[test]
fn headers_come_from_options_and_from_behind_the_url() {
    for (lines, expected) in [
        ("#EXTVLCOPT:http-user-agent=Box 1.0\n#EXTINF:-1,1\nhttp://a.example/1", &[("user-agent", "Box 1.0")][..]),
        (
            "#EXTINF:-1,1\n#EXTVLCOPT:http-referrer=http://b.example/\nhttp://a.example/1",
            &[("referer", "http://b.example/")],
        ),
        ("#EXTVLCOPT--http-user-agent=Box\n#EXTINF:-1,1\nhttp://a.example/1", &[("user-agent", "Box")]),
        ("#EXTVLCOPT:network-caching=1000\n#EXTINF:-1,1\nhttp://a.example/1", &[]),
        (
            "#EXTINF:-1,1\nhttp://a.example/1|User-Agent=Box%201&Referer=http%3A%2F%2Fb.example%2F",
            &[("user-agent", "Box 1"), ("referer", "http://b.example/")],
        ),
        (
            "#KODIPROP:inputstream.adaptive.stream_headers=X-A=1&X-B=2\n#EXTINF:-1,1\nhttp://a.example/1",
            &[("x-a", "1"), ("x-b", "2")],
        ),
        ("#EXTINF:-1,1\nhttp://a.example/1|X-A=1%0d%0aX-B: 2&=3&a b=4&c", &[]),
        (
            "#EXTVLCOPT:http-user-agent=First\n#EXTINF:-1,1\nhttp://a.example/1|User-Agent=Second",
            &[("user-agent", "First")],
        ),
    ] {
        let entry = one(lines);
        assert_eq!(entry.url, "http://a.example/1");
        let headers: Vec<_> = entry.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(headers, expected, "{lines}");
    }
}

#[test]
fn options_belong_to_one_entry_only() {
    let (entries, _) = parse(
        "#EXTM3U\n#EXTVLCOPT:http-user-agent=Box\n#EXT-X-PLAYLIST-TYPE:VOD\n#KODIPROP:inputstream.adaptive.manifest_type=MPD\n\
         #EXTINF:-1,1\nhttp://a.example/1\n#EXTINF:-1,2\nhttp://a.example/2\n",
    );
    assert_eq!((entries[0].headers.len(), entries[0].vod, entries[0].manifest_type.as_deref()), (1, true, Some("mpd")));
    assert_eq!((entries[1].headers.len(), entries[1].vod, entries[1].manifest_type.as_deref()), (0, false, None));
}

#[test]
fn what_is_wrong_becomes_a_remark() {
    let (entries, remarks) = parse(
        "#EXTM3U\nhttp://a.example/0\n#EXTINF:-1,1\n#EXTINF:-1,2\nhttp://a.example/2\n#EXTINF:-1,3\nsegment.ts\n\n# a comment\n",
    );
    assert_eq!((entries.len(), entries[0].name.as_str(), entries[0].line), (1, "2", 5));
    let numbers: Vec<_> = remarks.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 4, 7], "{remarks:?}");
}

#[test]
fn what_is_no_list_is_told_apart() {
    for (text, part) in [
        ("<!DOCTYPE html><html>", "login page"),
        ("\n \n<?xml version=\"1.0\"?>", "login page"),
        ("{\"user_info\":{\"auth\":0}}", "JSON"),
        ("Access denied", "does not begin with #EXTM3U"),
        ("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n1.ts", "HLS playlist"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8", "HLS playlist"),
    ] {
        let (_, remarks) = parse(text);
        assert!(remarks.iter().any(|(_, remark)| remark.contains(part)), "{text}: {remarks:?}");
    }
    assert_eq!(parse("#EXTINF:-1,1\nhttp://a.example/1").0.len(), 1, "lists without a header are common");
}

#[test]
fn the_header_has_attributes_too() {
    let mut parser = Parser::default();
    parser.line(1, "#EXTM3U x-tvg-url=\"http://g.example/a.xml,http://g.example/b.xml\" tvg-shift=+1, catchup=\"xc\"");
    let names = ["x-tvg-url", "tvg-shift", "catchup"].map(|name| parser.header.get(name));
    assert_eq!(names, [Some("http://g.example/a.xml,http://g.example/b.xml"), Some("+1"), Some("xc")]);
}

fn write(entry: &Entry) -> String {
    let mut text = String::new();
    for (name, value) in &entry.headers {
        let option = if name == "user-agent" { "user-agent" } else { "referrer" };
        text.push_str(&format!("#EXTVLCOPT:http-{option}={value}\n"));
    }
    text.push_str("#EXTINF:-1");
    for (name, value) in entry.attributes.iter() {
        text.push_str(&format!(" {name}=\"{value}\""));
    }
    text.push_str(&format!(",{}\n{}\n", entry.name, entry.url));
    text
}

prop_compose! {
    fn entry()(
        name in "[^\\p{C}\\p{Z}]([^\\p{C}\\p{Z}]| ){0,12}[^\\p{C}\\p{Z}]",
        attributes in prop::collection::vec(("[a-z]{1,4}-[a-z]{1,4}", "[^\\p{C}\\p{Z}\"']([^\\p{C}\\p{Z}\"]|, ){0,8}"), 0..4),
        groups in prop::collection::vec("[^\\p{C}\\p{Z};\"']{1,8}", 0..3),
        agent in prop::option::of("[!-~]([ -~]{0,10}[!-~])?"),
        path in "[a-zA-Z0-9/._-]{0,16}",
    ) -> Entry {
        let mut written = Attributes::default();
        attributes.iter().for_each(|(name, value)| written.push(name, value.trim()));
        if !groups.is_empty() {
            written.push("group-title", &groups.join(";"));
        }
        let headers = agent.map(|agent| ("user-agent".to_owned(), agent)).into_iter().collect();
        Entry { name, attributes: written, groups, headers, url: format!("http://a.example/{path}"), ..Entry::default() }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(written in prop::collection::vec(entry(), 0..5)) {
        let text: String = std::iter::once("#EXTM3U\n".to_owned()).chain(written.iter().map(write)).collect();
        let (mut read, remarks) = parse(&text);
        prop_assert_eq!(remarks, Vec::new());
        read.iter_mut().for_each(|entry| entry.line = 0);
        prop_assert_eq!(read, written);
    }

    #[test]
    fn no_text_is_too_strange(lines in prop::collection::vec("(#EXTINF:|#EXTGRP:|#KODIPROP:|#EXTVLCOPT:|#EXTM3U |http://)?\\PC{0,40}", 0..20)) {
        let (entries, _) = parse(&lines.join("\n"));
        prop_assert!(entries.iter().all(|entry| entry.url.contains("://") && entry.line > 0));
    }

    #[test]
    fn quotes_blanks_and_commas_in_any_order(text in "[a=\"', ;]{0,30}") {
        let (_, name) = Attributes::parse_extinf(&text);
        prop_assert!(name.len() <= text.len());
        Attributes::parse(&text);
    }
}
