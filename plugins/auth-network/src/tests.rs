use mast_sdk::Code;
use mast_sdk::auth::{Decision, Policy, Request};
use mast_sdk::mock::Host;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Network;

fn allowed(rules: &Value, username: &str, bouquets: &[&str], ip: &str) -> bool {
    let host = Host::new().config(json!({ "rule": rules })).install();
    match host.decide::<Network>(&Request::test(username, bouquets, ip)).unwrap() {
        Decision::Allow(allow) => {
            assert_eq!((allow.cache_seconds, allow.max_connections), (300, None));
            true
        }
        Decision::Deny(deny) => {
            assert_eq!((deny.cache_seconds, deny.code.as_str()), (300, "network"));
            false
        }
    }
}

fn problem(rules: Value) -> String {
    let _host = Host::new().config(json!({ "rule": rules })).install();
    let error = Network::load().err().unwrap();
    assert_eq!(error.code, Code::Config);
    error.message
}

#[test]
fn one_rule() {
    let rules = json!([{ "lines": ["anna"], "allow": ["192.0.2.0/24", "2001:db8::/32"], "deny": ["192.0.2.66"] }]);
    for (username, ip, expected) in [
        ("anna", "192.0.2.1", true),
        ("anna", "192.0.2.66", false),
        ("anna", "198.51.100.1", false),
        ("anna", "2001:db8::1", true),
        ("anna", "2001:db9::1", false),
        ("bert", "198.51.100.1", true),
    ] {
        assert_eq!(allowed(&rules, username, &[], ip), expected, "{username} from {ip}");
    }
}

#[test]
fn deny_wins_and_allow_lists_add_up_whatever_the_order() {
    let everyone = json!({ "deny": ["203.0.113.0/24"] });
    let sports = json!({ "bouquets": ["sports"], "allow": ["192.0.2.0/24"] });
    let anna = json!({ "lines": ["anna"], "allow": ["198.51.100.0/24", "203.0.113.0/24"] });
    for rules in [json!([everyone, sports, anna]), json!([anna, sports, everyone])] {
        for (username, bouquets, ip, expected) in [
            ("anna", &["sports"][..], "192.0.2.1", true),
            ("anna", &["sports"], "198.51.100.1", true),
            ("anna", &["sports"], "203.0.113.1", false),
            ("anna", &["news"], "192.0.2.1", false),
            ("bert", &["news", "sports"], "198.51.100.1", false),
            ("bert", &["news"], "198.51.100.1", true),
            ("bert", &[], "203.0.113.1", false),
        ] {
            assert_eq!(allowed(&rules, username, bouquets, ip), expected, "{username} {bouquets:?} from {ip}");
        }
    }
}

#[test]
fn every_bad_value_is_named() {
    let message = problem(json!([
        { "allow": ["192.0.2.0/24"] },
        { "lines": ["anna"], "deny": ["192.0.2.7/24", "nowhere"], "allow": ["192.0.2.0/33"] },
        { "lines": ["bert"] },
        { "deny": ["::ffff:192.0.2.0/120"] },
    ]));
    for part in [
        "rule 2: deny \"192.0.2.7/24\": has bits set",
        "192.0.2.0/24 for the network or 192.0.2.7 for the address",
        "rule 2: deny \"nowhere\"",
        "rule 2: allow \"192.0.2.0/33\"",
        "rule 3 has neither allow nor deny",
        "rule 4: deny \"::ffff:192.0.2.0/120\": write the IPv4 network itself: 192.0.2.0/24",
    ] {
        assert!(message.contains(part), "{message} lacks {part}");
    }
    assert!(!message.contains("rule 1"), "{message}");
}

#[test]
fn an_address_that_is_none_is_an_error_and_not_a_permission() {
    let host = Host::new().config(json!({ "rule": [{ "deny": ["192.0.2.0/24"] }] })).install();
    assert!(host.decide::<Network>(&Request::test("anna", &[], "")).is_err());
}

proptest! {
    #[test]
    fn an_allow_list_holds_exactly_its_network(address: u32, prefix in 1u8..=32, other: u32) {
        let network = ipnet::Ipv4Net::new(address.into(), prefix).unwrap().trunc();
        let ip = std::net::Ipv4Addr::from(other);
        let rules = json!([{ "allow": [network.to_string()] }]);
        let expected = network.contains(&ip);
        prop_assert_eq!(allowed(&rules, "anna", &[], &ip.to_string()), expected);
    }
}
