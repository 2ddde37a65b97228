//! Requests: conditional ones, bodies, refusals, deadlines, and that outputs and policies cannot make any.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mast_model::ByteSize;
use mast_plugin::records::{AuthRequest, Refreshed};
use mast_plugin::services::{ServiceError, Validator};
use mast_plugin::{CallFailure, InstanceSpec, Kind, Source};

use crate::fakes::{Answer, Collected, FakeHttp, policy, runtime, services, source, spec, wait};
use crate::guest::{Guest, RESULT};

const URL: &str = "http://tv.example/list.m3u";
const FETCH: &str = "(func $fetch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32))";

/// Fetches `URL` only if changed and reads the body to its end. Unchanged where the status is 304; an error is handed back.
fn fetching(kind: Kind, export: &'static str) -> Guest {
    let mut guest = Guest::new(kind)
        .manifest("[capabilities.http]\nreason = \"downloads\"\n")
        .import("mast:base/http-client@0.1.0", "fetch", FETCH)
        .import("mast:base/http-client@0.1.0", "[method]response.status", "(func $status (param i32) (result i32))")
        .import("mast:base/http-client@0.1.0", "[method]response.body", "(func $body (param i32 i32))")
        .import("mast:base/streams@0.1.0", "[method]byte-source.read", "(func $read (param i32 i32 i32))");
    let (method, url) = (guest.text("get"), guest.text(URL));
    let failed = if kind == Kind::Source {
        format!("(call $drop_out (local.get $out)) (return (i32.const {RESULT}))")
    } else {
        // The error of a decision lies four bytes further on; only its tag and its code are looked at.
        format!(
            "(memory.copy (i32.const 3008) (i32.const {}) (i32.const 24)) (i32.store8 (i32.const 3000) (i32.const 1)) (return (i32.const 3000))",
            RESULT + 4
        )
    };
    guest.body(
        export,
        format!(
            "(local $response i32) (local $source i32)
             (call $fetch {method} {url} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)
                 (i32.const 0) (i32.const 0) (i32.const {RESULT}))
             (if (i32.load8_u (i32.const {RESULT})) (then {failed}))
             (local.set $response (i32.load offset=4 (i32.const {RESULT})))
             (call $body (local.get $response) (i32.const {RESULT}))
             (local.set $source (i32.load offset=4 (i32.const {RESULT})))
             (loop $next
                 (call $read (local.get $source) (i32.const 4) (i32.const {RESULT}))
                 (if (i32.load8_u (i32.const {RESULT})) (then {failed}))
                 (br_if $next (i32.load offset=8 (i32.const {RESULT}))))
             (i32.store8 (i32.const 3004) (i32.eq (i32.const 304) (call $status (local.get $response))))
             (i32.const 3000)"
        ),
    )
}

fn set_up(change: impl FnOnce(&mut InstanceSpec)) -> (Source, Arc<FakeHttp>) {
    let http = Arc::new(FakeHttp::default());
    let mut services = services();
    services.http = http.clone();
    let mut spec = spec(Kind::Source);
    spec.grants.http.any_http = true;
    change(&mut spec);
    (source(runtime().load(&fetching(Kind::Source, "#refresh").build(), spec, services)), http)
}

