use std::collections::BTreeMap;

use mast_sdk::mock::{Answer, Host, Refreshed};
use mast_sdk::source::{CatchUp, Channel};
use mast_sdk::{Code, Result, pair};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::M3u;

const URL: &str = "https://provider.example/list.m3u";

fn refresh_with(settings: Value, text: impl Into<Vec<u8>>) -> Result<Refreshed> {
    let mut config = json!({ "url": URL });
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Host::new().config(config).http(URL, Answer::ok(text)).chunk(11).install().refresh::<M3u>()
}

fn refresh(text: impl Into<Vec<u8>>) -> Result<Refreshed> {
    refresh_with(json!({}), text)
}

fn one(attributes: &str, url: &str) -> Channel {
    one_with_header("", attributes, url)
}

fn one_with_header(header: &str, attributes: &str, url: &str) -> Channel {
    let text = format!("#EXTM3U {header}\n#EXTINF:-1 {attributes},One\n{url}\n");
    let mut refreshed = refresh(text).unwrap();
    assert_eq!(refreshed.channels.len(), 1, "{attributes}");
    refreshed.channels.remove(0)
}

#[test]
fn a_channel_has_everything_the_entry_says() {
    let text = "\u{feff}#EXTM3U tvg-shift=\"2\"\r\n#EXTVLCOPT:http-user-agent=Box\r\n\
        #EXTINF:-1 tvg-id=\"one.example\" tvg-name=\"ONE\" tvg-logo=\"http://l.example/1.png\" tvg-chno=\"12.1\" radio=\"true\" \
        tvg-language=\"de\" provider=\"P\" group-title=\"News;Local\" catchup=\"default\" catchup-days=\"3\" \
        catchup-source=\"http://a.example/c?{utc}\" catchup-correction=\"-1.5\",One\r\nhttp://a.example/one/index.m3u8?token=x\r\n";
    let refreshed = refresh(text).unwrap();
    let channel = &refreshed.channels[0];
    assert_eq!(channel.name, "One");
    assert_eq!(channel.number, Some(12));
    assert_eq!(channel.category.as_deref(), Some("News"));
    assert_eq!(channel.logo.as_deref(), Some("http://l.example/1.png"));
    assert_eq!(channel.epg_id.as_deref(), Some("one.example"));
    assert_eq!(channel.upstreams[0].kind, "hls");
    assert_eq!(channel.upstreams[0].url, "http://a.example/one/index.m3u8?token=x");
    assert_eq!(channel.upstreams[0].headers, [("user-agent".to_owned(), "Box".to_owned())]);
    let expected = CatchUp {
        mode: "default".into(),
        days: 3,
        template: Some("http://a.example/c?{utc}".into()),
        attrs: vec![("correction".into(), "-1.5".into())],
    };
    assert_eq!(channel.catch_up, Some(expected));
    for (key, value) in [
        ("radio", "true"),
        ("epg-shift", "2"),
        ("group-titles", "News;Local"),
        ("language", "de"),
        ("x-tvg-name", "ONE"),
        ("x-provider", "P"),
    ] {
        assert_eq!(pair(&channel.attrs, key), Some(value), "{key}");
    }
    let categories: Vec<_> = refreshed.categories.iter().map(|category| (&*category.key, &*category.content)).collect();
    assert_eq!(categories, [("News", "live")]);
}

#[test]
fn kinds_follow_the_url() {
    for (url, kind) in [
        ("http://a.example/1", "auto"),
        ("http://a.example/1.ts", "auto"),
        ("HTTPS://a.example/1.M3U8?x=.mpd", "hls"),
        ("http://a.example/1.mpd", "dash"),
        ("rtsp://a.example/1", "rtsp"),
        ("udp://@239.0.0.1:1234", "udp"),
        ("srt://a.example:9000?mode=caller", "srt"),
    ] {
        assert_eq!(one("", url).upstreams[0].kind, kind, "{url}");
    }
}

