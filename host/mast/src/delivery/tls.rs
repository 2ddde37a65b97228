//! Certificates and the TLS side of listeners. A certificate comes from files, which are read again when they change, or from an
//! authority over ACME; either way it is checked before it is used, and the one in use stays until a better one is there.

mod acme;
mod error;
mod files;
mod validity;

pub(crate) use acme::AcmeDeps;
pub use error::TlsError;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::{self, Ticketer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::{CertificateFrom, TlsConfig};
use crate::metrics::{head, sample};

/// RFC 8737: what an authority speaks when it checks a name.
pub(super) const ACME_ALPN: &[u8] = b"acme-tls/1";
/// RFC 7301.
pub(super) const HTTP2_ALPN: &[u8] = b"h2";

/// A certificate with its key, checked.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    key: Arc<CertifiedKey>,
    from: Timestamp,
    until: Timestamp,
}

/// The certificate in use, and answers to an authority's checks.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    current: ArcSwapOption<Certificate>,
    /// By name: certificates for the authority's eyes only.
    checks: ArcSwap<HashMap<String, Arc<CertifiedKey>>>,
    /// By token: what is answered below `/.well-known/acme-challenge/`.
    answers: ArcSwap<HashMap<String, String>>,
}

impl Certificates {
    /// When the certificate ends, in seconds since 1970.
    pub(super) fn expires(&self) -> Option<i64> {
        self.current.load().as_ref().map(|certificate| certificate.until.as_second())
    }

    /// The answer to an authority that asks over plain HTTP.
    pub(super) fn answer(&self, token: &str) -> Option<String> {
        self.answers.load().get(token).cloned()
    }

    fn take(&self, certificate: Certificate) {
        self.current.store(Some(Arc::new(certificate)));
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let checks = hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == ACME_ALPN));
        if checks {
            return self.checks.load().get(hello.server_name()?).cloned();
        }
        self.current.load().as_ref().map(|certificate| Arc::clone(&certificate.key))
    }
}

/// Starts what keeps the certificate fresh. Fails where the files of the configuration are not usable; an authority is asked in the
/// background.
pub(super) async fn start(
    config: &TlsConfig,
    acme: AcmeDeps,
    tasks: &TaskTracker,
    shutdown: CancellationToken,
) -> Result<Arc<Certificates>, TlsError> {
    let certificates = Arc::new(Certificates::default());
    match &config.certificate {
        CertificateFrom::Files { certificate, key } => {
            let pair = files::Pair { certificate: certificate.clone(), key: key.clone() };
            let seen = pair.seen();
            certificates.take(pair.load().await?);
            tasks.spawn(files::follow(pair, seen, Arc::clone(&certificates), shutdown));
        }
        CertificateFrom::Acme(settings) => {
            let order = acme::Orders::open(settings.clone(), acme, Arc::clone(&certificates)).await?;
            tasks.spawn(order.run(shutdown));
        }
    }
    Ok(certificates)
}

/// When the certificate in use ends, for metrics.
pub(super) fn reading(certificates: &Certificates, text: &mut String) {
    if let Some(until) = certificates.expires().and_then(|until| u64::try_from(until).ok()) {
        let name = "mast_tls_certificate_expires_seconds";
        head(text, name, "gauge", "When the certificate in use expires, in seconds since 1970.");
        sample(text, name, "", until);
    }
}

/// Whether the files of a configuration are usable.
pub(crate) fn check_certificate(config: &TlsConfig) -> Result<(), TlsError> {
    match &config.certificate {
        CertificateFrom::Files { certificate, key } => {
            files::Pair { certificate: certificate.clone(), key: key.clone() }.load_now().map(drop)
        }
        CertificateFrom::Acme(_) => Ok(()),
    }
}

/// Speaks TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub(super) fn acceptor(certificates: Arc<Certificates>) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = [HTTP2_ALPN, b"http/1.1", ACME_ALPN].map(<[u8]>::to_vec).to_vec();
    // Viewers that come back need no second full handshake, and nothing is kept for them.
    config.ticketer = Ticketer::new().map_err(TlsError::Setup)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Checks a chain and its key. `place` says in messages where they come from.
fn certificate(
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
    place: &Path,
) -> Result<Certificate, TlsError> {
    let place = || place.to_owned();
    let first = chain.first().ok_or_else(|| TlsError::NoCertificate(place()))?;
    let (from, until) = validity::of(first).ok_or_else(|| TlsError::Unreadable(place()))?;
    if until <= Timestamp::now() {
        return Err(TlsError::Expired { file: place(), until });
    }
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch(place()),
        cause => TlsError::Unusable { file: place(), cause },
    })?;
    Ok(Certificate { key: Arc::new(key), from, until })
}

/// An acceptor with a certificate of its own, and a client that trusts it and offers HTTP/2.
#[cfg(test)]
pub(super) fn for_tests(name: &str) -> (TlsAcceptor, tokio_rustls::TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificates = Certificates::default();
    certificates.take(certificate(vec![made.cert.der().clone()], key.into(), "test".as_ref()).expect("usable"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut client = client.expect("versions").with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![HTTP2_ALPN.to_vec()];
    (acceptor(Arc::new(certificates)).expect("set up"), tokio_rustls::TlsConnector::from(Arc::new(client)))
}
