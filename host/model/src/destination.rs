//! Which network destinations a plugin, or an upstream that a plugin named, may reach. Pure rules: whoever connects must
//! ask `check_url` before resolving and `check_address` for every address after resolving, on every redirect again.
//!
//! Default deny: no pattern, no connection; and an address that is not public needs a second, explicit grant, so that a
//! public name which resolves to a private address (DNS rebinding, cloud metadata) is refused.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

/// A granted destination: `scheme://host[:port]`, with `*` allowed as the whole host or as its leftmost label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    scheme: String,
    host: HostPattern,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    Exact(String),
    /// Holds the suffix with its leading dot.
    Below(String),
}

/// Why a text is not a destination.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" is not a destination: write scheme://host or scheme://host:port, for example https://provider.example:443; * may stand for the leftmost label"
)]
pub struct InvalidDestination(String);

impl FromStr for Destination {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDestination(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let scheme_is_word = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
        if !scheme_is_word || rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ']) {
            return Err(invalid());
        }
        let (wildcard, concrete) = match rest.strip_prefix('*') {
            Some(after) => (true, format!("wildcard{after}")),
            None => (false, rest.to_owned()),
        };
        let url = Url::parse(&format!("http://{concrete}/")).map_err(|_| invalid())?;
        let host = url.host_str().ok_or_else(invalid)?.to_ascii_lowercase();
        if host.contains('*') {
            return Err(invalid());
        }
        let host = match (wildcard, host.strip_prefix("wildcard")) {
            (true, Some("")) => HostPattern::Any,
            (true, Some(suffix)) if suffix.starts_with('.') && suffix.len() > 1 => {
                HostPattern::Below(suffix.to_owned())
            }
            (true, _) => return Err(invalid()),
            (false, _) => HostPattern::Exact(host),
        };
        // `Url` drops a port that is http's default, which here may be another scheme's.
        let port = match concrete.rsplit_once(':') {
            Some((_, digits)) if !digits.contains(']') => Some(digits.parse().map_err(|_| invalid())?),
            _ => None,
        };
        Ok(Self { scheme: scheme.to_ascii_lowercase(), host, port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Exact(host) => f.write_str(host)?,
            HostPattern::Below(suffix) => write!(f, "*{suffix}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Destination {
    /// The destination that a URL needs, as the operator would write it in a grant.
    pub fn of(url: &Url) -> Option<Self> {
        let host = HostPattern::Exact(url.host_str()?.to_ascii_lowercase());
        Some(Self { scheme: url.scheme().to_owned(), host, port: url.port_or_known_default() })
    }

    /// Its scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        // Without a port, the scheme's own.
        let port_fits = match (self.port, url.port_or_known_default()) {
            (Some(granted), Some(asked)) => granted == asked,
            (None, _) => url.port().is_none(),
            (Some(_), None) => false,
        };
        let host_fits = match &self.host {
            HostPattern::Any => true,
            HostPattern::Exact(granted) => host.eq_ignore_ascii_case(granted),
            HostPattern::Below(suffix) => {
                host.len() > suffix.len() && host.to_ascii_lowercase().ends_with(suffix.as_str())
            }
        };
        url.scheme() == self.scheme && port_fits && host_fits
    }
}

/// Why a destination was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The scheme is not one that can be granted here.
    #[error("scheme \"{0}\" is not allowed")]
    Scheme(String),
    /// No grant covers it. Holds what to add.
    #[error("{0} is not granted")]
    NotGranted(String),
    /// The address is not public and its network is not granted.
    #[error("{0} is a private or reserved address; add its network to net_allow_private where it is meant")]
    PrivateAddress(IpAddr),
}

/// What can be granted besides http and https: how channels are sent.
const SCHEMES: [&str; 7] = ["udp", "rtp", "rtsp", "rtsps", "rtmp", "rtmps", "srt"];

/// The rules of one plugin instance.
#[derive(Debug, Clone, Default)]
pub struct DestinationRules {
    /// Granted destinations.
    pub allow: Vec<Destination>,
    /// Networks that may be reached although they are not public.
    pub allow_private: Vec<IpNet>,
    /// Every http and https destination is granted, whatever `allow` holds. The default of `[grant] upstream`; other schemes must
    /// be in `allow`, and private addresses need `allow_private`.
    pub any_http: bool,
}

impl DestinationRules {
    /// To ask before resolving, and again on each redirect.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        let http = matches!(url.scheme(), "http" | "https");
        if !http && !SCHEMES.contains(&url.scheme()) {
            return Err(Refused::Scheme(url.scheme().to_owned()));
        }
        let granted = (self.any_http && http) || self.allow.iter().any(|granted| granted.covers(url));
        if !granted {
            let missing = Destination::of(url).map_or_else(|| "a URL without a host".to_owned(), |d| d.to_string());
            return Err(Refused::NotGranted(missing));
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
            _ => Ok(()),
        }
    }

    /// To ask for every address after resolving.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        if is_public(address) || self.allow_private.iter().any(|net| net.contains(&address)) {
            Ok(())
        } else {
            Err(Refused::PrivateAddress(address))
        }
    }
}

/// Whether an address belongs to the public internet (IANA special-purpose registries, 2024).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(a == 0
                || a == 10
                || a == 127
                || (a == 100 && (64..128).contains(&b))
                || (a == 169 && b == 254)
                || (a == 172 && (16..32).contains(&b))
                || (a == 192 && b == 168)
                || (a == 192 && b == 0 && (c == 0 || c == 2))
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b == 18 || b == 19))
                || (a == 198 && b == 51 && c == 100)
                || (a == 203 && b == 0 && c == 113)
                || a >= 224)
        }
        IpAddr::V6(v6) => {
            let s = v6.segments();
            // Only 2000::/3 is global unicast; take out the parts that lead elsewhere.
            (s[0] & 0xe000) == 0x2000
                && !(s[0] == 0x2001 && s[1] < 0x0200) // 2001::/23: Teredo, ORCHID, benchmarking
                && !(s[0] == 0x2001 && s[1] == 0x0db8)
                && s[0] != 0x2002 // 6to4 carries any IPv4 address
                && !(s[0] == 0x3fff && s[1] < 0x1000)
        }
    }
}

#[cfg(test)]
#[path = "destination/tests.rs"]
mod tests;
