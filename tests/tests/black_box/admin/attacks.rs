//! What somebody gets who is not who they should be, or sends what they should not.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Office, cookie};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_needs_its_token_to_change_anything() {
    let office = Office::open("");
    let said = office.login("olga", "password-olga").await;
    assert_eq!(said.status, 200, "{}", said.text);
    let field = said.header("set-cookie").unwrap();
    assert!(field.contains("HttpOnly") && field.contains("SameSite=Strict") && field.contains("Path=/api"), "{field}");
    assert!(!field.contains("Secure"), "this connection is not");
    let (cookie, csrf) = (cookie(&said), said.body["csrf_token"].as_str().unwrap().to_owned());

    let whoami = office.ask("GET", "/api/v1/whoami").with("cookie", &cookie).send().await;
    assert_eq!((whoami.status, &whoami.body["csrf_token"]), (200, &json!(csrf)));
    let add = || office.ask("POST", "/api/v1/lines").with("cookie", &cookie).json(&json!({ "username": "anna" }));
    let forged = add().send().await;
    assert_eq!((forged.status, forged.code()), (403, "csrf"));
    let guessed = add().with("x-csrf-token", &"0".repeat(64)).send().await;
    assert_eq!((guessed.status, guessed.code()), (403, "csrf"));
    assert_eq!(add().with("x-csrf-token", &csrf).send().await.status, 201);
    // A form of another site can send this, and nothing of it is taken.
    let form = office.ask("POST", "/api/v1/login").with("content-type", "text/plain");
    let form = form.body(json!({ "username": "olga", "password": "password-olga" }).to_string()).send().await;
    assert_eq!(form.status, 415, "{}", form.text);
    // Scripts of other sites cannot read answers.
    assert_eq!(
        (whoami.header("access-control-allow-origin"), whoami.header("cache-control")),
        (None, Some("no-store"))
    );
    assert_eq!(
        (whoami.header("x-frame-options"), whoami.header("x-content-type-options")),
        (Some("DENY"), Some("nosniff"))
    );

    let end = office.ask("POST", "/api/v1/logout").with("cookie", &cookie).with("x-csrf-token", &csrf).send().await;
    assert_eq!(end.status, 204);
    assert_eq!(office.ask("GET", "/api/v1/whoami").with("cookie", &cookie).send().await.status, 401);
    // Changed in one place, a cookie is nobody's.
    let again = office.login("olga", "password-olga").await;
    let mut edited = super::cookie(&again).into_bytes();
    let last = edited.len() - 1;
    edited[last] = if edited[last] == b'A' { b'B' } else { b'A' };
    let edited = String::from_utf8(edited).unwrap();
    assert_eq!(office.ask("GET", "/api/v1/whoami").with("cookie", &edited).send().await.status, 401);
    // A cookie does not help a wrong key.
    let both =
        office.ask("GET", "/api/v1/whoami").with("cookie", &super::cookie(&again)).key("mast_wrong").send().await;
    assert_eq!(both.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_operators_and_wrong_passwords_look_the_same() {
    let office = Office::open("[limits]\nfailed_logins_per_minute = 1000");
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..4 {
        for (place, name) in ["olga", "nobody"].into_iter().enumerate() {
            let began = Instant::now();
            let said = office.login(name, "wrong-password").await;
            fastest[place] = fastest[place].min(began.elapsed());
            let expected = json!({
                "type": "urn:mast:problem:bad_credentials", "title": "Unauthorized", "status": 401,
                "detail": "wrong username, password or code", "code": "bad_credentials",
            });
            assert_eq!((said.status, said.body), (401, expected), "{name}");
        }
    }
    // A hash takes milliseconds; looking a name up takes none. The best of each, because the machine is busy.
    let (known, unknown) = (fastest[0], fastest[1]);
    assert!(unknown * 4 > known && known * 4 > unknown, "{known:?} and {unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_passwords_is_stopped() {
    let office = Office::open("[limits]\nfailed_logins_per_minute = 3");
    for _ in 0..3 {
        assert_eq!(office.login("olga", "wrong-password").await.status, 401);
    }
    let said = office.login("olga", "password-olga").await;
    assert_eq!((said.status, said.code()), (429, "throttled"), "{}", said.text);
    assert!(said.header("retry-after").is_some());
    // Who is in already stays in.
    let key = office.key("olga", &[]);
    assert_eq!(office.ask("GET", "/api/v1/whoami").key(&key).send().await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_is_on_the_machine() {
    let mut office = Office::open("");
    office.host.stop();
    let set =
        |password: &str| ["operator", "password", "--username", "olga", "--password", password].map(str::to_owned);
    let run = |office: &Office, arguments: &[String]| {
        office.host.mast(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).status.success()
    };
    assert!(run(&office, &set("while-it-is-off")), "without a server");
    office.host.run();
    let said = office.login("olga", "while-it-is-off").await;
    assert_eq!(said.status, 200, "{}", said.text);
    assert!(run(&office, &set("while-it-runs")), "with one");
    let session = office.ask("GET", "/api/v1/whoami").with("cookie", &cookie(&said)).send().await;
    assert_eq!(session.status, 401, "a new password ends sessions");
    assert_eq!(office.login("olga", "while-it-runs").await.status, 200);
    let last = office.host.mast(&["operator", "disable", "--username", "olga"]);
    assert!(!last.status.success(), "the last owner stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused_in_words() {
    let office = Office::open("");
    let key = office.key("olga", &[]);
    let long = "n".repeat(400_000);
    let requests = [
        ("POST", "/api/v1/lines", "{", 400),
        ("POST", "/api/v1/lines", "[]", 422),
        ("POST", "/api/v1/lines", r#"{"username":"a","role":"owner"}"#, 422),
        ("POST", "/api/v1/lines", r#"{"username":"a","max_connections":-1}"#, 422),
        ("POST", "/api/v1/lines", r#"{"username":"a","max_connections":99999999999}"#, 422),
        ("POST", "/api/v1/lines", long.as_str(), 413),
        ("POST", "/api/v1/lines/bulk/extend", r#"{"ids":[1],"days":-1}"#, 400),
        ("POST", "/api/v1/lines/bulk/extend", r#"{"ids":[1],"days":9223372036854775807}"#, 400),
        ("GET", "/api/v1/lines/18446744073709551616", "", 404),
        ("GET", "/api/v1/lines/..%2f..%2fetc", "", 404),
        ("GET", "/api/v1/lines?cursor=x", "", 400),
        ("GET", "/api/v1/lines?limit=x", "", 400),
        ("GET", "/api/v1/nothing", "", 404),
        ("GET", "/api", "", 404),
        ("DELETE", "/api/v1/status", "", 405),
    ];
    for (method, path, body, expected) in requests {
        let said = office.ask(method, path).key(&key).with("content-type", "application/json").body(body).send().await;
        let shown = format!("{method} {path} {:.60}: {} {}", body, said.status, said.text);
        assert_eq!(said.status, expected, "{shown}");
        assert_eq!(said.header("content-type"), Some("application/problem+json"), "{shown}");
        assert!(!said.text.contains("src/"), "{shown}");
    }
}
