//! `[tls]` and `[tls.acme]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::reader::Section;

/// `[tls]`; there where it has `listen`.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// `listen`: one or several addresses on which HTTPS is spoken.
    pub listen: Vec<SocketAddr>,
    /// `certificate` and `key`, or `[tls.acme]`.
    pub certificate: CertificateFrom,
    /// `redirect`, default false: viewers that come over plain HTTP are sent to HTTPS. Many players do not follow.
    pub redirect: bool,
    /// `hsts`: for how long browsers are told to use HTTPS only; default: they are not told.
    pub hsts: Option<Duration>,
    /// `proxy_protocol`, default false: as in `[http]`, for these addresses.
    pub proxy_protocol: bool,
}

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum CertificateFrom {
    /// Files in PEM form, read again when they change.
    Files {
        /// The host's certificate, then those that lead to a known authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// An authority that speaks ACME (RFC 8555).
    Acme(AcmeConfig),
}

/// `[tls.acme]`
#[derive(Debug, Clone)]
pub struct AcmeConfig {
    /// `domains`: names that the certificate is for; all must lead here.
    pub domains: Vec<String>,
    /// `contact`: addresses that the authority may write to; default none.
    pub contact: Vec<String>,
    /// `directory`: the authority's directory, default Let's Encrypt's.
    pub directory: Url,
    /// `accept_terms`: must be true; you accept the authority's terms of service.
    pub accept_terms: bool,
    /// `challenge`: `tls-alpn-01` (the authority connects to port 443) or `http-01` (to port 80); default `http-01`.
    pub challenge: Challenge,
    /// `ca`: a file with the certificate that the directory's own TLS is checked against; default the system's.
    pub ca: Option<PathBuf>,
}

/// How the authority checks that a name leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// A file below `/.well-known/acme-challenge/` over plain HTTP.
    Http01,
    /// A certificate in a TLS handshake.
    TlsAlpn01,
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

impl TlsConfig {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let files = (section.optional_path("certificate"), section.optional_path("key"));
        let acme = AcmeConfig::read(&section.section("acme"));
        let listen = section.one_or_more::<SocketAddr>("listen");
        let certificate = match (files, acme) {
            ((Some(certificate), Some(key)), None) => Some(CertificateFrom::Files { certificate, key }),
            ((None, None), Some(acme)) => Some(CertificateFrom::Acme(acme)),
            ((None, None), None) => {
                if !listen.is_empty() {
                    section.problem("listen", "needs a certificate: set certificate and key, or [tls.acme]");
                }
                None
            }
            ((Some(_), None), _) => {
                section.problem("key", "is missing; it is the private key of the certificate");
                None
            }
            ((None, Some(_)), _) => {
                section.problem("certificate", "is missing; the key alone is not enough");
                None
            }
            ((Some(_), Some(_)), Some(_)) => {
                section.problem("certificate", "is set, and so is [tls.acme]; remove one of the two");
                None
            }
        };
        if listen.is_empty() && certificate.is_some() {
            section.problem("listen", "is missing; set where HTTPS is spoken, for example \"0.0.0.0:443\"");
        }
        let (redirect, proxy_protocol) = (section.or("redirect", false), section.or("proxy_protocol", false));
        let hsts = section.optional::<Duration>("hsts");
        let certificate = certificate.filter(|_| !listen.is_empty())?;
        Some(Self { listen, certificate, redirect, hsts, proxy_protocol })
    }
}

impl AcmeConfig {
    fn read(section: &Section<'_>) -> Option<Self> {
        let domains: Vec<String> = section.list("domains");
        let contact: Vec<String> = section.list("contact");
        let directory: Option<String> = section.optional("directory");
        let accept_terms = section.or("accept_terms", false);
        let challenges = [("http-01", Challenge::Http01), ("tls-alpn-01", Challenge::TlsAlpn01)];
        let challenge = section.choice("challenge", Challenge::Http01, &challenges);
        let ca = section.optional_path("ca");
        if domains.is_empty() {
            if directory.is_some() || accept_terms || !contact.is_empty() {
                section.problem("domains", "is missing; list the names that the certificate is for");
            }
            return None;
        }
        let name = |domain: &String| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            !domain.is_empty() && domain.len() <= 253 && domain.bytes().all(plain)
        };
        if let Some(wrong) = domains.iter().find(|domain| !name(domain)) {
            let message =
                format!("{wrong:?} is no name that a certificate can be ordered for here; write it like tv.example");
            section.problem("domains", message);
        }
        if !accept_terms {
            section.problem(
                "accept_terms",
                "must be true: the authority issues certificates only to those who accept its terms",
            );
        }
        let directory = directory.unwrap_or_else(|| LETS_ENCRYPT.to_owned());
        let Some(directory) = Url::parse(&directory).ok().filter(|url| url.scheme() == "https") else {
            section.problem("directory", "expected the https URL of an ACME directory");
            return None;
        };
        Some(Self { domains, contact, directory, accept_terms, challenge, ca })
    }
}
