//! Discovery: the real `hdhomerun_config` and a UPnP search find the host, and what they are told leads to a tuner.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use mast_tests::{Instance, SOON, TestHost, get_ok};
use serde_json::Value;

/// An address of this machine that no other test has: HDHomeRun programs ask one port only.
fn own_address() -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 83, high, low.clamp(1, 254))
}

/// What a program asks of one address, and what it hears.
fn search(place: SocketAddr) -> String {
    let program = UdpSocket::bind("127.0.0.1:0").unwrap();
    program.set_read_timeout(Some(SOON)).unwrap();
    let question = format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {place}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n"
    );
    // What is no question does no harm.
    program.send_to(b"M-SEARCH * HTTP/1.1\r\nST: \xff", place).unwrap();
    program.send_to(question.as_bytes(), place).unwrap();
    let mut datagram = [0; 2_048];
    let (length, from) = program.recv_from(&mut datagram).unwrap();
    assert_eq!(from, place);
    String::from_utf8(datagram[..length].to_vec()).unwrap()
}

fn field<'a>(answer: &'a str, name: &str) -> &'a str {
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} in {answer}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_find_the_tuner_by_themselves() {
    let instance = Instance::new("hdhomerun", "kind = \"output\"\nplugin = \"output-hdhomerun\"\n");
    let mut host = TestHost::start_with("", &[instance]);
    let line = host.add_line("anna", &[]);
    let path = format!("/hdhr/{}", line.token);
    let told: Value = serde_json::from_str(&get_ok(&host.url(&format!("{path}/discover.json"))).await).unwrap();
    let id = told["DeviceID"].as_str().unwrap().to_owned();

    // What the tuner says of itself is what discovery is set to.
    assert!(host.stop().success());
    let address = own_address();
    host.append_settings(&format!(
        "[discovery]\nhdhomerun = true\nssdp = true\nssdp_port = 0\nbind = \"{address}\"\n\
         base_url = \"http://tv.example\"\npath = \"{path}\"\ndevice_id = \"{id}\"\n"
    ));
    host.run();
    host.wait_for_log(&["HDHomeRun tuners find this host"]);
    let log = host.wait_for_log(&["UPnP devices find this host"]);
    let log: Value = serde_json::from_str(&log).unwrap();
    let place: SocketAddr = log["fields"]["address"].as_str().or(log["address"].as_str()).unwrap().parse().unwrap();
    assert_eq!(place.ip(), IpAddr::from(address));

    let mut program = tokio::process::Command::new("hdhomerun_config");
    let found = program.args(["discover", &address.to_string()]).output().await.unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert_eq!(found.trim(), format!("hdhomerun device {id} found at {address}"));

    let answer = search(place);
    let location = field(&answer, "LOCATION").strip_prefix("http://tv.example").unwrap();
    let description = get_ok(&host.url(location)).await;
    let (unique, kind) = field(&answer, "USN").split_once("::").unwrap();
    assert_eq!(kind, "upnp:rootdevice");
    assert!(description.contains(&format!("<UDN>{unique}</UDN>")), "{unique}: {description}");

    assert!(host.stop().success());
    assert!(!host.log().contains(&line.token), "the log has the line's token");
}
