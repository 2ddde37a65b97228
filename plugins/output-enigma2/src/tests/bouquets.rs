//! Bouquets, read back as a box reads them.

use std::collections::BTreeSet;

use mast_sdk::mock::Line;
use proptest::prelude::*;
use serde_json::json;

use super::boxes::read;
use super::{file, get, hostile, line};

#[test]
fn one_bouquet_has_markers_before_categories() {
    let text = get(json!({ "name": "My TV" }), &[("type", "enigma16")], &line()).text();
    let expected = "#NAME My TV\n\
        #SERVICE 1:64:1:0:0:0:0:0:0:0::News\n#DESCRIPTION News\n\
        #SERVICE 4097:0:1:1:0:4D01:0:0:0:0:http%3a//tv.example%3a8080/live/anna/PASSWORD/1.ts:One%3a 1%25\n#DESCRIPTION One: 1%\n\
        #SERVICE 4097:0:1:3:0:4D01:0:0:0:0:http%3a//tv.example%3a8080/live/anna/PASSWORD/3.ts:Three\n#DESCRIPTION Three\n\
        #SERVICE 1:64:2:0:0:0:0:0:0:0::Music\n#DESCRIPTION Music\n\
        #SERVICE 4097:0:2:1171:1:4D01:0:0:0:0:http%3a//tv.example%3a8080/live/anna/PASSWORD/70000.ts:Radio\n#DESCRIPTION Radio\n";
    assert_eq!(text, expected);
}

#[test]
fn boxes_have_their_players() {
    for (kind, config, output, service_type) in [
        ("dreambox", json!({}), "ts", 1),
        ("DREAMBOX", json!({}), "mpegts", 1),
        ("dreambox", json!({}), "m3u8", 4097),
        ("gigablue", json!({ "service_type": 5002 }), "", 4097),
    ] {
        let text = get(config, &[("type", kind), ("output", output)], &line()).text();
        let found = read(&text).services.into_iter().find(|service| !service.is_marker()).unwrap();
        assert_eq!(found.head[0], service_type, "{kind} {output}");
    }
    let own = json!({ "service_type": 5002, "output": "hls" });
    let found = &read(&file(own, "userbouquet.mast_1.tv", &line()).text()).services[0];
    assert_eq!((found.head[0], found.path.ends_with("/1.m3u8")), (5002, true));
}

#[test]
fn the_index_names_a_bouquet_for_each_category() {
    let link =
        |file: &str| format!("#SERVICE 1:7:1:0:0:0:0:0:0:0:FROM BOUQUET \"userbouquet.{file}.tv\" ORDER BY bouquet\n");
    let without = line().channel_with(99, "Alone", "", |channel| channel.category = 0);
    for (config, expected) in [
        (json!({}), vec!["mast_1", "mast_2", "mast_5", "mast_0"]),
        (json!({ "movies": true, "prefix": "tv" }), vec!["tv_1", "tv_2", "tv_5", "tv_0", "tv_movie_3"]),
        (json!({ "bouquets": "single" }), vec!["mast"]),
    ] {
        let text = file(config.clone(), "bouquets.tv", &without).text();
        let links: String = expected.iter().map(|file| link(file)).collect();
        assert_eq!(text, format!("#NAME Bouquets (TV)\n{links}"), "{config}");
        for name in expected {
            let found = read(&file(config.clone(), &format!("userbouquet.{name}.tv"), &without).text());
            // The category of the channel that was taken out of it has none.
            assert_eq!(found.services.is_empty(), name.ends_with("_5"), "{name}");
        }
    }
    let alone = read(&file(json!({}), "userbouquet.mast_0.tv", &without).text());
    assert_eq!((alone.name.as_str(), alone.services.len()), ("IPTV", 1));
}

#[test]
fn services_are_unique_across_contents() {
    let config = json!({ "bouquets": "single", "movies": true });
    let services = read(&file(config, "userbouquet.mast.tv", &line()).text()).services;
    let unique: BTreeSet<_> =
        services.iter().filter(|service| !service.is_marker()).map(|service| service.fields).collect();
    assert_eq!((unique.len(), services.len()), (4, 7));
    assert!(services.last().unwrap().path.ends_with("/movie/anna/PASSWORD/1.mp4"));
}