#[test]
fn catch_up_in_every_spelling() {
    for (header, attributes, url, expected) in [
        ("", "", "http://a.example/1", None),
        ("", "catchup=\"shift\" catchup-days=\"2\"", "http://a.example/1", Some(("shift", 2))),
        ("", "catchup-type=\"fs\" tvg-rec=\"4\"", "http://a.example/1", Some(("flussonic", 4))),
        (
            "catchup=\"append\" catchup-days=\"5\"",
            "catchup-source=\"?utc={utc}\"",
            "http://a.example/1",
            Some(("append", 5)),
        ),
        ("catchup=\"xc\"", "catchup=\"none\"", "http://a.example/1", None),
        ("", "catchup-source=\"http://a.example/{utc}\"", "http://a.example/1", Some(("default", 7))),
        ("", "catchup-source=\"?utc={utc}\"", "http://a.example/1", Some(("append", 7))),
        ("", "timeshift=\"3\"", "http://a.example/1", Some(("shift", 3))),
        ("", "timeshift=\"3\"", "http://a.example/u/p/1.ts", Some(("xc", 3))),
        ("", "timeshift=\"0\"", "http://a.example/u/p/1.ts", None),
        ("", "catchup=\"shift\" catchup-days=\"0\"", "http://a.example/1", None),
        ("", "catchup=\"default\"", "http://a.example/1", None),
        ("", "catchup=\"odd\"", "http://a.example/1", None),
    ] {
        let found = one_with_header(header, attributes, url).catch_up.map(|found| (found.mode, found.days));
        assert_eq!(found, expected.map(|(mode, days)| (mode.to_owned(), days)), "{header} / {attributes}");
    }
    let warnings = refresh("#EXTM3U\n#EXTINF:-1 catchup=\"odd\",One\nhttp://a.example/1\n").unwrap().warnings;
    assert_eq!(warnings[0].0, "line 3");
}

#[test]
fn keys_come_from_what_lasts() {
    for (attributes, url, key) in [
        ("channel-id=\"c1\" tvg-id=\"t\"", "http://a.example/u/p/9.ts", "id:c1"),
        ("tvg-id=\"t\"", "http://a.example/live/u/p/9.ts?token=1", "xc:9"),
        ("tvg-id=\"t\"", "http://b.example:8080/u2/p2/9", "xc:9"),
        ("tvg-id=\"t\"", "http://a.example/abc123/one.m3u8", "tvg:t|one"),
        ("group-title=\"My News\"", "http://a.example/abc123/one.m3u8", "name:one|my news"),
        ("", "http://a.example/1/2/3/4.ts", "name:one|"),
        ("", "udp://@239.0.0.1:1234", "name:one|"),
    ] {
        assert_eq!(one(attributes, url).key, key, "{attributes} {url}");
    }
}

#[test]
fn entries_with_the_same_key_are_numbered_in_order() {
    let text = "#EXTM3U\n#EXTINF:-1,One\nhttp://a.example/1\n#EXTINF:-1,ONE \nhttp://a.example/2\n\
        #EXTINF:-1 channel-id=\"x\",3\nhttp://a.example/3\n#EXTINF:-1,One\nhttp://a.example/4\n";
    let keys: Vec<_> = refresh(text).unwrap().channels.into_iter().map(|channel| channel.key).collect();
    assert_eq!(keys, ["name:one|", "name:one|#2", "id:x", "name:one|#3"]);
}

#[test]
fn films_are_movies_or_episodes() {
    let text = "#EXTM3U x-tvg-url=\"http://g.example/xmltv.php?password=secret\"\n\
        #EXTINF:-1 tvg-logo=\"http://l.example/m.jpg\" group-title=\"Films\",A Film (1999)\nhttp://a.example/movie/u/p/7.mkv\n\
        #EXTINF:-1 group-title=\"Shows\" tvg-logo=\"http://l.example/s.jpg\",Show S01 E01\nhttp://a.example/series/u/p/8.mp4\n\
        #EXTINF:-1,One\nhttp://a.example/live/u/p/9.ts\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:-1,Another\nhttp://a.example/another\n\
        #EXTINF:-1 group-title=\"Shows\",SHOW  S01E02 Second\nhttp://a.example/files/show-2.mkv?token=x\n\
        #EXTINF:-1 group-title=\"Shows\",S02E01\nhttp://a.example/series/u/p/10\n#EXTINF:-1,Special\nhttp://a.example/series/u/p/11.avi\n\
        #EXTINF:-1,A S01E01 B\nhttp://a.example/movie/u/p/12.mp4\n";
    let refreshed = refresh(text).unwrap();
    let movies: Vec<_> = refreshed.movies.iter().map(|movie| (&*movie.key, &*movie.container)).collect();
    assert_eq!(movies, [("xc:7", "mkv"), ("name:another|", "mp4"), ("xc:11", "avi"), ("xc:12", "mp4")]);
    assert_eq!(pair(&refreshed.movies[0].attrs, "year"), Some("1999"));
    let series: Vec<_> = refreshed.series.iter().map(|series| (&*series.key, &*series.name)).collect();
    assert_eq!(series, [("series:show", "Show"), ("series:shows", "Shows")]);
    assert_eq!(refreshed.series[0].poster.as_deref(), Some("http://l.example/s.jpg"));
    let episodes: Vec<_> = refreshed
        .episodes
        .iter()
        .map(|found| (&*found.key, &*found.series, found.season, found.number, &*found.name))
        .collect();
    let expected = [
        ("xc:8", "series:show", 1, 1, "Show S01 E01"),
        ("name:show s01e02 second|shows", "series:show", 1, 2, "Second"),
        ("xc:10", "series:shows", 2, 1, "S02E01"),
    ];
    assert_eq!(episodes, expected);
    assert_eq!(refreshed.channels.len(), 1);
    let summary = ["movies", "series", "episodes"].map(|key| pair(&refreshed.summary.attrs, key));
    assert_eq!(summary, [Some("4"), Some("2"), Some("3")]);
    assert!(!format!("{:?}", refreshed.summary).contains("secret"));
    assert!(pair(&refreshed.summary.attrs, "guide-url").is_some());
    let categories: Vec<_> = refreshed.categories.iter().map(|category| (&*category.key, &*category.content)).collect();
    assert_eq!(categories, [("Films", "movie"), ("Shows", "series")]);
}

