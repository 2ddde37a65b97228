use super::*;

fn request(username: &str, password: &str) -> LineRequest {
    LineRequest::new(username, password)
}

fn with(terms: LineTerms) -> Result<LineRecord, InvalidLine> {
    LineRequest { terms, ..request("anna", "p") }.check()
}

#[test]
fn usernames_and_passwords() {
    let (long_name, long_password) = ("n".repeat(64), "p".repeat(128));
    for (username, password) in
        [("anna", "p"), ("ä@b.example", "with space?&#%"), (long_name.as_str(), long_password.as_str())]
    {
        assert!(request(username, password).check().is_ok(), "{username}");
    }
    for username in ["", " ", "a b", "a/b", "a\\b", "a\u{7f}", "a\u{a0}b", ".", "..", &"n".repeat(65)] {
        let error = request(username, "secret").check().unwrap_err();
        assert_eq!(error, InvalidLine::Username(username.to_owned()));
    }
    for password in ["", "a/b", "a\nb", "..", &"p".repeat(129)] {
        let error = request("anna", password).check().unwrap_err();
        assert_eq!(error, InvalidLine::Password);
    }
    let hashed =
        |hash: &str| LineRequest { password: None, password_hash: Some(Secret::new(hash)), ..request("a", "") };
    assert_eq!(hashed("hunter2").check().unwrap_err(), InvalidLine::PasswordHash);
    assert!(hashed(&format!("$2b$10${}", "a".repeat(53))).check().is_ok());
    let both = LineRequest { password_hash: Some(Secret::new("x")), ..request("a", "b") };
    assert_eq!(both.check().unwrap_err(), InvalidLine::TwoPasswords);
}

#[test]
fn terms_are_checked_and_brought_into_form() {
    for (count, fits) in [(0, false), (1, true), (10_000, true), (10_001, false)] {
        assert_eq!(with(LineTerms { max_connections: Some(count), ..LineTerms::default() }).is_ok(), fits, "{count}");
    }
    let list = |items: &[&str]| Some(items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
    let good = with(LineTerms {
        networks: list(&["192.0.2.7/24", "2001:db8::1"]),
        countries: list(&["at", "DE"]),
        macs: list(&["001A79123456"]),
        email: Some(Some("anna@mail.example".to_owned())),
        ..LineTerms::default()
    });
    let good = good.unwrap();
    assert_eq!(good.networks, ["192.0.2.0/24", "2001:db8::1/128"]);
    assert_eq!(
        (good.countries, good.macs),
        (vec!["AT".to_owned(), "DE".to_owned()], vec!["00:1a:79:12:34:56".to_owned()])
    );
    let bad = [
        LineTerms { networks: list(&["192.0.2"]), ..LineTerms::default() },
        LineTerms { countries: list(&["AUT"]), ..LineTerms::default() },
        LineTerms { outputs: list(&[""]), ..LineTerms::default() },
        LineTerms { devices: list(&["a,b"]), ..LineTerms::default() },
        LineTerms { profiles: Some(vec!["x".to_owned(); 65]), ..LineTerms::default() },
        LineTerms { notes: Some("n".repeat(4_001)), ..LineTerms::default() },
        LineTerms { email: Some(Some("anna".to_owned())), ..LineTerms::default() },
    ];
    for terms in bad {
        assert!(with(terms.clone()).is_err(), "{terms:?}");
    }
}

#[test]
fn null_is_not_absence() {
    let patch = |text: &str| serde_json::from_str::<LinePatch>(text).unwrap().terms.expires;
    assert_eq!(patch("{}"), None);
    assert_eq!(patch(r#"{"expires":null}"#), Some(None));
    assert!(patch(r#"{"expires":"2030-01-01T00:00:00Z"}"#).unwrap().is_some());
}

#[test]
fn a_word_that_is_not_known_is_refused() {
    assert!(serde_json::from_str::<LinePatch>(r#"{"max_conections":2}"#).is_err());
    assert!(serde_json::from_str::<LineRequest>(r#"{"username":"a","activ":true}"#).is_err());
}

#[test]
fn extending_starts_now_where_the_line_is_over() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (now, day) = (at("2030-01-10T00:00:00Z"), SignedDuration::from_hours(24));
    assert_eq!(extended(Some(at("2030-01-01T00:00:00Z")), day, now), Some(at("2030-01-11T00:00:00Z")));
    assert_eq!(extended(Some(at("2030-02-01T00:00:00Z")), day, now), Some(at("2030-02-02T00:00:00Z")));
    assert_eq!(extended(None, day, now), None);
    assert_eq!(extended(Some(now), SignedDuration::MAX, now), Some(Timestamp::MAX));
}

#[test]
fn mac_addresses() {
    for text in ["00:1A:79:12:34:56", "00-1a-79-12-34-56", "001a.7912.3456", " 001A79123456 "] {
        assert_eq!(normal_mac(text).as_deref(), Some("00:1a:79:12:34:56"), "{text}");
    }
    for text in ["", "00:1A:79", "00:1A:79:12:34:5G", "00:1A:79:12:34:56:78", "00 1A 79 12 34 56"] {
        assert_eq!(normal_mac(text), None, "{text}");
    }
}
