//! Who is at the other end: the address that limits, policies and throttles count by.
//!
//! It is the peer of the connection, or what the PROXY header of a trusted peer says, or what a trusted peer's forwarding fields say: of
//! a list the last address that is not itself a trusted proxy. Whatever anybody else sends in such fields is ignored.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::config::{AddressField, HttpConfig, LimitsConfig};

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of a request; the connection puts it into each request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// Never IPv4-mapped.
    pub(super) client: IpAddr,
    /// No limits hold for it.
    pub(super) exempt: bool,
    /// Came over TLS, to us or to the trusted proxy.
    pub(super) secure: bool,
    /// Its forwarding fields are a trusted proxy's.
    pub(super) proxied: bool,
}

impl Peer {
    /// The sender of a request. Nobody, and so without exemption, where no connection brought it.
    pub(super) fn of(extensions: &Extensions) -> Self {
        let nobody = Self { client: Ipv4Addr::UNSPECIFIED.into(), exempt: false, secure: false, proxied: false };
        extensions.get().copied().unwrap_or(nobody)
    }
}

/// What is believed of whom.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    proxies: Vec<IpNet>,
    exempt: Vec<IpNet>,
    fields: Vec<AddressField>,
}

impl Trust {
    pub(super) fn new(http: &HttpConfig, limits: &LimitsConfig) -> Self {
        Self {
            proxies: http.trusted_proxies.clone(),
            exempt: limits.exempt.clone(),
            fields: http.client_address.clone(),
        }
    }

    /// Whether this is a proxy that is believed.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&address))
    }

    /// The peer of a connection, before any request.
    pub(super) fn connected(&self, address: IpAddr, secure: bool) -> Peer {
        let client = address.to_canonical();
        Peer { client, exempt: self.is_exempt(client), secure, proxied: self.is_proxy(client) }
    }

    /// The same peer as the sender of a request.
    pub(super) fn requesting(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        if !peer.proxied {
            return peer;
        }
        let secure = match headers.get(FORWARDED_PROTO).map(HeaderValue::as_bytes) {
            Some(b"https") => true,
            Some(b"http") => false,
            _ => peer.secure,
        };
        match self.named(headers) {
            Some(client) => Peer { client, exempt: self.is_exempt(client), secure, ..peer },
            None => Peer { secure, ..peer },
        }
    }

    fn is_exempt(&self, client: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&client))
    }

    /// Whom the first of the fields that is there names.
    fn named(&self, headers: &HeaderMap) -> Option<IpAddr> {
        self.fields.iter().find_map(|field| {
            let name = match field {
                AddressField::Forwarded => "forwarded",
                AddressField::ForwardedFor => "x-forwarded-for",
                AddressField::Single(name) => name,
            };
            let name = HeaderName::from_static(name);
            headers.contains_key(&name).then(|| self.read(*field, headers.get_all(&name).iter()))
        })?
    }

    fn read<'a>(&self, field: AddressField, values: impl Iterator<Item = &'a HeaderValue>) -> Option<IpAddr> {
        // A value that is no text hides whatever stands before it.
        let texts: Vec<&str> = values.map(|value| value.to_str().unwrap_or("?")).collect();
        let hops = texts.iter().flat_map(|text| text.split(','));
        match field {
            AddressField::Single(_) => texts.last().and_then(|text| address(text)),
            AddressField::ForwardedFor => self.last_untrusted(hops.map(address)),
            AddressField::Forwarded => self.last_untrusted(hops.map(forwarded_for)),
        }
    }

    /// The last address that no trusted proxy has. What cannot be read was not written by a proxy worth trusting.
    fn last_untrusted(&self, hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let hops: Vec<_> = hops.collect();
        let mut from_the_right = hops.into_iter().rev();
        loop {
            let client = from_the_right.next()??;
            if !self.is_proxy(client) {
                return Some(client);
            }
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bare).map(|address: IpAddr| address.to_canonical())
}