#[test]
fn extensions_make_films_unless_something_says_live() {
    for (attributes, url, is_film) in [
        ("", "http://a.example/a.mp4", true),
        ("", "http://a.example/a.MKV?x=1", true),
        ("", "http://a.example/a.ts", false),
        ("", "http://a.example/a.flv", false),
        ("", "http://a.example/a", false),
        ("", "http://a.example/live/u/p/1.mp4", false),
        ("tvg-chno=\"5\"", "http://a.example/a.mp4", false),
        ("catchup=\"shift\"", "http://a.example/a.mp4", false),
        ("radio=\"true\"", "http://a.example/a.mp4", false),
        ("media=\"true\"", "http://a.example/a", true),
    ] {
        let text = format!("#EXTM3U\n#EXTINF:-1 {attributes},One\n{url}\n");
        assert_eq!(refresh(text.clone()).unwrap().movies.len(), usize::from(is_film), "{attributes} {url}");
        let off = refresh_with(json!({ "movies_by_extension": false }), text).unwrap();
        assert_eq!(off.movies.len(), usize::from(attributes.starts_with("media")), "{attributes} {url}");
    }
}

#[test]
fn groups_choose() {
    let text = "#EXTM3U\n#EXTINF:-1 group-title=\"A\",1\nhttp://a.example/1\n#EXTINF:-1 group-title=\"B;C\",2\nhttp://a.example/2\n\
        #EXTINF:-1,3\nhttp://a.example/3\n";
    for (settings, expected) in [
        (json!({}), "123"),
        (json!({ "groups": ["A"] }), "1"),
        (json!({ "groups": ["C", "A"] }), "12"),
        (json!({ "skip_groups": ["C"] }), "13"),
        (json!({ "groups": ["A", "B"], "skip_groups": ["C"] }), "1"),
    ] {
        let names: String =
            refresh_with(settings.clone(), text).unwrap().channels.into_iter().map(|c| c.name).collect();
        assert_eq!(names, expected, "{settings}");
    }
}

#[test]
fn what_is_no_whole_list_is_an_error() {
    for (text, part) in [
        ("", "no channel"),
        ("#EXTM3U\n", "no channel"),
        ("<html><body>Login</body></html>", "login page"),
        ("#EXTM3U\n#EXTINF:-1,1\nhttp://a.example/1\n#EXTINF:-1 tvg-id=\"tw", "cut short"),
        ("#EXTM3U\n#EXTINF:-1,1\nfile:///etc/passwd\n", "no channel in the playlist (0 filtered out by group, 1 bad"),
    ] {
        let error = refresh(text).unwrap_err();
        assert_eq!(error.code, Code::Malformed, "{text}");
        assert!(error.message.contains(part), "{error} lacks {part}");
    }
}

