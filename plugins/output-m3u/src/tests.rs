use mast_sdk::mock::{Host, Line, Reply};
use mast_sdk::output::{Output, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::M3u;

mod lists;

fn line() -> Line {
    Line::new("anna b")
        .channel_with(101, "One", "News", |channel| {
            channel.epg_id = "one.example".into();
            channel.logo = "http://logos.example/1.png".into();
        })
        .channel_with(102, "Radio \"Two\", live\n", "Music, Talk", |channel| {
            channel.logo = "http://logos.example/a b,\"c\".png".into();
            channel.attrs.push(("radio".into(), "true".into()));
        })
}

fn reply(request: &Request, line: &Line) -> Reply {
    reply_with(json!({}), request, line)
}

fn reply_with(config: Value, request: &Request, line: &Line) -> Reply {
    Host::new().config(config).install().handle::<M3u>(request, Some(line)).unwrap()
}

fn get(query: &[(&str, &str)]) -> Reply {
    reply(&Request::test("get", "/get.php", query), &line())
}

#[test]
fn m3u_plus_is_what_boxes_expect() {
    let reply = get(&[("username", "anna b"), ("password", "x"), ("type", "m3u_plus"), ("output", "ts")]);
    let expected = "#EXTM3U x-tvg-url=\"http://tv.example:8080/xmltv.php?username=anna%20b&password=x\"\r\n\
        #EXTINF:-1 tvg-id=\"one.example\" tvg-name=\"One\" tvg-logo=\"http://logos.example/1.png\" group-title=\"News\",One\r\n\
        http://tv.example:8080/live/anna b/PASSWORD/101.ts\r\n\
        #EXTINF:-1 tvg-id=\"\" tvg-name=\"Radio 'Two', live \" tvg-logo=\"http://logos.example/a%20b%2C%22c%22.png\" \
        group-title=\"Music, Talk\",Radio 'Two'; live \r\n\
        http://tv.example:8080/live/anna b/PASSWORD/102.ts\r\n";
    assert_eq!(reply.text(), expected);
    assert_eq!(reply.status, Some(200));
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"tv_channels_anna_b_plus.m3u\""));
}

#[test]
fn m3u_has_names_only() {
    let reply = get(&[("type", "m3u"), ("output", "m3u8")]);
    let expected = "#EXTM3U\r\n#EXTINF:-1,One\r\nhttp://tv.example:8080/live/anna b/PASSWORD/101.m3u8\r\n\
        #EXTINF:-1,Radio 'Two'; live \r\nhttp://tv.example:8080/live/anna b/PASSWORD/102.m3u8\r\n";
    assert_eq!(reply.text(), expected);
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"tv_channels_anna_b.m3u\""));
}

#[test]
fn the_token_playlist_is_numbered_and_hls_by_default() {
    let mut request = Request::test("playlist", "/playlist/T.m3u8", &[]);
    request.params.push(("token".into(), "T".into()));
    let text = reply(&request, &line()).text();
    assert!(text.starts_with("#EXTM3U x-tvg-url=\"http://tv.example:8080/epg/T.xml.gz\"\r\n"), "{text}");
    assert!(text.contains("#EXTINF:-1 tvg-chno=\"1\" tvg-id=\"one.example\""), "{text}");
    assert!(text.contains("tvg-chno=\"2\""), "{text}");
    assert!(text.contains("group-title=\"Music, Talk\" radio=\"true\",Radio 'Two'; live \r\n"), "{text}");
    assert!(text.ends_with("/102.m3u8\r\n"), "{text}");
}

#[test]
fn outputs_have_two_names_each_and_defaults() {
    for (query, extension) in [
        (&[][..], ".ts\r\n"),
        (&[("output", "")], ".ts\r\n"),
        (&[("output", "mpegts")], ".ts\r\n"),
        (&[("output", "hls")], ".m3u8\r\n"),
    ] {
        let text = get(query).text();
        assert!(text.ends_with(extension) && text.contains("tvg-name"), "{query:?}: {text}");
    }
}

#[test]
fn what_is_unknown_is_refused_with_the_known_names() {
    for (query, part) in [
        (&[("type", "dreambox")], "zorro, octagon, m3u and m3u_plus"),
        (&[("output", "rtmp")], "ts, mpegts, m3u8 and hls"),
    ] {
        let reply = get(query);
        assert_eq!(reply.status, Some(400));
        assert!(reply.text().contains(part), "{}", reply.text());
    }
}

#[test]
fn key_without_live_gives_an_empty_list() {
    assert_eq!(get(&[("key", "movie,series")]).text(), "#EXTM3U\r\n");
    assert!(get(&[("key", "movie, live")]).text().contains("One"));
}

#[test]
fn a_long_list_crosses_in_pieces_of_about_64_kib() {
    let line = (1..=5_000)
        .fold(Line::new("anna"), |line, id| line.channel(id, "A channel with a name of some length", "News"));
    let reply = reply(&Request::test("get", "/get.php", &[]), &line);
    assert_eq!(reply.text().lines().count(), 10_001);
    let (last, full) = reply.writes.split_last().unwrap();
    assert!(!last.is_empty() && full.len() > 5, "{} pieces", reply.writes.len());
    assert!(full.iter().all(|piece| (65_536..70_000).contains(&piece.len())));
}

#[test]
fn routes_are_cacheable_and_ask_for_a_line() {
    let _host = Host::new().install();
    let routes = M3u::load().unwrap().routes();
    let paths: Vec<_> = routes.iter().map(|route| (route.path.as_str(), route.line.as_str())).collect();
    assert_eq!(paths, [("/get.php", "query-credentials"), ("/playlist/{token}.m3u8", "path-token")]);
    assert!(routes.iter().all(|route| route.depends == ["lineup", "line", "request"]));
}

proptest! {
    #[test]
    fn no_name_can_break_out_of_its_line(name in "\\PC{1,20}|.{1,20}|[\",\n\r\t]{1,5}", group: String, id: String) {
        let line = Line::new("anna").channel_with(1, &name, &group, |channel| channel.epg_id = id);
        for kind in ["m3u", "m3u_plus"] {
            let text = reply(&Request::test("get", "/get.php", &[("type", kind)]), &line).text();
            let lines: Vec<_> = text.split("\r\n").collect();
            prop_assert_eq!(lines.len(), 4);
            prop_assert!(lines[1].starts_with("#EXTINF:-1") && lines[2].starts_with("http://tv.example"));
            prop_assert_eq!(lines[1].matches('"').count(), if kind == "m3u" { 0 } else { 8 });
            prop_assert!(!lines[1].rsplit_once(',').unwrap().1.is_empty());
        }
    }

    #[test]
    fn numbers_are_decimal(value: u32) {
        let mut out = Vec::new();
        super::escape::number(&mut out, value);
        prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
    }
}
