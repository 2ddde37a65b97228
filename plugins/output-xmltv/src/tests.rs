use mast_sdk::mock::{Host, Line, Reply};
use mast_sdk::output::{Output, Programme, Request};
use proptest::prelude::*;
use serde_json::json;

use super::Xmltv;

const NOW: u64 = 1_767_225_600;

fn programme(channel: u32, start: u64, title: &str, attrs: &[(&str, &str)]) -> Programme {
    Programme {
        channel,
        start,
        stop: start + 1800,
        title: title.to_owned(),
        sub_title: String::new(),
        description: String::new(),
        attrs: attrs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

fn line() -> Line {
    Line::new("anna")
        .channel_with(101, "One & Only", "News", |channel| {
            channel.epg_id = "one.example".into();
            channel.logo = "http://logos.example/1.png?a=1&b=2".into();
        })
        .channel(102, "Two", "News")
        .channel_with(103, "One HD", "News", |channel| channel.epg_id = "one.example".into())
}

fn get(config: serde_json::Value, route: &str, query: &[(&str, &str)], line: &Line) -> Reply {
    get_at(NOW, config, route, query, line)
}

fn get_at(now: u64, config: serde_json::Value, route: &str, query: &[(&str, &str)], line: &Line) -> Reply {
    let request = Request::test(route, "/xmltv.php", query);
    Host::new().config(config).now(now).install().handle::<Xmltv>(&request, Some(line)).unwrap()
}

fn text(line: &Line) -> String {
    get(json!({}), "xmltv", &[], line).text()
}

/// What a programme with these attrs says behind its title.
fn shown(attrs: &[(&str, &str)]) -> String {
    let text = text(&line().programme(programme(101, NOW, "T", attrs)));
    let (_, rest) = text.split_once("</title>").unwrap();
    rest.split_once("</programme>").unwrap().0.to_owned()
}

#[test]
fn a_whole_document() {
    let mut first = programme(101, NOW, "A < B", &[("lang", "de"), ("catch-up-id", "x")]);
    first.sub_title = "S".into();
    first.description = "D\nE".into();
    let line = line().programme(first).programme(programme(102, NOW + 60, "C", &[])).programme(programme(
        103,
        NOW,
        "twice",
        &[],
    ));
    let reply = get(json!({}), "xmltv", &[], &line);
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n<tv generator-info-name=\"Mast\">\n\
        <channel id=\"one.example\"><display-name>One &amp; Only</display-name><icon src=\"http://logos.example/1.png?a=1&amp;b=2\"/></channel>\n\
        <channel id=\"102.mast\"><display-name>Two</display-name></channel>\n\
        <programme start=\"20260101000000 +0000\" stop=\"20260101003000 +0000\" channel=\"one.example\"><title lang=\"de\">A &lt; B</title>\
        <sub-title lang=\"de\">S</sub-title><desc lang=\"de\">D\nE</desc></programme>\n\
        <programme start=\"20260101000100 +0000\" stop=\"20260101003100 +0000\" channel=\"102.mast\"><title>C</title></programme>\n</tv>\n";
    assert_eq!(reply.text(), expected);
    assert_eq!((reply.status, reply.header("content-type")), (Some(200), Some("application/xml; charset=utf-8")));
    let kodi = get(json!({ "catchup_id": true }), "xmltv", &[], &line).text();
    assert!(kodi.contains("channel=\"one.example\" catchup-id=\"x\">"), "{kodi}");
}

#[test]
fn elements_stand_in_the_order_of_the_dtd() {
    let attrs = [
        ("image:poster", "http://p.example/1"),
        ("review", "Good"),
        ("review", "https://r.example"),
        ("star-rating", "7/10"),
        ("rating:FSK", "12"),
        ("subtitles", "teletext:de"),
        ("subtitles", "sung"),
        ("new", "true"),
        ("last-chance", "Last"),
        ("premiere", "true"),
        ("previously-shown-channel", "x"),
        ("previously-shown", "2020"),
        ("audio", "stereo"),
        ("video-quality", "HDTV"),
        ("aspect", "16:9"),
        ("video-colour", "no"),
        ("video", "no"),
        ("episode-number:onscreen", "S01E02"),
        ("episode-number:xmltv_ns", "0.1."),
        ("country", "DE"),
        ("url", "http://a.example"),
        ("icon", "http://i.example?a&b"),
        ("length", "3600"),
        ("original-language", "fr"),
        ("language", "de"),
        ("keyword", "k"),
        ("category", "Film"),
        ("category", "Krimi"),
        ("date", "2024"),
        ("date", "2025"),
        ("credit:guest", "G|nobody"),
        ("credit:cook", "K"),
        ("credit:actor", "A|P <1>"),
        ("credit:director", "D"),
        ("unknown", "u"),
    ];
    let expected = "<credits><director>D</director><actor>K</actor><actor role=\"P &lt;1&gt;\">A</actor><guest>G</guest></credits>\
        <date>2024</date><category>Film</category><category>Krimi</category><keyword>k</keyword><language>de</language>\
        <orig-language>fr</orig-language><length units=\"seconds\">3600</length><icon src=\"http://i.example?a&amp;b\"/>\
        <url>http://a.example</url><country>DE</country><episode-num system=\"onscreen\">S01E02</episode-num>\
        <episode-num system=\"xmltv_ns\">0.1.</episode-num><video><present>no</present><colour>no</colour><aspect>16:9</aspect>\
        <quality>HDTV</quality></video><audio><stereo>stereo</stereo></audio><previously-shown start=\"2020\" channel=\"x\"/>\
        <premiere></premiere><last-chance>Last</last-chance><new/><subtitles type=\"teletext\"><language>de</language></subtitles>\
        <subtitles></subtitles><rating system=\"FSK\"><value>12</value></rating><star-rating><value>7/10</value></star-rating>\
        <review type=\"text\">Good</review><review type=\"url\">https://r.example</review><image type=\"poster\">http://p.example/1</image>";
    assert_eq!(shown(&attrs), expected);
    assert_eq!(
        shown(&[("audio", "no"), ("previously-shown", "true")]),
        "<audio><present>no</present></audio><previously-shown/>"
    );
    assert_eq!(shown(&[]), "");
}

#[test]
fn windows() {
    let hours = [-60_i64, -30, -2, 0, 30, 100, 200];
    let line = hours.iter().fold(line(), |line, hour| {
        line.programme(programme(101, (NOW as i64 + hour * 3600) as u64, &format!("{hour}h"), &[]))
    });
    for (config, query, expected) in [
        (json!({}), &[][..], "-2h 0h 30h 100h"),
        (json!({}), &[("days", "1")][..], "-2h 0h 30h"),
        (json!({}), &[("days", "0")][..], "-2h 0h"),
        (json!({}), &[("days", ""), ("past", "0")][..], "0h 30h 100h"),
        (json!({ "days": 14, "past": 3 }), &[][..], "-60h -30h -2h 0h 30h 100h 200h"),
        (json!({ "days": 2 }), &[("days", "99"), ("past", "99")][..], "-2h 0h 30h"),
    ] {
        // It holds still all day.
        for now in [NOW, NOW + 50_000, NOW + 86_399] {
            let text = get_at(now, config.clone(), "xmltv", query, &line).text();
            let titles: Vec<_> = text.split("<title>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
            assert_eq!(titles.join(" "), expected, "{config} {query:?}");
        }
    }
    let refused = get(json!({}), "xmltv", &[("days", "all")], &line);
    assert_eq!((refused.status, refused.text().as_str()), (Some(400), "days has to be a number of days, at most 7.\n"));
}

#[test]
fn gzip_is_the_hosts_to_make_and_all_goes_in_pieces() {
    let line = (0..3_000).fold(line(), |line, n| line.programme(programme(101, NOW + n, &format!("Title {n}"), &[])));
    let plain = get(json!({}), "xml", &[], &line);
    let gzip = get(json!({}), "gzip", &[], &line);
    assert_eq!((gzip.header("content-type"), gzip.packed.as_deref()), (Some("application/gzip"), Some("gzip")));
    assert_eq!(plain.packed, None);
    assert!(gzip.text() == plain.text());
    assert!(plain.writes.len() > 4 && plain.writes.iter().all(|bytes| bytes.len() < 100_000));
}

#[test]
fn a_channel_of_many_lineups_is_written_once() {
    let host = Host::new().config(json!({})).now(NOW).install();
    let get = |query: &[(&str, &str)], line: &Line| {
        let reply = host.handle::<Xmltv>(&Request::test("xmltv", "/xmltv.php", query), Some(line)).unwrap();
        let of = |kept: bool| -> Vec<u32> {
            let asked = reply.fragments.iter().filter(|one| one.kept == kept);
            asked.map(|one| one.channel.expect("of a channel")).collect()
        };
        (reply.text(), of(false), of(true))
    };
    let anna = line().programme(programme(101, NOW, "One", &[])).programme(programme(102, NOW, "Two", &[]));
    let (first, made, kept) = get(&[], &anna);
    assert_eq!((made, kept), (vec![101, 102], vec![]));
    // Another name for the channel is another line's own; the programmes are not.
    let ben = Line::new("ben").channel(103, "Three", "News").channel(102, "Zwei", "News");
    let (text, made, kept) = get(&[], &ben.programme(programme(103, NOW, "Three", &[])));
    assert_eq!((made, kept), (vec![103], vec![102]));
    assert!(text.contains(">Zwei<") && text.contains(">Two<") && !text.contains(">One<"), "{text}");
    assert_eq!(get(&[], &anna), (first, vec![], vec![101, 102]));
    // Another window, another id in the document.
    assert_eq!(get(&[("days", "3")], &anna).1, [101, 102]);
    let renamed = Line::new("anna").channel_with(101, "One", "News", |channel| channel.epg_id = "other.example".into());
    assert_eq!(get(&[], &renamed).1, [101]);
    host.guide_changed(102);
    let (_, made, kept) = get(&[], &anna);
    assert_eq!((made, kept), (vec![102], vec![101]));
}

#[test]
fn routes_are_cacheable_and_ask_for_a_line() {
    let _host = Host::new().config(json!({})).install();
    let routes = Xmltv::load().unwrap().routes();
    let paths: Vec<_> = routes.iter().map(|route| (route.path.as_str(), route.line.as_str())).collect();
    assert_eq!(
        paths,
        [
            ("/xmltv.php", "query-credentials"),
            ("/epg/{token}.xml", "path-token"),
            ("/epg/{token}.xml.gz", "path-token")
        ]
    );
    assert!(routes.iter().all(|route| route.depends == ["lineup", "guide", "line", "request", "day"]));
}

proptest! {
    #[test]
    fn no_text_can_break_out(name: String, title: String, key in "(credit:|rating:|image:|category|subtitles|url)", system: String, value: String) {
        let key = format!("{key}{system}");
        let line = Line::new("anna").channel(1, &name, "News").programme(programme(1, NOW, &title, &[(&key, &value)]));
        let text = text(&line);
        // Outside of quotes and texts every `<` opens what a `>` ends.
        prop_assert_eq!(text.matches('<').count(), text.matches('>').count());
        prop_assert_eq!(text.matches("<programme ").count(), 1);
        prop_assert!(text.matches('"').count().is_multiple_of(2) && text.ends_with("</programme>\n</tv>\n"));
    }
}