#[test]
fn lost_refused_and_unchanged() {
    let list = Answer::ok("#EXTM3U\n#EXTINF:-1,1\nhttp://a.example/1\n");
    let host = Host::new()
        .config(json!({ "url": URL, "user_agent": "Box" }))
        .http(URL, list.clone().ends_early())
        .http(URL, Answer::status(403))
        .http(URL, Answer::status(304))
        .http(URL, list)
        .install();
    assert_eq!(host.refresh::<M3u>().unwrap_err().code, Code::Unavailable);
    assert_eq!(host.refresh::<M3u>().unwrap_err().code, Code::Unauthorized);
    assert!(host.refresh::<M3u>().unwrap().summary.unchanged);
    assert_eq!(host.refresh::<M3u>().unwrap().channels.len(), 1);
    assert!(host.requests().iter().all(|request| request.only_if_changed && request.headers[0].1 == "Box"));
}

#[test]
fn latin_1_and_long_lines_cost_at_most_their_entry() {
    let mut text = b"#EXTM3U\r\n#EXTINF:-1,Gr\xFCn\r\nhttp://a.example/1\r\n#EXTINF:-1,".to_vec();
    text.extend(std::iter::repeat_n(b'x', 70_000));
    text.extend(b"\r\nhttp://a.example/2\r\n#EXTINF:-1,Three\r\nhttp://a.example/3");
    let host = Host::new().config(json!({ "path": "/list.m3u" })).file("/list.m3u", text).install();
    let refreshed = host.refresh::<M3u>().unwrap();
    let names: Vec<_> = refreshed.channels.iter().map(|channel| &*channel.name).collect();
    assert_eq!(names, ["Grün", "Three"]);
    let lines: Vec<_> = refreshed.warnings.iter().map(|(item, _)| &**item).collect();
    assert_eq!(lines, ["line 4", "line 5"]);
}

/// Entries of every sort, as `(attributes, name, path)`.
fn entries() -> impl Strategy<Value = Vec<(String, String, String)>> {
    let attributes = prop_oneof![Just(String::new()), "[a-c]".prop_map(|id| format!("tvg-id=\"{id}\""))];
    let path = prop_oneof!["u/p/[1-4]\\.ts".prop_map(|path| path), "[xyz]/live\\.m3u8".prop_map(|path| path)];
    prop::collection::vec((attributes, "[A-E]", path), 1..12)
}

fn keys(host: &str, credentials: &str, entries: &[(String, String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut text = "#EXTM3U\n".to_owned();
    for (attributes, name, path) in entries {
        let path = path.replace("u/p", credentials);
        text.push_str(&format!("#EXTINF:-1 {attributes},{name}\nhttp://{host}/{path}?token={credentials}\n"));
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (channel, entry) in refresh(text).unwrap().channels.into_iter().zip(entries) {
        found.entry(format!("{entry:?}")).or_default().push(channel.key);
    }
    found.values_mut().for_each(|keys| keys.sort());
    found
}

proptest! {
    #[test]
    fn keys_survive_new_orders_hosts_credentials_and_neighbours(entries in entries(), keep in 1..12usize) {
        // Entries with one key between them are numbered by their order, so only one of each is kept here.
        let mut seen = std::collections::BTreeSet::new();
        let unique: Vec<_> = entries.into_iter().filter(|entry| {
            let all = keys("a.example", "u/p", std::slice::from_ref(entry));
            seen.insert(all.into_values().next().unwrap())
        }).collect();
        let before = keys("a.example", "u/p", &unique);
        let mut other = unique.clone();
        other.reverse();
        prop_assert_eq!(&keys("b.example:8080", "someone/else", &other), &before);
        let fewer = keys("a.example", "u/p", &unique[..keep.min(unique.len())]);
        prop_assert!(fewer.iter().all(|(entry, keys)| before[entry] == *keys));
    }

    #[test]
    fn any_bytes_end_in_channels_or_an_error(bytes: Vec<u8>, lines in prop::collection::vec("#EXTINF:\\PC{0,20}|http://\\PC{0,20}|\\PC{0,10}", 0..10)) {
        let mut text = b"#EXTM3U\n".to_vec();
        text.extend_from_slice(lines.join("\n").as_bytes());
        text.extend_from_slice(&bytes);
        if let Ok(refreshed) = refresh(text) {
            let mut keys: Vec<_> = refreshed.channels.iter().map(|channel| &channel.key).chain(refreshed.movies.iter().map(|movie| &movie.key)).collect();
            let count = keys.len();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(keys.len(), count, "keys are unique");
            prop_assert!(refreshed.channels.iter().all(|channel| !channel.name.is_empty()));
        }
        let _ = refresh(bytes);
    }
}
