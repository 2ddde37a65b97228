//! Operators who log in through an identity provider: a real one, and one that lies.

mod impostor;

use std::collections::BTreeMap;

use mast_tests::clients::IdentityProvider;
use mast_tests::{TestHost, client, eventually};
use serde_json::{Value, json};

use super::{Office, Said, cookie};
use impostor::{Impostor, Metadata, Signer};

const CALLBACK: &str = "/api/v1/login/oidc/callback";
const REDIRECT: &str = "https://tv.example/api/v1/login/oidc/callback";

/// A host with the owner "olga" that asks this provider.
fn open(issuer: &str, more: &str) -> Office {
    let secret = "[secrets]\nIDP = { env = \"IDP_SECRET\" }\n";
    let settings = format!("{secret}[oidc]\nissuer = \"{issuer}\"\nclient_id = \"mast\"\nname = \"Our login\"\n{more}");
    let mut host = TestHost::prepare(&settings, &[]);
    host.set_http("public_url = \"https://tv.example\"");
    // Commands of the test need it as much as the host does.
    let text = std::fs::read_to_string(host.folder().join("mast.toml")).unwrap();
    std::fs::write(host.folder().join("secret"), "a secret: with/signs?\n").unwrap();
    std::fs::write(host.folder().join("mast.toml"), text.replace("env = \"IDP_SECRET\"", "file = \"secret\"")).unwrap();
    host.run();
    let office = Office { host };
    office.operator("olga", "owner");
    office
}

