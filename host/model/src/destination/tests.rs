use super::*;

fn rules(allow: &[&str], private: &[&str]) -> DestinationRules {
    DestinationRules {
        allow: allow.iter().map(|d| d.parse().expect("a destination")).collect(),
        allow_private: private.iter().map(|n| n.parse().expect("a network")).collect(),
        any_http: false,
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

#[test]
fn destinations_that_parse() {
    for text in [
        "https://a.example",
        "https://a.example:443",
        "http://*.a.example:8080",
        "http://*",
        "http://[::1]:80",
        "udp://239.0.0.1:5000",
    ] {
        let parsed: Destination = text.parse().expect(text);
        assert_eq!(parsed.to_string(), text);
    }
    for text in [
        "",
        "a.example",
        "https://",
        "https://a.example/",
        "https://u:p@a.example",
        "https://a.*.example",
        "https://*a.example",
        "https://a:99999",
    ] {
        assert!(text.parse::<Destination>().is_err(), "{text}");
    }
}

#[test]
fn grants() {
    let check = |granted: &str, asked: &str| rules(&[granted], &[]).check_url(&url(asked)).is_ok();
    assert!(check("https://a.example", "https://a.example/x?y"));
    assert!(check("https://a.example", "https://A.EXAMPLE:443/"));
    assert!(check("https://a.example:443", "https://a.example/"));
    assert!(check("https://*.example", "https://a.b.example/"));
    assert!(!check("https://*.example", "https://example/"));
    assert!(!check("https://*.a.example", "https://xa.example/"));
    assert!(!check("https://a.example", "http://a.example/"));
    assert!(!check("https://a.example", "https://a.example:8443/"));
    assert!(!check("https://a.example", "https://a.example.evil/"));
    assert!(!check("https://a.example", "https://evil/?https://a.example"));
    assert!(!check("https://a.example", "https://a.example@evil/"));
    assert!(!check("file://x", "file:///etc/passwd"));
}

#[test]
fn a_refusal_names_what_to_add() {
    let refused = rules(&[], &[]).check_url(&url("http://tv.example/secret")).expect_err("nothing is granted");
    assert_eq!(refused.to_string(), "http://tv.example:80 is not granted");
}

#[test]
fn private_addresses_need_their_own_grant() {
    let open = rules(&["http://*"], &[]);
    for host in [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "192.168.0.1",
        "0.0.0.0",
        "100.64.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "[fe80::1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "2130706433",
        "0x7f.1",
    ] {
        let asked = url(&format!("http://{host}/"));
        assert!(matches!(open.check_url(&asked), Err(Refused::PrivateAddress(_))), "{host}");
    }
    assert!(open.check_url(&url("http://93.184.216.34/")).is_ok());
    let home = rules(&["http://*"], &["127.0.0.0/8"]);
    assert!(home.check_url(&url("http://127.0.0.1/")).is_ok());
    assert!(home.check_url(&url("http://[::ffff:127.0.0.1]/")).is_ok());
    assert!(home.check_url(&url("http://10.0.0.1/")).is_err());
}

#[test]
fn any_http_still_refuses_private_and_other_schemes() {
    let rules = DestinationRules { any_http: true, ..DestinationRules::default() };
    assert!(rules.check_url(&url("http://tv.example:9000/a")).is_ok());
    assert!(rules.check_url(&url("http://127.0.0.1/")).is_err());
    assert!(rules.check_url(&url("udp://tv.example:5000")).is_err());
}
