use std::collections::BTreeMap;
use std::path::Path;

use mast_model::Secret;

use super::*;
use crate::config::reader::Reader;
use crate::config::{Problems, parse_text};

/// A tuner with an id that programs take.
pub(super) fn tuner() -> Tuner {
    Tuner { device_id: 0x1000_000F, tuners: 3, url: Secret::new("http://tv.example/hdhr/token-1") }
}

#[test]
fn only_private_addresses_may_ask() {
    for (from, expected) in [
        ("127.0.0.1:4000", true),
        ("10.1.2.3:65001", true),
        ("172.31.0.1:1", true),
        ("192.168.1.7:1900", true),
        ("169.254.1.1:9", true),
        ("192.168.1.7:0", false),
        ("203.0.113.9:1900", false),
        ("100.64.0.1:1900", false),
        ("224.0.0.1:1900", false),
        ("255.255.255.255:1900", false),
        ("0.0.0.0:1900", false),
    ] {
        assert_eq!(may_ask(from.parse().unwrap()), expected, "{from}");
    }
}

/// On an address of its own, so that whatever else looks for tuners on this machine is not heard.
fn config() -> DiscoveryConfig {
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let bind = Ipv4Addr::new(127, 84, high, low.clamp(1, 254));
    DiscoveryConfig { hdhomerun: true, ssdp: true, bind, hdhomerun_port: 0, ssdp_port: 0, tuner: tuner() }
}

async fn hear(socket: &UdpSocket) -> Vec<u8> {
    let mut datagram = vec![0; DATAGRAM];
    let length = tokio::time::timeout(Duration::from_secs(20), socket.recv(&mut datagram)).await.unwrap().unwrap();
    datagram.truncate(length);
    datagram
}

#[tokio::test]
async fn a_question_is_answered_over_a_socket_and_stop_ends_it() {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let address = start_hdhomerun(&config(), &tasks, &stop).unwrap();
    tasks.close();
    let program = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // What is none is passed over, and does no harm.
    program.send_to(&[0xFF; 3_000], address).await.unwrap();
    program.send_to(&[], address).await.unwrap();
    program.send_to(&hex::decode("0002000c0104ffffffff0204ffffffff73cc7d8f").unwrap(), address).await.unwrap();
    assert_eq!(hear(&program).await[..4], [0, 3, 0, 0x5B]);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), tasks.wait()).await.unwrap();
}

#[tokio::test]
async fn the_group_hears_of_the_tuner_and_can_ask_for_it() {
    let config = config();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let address = start_ssdp(&config, &tasks, &stop).unwrap();
    tasks.close();
    let group = SocketAddrV4::new(ssdp::GROUP, address.port());
    let (program, _) = sockets::shared(config.bind, 0).unwrap();
    let search = "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: upnp:rootdevice\r\n\r\n";
    for place in [address, group] {
        program.send_to(search.as_bytes(), place).await.unwrap();
        let heard = String::from_utf8(hear(&program).await).unwrap();
        assert!(heard.contains("LOCATION: http://tv.example/hdhr/token-1/device.xml\r\n"), "{place}: {heard}");
    }
    let onlooker = sockets::join(&program, config.bind, group).unwrap().unwrap();
    stop.cancel();
    loop {
        let heard = String::from_utf8(hear(&onlooker).await).unwrap();
        assert!(heard.starts_with("NOTIFY * HTTP/1.1\r\n"), "{heard}");
        if heard.contains("NTS: ssdp:byebye\r\n") {
            break;
        }
    }
    tokio::time::timeout(Duration::from_secs(20), tasks.wait()).await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_only_discovery_has() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = DiscoveryConfig { bind: Ipv4Addr::LOCALHOST, hdhomerun_port: port, ssdp: false, ..config() };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    assert!(start_hdhomerun(&config, &tasks, &stop).is_err());
    start(Some(&config), &tasks, &stop);
    assert!(tasks.is_empty());
}

#[test]
fn the_token_is_not_printed() {
    assert!(!format!("{:?}", config()).contains("token-1"));
}

/// `[discovery]` with these settings.
fn read(settings: &str, public_url: Option<&str>) -> Result<Option<DiscoveryConfig>, Problems> {
    let file = Path::new("mast.toml");
    let table = parse_text(&format!("[discovery]\n{settings}"), file).unwrap();
    let reader = Reader::new(file, BTreeMap::new());
    reader.read(&table, |root| DiscoveryConfig::read(&root.section("discovery"), public_url))
}

#[test]
fn settings_say_where_the_tuner_is() {
    assert!(read("", None).unwrap().is_none());
    assert!(read("device_id = \"1000000F\"\ntuners = 2", None).unwrap().is_none());
    let public = Some("https://tv.example");
    for (settings, public_url, expected) in [
        ("", public, "https://tv.example"),
        ("path = \"/\"", public, "https://tv.example"),
        ("path = \"/hdhr/token-1/\"", public, "https://tv.example/hdhr/token-1"),
        ("base_url = \"http://10.0.0.1:8080/tv/\"\npath = \"/hdhr/t\"", public, "http://10.0.0.1:8080/tv/hdhr/t"),
        ("base_url = \"http://10.0.0.1\"", None, "http://10.0.0.1"),
    ] {
        let found = read(&format!("ssdp = true\ndevice_id = \"1000000f\"\n{settings}"), public_url).unwrap().unwrap();
        assert_eq!(found.tuner.url.expose(), expected, "{settings}");
        assert_eq!((found.tuner.device_id, found.tuner.tuners), (0x1000_000F, 1));
        assert_eq!((found.hdhomerun, found.ssdp), (false, true));
        assert_eq!((found.bind, found.hdhomerun_port, found.ssdp_port), (Ipv4Addr::UNSPECIFIED, 65_001, 1_900));
    }
}

#[test]
fn problems_say_what_is_right_and_no_token() {
    let long = format!("path = \"/{}\"", "x".repeat(500));
    for (settings, expected) in [
        ("hdhomerun = true", "discovery.device_id: is missing"),
        ("hdhomerun = true", "base_url: is missing, and so is [http] public_url"),
        ("device_id = \"10000001\"", "the right id is \"1000000F\""),
        ("device_id = \"1000000\"", "8 hexadecimal digits"),
        ("device_id = \"+100000F\"", "8 hexadecimal digits"),
        ("device_id = \"00000000\"", "8 hexadecimal digits"),
        ("device_id = \"FFFFFFFF\"", "8 hexadecimal digits"),
        ("bind = \"::1\"", "expected an IPv4 address"),
        ("bind = \"239.1.2.3\"", "expected an IPv4 address"),
        ("tuners = 0", "from 1 to 255"),
        ("base_url = \"http://me:hunter2@tv.example\"", "without credentials"),
        ("base_url = \"tv.example\"", "expected an http or https URL"),
        ("path = \"hdhr/hunter2\"", "the path of a tuner"),
        ("path = \"/hdhr/hunter2\\r\\nX: y\"", "the path of a tuner"),
        ("pth = \"/hdhr/hunter2\"", "did you mean \"path\""),
        ("ssdp = true\ndevice_id = \"1000000F\"\nbase_url = \"http://tv.example\"\nLONG", "more than 500"),
    ] {
        let found = read(&settings.replace("LONG", &long), None).unwrap_err().to_string();
        assert!(found.contains(expected) && !found.contains("hunter2"), "{settings}: {found}");
    }
}