fn connect(office: &Office, username: &str, id: &str) {
    let output = office.host.mast(&["operator", "oidc", "--username", username, "--id", id]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A login that was begun.
struct Begun {
    location: String,
    cookie: String,
}

impl Begun {
    /// A parameter of the authorization request.
    fn parameter(&self, name: &str) -> String {
        let query = self.location.split_once('?').unwrap().1;
        let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("{name} in {}", self.location)).1.to_owned()
    }
}

async fn begin(office: &Office) -> Begun {
    let said = office.ask("GET", "/api/v1/login/oidc").send().await;
    assert_eq!(said.status, 303, "{}", said.text);
    let field = said.header("set-cookie").unwrap();
    for word in ["HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600", "Path=/api"] {
        assert!(field.contains(word), "{field}");
    }
    Begun { location: said.header("location").unwrap().to_owned(), cookie: cookie(&said) }
}

async fn finish(office: &Office, query: &str, cookie: &str) -> Said {
    office.ask("GET", &format!("{CALLBACK}?{query}")).with("cookie", cookie).send().await
}

/// What a person does in a browser at the real provider: where that leads back to.
async fn at_the_provider(provider: &IdentityProvider, begun: &Begun, name: &str) -> String {
    let mut jar: BTreeMap<String, String> = BTreeMap::new();
    let (mut url, mut form): (String, Option<&str>) = (begun.location.clone(), None);
    let typed = format!("prompt=login&login={name}&password=x");
    for _ in 0..12 {
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let asked = match form {
            None => client().get(&url),
            Some(form) => {
                client().post(&url).header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())
            }
        };
        let answer = asked.header("cookie", cookies.join("; ")).send().await.unwrap();
        for field in answer.headers().get_all("set-cookie") {
            let (name, value) = field.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            jar.insert(name.to_owned(), value.to_owned());
        }
        if answer.status() == 303 {
            let next = answer.headers()["location"].to_str().unwrap().to_owned();
            if let Some(query) = next.strip_prefix(REDIRECT) {
                return query.trim_start_matches('?').to_owned();
            }
            url = if next.starts_with('/') { format!("{}{next}", provider.issuer) } else { next };
            form = None;
        } else {
            let page = answer.text().await.unwrap();
            assert!(url.contains("/interaction/"), "{url}: {page}");
            form = Some(if page.contains("value=\"consent\"") { "prompt=consent" } else { &typed });
        }
    }
    panic!("the provider leads nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_provider_says_who_somebody_is() {
    let provider = IdentityProvider::start(REDIRECT);
    let office = open(&provider.issuer, "client_secret = \"IDP\"\n");
    office.operator("ben", "support");
    let ways = office.ask("GET", "/api/v1/login").send().await;
    assert_eq!(ways.body["oidc"], json!({ "name": "Our login", "begin": "/api/v1/login/oidc" }), "{}", ways.text);
    let login = async |name: &str| {
        let begun = begin(&office).await;
        let query = at_the_provider(&provider, &begun, name).await;
        finish(&office, &query, &begun.cookie).await
    };

    // Nobody becomes an operator by logging in; and whether it is one who was switched off, or whose address nobody has verified, is not said.
    let unknown = login("olga").await;
    assert_eq!((unknown.status, unknown.code()), (403, "not_an_operator"), "{}", unknown.text);
    connect(&office, "olga", "Olga@TV.example");
    connect(&office, "ben", "ben@tv.example");
    office.operator("eva", "support");
    connect(&office, "eva", "eve@tv.example");
    assert!(office.host.mast(&["operator", "disable", "--username", "ben"]).status.success());
    for name in ["ben", "eve"] {
        let said = login(name).await;
        assert_eq!((said.status, &said.text), (403, &unknown.text), "{name}");
        assert!(said.header("set-cookie").is_none(), "{name}");
    }

    let said = login("olga").await;
    assert_eq!(said.status, 200, "{}", said.text);
    assert_eq!(
        (&said.body["username"], &said.body["role"], &said.body["via"]),
        (&json!("olga"), &json!("owner"), &json!("session"))
    );
    let session = cookie(&said);
    assert!(session.starts_with("mast_session=") && said.header("set-cookie").unwrap().contains("SameSite=Strict"));
    // A session like any other.
    let whoami = office.ask("GET", "/api/v1/whoami").with("cookie", &session).send().await;
    assert_eq!((whoami.status, &whoami.body["csrf_token"]), (200, &said.body["csrf_token"]), "{}", whoami.text);
    let add = || office.ask("POST", "/api/v1/lines").with("cookie", &session).json(&json!({ "username": "anna" }));
    assert_eq!(add().send().await.code(), "csrf");
    let added = add().with("x-csrf-token", said.body["csrf_token"].as_str().unwrap()).send().await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(office.login("olga", "password-olga").await.status, 200, "passwords go on");

    let log = office.ask("GET", "/api/v1/audit?action=session.refuse").with("cookie", &session).send().await;
    let entries = log.body["items"].as_array().unwrap();
    let noted: Vec<[&str; 3]> = entries
        .iter()
        .map(|entry| [&entry["name"], &entry["subject"], &entry["after"]["why"]].map(|text| text.as_str().unwrap()))
        .collect();
    assert_eq!(
        noted,
        [
            ["eve@tv.example", "operator/3", "email_not_verified"],
            ["ben@tv.example", "operator/2", "inactive"],
            ["olga@tv.example", "operator", "unknown"],
        ]
    );
    let begun = office.ask("GET", "/api/v1/audit?action=session.begin").with("cookie", &session).send().await;
    assert!(begun.text.contains("\"via\":\"oidc\"") && begun.text.contains("\"via\":\"login\""), "{}", begun.text);

    // Whom the provider does not let in any more is out.
    assert!(office.host.mast(&["operator", "oidc", "--username", "olga", "--remove"]).status.success());
    assert_eq!(office.ask("GET", "/api/v1/whoami").with("cookie", &session).send().await.status, 401);
    assert_eq!(login("olga").await.status, 403);
    let log = office.host.log();
    assert!(!log.contains("signs") && !log.contains("code="), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_one_operator() {
    let provider = Impostor::start(Metadata::Down).await;
    let office = open(&provider.issuer, "");
    office.operator("ben", "support");
    connect(&office, "olga", "olga@tv.example");
    let key = office.key("olga", &[]);
    let set = async |key: &str, id: Value| {
        office.ask("PATCH", "/api/v1/operators/2").key(key).json(&json!({ "oidc_id": id })).send().await
    };
    let said = set(&key, json!("OLGA@tv.example")).await;
    assert_eq!(
        (said.status, said.code(), &said.body["field"]),
        (409, "oidc_id_taken", &json!("oidc_id")),
        "{}",
        said.text
    );
    for wrong in [json!(""), json!(" a"), json!("a\nb"), json!("a".repeat(256)), json!(7)] {
        assert!(matches!(set(&key, wrong.clone()).await.status, 400 | 422), "{wrong}");
    }
    let said = set(&key, json!("ben@tv.example")).await;
    assert_eq!((said.status, &said.body["oidc_id"]), (200, &json!("ben@tv.example")), "{}", said.text);
    let said = set(&key, Value::Null).await;
    assert_eq!((said.status, &said.body["oidc_id"]), (200, &Value::Null), "{}", said.text);
    // Whoever may name owners' persons may become one.
    office.operator("ada", "admin");
    assert_eq!(set(&office.key("ada", &[]), json!("ada@tv.example")).await.status, 403);
}

/// What a good token says.
fn claims(provider: &Impostor, begun: &Begun) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    json!({
        "iss": provider.issuer, "aud": "mast", "sub": "7", "nonce": begun.parameter("nonce"), "iat": now, "exp": now + 300,
        "email": "olga@tv.example", "email_verified": true,
    })
}

/// A whole login with the token that `token` makes of good claims.
async fn login_with(office: &Office, provider: &Impostor, token: impl FnOnce(Value) -> String) -> Said {
    let begun = begin(office).await;
    let token = token(claims(provider, &begun));
    provider.set(|ways| ways.tokens = json!({ "id_token": token, "token_type": "Bearer" }));
    let query = format!(
        "code=c&state={}&redirect_uri=https://other.example/&after_login=//other.example",
        begun.parameter("state")
    );
    finish(office, &query, &begun.cookie).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_proves_nothing_lets_nobody_in() {
    let provider = Impostor::start(Metadata::Good).await;
    let office = open(&provider.issuer, "after_login = \"/panel/?from=login\"\n");
    connect(&office, "olga", "olga@tv.example");
    let (good, other) = (Signer::new("one"), Signer::new("one"));
    provider.set(|ways| ways.keys = vec![good.public()]);
    let past = |claims: &Value| json!(claims["exp"].as_u64().unwrap() - 600);
    let with = |name: &str, value: Value| {
        let name = name.to_owned();
        move |mut claims: Value| {
            claims[name.as_str()] = value.clone();
            claims
        }
    };
    type Change = Box<dyn Fn(Value) -> Value>;
    let changes: [(&str, Change); 7] = [
        ("(nonce)", Box::new(with("nonce", json!("another")))),
        ("(nonce)", Box::new(with("nonce", Value::Null))),
        ("(aud)", Box::new(with("aud", json!("another")))),
        ("(azp)", Box::new(with("aud", json!(["mast", "another"])))),
        ("(iss)", Box::new(with("iss", json!("https://id.example")))),
        ("(exp)", Box::new(move |claims| with("exp", past(&claims))(claims))),
        ("(azp)", Box::new(with("azp", json!("another")))),
    ];
    let mut refused = Vec::new();
    for (why, change) in changes {
        refused.push((why, login_with(&office, &provider, |claims| good.token(&change(claims))).await));
    }
    refused.push(("with none", login_with(&office, &provider, |claims| good.unsigned(&claims)).await));
    refused.push(("with HS256", login_with(&office, &provider, |claims| good.token_of_public_key(&claims)).await));
    refused.push(("signature is wrong", login_with(&office, &provider, |claims| other.token(&claims)).await));
    for (why, said) in refused {
        assert_eq!((said.status, said.code()), (401, "not_proved"), "{why}: {}", said.text);
        assert!(said.header("set-cookie").is_none() && !said.text.contains(why), "{why}: {}", said.text);
        office.host.wait_for_log(&["was not logged in", why]);
    }
    let unverified = |claims| good.token(&with("email_verified", json!(false))(claims));
    let said = login_with(&office, &provider, unverified).await;
    assert_eq!((said.status, said.code()), (403, "not_an_operator"), "{}", said.text);

    // And the good one, which leads where the configuration says and nowhere else.
    let said = login_with(&office, &provider, |claims| good.token(&claims)).await;
    assert_eq!((said.status, said.header("location")), (303, Some("/panel/?from=login")), "{}", said.text);
    let cookies: Vec<&str> =
        said.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
    assert!(cookies[0].starts_with("mast_session=") && cookies[1].starts_with("mast_login=;"), "{cookies:?}");
    let sent = provider.asked("/token").pop().unwrap();
    // A public client.
    assert!(sent.contains("client_id=mast") && sent.contains("code_verifier=") && !sent.contains("secret"), "{sent}");
    let location = begin(&office).await.location;
    assert!(location.starts_with(&format!("{}/authorize?tenant=1&response_type=code&", provider.issuer)), "{location}");
    assert!(
        location.contains("redirect_uri=https%3A%2F%2Ftv.example%2Fapi") && location.contains("S256"),
        "{location}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_its_browser_s_and_finished_once() {
    let provider = Impostor::start(Metadata::Good).await;
    let office = open(&provider.issuer, "");
    connect(&office, "olga", "olga@tv.example");
    let signer = Signer::new("one");
    provider.set(|ways| ways.keys = vec![signer.public()]);
    let (mine, theirs) = (begin(&office).await, begin(&office).await);
    provider.set(|ways| ways.tokens = json!({ "id_token": signer.token(&claims(&provider, &mine)) }));
    let query = format!("code=c&state={}", mine.parameter("state"));
    for (query, cookie) in [
        (query.as_str(), theirs.cookie.as_str()),
        (&query, ""),
        (&query, "mast_login="),
        ("code=c", &mine.cookie),
        ("code=c&state=", &mine.cookie),
        ("code=c&state=nonsense", &mine.cookie),
    ] {
        let said = finish(&office, query, cookie).await;
        assert_eq!((said.status, said.code()), (400, "login_not_begun"), "{query} {cookie}: {}", said.text);
    }
    assert!(provider.asked("/token").is_empty(), "nobody is asked before");
    assert_eq!(finish(&office, &query, &mine.cookie).await.status, 200);
    let again = finish(&office, &query, &mine.cookie).await;
    assert_eq!((again.status, again.code()), (400, "login_not_begun"), "{}", again.text);
    // What the provider says no to, and another provider's answer (mix-up).
    let denied =
        finish(&office, &format!("error=access_denied&state={}", theirs.parameter("state")), &theirs.cookie).await;
    assert_eq!((denied.status, denied.code()), (401, "login_declined"), "{}", denied.text);
    let mixed = begin(&office).await;
    let query = format!("code=c&iss=https%3A%2F%2Fid.example&state={}", mixed.parameter("state"));
    assert_eq!(finish(&office, &query, &mixed.cookie).await.code(), "not_proved");
    assert_eq!(provider.asked("/token").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_asked_for_again_but_not_for_ever() {
    let provider = Impostor::start(Metadata::Good).await;
    let office = open(&provider.issuer, "");
    connect(&office, "olga", "olga@tv.example");
    let (old, new, never) = (Signer::new("old"), Signer::new("new"), Signer::new("never"));
    provider.set(|ways| ways.keys = vec![old.public()]);
    assert_eq!(login_with(&office, &provider, |claims| old.token(&claims)).await.status, 200);
    assert_eq!(login_with(&office, &provider, |claims| old.token(&claims)).await.status, 200);
    assert_eq!((provider.asked("/keys").len(), provider.asked("/.well-known/openid-configuration").len()), (1, 1));
    provider.set(|ways| ways.keys = vec![json!({ "kty": "oct", "k": "AAAA", "kid": "new" }), new.public()]);
    assert_eq!(login_with(&office, &provider, |claims| new.token(&claims)).await.status, 200);
    assert_eq!(provider.asked("/keys").len(), 2);
    let said = login_with(&office, &provider, |claims| old.token(&claims)).await;
    assert_eq!(said.code(), "not_proved", "a key that was taken back: {}", said.text);
    for _ in 0..15 {
        assert_eq!(login_with(&office, &provider, |claims| never.token(&claims)).await.code(), "not_proved");
    }
    let asked = provider.asked("/keys").len();
    assert!((4..=8).contains(&asked), "{asked}");
    assert_eq!(login_with(&office, &provider, |claims| new.token(&claims)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_keeps_nobody_from_starting() {
    let provider = Impostor::start(Metadata::Down).await;
    let office = open(&provider.issuer, "");
    connect(&office, "olga", "olga@tv.example");
    let said = office.ask("GET", "/api/v1/login/oidc").send().await;
    assert_eq!((said.status, said.code()), (503, "identity_provider_away"), "{}", said.text);
    assert_eq!(office.login("olga", "password-olga").await.status, 200);
    // A flood of logins is not passed on.
    for _ in 0..20 {
        assert_eq!(office.ask("GET", "/api/v1/login/oidc").send().await.status, 503);
    }
    assert!(provider.asked("/.well-known/openid-configuration").len() <= 3);
    let signer = Signer::new("one");
    provider.set(|ways| (ways.metadata, ways.keys) = (Metadata::Good, vec![signer.public()]));
    eventually("it is asked again", async || {
        (office.ask("GET", "/api/v1/login/oidc").send().await.status == 303).then_some(())
    })
    .await;
    assert_eq!(login_with(&office, &provider, |claims| signer.token(&claims)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_s_metadata_is_not_trusted_blindly() {
    let inside = Impostor::start(Metadata::Good).await;
    let elsewhere = |name: &str| Metadata::Other(json!({ name: format!("{}/x", inside.issuer) }));
    for (metadata, why) in [
        (Metadata::Endless, "too large"),
        (Metadata::Slow, "did not answer within"),
        (Metadata::Nonsense, "cannot be read"),
        (Metadata::Redirect(format!("{}/.well-known/openid-configuration", inside.issuer)), "is not granted"),
        (Metadata::Other(json!({ "issuer": "https://id.example" })), "calls itself"),
        (elsewhere("token_endpoint"), "no usable token_endpoint"),
        (elsewhere("jwks_uri"), "no usable jwks_uri"),
        (
            Metadata::Other(json!({ "authorization_endpoint": "javascript:alert(1)" })),
            "no usable authorization_endpoint",
        ),
    ] {
        let provider = Impostor::start(metadata).await;
        let office = open(&provider.issuer, "");
        let said = office.ask("GET", "/api/v1/login/oidc").send().await;
        assert_eq!((said.status, said.code()), (503, "identity_provider_away"), "{why}: {}", said.text);
        assert!(said.header("location").is_none() && said.header("set-cookie").is_none(), "{why}");
        office.host.wait_for_log(&["was not logged in", why]);
    }
    assert!(inside.asked("/x").is_empty() && inside.asked("/.well-known/openid-configuration").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_throttled() {
    let provider = Impostor::start(Metadata::Good).await;
    let office = open(&provider.issuer, "[limits]\nfailed_logins_per_minute = 3\n");
    let signer = Signer::new("one");
    provider.set(|ways| ways.keys = vec![signer.public()]);
    let (before, query) = (begin(&office).await, "code=c&state=nonsense");
    // Other sites could send a browser here: that is held against nobody.
    for _ in 0..5 {
        assert_eq!(finish(&office, query, &before.cookie).await.status, 400);
    }
    for _ in 0..3 {
        assert_eq!(login_with(&office, &provider, |claims| signer.token(&claims)).await.status, 403);
    }
    let said = office.ask("GET", "/api/v1/login/oidc").send().await;
    assert_eq!((said.status, said.code()), (429, "throttled"), "{}", said.text);
    let said = finish(&office, &format!("code=c&state={}", before.parameter("state")), &before.cookie).await;
    assert_eq!(said.status, 429, "{}", said.text);
    assert_eq!(office.login("olga", "password-olga").await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_provider_there_is_none() {
    let office = Office::open("");
    let ways = office.ask("GET", "/api/v1/login").send().await;
    assert_eq!((ways.status, &ways.body), (200, &json!({ "password": true, "oidc": null })), "{}", ways.text);
    for path in ["/api/v1/login/oidc", CALLBACK] {
        let said = office.ask("GET", path).send().await;
        assert_eq!((said.status, said.code()), (404, "no_oidc"), "{}", said.text);
    }
}
