//! SSDP, how UPnP devices are found: requests and answers in the form of HTTP, in datagrams. Bytes in, bytes out, no sockets.
//!
//! The device is what `device.xml` of output-hdhomerun describes; its UDN is reckoned from the device id in the same way there. Answers go out at
//! once, not after a random part of the question's MX: that is for networks with hundreds of devices.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::config::Tuner;

/// The group that questions and announcements go to.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
/// For how long what is said may be believed.
pub(super) const MAX_AGE: Duration = Duration::from_secs(1_800);

const ROOT: &str = "upnp:rootdevice";
const DEVICE: &str = "urn:schemas-upnp-org:device:MediaServer:1";
const SERVER: &str = concat!("Linux UPnP/1.0 Mast/", env!("CARGO_PKG_VERSION"));
/// Fields of a question that are looked at.
const FIELDS: usize = 32;

/// The answers to a datagram; none where it is no search, or one for other devices.
pub(super) fn answers(tuner: &Tuner, datagram: &[u8]) -> Vec<Vec<u8>> {
    let Some(target) = search(datagram) else { return Vec::new() };
    let asked = target == "ssdp:all";
    let kinds = kinds(tuner).into_iter().filter(|kind| asked || kind.eq_ignore_ascii_case(target));
    kinds.map(|kind| answer(tuner, &kind)).collect()
}

/// That the device is there.
pub(super) fn alive(tuner: &Tuner, group: SocketAddrV4) -> Vec<Vec<u8>> {
    let (age, url) = (MAX_AGE.as_secs(), tuner.url.expose());
    let more = format!(
        "CACHE-CONTROL: max-age={age}\r\nLOCATION: {url}/device.xml\r\nNTS: ssdp:alive\r\nSERVER: {SERVER}\r\n"
    );
    notify(tuner, group, &more)
}

/// That it goes.
pub(super) fn byebye(tuner: &Tuner, group: SocketAddrV4) -> Vec<Vec<u8>> {
    notify(tuner, group, "NTS: ssdp:byebye\r\n")
}

/// What a search is for; none where a datagram is none.
fn search(datagram: &[u8]) -> Option<&str> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    if !request.parse(datagram).ok()?.is_complete() || request.method != Some("M-SEARCH") || request.path != Some("*") {
        return None;
    }
    let field = |name: &str| {
        let found = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    (field("MAN")?.trim_matches('"') == "ssdp:discover").then(|| field("ST"))?
}

/// All that the device can be looked for as.
fn kinds(tuner: &Tuner) -> [String; 3] {
    [ROOT.to_owned(), unique(tuner), DEVICE.to_owned()]
}

/// The device's UDN.
fn unique(tuner: &Tuner) -> String {
    format!("uuid:4d617374-0000-4000-8000-0000{:08X}", tuner.device_id)
}

/// What one of `kinds` is called among all devices.
fn unique_service(tuner: &Tuner, kind: &str) -> String {
    let unique = unique(tuner);
    if kind == unique { unique } else { format!("{unique}::{kind}") }
}

fn answer(tuner: &Tuner, kind: &str) -> Vec<u8> {
    let (age, url, name) = (MAX_AGE.as_secs(), tuner.url.expose(), unique_service(tuner, kind));
    format!(
        "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age={age}\r\nEXT:\r\nLOCATION: {url}/device.xml\r\nSERVER: {SERVER}\r\nST: {kind}\r\n\
         USN: {name}\r\nCONTENT-LENGTH: 0\r\n\r\n"
    )
    .into_bytes()
}

fn notify(tuner: &Tuner, group: SocketAddrV4, more: &str) -> Vec<Vec<u8>> {
    let message = |kind: String| {
        let name = unique_service(tuner, &kind);
        format!("NOTIFY * HTTP/1.1\r\nHOST: {group}\r\nNT: {kind}\r\nUSN: {name}\r\n{more}\r\n").into_bytes()
    };
    kinds(tuner).map(message).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::discovery::tests::tuner;

    fn asked(target: &str) -> String {
        format!(
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\nST: {target}\r\n\r\n"
        )
    }

    #[test]
    fn a_search_is_answered_once_for_each_kind_asked_for() {
        for (question, expected) in [
            (asked("ssdp:all"), 3),
            (asked("upnp:rootdevice"), 1),
            (asked("urn:schemas-upnp-org:device:MediaServer:1"), 1),
            (asked("uuid:4d617374-0000-4000-8000-00001000000F"), 1),
            (asked("uuid:4d617374-0000-4000-8000-00001000000f"), 1),
            (asked("uuid:4d617374-0000-4000-8000-000010000010"), 0),
            (asked("urn:schemas-upnp-org:device:MediaRenderer:1"), 0),
            (asked("upnp:rootdevice").replace("\"ssdp:discover\"", "ssdp:discover"), 1),
            (asked("upnp:rootdevice").to_lowercase().replace("m-search * http", "M-SEARCH * HTTP"), 1),
            (asked("upnp:rootdevice").replace("M-SEARCH", "NOTIFY"), 0),
            (asked("upnp:rootdevice").replace(" * ", " /x "), 0),
            (asked("upnp:rootdevice").replace("ssdp:discover", "ssdp:other"), 0),
            (asked("upnp:rootdevice").replace("ST:", "X:"), 0),
            (asked("upnp:rootdevice").replace("\r\n\r\n", ""), 0),
            (String::new(), 0),
        ] {
            assert_eq!(answers(&tuner(), question.as_bytes()).len(), expected, "{question}");
        }
    }

    #[test]
    fn messages_are_these() {
        let group = SocketAddrV4::new(GROUP, 1900);
        let all = [answers(&tuner(), asked("ssdp:all").as_bytes()), alive(&tuner(), group), byebye(&tuner(), group)];
        let all = String::from_utf8(all.concat().concat()).unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        assert!(all.matches("\r\n").count() == all.matches('\n').count(), "{all}");
        insta::assert_snapshot!(all.replace('\r', ""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>) {
            let _ = answers(&tuner(), &bytes);
        }

        #[test]
        fn any_search_is_taken(target in any::<String>(), more in any::<Vec<u8>>(), cut: prop::sample::Index) {
            let bytes = [asked(&target).as_bytes(), &more].concat();
            let answered = answers(&tuner(), &bytes[..cut.index(bytes.len())]);
            // Nothing of the question comes back, and no field of an answer can be made up by it.
            let made_up = |answer: &Vec<u8>| answer.split(|byte| *byte == b'\n').count() != 10;
            prop_assert!(answered.len() <= 3 && !answered.iter().any(made_up));
        }
    }
}
