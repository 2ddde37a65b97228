//! What boxes get, read back by the rules of their parser.

use mast_sdk::mock::{Host, Line, Reply};
use mast_sdk::output::{Output, Request};
use serde_json::{Value, json};

use super::Enigma2;

mod bouquets;
mod boxes;
mod browsing;
mod scripts;

/// `$(touch x)` and its like.
const HOSTILE: [&str; 6] =
    ["$(touch x) & News", "'; touch x; '", "a\"b`touch x`\\", "two\nlines\r\n", "📺: 100% <b>]]></b>", "--help"];

fn line() -> Line {
    Line::new("anna")
        .channel_with(1, "One: 1%", "News", |channel| {
            channel.epg_id = "one&1.example".into();
            channel.logo = "http://logos.example/1 a.png".into();
        })
        .channel_with(70_000, "Radio", "Music", |channel| channel.attrs.push(("radio".into(), "true".into())))
        .channel(3, "Three", "News")
        .movie(1, "A Film", "Films", |film| {
            film.attrs.push(("plot".into(), "It ends.".into()));
            film.logo = "http://logos.example/f.jpg".into();
        })
        .series(8, "Show", "Shows", |_| {})
        .episode(8, 9, (2, 1), "Later", |_| {})
        .episode(8, 10, (1, 1), "Pilot", |_| {})
        .episode(8, 11, (1, 2), "Second", |_| {})
}

/// A channel in a category for each hostile name.
fn hostile() -> Line {
    (1..).zip(HOSTILE).fold(Line::new("anna"), |line, (id, name)| {
        line.channel_with(id, name, name, |channel| channel.logo = format!("http://logos.example/{name}"))
    })
}

fn reply_with(config: Value, request: &Request, line: &Line) -> Reply {
    Host::new().config(config).install().handle::<Enigma2>(request, Some(line)).unwrap()
}

/// `/get.php` with credentials, as anna.
fn get(config: Value, query: &[(&str, &str)], line: &Line) -> Reply {
    let query: Vec<_> = [("username", "anna"), ("password", "p&'w")].iter().chain(query).copied().collect();
    let is_script = query.iter().any(|(name, value)| *name == "type" && value.ends_with("_script"));
    reply_with(config, &Request::test(if is_script { "script" } else { "bouquet" }, "/get.php", &query), line)
}

/// A file by token.
fn file(config: Value, name: &str, line: &Line) -> Reply {
    let mut request = Request::test("file", &format!("/enigma2/T/{name}"), &[]);
    request.params = vec![("token".into(), "T".into()), ("file".into(), name.into())];
    reply_with(config, &request, line)
}

#[test]
fn routes_share_get_php_with_other_lists() {
    let _host = Host::new().config(json!({})).install();
    let routes = Enigma2::load().unwrap().routes();
    let paths: Vec<_> = routes.iter().map(|route| (route.path.as_str(), route.line.as_str())).collect();
    let expected = [
        ("/get.php", "query-credentials"),
        ("/get.php", "query-credentials"),
        ("/enigma2/{token}/{file}", "path-token"),
        ("/enigma2.php", "query-credentials"),
    ];
    assert_eq!(paths, expected);
    assert_eq!(routes[0].attrs[0], ("when".to_owned(), "type=enigma16|dreambox|gigablue".to_owned()));
    assert!(routes.iter().all(|route| route.depends == ["lineup", "line", "request"]));
}

#[test]
fn files_that_are_not_there_are_not_found() {
    for name in ["userbouquet.mast_9.tv", "userbouquet.mast.tv", "lamedb", "..", "userbouquet.mast_movie_1.tv"] {
        assert_eq!(file(json!({}), name, &line()).status, Some(404), "{name}");
    }
    assert_eq!(get(json!({}), &[("type", "enigma16"), ("output", "rtmp")], &line()).status, Some(400));
}
