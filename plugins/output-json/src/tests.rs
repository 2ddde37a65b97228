use mast_sdk::Code;
use mast_sdk::mock::{Host, Installed, Line, Reply};
use mast_sdk::output::{Output, Programme, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Api, ROUTES};

mod description;

/// 2026-01-01 00:00:00 UTC.
const NOW: u64 = 1_767_225_600;

fn attrs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn programme(channel: u32, start: u64, title: &str) -> Programme {
    Programme {
        channel,
        start,
        stop: start + 1800,
        title: title.to_owned(),
        sub_title: String::new(),
        description: String::new(),
        attrs: Vec::new(),
    }
}

/// A full record of each kind first, then one with nothing in it that may be missing.
fn line() -> Line {
    const ALL: [(&str, &str); 16] = [
        ("plot", "A plot"),
        ("genre", "Drama"),
        ("year", "2020"),
        ("release-date", "2020-02-29"),
        ("rating", "7.5"),
        ("duration-seconds", "5525"),
        ("cast", "A, B"),
        ("director", "C"),
        ("country", "AT"),
        ("age", "12"),
        ("tmdb-id", "603"),
        ("trailer", "abc"),
        ("backdrop", "http://p.example/a.jpg"),
        ("backdrop", "http://p.example/b.jpg"),
        ("added", "1700000000"),
        ("adult", "true"),
    ];
    let mut full = programme(101, NOW - 900, "Now");
    full.sub_title = "S".into();
    full.description = "D".into();
    full.attrs = attrs(&[("lang", "de"), ("category", "News"), ("icon", "http://p.example/i.png")]);
    let line = Line::new("anna")
        .info(|info| {
            info.expires = Some(NOW + 86_400);
            info.max_connections = 3;
            info.attrs = attrs(&[("trial", "true")]);
        })
        .channel_with(101, "One \"HD\" 😀", "News", |channel| {
            channel.epg_id = "one.example".into();
            channel.logo = "http://p.example/1.png".into();
            channel.attrs = attrs(&[("added", "1700000000"), ("adult", "true")]);
        })
        .channel(102, "Two", "")
        .channel_with(103, "Ünder", "News", |channel| channel.attrs = attrs(&[("radio", "true"), ("added", "new")]))
        .movie(201, "Film", "Films", |movie| movie.attrs.extend(attrs(&ALL)))
        .movie(202, "Sparse", "", |movie| movie.attrs = attrs(&[("rating", "NaN"), ("year", "MMXX")]))
        .series(301, "Show", "Shows", |series| series.attrs = attrs(&ALL))
        .series(302, "Sparse", "", |_| {})
        .episode(301, 402, (1, 2), "Second", |_| {})
        .episode(301, 401, (1, 1), "First", |episode| episode.attrs = attrs(&ALL))
        .programme(full)
        .programme(programme(102, NOW + 1800, "Two next"));
    [(NOW + 900, "Next"), (NOW + 2700, "Later"), (NOW - 86_400, "Past")]
        .into_iter()
        .fold(line, |line, (start, title)| line.programme(programme(101, start, title)))
}

/// The request that the host would make of this path below `/app/v1/`, with anna's token.
fn request(path: &str, query: &[(&str, &str)]) -> Request {
    let parts: Vec<_> = path.split('/').collect();
    let fits = |pattern: &str| {
        let pattern: Vec<_> = pattern.split('/').collect();
        pattern.len() == parts.len()
            && pattern.iter().zip(&parts).all(|(wanted, part)| wanted == part || *wanted == "{id}")
    };
    let (route, _) = ROUTES.into_iter().find(|(_, pattern)| fits(pattern)).unwrap_or_else(|| panic!("no route {path}"));
    let mut request = Request::test(route, &format!("/app/v1/{path}"), query);
    request.headers.push(("authorization".into(), "Bearer TOKEN-anna".into()));
    if parts.len() > 1 {
        request.params.push(("id".into(), parts[1].into()));
    }
    request
}

fn install(line: Line) -> Installed {
    Host::new().now(NOW).line("anna", "secret", line).install()
}

