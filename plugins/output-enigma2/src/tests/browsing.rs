//! `/enigma2.php`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mast_sdk::mock::{Line, Reply};
use mast_sdk::output::Request;
use proptest::prelude::*;
use serde_json::json;

use super::{hostile, line, reply_with};

fn browse(query: &[(&str, &str)], line: &Line) -> Reply {
    let query: Vec<_> = [("username", "anna"), ("password", "p&w")].iter().chain(query).copied().collect();
    reply_with(json!({}), &Request::test("browse", "/enigma2.php", &query), line)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{text} lacks {start}"));
    rest.split_once(end).unwrap().0
}

/// Title and address of each entry; an address of a page without what all pages have.
fn entries(text: &str) -> Vec<(String, String)> {
    let entries = text.lines().filter(|line| line.starts_with("<channel>"));
    let entry = |entry: &str| {
        let title = STANDARD.decode(between(entry, "<title>", "</title>")).unwrap();
        let address = between(entry, "url><![CDATA[", "]]></");
        let page = "http://tv.example:8080/enigma2.php?username=anna&password=p%26w&type=";
        let short = address.strip_prefix(page).or(address.strip_prefix("http://tv.example:8080/")).unwrap();
        (String::from_utf8(title).unwrap(), short.to_owned())
    };
    entries.map(entry).collect()
}

#[test]
fn pages_lead_from_contents_to_what_is_played() {
    for (query, expected) in [
        (
            &[][..],
            &[("Live", "get_live_categories"), ("Movies", "get_vod_categories"), ("Series", "get_series_categories")][..],
        ),
        (
            &[("type", "get_live_categories")],
            &[("News", "get_live_streams&cat_id=1"), ("Music", "get_live_streams&cat_id=2")],
        ),
        (&[("type", "get_live_streams"), ("cat_id", "2")], &[("Radio", "live/anna/PASSWORD/70000.ts")]),
        (&[("type", "get_vod_categories")], &[("Films", "get_vod_streams&cat_id=3")]),
        (&[("type", "get_vod_streams"), ("cat_id", "3")], &[("A Film", "movie/anna/PASSWORD/1.mp4")]),
        (&[("type", "get_series_categories")], &[("Shows", "get_series&cat_id=4")]),
        (&[("type", "get_series"), ("cat_id", "4")], &[("Show", "get_seasons&series_id=8")]),
        (
            &[("type", "get_seasons"), ("series_id", "8")],
            &[
                ("Season 1", "get_series_streams&series_id=8&season=1"),
                ("Season 2", "get_series_streams&series_id=8&season=2"),
            ],
        ),
        (
            &[("type", "get_series_streams"), ("series_id", "8"), ("season", "1")],
            &[("S01E01 Pilot", "series/anna/PASSWORD/10.mp4"), ("S01E02 Second", "series/anna/PASSWORD/11.mp4")],
        ),
        (&[("type", "get_seasons"), ("series_id", "77")], &[]),
        (&[("type", "get_seasons")], &[]),
    ] {
        let found = entries(&browse(query, &line()).text());
        let found: Vec<_> = found.iter().map(|(title, address)| (title.as_str(), address.as_str())).collect();
        assert_eq!(found, expected, "{query:?}");
    }
}

#[test]
fn movies_have_plots_and_posters() {
    let text = browse(&[("type", "get_vod_streams")], &line()).text();
    assert_eq!(STANDARD.decode(between(&text, "<description>", "</description>")).unwrap(), b"It ends.");
    assert!(
        text.contains("<desc_image><![CDATA[http://logos.example/f.jpg]]></desc_image><category_id>3</category_id>")
    );
}

#[test]
fn what_is_no_page_is_refused() {
    for query in [("type", "get_everything"), ("cat_id", "x"), ("season", "-1")] {
        assert_eq!(browse(&[query], &line()).status, Some(400), "{query:?}");
    }
}

#[test]
fn hostile_names_stay_in_their_elements() {
    let text = browse(&[("type", "get_live_streams")], &hostile()).text();
    assert_eq!(entries(&text).len(), super::HOSTILE.len());
    assert!(text.contains("]]]]><![CDATA[></b>]]></desc_image>"), "{text}");
    assert!(!text.contains('\r'));
}

proptest! {
    #[test]
    fn any_query_is_answered(kind in "get_[a-z_]{0,20}|\\PC{0,9}", number in "[0-9]{0,12}|\\PC{0,4}") {
        let reply = browse(&[("type", &kind), ("cat_id", &number), ("series_id", &number), ("season", &number)], &line());
        prop_assert!(matches!(reply.status, Some(200 | 400)));
    }
}
