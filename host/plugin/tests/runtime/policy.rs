//! Policies: key fields, decisions, warm instances.

use mast_plugin::records::{AuthRequest, Decision, KeyField};
use mast_plugin::{CallFailure, Kind};

use crate::fakes::{load, policy, runtime, spec};
use crate::guest::{Guest, RESULT};

const ALLOW: Decision = Decision::Allow { max_connections: None, expires: None, cache_seconds: 0, attrs: Vec::new() };

#[test]
fn an_empty_policy_allows() {
    let policy = policy(load(&runtime(), &Guest::new(Kind::Auth).build(), spec(Kind::Auth)));
    assert_eq!(policy.key_fields(), []);
    assert_eq!(policy.decide(&AuthRequest::default()).unwrap(), ALLOW);
}

#[test]
fn a_policy_sees_the_request_and_denies() {
    let mut guest = Guest::new(Kind::Auth);
    let field = guest.text("ip");
    let message = guest.text("Not from here.");
    // Denies with the request's own address as code.
    let decide = format!(
        "(i32.store8 (i32.const {RESULT}) (i32.const 0))
         (i32.store8 (i32.const {}) (i32.const 1))
         (i32.store (i32.const {}) (local.get $ip)) (i32.store (i32.const {}) (local.get $ip_len))
         (call $store_pair (i32.const {}) {message})
         (i32.store (i32.const {}) (i32.const 999999))
         (i32.const {RESULT})",
        RESULT + 8,
        RESULT + 16,
        RESULT + 20,
        RESULT + 24,
        RESULT + 32,
    );
    let list = 3_000;
    let key_fields = format!(
        "(call $store_pair (i32.const {list}) {field})
         (call $store_pair (i32.const {RESULT}) (i32.const {list}) (i32.const 1)) (i32.const {RESULT})"
    );
    let wasm = guest.more(STORE_PAIR).body("#decide", decide).body("#key-fields", key_fields).build();
    let policy = policy(load(&runtime(), &wasm, spec(Kind::Auth)));
    assert_eq!(policy.key_fields(), [KeyField::Ip]);
    let request = AuthRequest { username: "anna".to_owned(), ip: "192.0.2.7".to_owned(), ..AuthRequest::default() };
    let denied = Decision::Deny {
        code: "192.0.2.7".to_owned(),
        message: "Not from here.".to_owned(),
        // Cut down to the longest that the contract allows.
        cache_seconds: 3_600,
    };
    for _ in 0..1_000 {
        assert_eq!(policy.decide(&request).unwrap(), denied);
    }
}

pub const STORE_PAIR: &str = "(func $store_pair (param $at i32) (param $a i32) (param $b i32)
    (i32.store (local.get $at) (local.get $a)) (i32.store offset=4 (local.get $at) (local.get $b)))";

#[test]
fn an_unknown_key_field_is_named() {
    let mut guest = Guest::new(Kind::Auth);
    let field = guest.text("colour");
    let key_fields = format!(
        "(call $store_pair (i32.const 3000) {field})
         (call $store_pair (i32.const {RESULT}) (i32.const 3000) (i32.const 1)) (i32.const {RESULT})"
    );
    let wasm = guest.more(STORE_PAIR).body("#key-fields", key_fields).build();
    let error = load(&runtime(), &wasm, spec(Kind::Auth)).err().unwrap().to_string();
    assert_eq!(
        error,
        "provider (test-auth 1.2.3): policy.key-fields: \"colour\" is not a field of a request; there are username, bouquets, \
         action, channel, ip, user-agent, device, attrs"
    );
}

#[test]
fn a_warm_instance_is_used_again_and_a_trapped_one_never() {
    // Traps at every third call of one instance; counts in the instance.
    let guest = Guest::new(Kind::Auth).more("(global $calls (mut i32) (i32.const 0))").body(
        "#decide",
        "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (if (i32.eq (global.get $calls) (i32.const 3)) (then unreachable)) (i32.const 1024)",
    );
    let policy = policy(load(&runtime(), &guest.build(), spec(Kind::Auth)));
    let outcomes: Vec<bool> = (0..9).map(|_| policy.decide(&AuthRequest::default()).is_ok()).collect();
    assert_eq!(outcomes, [true, true, false, true, true, false, true, true, false]);
}

#[test]
fn a_plugins_own_error_is_no_poison() {
    let mut guest = Guest::new(Kind::Auth);
    let code = guest.text("unavailable");
    let message = guest.text("no\nway");
    let decide = format!(
        "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (if (i32.eq (global.get $calls) (i32.const 3)) (then unreachable))
         (i32.store8 (i32.const {RESULT}) (i32.const 1))
         (call $store_pair (i32.const {}) {code}) (call $store_pair (i32.const {}) {message})
         (i32.store8 (i32.const {}) (i32.const 1)) (i32.store (i32.const {}) (i32.const 7)) (i32.const {RESULT})",
        RESULT + 8,
        RESULT + 16,
        RESULT + 24,
        RESULT + 28,
    );
    let guest = guest.more(STORE_PAIR).more("(global $calls (mut i32) (i32.const 0))").body("#decide", decide);
    let policy = policy(load(&runtime(), &guest.build(), spec(Kind::Auth)));
    for _ in 0..2 {
        let error = policy.decide(&AuthRequest::default()).unwrap_err();
        assert!(matches!(error.failure, CallFailure::Plugin { retry_after: Some(7), .. }), "{error}");
        assert_eq!(error.to_string(), "provider (test-auth 1.2.3): policy.decide: no way (unavailable)");
    }
    // The same instance: its third call is the one that traps.
    assert!(matches!(policy.decide(&AuthRequest::default()).unwrap_err().failure, CallFailure::Trap(_)));
}

#[test]
fn many_threads_decide_at_once() {
    let policy = policy(load(&runtime(), &Guest::new(Kind::Auth).build(), spec(Kind::Auth)));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..500).for_each(|_| assert_eq!(policy.decide(&AuthRequest::default()).unwrap(), ALLOW)));
        }
    });
}
