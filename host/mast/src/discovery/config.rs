//! `[discovery]`.

use std::net::{IpAddr, Ipv4Addr};

use mast_model::Secret;
use url::Url;

use super::hdhomerun::with_check_digit;
use crate::config::reader::Section;

/// Bytes of `base_url` and `path` together: answers with two URLs still fit into one datagram.
const URL: usize = 500;

/// `[discovery]`
#[derive(Debug, Clone)]
pub struct DiscoveryConfig {
    /// `hdhomerun`: answer programs that look for HDHomeRun tuners by broadcast; default no.
    pub hdhomerun: bool,
    /// `ssdp`: answer programs that look for UPnP devices, and announce the tuner to them; default no.
    pub ssdp: bool,
    /// `bind`: the address of this machine, and so the network; default all of them.
    pub bind: Ipv4Addr,
    /// `hdhomerun_port`: default 65001; 0 picks a free one.
    pub hdhomerun_port: u16,
    /// `ssdp_port`: default 1900; 0 picks a free one.
    pub ssdp_port: u16,
    /// What is found.
    pub tuner: Tuner,
}

/// The tuner that is found.
#[derive(Debug, Clone)]
pub struct Tuner {
    /// `device_id`, with a right check digit.
    pub device_id: u32,
    /// `tuners`: how many can watch at once, from 1 to 255, default 1.
    pub tuners: u8,
    /// `base_url` (default: `[http] public_url`) and `path` behind it, without a slash at the end. `path` holds the token of a line.
    pub url: Secret,
}

impl DiscoveryConfig {
    /// None where nothing of it is on.
    pub(crate) fn read(section: &Section<'_>, public_url: Option<&str>) -> Option<Self> {
        let (hdhomerun, ssdp) = (section.or("hdhomerun", false), section.or("ssdp", false));
        let bind = bind(section);
        let hdhomerun_port = section.integer("hdhomerun_port", 65_001, 0..=u16::MAX);
        let ssdp_port = section.integer("ssdp_port", 1_900, 0..=u16::MAX);
        let tuners = section.integer("tuners", 1, 1..=u8::MAX);
        let (device_id, base_url, path) = (device_id(section), base_url(section), path(section));
        if !hdhomerun && !ssdp {
            return None;
        }
        if !section.has("device_id") {
            section.problem("device_id", "is missing; it is what the tuner's discover.json says after \"DeviceID\"");
        }
        if !section.has("base_url") && public_url.is_none() {
            let message = "is missing, and so is [http] public_url; it is how programs reach this host, for example http://192.168.1.10:8080";
            section.problem("base_url", message);
        }
        let url = format!("{}{}", base_url.or_else(|| public_url.map(str::to_owned))?, path?);
        if url.len() > URL {
            section.problem("path", format!("base_url and path together have more than {URL} letters"));
        }
        let tuner = Tuner { device_id: device_id?, tuners, url: Secret::new(url) };
        Some(Self { hdhomerun, ssdp, bind, hdhomerun_port, ssdp_port, tuner })
    }
}

fn bind(section: &Section<'_>) -> Ipv4Addr {
    match section.optional("bind") {
        Some(IpAddr::V4(address)) if !address.is_multicast() && !address.is_broadcast() => address,
        Some(_) => {
            section.problem("bind", "expected an IPv4 address of this machine, or 0.0.0.0 for all");
            Ipv4Addr::UNSPECIFIED
        }
        None => Ipv4Addr::UNSPECIFIED,
    }
}

fn device_id(section: &Section<'_>) -> Option<u32> {
    let text: String = section.optional("device_id")?;
    let digits = text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    // Programs take 0 for none and the highest number for all.
    let id = u32::from_str_radix(&text, 16).ok().filter(|id| digits && *id != 0 && *id != u32::MAX);
    let Some(id) = id else {
        section.problem("device_id", "expected 8 hexadecimal digits, for example \"1000000F\"");
        return None;
    };
    let right = with_check_digit(id);
    if id != right {
        section.problem("device_id", format!("has a wrong check digit, the last one; the right id is \"{right:08X}\""));
    }
    Some(right)
}

fn base_url(section: &Section<'_>) -> Option<String> {
    let text: String = section.optional("base_url")?;
    let plain = |url: &Url| {
        let bare = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && bare
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(&text).ok().filter(plain);
    if url.is_none() {
        let message = "expected an http or https URL without credentials, query and fragment, for example http://192.168.1.10:8080";
        section.problem("base_url", message);
    }
    Some(url?.as_str().trim_end_matches('/').to_owned())
}

/// Empty where it is missing: the plugin serves a tuner at the root.
fn path(section: &Section<'_>) -> Option<String> {
    let Some(text) = section.optional::<String>("path") else { return Some(String::new()) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte);
    if !text.starts_with('/') || !text.bytes().all(plain) {
        section.problem("path", "expected the path of a tuner of output-hdhomerun, /hdhr/ and the token of a line");
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}