fn reply(request: &Request) -> Reply {
    install(line()).handle::<Api>(request, None).unwrap()
}

fn body(reply: &Reply) -> Value {
    serde_json::from_str(&reply.text()).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

fn get(path: &str, query: &[(&str, &str)]) -> Value {
    let reply = reply(&request(path, query));
    assert_eq!((reply.status, reply.header("content-type")), (Some(200), Some("application/json")), "{}", reply.text());
    body(&reply)
}

/// Status, code and field of a problem, which is one as the description says.
fn problem(request: &Request) -> (u16, String, Option<String>) {
    let reply = reply(request);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", reply.text());
    let body = body(&reply);
    description::check(&body, "Problem");
    assert_eq!(body["status"].as_u64(), reply.status.map(u64::from));
    let text = |key: &str| body[key].as_str().map(str::to_owned);
    (reply.status.unwrap(), text("code").unwrap(), text("field"))
}

fn ids(page: &Value, name: &str) -> Vec<u64> {
    page[name].as_array().unwrap().iter().map(|record| record["id"].as_u64().unwrap()).collect()
}

#[test]
fn the_line() {
    let expected = json!({
        "username": "anna", "expires": "2026-01-02T00:00:00Z", "max_connections": 3, "active_connections": 0,
        "created": "1970-01-01T00:00:00Z", "trial": true,
    });
    assert_eq!(get("line", &[]), expected);
}

#[test]
fn the_token_comes_in_a_header_field_or_the_query() {
    let with = |authorization: Option<&str>, query: &[(&str, &str)]| {
        let mut request = request("line", query);
        request.headers = authorization.map(|value| ("authorization".into(), value.into())).into_iter().collect();
        request
    };
    for request in [
        with(Some("Bearer TOKEN-anna"), &[]),
        with(Some("bearer  TOKEN-anna "), &[]),
        with(None, &[("token", "TOKEN-anna")]),
        with(Some("Basic YTpi"), &[("token", ""), ("token", "TOKEN-anna")]),
        with(Some("Bearer TOKEN-anna"), &[("token", "wrong")]),
    ] {
        assert_eq!(reply(&request).status, Some(200), "{request:?}");
    }
    for (request, code) in [
        (with(None, &[]), "token_missing"),
        (with(Some("Bearer "), &[]), "token_missing"),
        (with(Some("Basic TOKEN-anna"), &[]), "token_missing"),
        (with(Some("TOKEN-anna"), &[]), "token_missing"),
        (with(None, &[("token", "<script>'; DROP")]), "token_invalid"),
        (with(Some("Bearer TOKEN-otto"), &[("token", "TOKEN-anna")]), "token_invalid"),
    ] {
        assert_eq!(problem(&request), (401, code.to_owned(), None));
        let reply = reply(&request);
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer realm="));
        assert!(!reply.text().contains("otto") && !reply.text().contains("script"));
    }
}

#[test]
fn a_line_that_may_not_watch_learns_why() {
    for (code, status, expected) in [
        ("expired", 403, "expired"),
        ("disabled", 403, "disabled"),
        ("banned", 403, "banned"),
        ("denied", 403, "denied"),
        ("something new", 403, "denied"),
        ("throttled", 429, "throttled"),
    ] {
        for (_, path) in ROUTES.into_iter().filter(|(id, _)| *id != "openapi") {
            let request = request(&path.replace("{id}", "101"), &[]);
            let reply = install(line().refused(code)).handle::<Api>(&request, None).unwrap();
            assert_eq!((reply.status, &body(&reply)["code"]), (Some(status), &json!(expected)), "{path}");
        }
    }
}

#[test]
fn categories_of_one_content_or_all() {
    let names = |query: &[(&str, &str)]| -> Vec<_> {
        let found = get("categories", query);
        found["categories"].as_array().unwrap().iter().map(|one| (one["id"].clone(), one["content"].clone())).collect()
    };
    assert_eq!(names(&[]).len(), 6);
    assert_eq!(names(&[("content", "movie")]), [(json!(3), json!("movie")), (json!(4), json!("movie"))]);
    assert_eq!(problem(&request("categories", &[("content", "radio")])).2.as_deref(), Some("content"));
}

#[test]
fn pages_follow_each_other() {
    for (limit, pages) in
        [("1", &[&[101][..], &[102], &[103]][..]), ("2", &[&[101, 102], &[103]]), ("3", &[&[101, 102, 103]])]
    {
        let mut after = None;
        for (place, expected) in pages.iter().enumerate() {
            let mut query = vec![("limit", limit.to_owned())];
            query.extend(after.map(|after: u64| ("after", after.to_string())));
            let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let page = get("channels", &query);
            assert_eq!(ids(&page, "channels"), *expected);
            after = page["next"].as_u64();
            assert_eq!(after.is_some(), place + 1 < pages.len(), "{limit} {place}");
        }
    }
}

#[test]
fn lists_are_filtered_by_category_and_name() {
    for (path, query, expected) in [
        ("channels", &[("category", "1")][..], &[101, 103][..]),
        ("channels", &[("category", "1"), ("limit", "1"), ("after", "101")], &[103]),
        ("channels", &[("category", "99")], &[]),
        ("channels", &[("q", "ÜND")], &[103]),
        ("channels", &[("q", "\"hd\"")], &[101]),
        ("channels", &[("q", "o"), ("after", "101")], &[102]),
        ("channels", &[("q", "'; DROP")], &[]),
        ("movies", &[("q", "film")], &[201]),
        ("series", &[("category", "6")], &[302]),
    ] {
        assert_eq!(ids(&get(path, query), path), expected, "{path} {query:?}");
    }
    // A page that is full to the last record is the last one.
    assert_eq!(get("channels", &[("category", "1"), ("limit", "2")])["next"], Value::Null);
    for query in [&[("after", "999")][..], &[("after", "102"), ("category", "1")]] {
        assert_eq!(problem(&request("channels", query)).2.as_deref(), Some("after"), "{query:?}");
    }
}

#[test]
fn playback_is_a_url() {
    for (path, query, expected) in [
        (
            "channels/101/playback",
            &[][..],
            json!({ "url": "http://tv.example:8080/live/anna/PASSWORD/101.m3u8", "format": "hls" }),
        ),
        (
            "channels/101/playback",
            &[("format", "mpegts")],
            json!({ "url": "http://tv.example:8080/live/anna/PASSWORD/101.ts", "format": "mpegts" }),
        ),
        (
            "movies/201/playback",
            &[],
            json!({ "url": "http://tv.example:8080/movie/anna/PASSWORD/201.mp4", "format": "file" }),
        ),
        (
            "episodes/401/playback",
            &[],
            json!({ "url": "http://tv.example:8080/series/anna/PASSWORD/401.mp4", "format": "file" }),
        ),
    ] {
        assert_eq!(get(path, query), expected);
    }
    assert_eq!(problem(&request("channels/101/playback", &[("format", "rtmp")])).2.as_deref(), Some("format"));
}

#[test]
fn what_is_not_there_is_404_and_what_is_no_id_400() {
    for (_, path) in ROUTES.into_iter().filter(|(_, path)| path.contains("{id}")) {
        for (id, status) in
            [("999", 404), ("0", 404), ("x", 400), ("-1", 400), ("4294967296", 400), ("1%2C2", 400), ("😀", 400)]
        {
            let found = problem(&request(&path.replace("{id}", id), &[]));
            assert_eq!((found.0, found.2.as_deref()), (status, Some("id")), "{path} {id}");
        }
    }
    // Each kind has its own.
    for path in [
        "channels/201",
        "movies/101",
        "series/201",
        "episodes/201/playback",
        "movies/401/playback",
        "series/101/episodes",
    ] {
        assert_eq!(problem(&request(path, &[])).0, 404, "{path}");
    }
}

fn titles(found: &Value) -> Vec<String> {
    found["programmes"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_guide_of_a_channel() {
    let guide = |query: &[(&str, &str)]| titles(&get("channels/101/guide", query));
    assert_eq!(guide(&[]), ["Now", "Next", "Later"]);
    assert_eq!(guide(&[("to", "2026-01-01T00:20:00Z")]), ["Now", "Next"]);
    assert_eq!(guide(&[("from", "2025-12-31T01:00:00+01:00")]), ["Past", "Now"]);
    assert_eq!(problem(&request("channels/101/guide", &[("from", "yesterday")])).2.as_deref(), Some("from"));
}

#[test]
fn now_and_next() {
    let on = |query: &[(&str, &str)]| -> Vec<_> {
        let found = get("now", query);
        let title = |one: &Value, key: &str| one[key]["title"].as_str().unwrap_or("-").to_owned();
        let channels = found["channels"].as_array().unwrap();
        channels
            .iter()
            .map(|one| (one["channel_id"].as_u64().unwrap(), title(one, "now"), title(one, "next")))
            .collect()
    };
    let own = |id, now: &str, next: &str| (id, now.to_owned(), next.to_owned());
    let (one, two) = (own(101, "Now", "Next"), own(102, "-", "Two next"));
    assert_eq!(on(&[]), [one.clone(), two.clone()]);
    assert_eq!(on(&[("channels", "102, 999,101,103")]), [two, one, own(103, "-", "-")]);
    assert_eq!(problem(&request("now", &[("channels", "all")])).2.as_deref(), Some("channels"));
}

#[test]
fn a_long_list_crosses_in_pieces() {
    let line = (1..=5_000).fold(Line::new("anna"), |line, id| line.channel(id, "A channel", "News"));
    let reply = install(line).handle::<Api>(&request("channels", &[("limit", "5000")]), None).unwrap();
    assert_eq!(ids(&body(&reply), "channels").len(), 5_000);
    let (_, full) = reply.writes.split_last().unwrap();
    assert!(full.len() > 5 && full.iter().all(|piece| (65_536..70_000).contains(&piece.len())));
}

#[test]
fn only_the_description_is_cached() {
    for route in Api.routes() {
        assert_eq!((route.line.as_str(), route.method.as_str()), ("public", "GET"));
        // A token in a header field does not count for the cache: what depends on the line must not be in it.
        assert_eq!(route.depends.is_empty(), route.id != "openapi", "{}", route.id);
    }
    let mut open = request("openapi.json", &[]);
    open.headers.clear();
    assert_eq!(get("openapi.json", &[])["openapi"], "3.1.0");
    assert_eq!(reply(&open).status, Some(200));
}

#[test]
fn a_route_that_is_unknown_is_an_error_of_the_host() {
    let mut request = request("line", &[]);
    request.route = "other".into();
    assert_eq!(install(line()).handle::<Api>(&request, None).unwrap_err().code, Code::Internal);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_an_answer(text in "(?s).{1,20}|[\"\\\\\n\t😀<>';$()]{1,8}", other: String) {
        let all = |list: &mut Vec<(String, String)>| {
            for key in ["plot", "rating", "year", "release-date", "duration-seconds", "container", "backdrop", "added", "lang"] {
                list.insert(0, (key.to_owned(), other.clone()));
            }
        };
        let mut on = programme(1, NOW, &text);
        all(&mut on.attrs);
        let line = Line::new("anna")
            .channel_with(1, &text, &other, |channel| channel.logo.clone_from(&other))
            .movie(2, &text, &other, |movie| all(&mut movie.attrs))
            .series(3, &text, &other, |series| all(&mut series.attrs))
            .episode(3, 4, (1, 1), &text, |episode| all(&mut episode.attrs))
            .programme(on);
        let host = install(line);
        for (path, schema, list) in [
            ("channels", "Channels", "channels"),
            ("movies", "Movies", "movies"),
            ("series", "SeriesPage", "series"),
            ("series/3/episodes", "Episodes", "episodes"),
            ("channels/1/guide", "Guide", "programmes"),
            ("now", "Now", "channels"),
        ] {
            let found = body(&host.handle::<Api>(&request(path, &[]), None).unwrap());
            description::check(&found, schema);
            let record = &found[list][0];
            let name = record.get("name").or(record.get("title")).unwrap_or(&record["now"]["title"]);
            prop_assert_eq!(name, &json!(text), "{}", path);
        }
    }
}