fn answer(http: &FakeHttp, status: u16, headers: &[(&str, &str)], body: &[&'static str]) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let chunks = body.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
    http.answers.lock().unwrap().push_back(Answer::Response { status, headers, chunks });
}

fn refresh(source: &Source, validators: Vec<Validator>) -> Result<Refreshed, CallFailure> {
    wait(source.refresh(Box::new(Collected::default()), validators)).map_err(|error| error.failure)
}

#[test]
fn conditional_requests_carry_and_return_validators() {
    let (source, http) = set_up(|_| {});
    answer(
        &http,
        200,
        &[("etag", "\"v1\""), ("last-modified", "Sun, 23 Nov 2025 10:00:00 GMT")],
        &["#EXT", "M3U\n", ""],
    );
    answer(&http, 304, &[], &[]);
    answer(&http, 200, &[], &["changed"]);
    let first = refresh(&source, Vec::new()).unwrap();
    let known = Validator {
        resource: blake3::hash(URL.as_bytes()).to_hex().to_string(),
        etag: Some("\"v1\"".to_owned()),
        last_modified: Some("Sun, 23 Nov 2025 10:00:00 GMT".to_owned()),
    };
    assert_eq!((first.unchanged, first.validators), (false, vec![known.clone()]));
    let second = refresh(&source, vec![known.clone()]).unwrap();
    assert_eq!((second.unchanged, second.validators), (true, vec![known.clone()]));
    // No validators in the answer: nothing to be kept.
    let third = refresh(&source, vec![known]).unwrap();
    assert_eq!((third.unchanged, third.validators), (false, Vec::new()));

    let requests = http.requests.lock().unwrap();
    let headers: Vec<_> = requests.iter().map(|request| request.headers.as_slice()).collect();
    let conditional = [
        ("if-none-match".to_owned(), "\"v1\"".to_owned()),
        ("if-modified-since".to_owned(), "Sun, 23 Nov 2025 10:00:00 GMT".to_owned()),
    ];
    assert_eq!(headers, [&[][..], &conditional, &conditional]);
    assert!(requests.iter().all(|request| request.method == "GET" && request.url == URL));
}

#[test]
fn what_the_service_says_reaches_the_plugin() {
    let (source, http) = set_up(|_| {});
    let refused = ServiceError { code: "not-granted", message: "add https://tv.example to http".to_owned() };
    http.answers.lock().unwrap().push_back(Answer::Refused(refused));
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert_eq!(failure.to_string(), "add https://tv.example to http (not-granted)");
    let cut_off = ServiceError { code: "unavailable", message: "the connection was lost".to_owned() };
    let chunks = vec![Ok(Bytes::from_static(b"#EXTM3U")), Err(cut_off)];
    http.answers.lock().unwrap().push_back(Answer::Response { status: 200, headers: Vec::new(), chunks });
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert_eq!(failure.to_string(), "the connection was lost (unavailable)");
}

#[test]
fn bodies_are_capped() {
    let (source, http) = set_up(|spec| spec.limits.input = ByteSize(10));
    answer(&http, 200, &[], &["0123456789"]);
    answer(&http, 200, &[], &["0123456789", "a"]);
    assert!(refresh(&source, Vec::new()).is_ok());
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert!(matches!(&failure, CallFailure::Plugin { code, .. } if code == "limit"), "{failure}");
}

#[test]
fn waiting_for_an_answer_ends_at_the_deadline() {
    let (source, http) = set_up(|spec| spec.limits.call = Duration::from_millis(50));
    http.answers.lock().unwrap().push_back(Answer::Hangs);
    let failure = refresh(&source, Vec::new()).unwrap_err();
    // Either the request's own time ends first and the plugin hands back the error, or the call's does.
    let named = matches!(&failure, CallFailure::Plugin { code, .. } if code == "unavailable");
    assert!(named || matches!(failure, CallFailure::Deadline(_)), "{failure}");
}

#[test]
fn open_responses_are_limited() {
    let mut guest = Guest::new(Kind::Source).manifest("[capabilities.http]\nreason = \"downloads\"\n").import(
        "mast:base/http-client@0.1.0",
        "fetch",
        FETCH,
    );
    let (method, url) = (guest.text("GET"), guest.text(URL));
    // Never drops a response.
    let guest = guest.body(
        "#refresh",
        format!(
            "(loop $more
                 (call $fetch {method} {url} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                     (i32.const 0) (i32.const 0) (i32.const {RESULT}))
                 (br_if $more (i32.eqz (i32.load8_u (i32.const {RESULT})))))
             (i32.const {RESULT})"
        ),
    );
    let http = Arc::new(FakeHttp::default());
    (0..100).for_each(|_| answer(&http, 200, &[], &["x"]));
    let mut services = services();
    services.http = http.clone();
    let source = source(runtime().load(&guest.build(), spec(Kind::Source), services));
    let failure = refresh(&source, Vec::new()).unwrap_err();
    assert_eq!(failure.to_string(), "16 responses are open already; drop those that were read (limit)");
    assert_eq!(http.requests.lock().unwrap().len(), 16);
}

#[test]
fn policies_cannot_make_requests() {
    let http = Arc::new(FakeHttp::default());
    let mut services = services();
    services.http = http.clone();
    let wasm = fetching(Kind::Auth, "#decide").build();
    let policy = policy(runtime().load(&wasm, spec(Kind::Auth), services));
    let failure = policy.decide(&AuthRequest::default()).unwrap_err().failure;
    assert!(matches!(&failure, CallFailure::Plugin { code, .. } if code == "not-granted"), "{failure}");
    assert!(failure.to_string().contains("outputs and policies cannot make HTTP requests"), "{failure}");
    assert!(http.requests.lock().unwrap().is_empty());
}
