use serde_json::json;

use super::*;

fn config(claim: Claim) -> OidcConfig {
    OidcConfig {
        issuer: "https://id.example".to_owned(),
        issuer_url: "https://id.example".parse().unwrap(),
        client_id: "mast".to_owned(),
        client_secret: None,
        scopes: Vec::new(),
        name: "name".to_owned(),
        claim,
        ca: None,
        after_login: None,
        redirect_uri: "https://tv.example/api/v1/login/oidc/callback".to_owned(),
    }
}

#[test]
fn a_token_is_for_this_host_this_login_and_now() {
    let now = Timestamp::from_second(1_000_000).unwrap();
    let check = |name: &str, value: Value| {
        let mut claims = json!({
            "iss": "https://id.example", "aud": "mast", "sub": "7", "nonce": "n", "exp": 1_000_300, "iat": 1_000_000,
        });
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        let claims = claims.as_object().unwrap();
        check_claims(claims, &config(Claim::Sub), "n", now).map_err(|error| error.to_string())
    };
    for (name, value) in [
        ("more", json!(true)),
        ("aud", json!(["mast"])),
        ("azp", json!("mast")),
        ("exp", json!(999_941)),
        ("exp", json!(1_000_000.5)),
        ("nbf", json!(1_000_060)),
    ] {
        assert_eq!(check(name, value.clone()), Ok(()), "{name} {value}");
    }
    for (name, value, expected) in [
        ("iss", json!("https://id.example/"), "(iss)"),
        ("iss", json!(["https://id.example"]), "(iss)"),
        ("iss", Value::Null, "(iss)"),
        ("aud", json!("other"), "(aud)"),
        ("aud", json!([]), "(aud)"),
        ("aud", json!({ "mast": 1 }), "(aud)"),
        ("aud", Value::Null, "(aud)"),
        // Made for several, and nobody says for whom.
        ("aud", json!(["mast", "other"]), "(azp)"),
        ("azp", json!("other"), "(azp)"),
        ("azp", json!(1), "(azp)"),
        ("exp", json!(999_940), "(exp)"),
        ("exp", json!("1000300"), "(exp)"),
        ("exp", Value::Null, "(exp)"),
        ("nbf", json!(1_000_061), "(nbf)"),
        ("nbf", json!("now"), "(nbf)"),
        ("nonce", json!("m"), "(nonce)"),
        ("nonce", Value::Null, "(nonce)"),
        ("sub", json!(""), "(sub)"),
        ("sub", json!(7), "(sub)"),
    ] {
        let refused = check(name, value.clone()).unwrap_err();
        assert!(refused.contains(expected), "{name} {value}: {refused}");
    }
}

#[test]
fn a_person_is_named_by_the_claim_that_counts() {
    let check = |claim, claims: Value| {
        let person = named_by(claim, claims.as_object().unwrap())?;
        Some((person.name, person.certain))
    };
    let known = |name: &str, certain| Some((name.to_owned(), certain));
    let mail = |verified: Value| json!({ "sub": "7", "email": "a@tv.example", "email_verified": verified });
    assert_eq!(check(Claim::Email, mail(json!(true))), known("a@tv.example", true));
    assert_eq!(check(Claim::Email, mail(json!("true"))), known("a@tv.example", true));
    for unverified in [json!(false), json!(null), json!("false"), json!(1), json!("yes")] {
        assert_eq!(check(Claim::Email, mail(unverified)), known("a@tv.example", false));
    }
    assert_eq!(check(Claim::Email, json!({ "email": "a@tv.example" })), known("a@tv.example", false));
    assert_eq!(check(Claim::Email, json!({ "email_verified": true })), None);
    assert_eq!(check(Claim::Email, json!({ "email": " ", "email_verified": true })), None);
    assert_eq!(check(Claim::Email, json!({ "email": "a".repeat(256), "email_verified": true })), None);
    assert_eq!(check(Claim::Sub, mail(json!(false))), known("7", true));
    assert_eq!(check(Claim::PreferredUsername, json!({ "preferred_username": "olga" })), known("olga", true));
    assert_eq!(check(Claim::PreferredUsername, mail(json!(true))), None);
}
