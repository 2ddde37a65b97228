use mast_sdk::Code;
use mast_sdk::mock::{Answer, Host, Refreshed};
use proptest::prelude::*;
use serde_json::json;

use super::ChannelsTxt;
use super::record::{LAST, Parsed, Record, parse};

fn refresh(text: impl Into<Vec<u8>>) -> mast_sdk::Result<Refreshed> {
    let host =
        Host::new().config(json!({ "path": "/srv/channels.txt" })).file("/srv/channels.txt", text).chunk(7).install();
    host.refresh::<ChannelsTxt>()
}

#[test]
fn channels_are_sorted_by_category_and_order() {
    let text = "\u{feff}# id|name|source_url|logo_url|category|quality|order|category_order\r\n\
        \r\n\
        7|Late Film|http://a.example/7|http://a.example/7.png|Films|high|2|20\r\n\
        3|Grün 3|http://a.example/3||News|low|9|10\r\n\
        4| Early Film |http://a.example/4||Films||1|20\r\n\
        5|No Order|http://a.example/5||News|\r\n\
        9|No Category|http://a.example/9\r\n";
    let refreshed = refresh(text).unwrap();
    let keys: Vec<_> = refreshed.channels.iter().map(|channel| channel.key.as_str()).collect();
    assert_eq!(keys, ["3", "5", "4", "7", "9"]);
    let categories: Vec<_> =
        refreshed.categories.iter().map(|category| (category.key.as_str(), category.order)).collect();
    assert_eq!(categories, [("News", Some(0)), ("Films", Some(1))]);
    let film = &refreshed.channels[3];
    assert_eq!(film.category.as_deref(), Some("Films"));
    assert_eq!(film.logo.as_deref(), Some("http://a.example/7.png"));
    assert_eq!(film.upstreams[0].url, "http://a.example/7");
    assert_eq!(film.attrs, [("quality".to_owned(), "high".to_owned())]);
    assert_eq!(refreshed.channels[2].name, "Early Film");
    assert_eq!(refreshed.channels[4].category, None);
    assert!(refreshed.warnings.is_empty(), "{:?}", refreshed.warnings);
}

#[test]
fn bad_lines_are_named_and_left_out() {
    let text = "1|One|http://a.example/1\n|No Id|http://a.example/2\n3||http://a.example/3\n4|Four|\n5|Five|five.ts\n\
        1|Again|http://a.example/6\n7|a|http://a.example/7|||||||\n8|Eight|http://a.example/8||||first|\n";
    let refreshed = refresh(text).unwrap();
    assert_eq!(refreshed.channels.len(), 2);
    let warned: Vec<_> = refreshed.warnings.iter().map(|(item, why)| format!("{item}: {why}")).collect();
    let expected = [
        "line 2: it has no id",
        "line 3: it has no name",
        "line 4: it has no source_url",
        "line 5: its source_url is not an absolute URL",
        "line 6: id \"1\" is taken by line 1",
        "line 7: it has 10 fields, eight are known; a name or URL cannot contain |",
        "line 8: order \"first\" is not a number; it is sorted last",
    ];
    assert_eq!(warned, expected);
    assert_eq!(mast_sdk::pair(&refreshed.summary.attrs, "skipped"), Some("6"));
}

#[test]
fn a_file_without_channels_is_an_error() {
    for text in ["", "# nothing\n", "<html>login</html>\n"] {
        assert_eq!(refresh(text).unwrap_err().code, Code::Malformed, "{text:?}");
    }
}

#[test]
fn a_lost_connection_is_an_error_and_an_unchanged_file_none() {
    let url = "https://panel.example/channels.txt";
    let host = Host::new()
        .config(json!({ "url": url }))
        .http(url, Answer::ok("1|One|http://a.example/1\n").ends_early())
        .http(url, Answer::status(304))
        .install();
    assert_eq!(host.refresh::<ChannelsTxt>().unwrap_err().code, Code::Unavailable);
    assert!(host.refresh::<ChannelsTxt>().unwrap().summary.unchanged);
}

fn text() -> impl Strategy<Value = String> {
    "[^|\\p{C}\\s#]([^|\\p{C}\\p{Z}]{0,10})".prop_map(|text| text.trim().to_owned())
}

fn record() -> impl Strategy<Value = Record> {
    let optional = || prop_oneof![Just(String::new()), text()];
    let order = || prop_oneof![Just(LAST), 0..1000u64];
    (text(), text(), text(), optional(), optional(), optional(), order(), order()).prop_map(
        |(id, name, path, logo, category, quality, order, category_order)| {
            let url = format!("http://a.example/{path}");
            Record { id, name, url, logo, category, quality, order, category_order }
        },
    )
}

fn write(record: &Record) -> String {
    let number = |number: u64| if number == LAST { String::new() } else { number.to_string() };
    let Record { id, name, url, logo, category, quality, order, category_order } = record;
    format!("{id}|{name}|{url}|{logo}|{category}|{quality}|{}|{}", number(*order), number(*category_order))
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in record()) {
        prop_assert_eq!(parse(&write(&record)), Parsed::Record(record, Vec::new()));
    }

    #[test]
    fn any_bytes_end_in_channels_or_an_error(bytes: Vec<u8>) {
        let _ = refresh(bytes);
    }
}