/// The `for` of one element of `Forwarded`. Commas inside quotes do not occur in addresses.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust() -> Trust {
        let http = HttpConfig {
            trusted_proxies: ["10.0.0.0/8", "2001:db8:1::/48"].map(|text| text.parse().expect("a network")).to_vec(),
            ..HttpConfig::default()
        };
        let limits =
            LimitsConfig { exempt: vec!["198.51.100.0/24".parse().expect("a network")], ..LimitsConfig::default() };
        Trust::new(&http, &limits)
    }

    fn client(trust: &Trust, peer: &str, fields: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        let peer = trust.connected(peer.parse().expect("an address"), false);
        trust.requesting(peer, &headers).client.to_string()
    }

    #[test]
    fn trusted_proxies_name_the_client() {
        let trust = trust();
        for (fields, expected) in [
            (&[("x-forwarded-for", "203.0.113.7")][..], "203.0.113.7"),
            // Whoever is believed last; what stands left of that is the client's own invention.
            (&[("x-forwarded-for", "198.51.100.9, 203.0.113.7, 10.0.0.2")], "203.0.113.7"),
            (&[("x-forwarded-for", "198.51.100.9"), ("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
            (&[("x-forwarded-for", "203.0.113.7:1234")], "203.0.113.7"),
            (&[("x-forwarded-for", "[2001:db8:2::1]:80, 2001:db8:1::5")], "2001:db8:2::1"),
            (&[("x-forwarded-for", "::ffff:203.0.113.7")], "203.0.113.7"),
            (&[("x-forwarded-for", "203.0.113.7, unknown")], "10.0.0.1"),
            (&[("x-forwarded-for", "203.0.113.7, \u{e4}")], "10.0.0.1"),
            (&[("x-forwarded-for", "")], "10.0.0.1"),
            (&[("x-forwarded-for", "10.0.0.7")], "10.0.0.1"),
            (&[("forwarded", "for=203.0.113.7;proto=https, for=10.0.0.2")], "203.0.113.7"),
            (&[("forwarded", "proto=https; For=\"[2001:db8:2::1]:4711\"")], "2001:db8:2::1"),
            (&[("forwarded", "for=203.0.113.7, for=_hidden")], "10.0.0.1"),
            (&[("cf-connecting-ip", "203.0.113.7")], "203.0.113.7"),
            (&[("x-real-ip", "203.0.113.7")], "203.0.113.7"),
            (&[("x-real-ip", "198.51.100.9"), ("x-real-ip", "203.0.113.7")], "203.0.113.7"),
            // A proxy that writes one field passes the others on as the client sent them.
            (&[("cf-connecting-ip", "198.51.100.9"), ("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client(&trust, "10.0.0.1", fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn nobody_else_does() {
        let trust = trust();
        let spoofs = [
            ("x-forwarded-for", "198.51.100.9"),
            ("forwarded", "for=198.51.100.9"),
            ("cf-connecting-ip", "198.51.100.9"),
            ("x-real-ip", "198.51.100.9"),
        ];
        assert_eq!(client(&trust, "203.0.113.1", &spoofs), "203.0.113.1");
        let open = Trust { proxies: Vec::new(), ..trust };
        assert_eq!(client(&open, "10.0.0.1", &spoofs), "10.0.0.1");
    }

    #[test]
    fn only_the_fields_that_are_asked_for_count() {
        let trust = Trust { fields: vec![AddressField::Single("cf-connecting-ip")], ..trust() };
        let fields = [("x-forwarded-for", "198.51.100.9"), ("cf-connecting-ip", "203.0.113.7")];
        assert_eq!(client(&trust, "10.0.0.1", &fields), "203.0.113.7");
        assert_eq!(client(&trust, "10.0.0.1", &fields[..1]), "10.0.0.1");
    }

    #[test]
    fn exemption_goes_with_the_client() {
        let trust = trust();
        let proxy = trust.connected("::ffff:10.0.0.1".parse().expect("an address"), true);
        assert_eq!((proxy.proxied, proxy.exempt, proxy.secure), (true, false, true));
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.9"));
        assert!(trust.requesting(proxy, &headers).exempt);
        let direct = trust.connected("203.0.113.1".parse().expect("an address"), false);
        assert!(!trust.requesting(direct, &headers).exempt);
    }
}
