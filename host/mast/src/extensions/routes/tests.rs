use proptest::prelude::*;

use super::*;

fn route(method: &str, path: &str) -> Route {
    Route {
        id: path.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        line: "public".to_owned(),
        refused: "host".to_owned(),
        depends: Vec::new(),
        attrs: Vec::new(),
    }
}

fn instance(name: &str) -> InstanceId {
    InstanceId::new(name).unwrap()
}

fn table(routes: &[Route]) -> RouteTable<()> {
    let (table, problems) = RouteTable::build([(&instance("a"), routes, ())]);
    assert_eq!(problems, []);
    table
}

#[test]
fn the_most_specific_route_answers() {
    let routes = [
        "/get.php",
        "/playlist/{token}.m3u8",
        "/playlist/{token}.xspf.m3u8",
        "/playlist/{token}",
        "/playlist/all",
        "/c/",
        "/files/{*path}",
        "/{user}/x",
    ]
    .map(|path| route("GET", path));
    let table = table(&routes);
    for (path, expected) in [
        ("/get.php", "/get.php "),
        ("/get%2Ephp", "/get.php "),
        ("/playlist/abc.m3u8", "/playlist/{token}.m3u8 token=abc"),
        ("/playlist/abc.xspf.m3u8", "/playlist/{token}.xspf.m3u8 token=abc"),
        ("/playlist/abc.ts", "/playlist/{token} token=abc.ts"),
        ("/playlist/all", "/playlist/all "),
        ("/playlist/.m3u8", "/playlist/{token} token=.m3u8"),
        ("/playlist/a%2Fb%20c.m3u8", "/playlist/{token}.m3u8 token=a/b c"),
        ("/c/", "/c/ "),
        ("/files/a/b%20c/d", "/files/{*path} path=a/b c/d"),
        ("/me/x", "/{user}/x user=me"),
        // The host's own, whatever a parameter would match.
        ("/live/x", "none"),
        ("/liv%65/x", "none"),
        ("/", "none"),
        ("/c", "none"),
        ("/files/", "none"),
        ("/playlist/abc/def", "none"),
        ("/playlist/%FF", "none"),
        ("get.php", "none"),
        ("", "none"),
    ] {
        let found = table.find("GET", path, "").map_or_else(
            || "none".to_owned(),
            |found| {
                let params: Vec<String> = found.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {}", found.route.id, params.join(","))
            },
        );
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn methods() {
    let table = table(&[route("GET", "/a"), route("POST", "/a"), route("POST", "/b")]);
    let found = |method, path| table.find(method, path, "").map(|found| found.route.method.clone());
    assert_eq!(found("GET", "/a").as_deref(), Some("GET"));
    assert_eq!(found("HEAD", "/a").as_deref(), Some("GET"));
    assert_eq!(found("POST", "/a").as_deref(), Some("POST"));
    assert_eq!(found("GET", "/b"), None);
    assert_eq!(found("HEAD", "/b"), None);
}

#[test]
fn the_first_to_claim_has_it() {
    let first = [route("GET", "/x/{a}.m3u8"), route("GET", "/x/{a}")];
    let second = [route("HEAD", "/x/{b}.m3u8"), route("POST", "/x/{b}"), route("GET", "/y")];
    let (a, b) = (instance("a"), instance("b"));
    let (table, problems) = RouteTable::build([(&a, first.as_slice(), 1), (&b, second.as_slice(), 2)]);
    assert_eq!(
        problems,
        [RouteProblem {
            instance: b,
            problem: "route \"/x/{b}.m3u8\" (HEAD /x/{b}.m3u8) is refused: a has claimed it already".to_owned()
        }]
    );
    let target = |method, path| *table.find(method, path, "").unwrap().target;
    assert_eq!([target("GET", "/x/1.m3u8"), target("POST", "/x/1"), target("GET", "/y")], [1, 2, 2]);
}

#[test]
fn what_cannot_be_claimed() {
    let with_line = |path: &str, line: &str| Route { line: line.to_owned(), ..route("GET", path) };
    for (route, expected) in [
        (route("GET", "/live/{id}"), "/live belongs to the host"),
        (route("GET", "/api"), "/api belongs to the host"),
        (route("GET", "get.php"), "the path does not start with a slash"),
        (route("GET", "/a//b"), "the path has an empty segment"),
        (route("GET", "/{*rest}/b"), "{*rest} may only stand at the end"),
        (route("GET", "/{a}/{a}"), "{a} stands there twice"),
        (route("GET", "/x{a}"), "\"x{a}\" is neither a literal nor a {name}"),
        (route("GET", "/.."), "\"..\" is neither a literal nor a {name}"),
        (route("GET", "/{A}"), "\"{A}\" is not {name}, {name}.suffix or {*name}"),
        (route("GET", "/{a"), "\"{a\" is not {name}, {name}.suffix or {*name}"),
        (route("G T", "/a"), "the method is not a word"),
        (route("OPTIONS", "/a"), "the host answers OPTIONS itself"),
        (
            with_line("/a", "cookie"),
            "unknown line code \"cookie\", known are query-credentials, path-credentials, query-token, path-token, public",
        ),
        (with_line("/{username}", "path-credentials"), "line code \"path-credentials\" needs {password} in the path"),
        (with_line("/a", "path-token"), "line code \"path-token\" needs {token} in the path"),
    ] {
        let id = instance("a");
        let (table, problems) = RouteTable::build([(&id, std::slice::from_ref(&route), ())]);
        assert!(table.claims.is_empty(), "{}", route.path);
        assert!(problems[0].problem.ends_with(&format!("is refused: {expected}")), "{}", problems[0].problem);
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(path in ".{0,80}", pattern in ".{0,80}") {
        let route = route("GET", &pattern);
        let (table, _) = RouteTable::build([(&instance("a"), std::slice::from_ref(&route), ())]);
        table.find("GET", &path, "");
    }

    #[test]
    fn a_suffix_is_taken_off(token in "[a-zA-Z0-9._ äö/%-]{1,40}") {
        let table = table(&[route("GET", "/p/{token}.m3u8")]);
        let encoded = percent_encoding::utf8_percent_encode(&token, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("/p/{encoded}.m3u8");
        let found = table.find("GET", &path, "").unwrap();
        prop_assert_eq!(&found.params, &vec![("token".to_owned(), token)]);
    }
}