#[test]
fn the_guide_s_files_name_the_same_services() {
    let channels = file(json!({}), "channels.xml", &line()).text();
    let expected = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<channels>\n\
        <channel id=\"one&amp;1.example\">1:0:1:1:0:4D01:0:0:0:0:http%3a//example.m3u8</channel>\n\
        <channel id=\"70000.mast\">1:0:2:1171:1:4D01:0:0:0:0:http%3a//example.m3u8</channel>\n\
        <channel id=\"3.mast\">1:0:1:3:0:4D01:0:0:0:0:http%3a//example.m3u8</channel>\n</channels>\n";
    assert_eq!(channels, expected);
    let sources = file(json!({ "name": "A & <B>" }), "epgimport.sources.xml", &line()).text();
    assert!(sources.contains("sourcecatname=\"A &amp; &lt;B&gt;\""), "{sources}");
    assert!(sources.contains("<url>http://tv.example:8080/epg/T.xml.gz</url>"), "{sources}");
    let by_credentials = get(json!({}), &[("type", "enigma16"), ("file", "epgimport.sources.xml")], &line()).text();
    assert!(by_credentials.contains("/xmltv.php?username=anna&amp;password=p%26%27w</url>"), "{by_credentials}");
    let picons = file(json!({ "movies": true }), "picons.txt", &line()).text();
    let expected = "1_0_1_1_0_4D01_0_0_0_0.png http://logos.example/1%20a.png\n\
        1_0_1_1_0_4D02_0_0_0_0.png http://logos.example/f.jpg\n";
    assert_eq!(picons, expected);
}

#[test]
fn hostile_names_break_no_file() {
    for name in ["epgimport.sources.xml", "channels.xml", "picons.txt", "bouquets.tv", "userbouquet.mast_4.tv"] {
        let text = file(json!({}), name, &hostile()).text();
        assert!(text.lines().all(|line| !line.trim().is_empty()), "{name}: {text}");
        assert!(!text.contains(['\r', '`']), "{name}: {text}");
    }
    assert_eq!(file(json!({}), "picons.txt", &hostile()).text().lines().count(), super::HOSTILE.len());
}

proptest! {
    #[test]
    fn a_box_reads_what_was_written(names in prop::collection::vec(("\\PC{1,12}|.{1,12}|[:%\r\n\t\u{1}]{1,4}", "[A-C]|[:%\n\r]{0,3}", 1..2_000_000_u32), 1..12)) {
        let mut seen = BTreeSet::new();
        let names: Vec<_> = names.into_iter().filter(|(_, _, id)| seen.insert(*id)).collect();
        let line = names.iter().fold(Line::new("an:na%"), |line, (name, group, id)| line.channel(*id, name, group));
        let plain = |text: &str| text.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect::<String>();
        let text = get(json!({}), &[("type", "enigma16")], &line).text();
        let found = read(&text);
        prop_assert_eq!(found.lost, 0, "{}", text);
        let (markers, services): (Vec<_>, Vec<_>) = found.services.iter().partition(|service| service.is_marker());
        let groups: BTreeSet<_> = names.iter().map(|(_, group, _)| group).collect();
        prop_assert_eq!(markers.len(), groups.len());
        prop_assert_eq!(services.len(), names.len());
        let unique: BTreeSet<_> = services.iter().map(|service| service.fields).collect();
        prop_assert_eq!(unique.len(), names.len());
        for service in services {
            let id = service.fields[1] + service.fields[2] * 65_535;
            let (name, ..) = names.iter().find(|(_, _, known)| *known == id).unwrap();
            prop_assert_eq!(&service.name, &plain(name));
            prop_assert_eq!(&service.path, &format!("http://tv.example:8080/live/an:na%/PASSWORD/{id}.ts"));
            prop_assert!(service.fields[1] < 65_536 && service.fields[2] < 65_536);
        }
    }
}
