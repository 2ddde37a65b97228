//! Certificates from an authority that speaks ACME. One task orders, keeps and renews; everything is kept in `acme/` of the data
//! folder, under names that change with the settings, so that other settings mean another account or order, never a wrong file.
//!
//! Requests go through `outbound`, to the host of the directory and no other.

mod kept;
mod transport;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy,
};
use jiff::Timestamp;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use super::super::config::{AcmeConfig, Challenge};
use super::{Certificate, Certificates, TlsError};
use crate::outbound::Outbound;
use kept::Kept;
use transport::Transport;

/// After a failure, doubled up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(60);
/// Authorities count failures; four a day disturb nobody.
const LONGEST_RETRY: Duration = Duration::from_secs(6 * 3600);
/// An authority may take this long to check names, and again to issue.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(120));
/// A whole order.
const ORDER: Duration = Duration::from_secs(600);

/// What orders need of other rooms.
#[derive(Clone)]
pub(crate) struct AcmeDeps {
    /// Makes the requests.
    pub(crate) outbound: Outbound,
    /// Where account and certificate are kept.
    pub(crate) data_dir: PathBuf,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
enum AcmeError {
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    #[error("the authority does not offer {0:?} for {1}")]
    NotOffered(ChallengeType, String),
    #[error("the authority refused {0}: {1:?}")]
    Refused(String, AuthorizationStatus),
    #[error("the authority could not check the names: the order is {0:?}")]
    NotReady(OrderStatus),
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the authority did not issue within {}s", ORDER.as_secs())]
    Timeout,
}

/// Orders certificates and keeps the current one fresh.
pub(super) struct Orders {
    settings: AcmeConfig,
    outbound: Outbound,
    kept: Kept,
    certificates: Arc<Certificates>,
}

impl Orders {
    /// Takes the kept certificate into use, where there is one.
    pub(super) async fn open(
        settings: AcmeConfig,
        deps: AcmeDeps,
        certificates: Arc<Certificates>,
    ) -> Result<Self, TlsError> {
        let kept = Kept::open(&deps.data_dir, &settings).await?;
        if let Some(certificate) = kept.certificate().await {
            certificates.take(certificate);
        }
        Ok(Self { settings, outbound: deps.outbound, kept, certificates })
    }

    /// Until shutdown.
    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut retry = FIRST_RETRY;
        loop {
            let current = self.certificates.current.load_full();
            let wait = current.map_or(Duration::ZERO, |certificate| until_renewal(&certificate, Timestamp::now()));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.cancelled() => return,
            }
            let ordered = tokio::select! {
                ordered = tokio::time::timeout(ORDER, self.order()) => ordered.unwrap_or(Err(AcmeError::Timeout)),
                () = shutdown.cancelled() => return,
            };
            self.certificates.checks.store(Arc::default());
            self.certificates.answers.store(Arc::default());
            match ordered {
                Ok(certificate) => {
                    tracing::info!(domains = %self.settings.domains.join(", "), until = %certificate.until, "new certificate");
                    self.certificates.take(certificate);
                    retry = FIRST_RETRY;
                }
                Err(error) => {
                    let again = jitter(retry);
                    tracing::warn!(%error, again_in = ?again, "no new certificate");
                    retry = LONGEST_RETRY.min(retry * 2);
                    tokio::select! {
                        () = tokio::time::sleep(again) => {}
                        () = shutdown.cancelled() => return,
                    }
                }
            }
        }
    }

    async fn order(&self) -> Result<Certificate, AcmeError> {
        let account = self.account().await?;
        let names: Vec<Identifier> = self.settings.domains.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        self.answer_checks(&mut order).await?;
        match order.poll_ready(&PATIENCE).await? {
            OrderStatus::Ready => {}
            other => return Err(AcmeError::NotReady(other)),
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&PATIENCE).await?;
        Ok(self.kept.keep_certificate(format!("{key}\n{chain}")).await?)
    }

    async fn answer_checks(&self, order: &mut instant_acme::Order) -> Result<(), AcmeError> {
        let kind = match self.settings.challenge {
            Challenge::Http01 => ChallengeType::Http01,
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let (mut checks, mut answers) = (HashMap::new(), HashMap::new());
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            let name = authorization.identifier().to_string();
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                other => return Err(AcmeError::Refused(name, other)),
            }
            let missing = || AcmeError::NotOffered(kind.clone(), name.clone());
            let mut challenge = authorization.challenge(kind.clone()).ok_or_else(missing)?;
            let proof = challenge.key_authorization();
            match self.settings.challenge {
                Challenge::Http01 => {
                    answers.insert(challenge.token.clone(), proof.as_str().to_owned());
                    self.certificates.answers.store(Arc::new(answers.clone()));
                }
                Challenge::TlsAlpn01 => {
                    checks.insert(name.clone(), Arc::new(check(&name, proof.digest().as_ref())?));
                    self.certificates.checks.store(Arc::new(checks.clone()));
                }
            }
            challenge.set_ready().await?;
        }
        Ok(())
    }

    /// The kept account, or a new one.
    async fn account(&self) -> Result<Account, AcmeError> {
        let builder = || Account::builder_with_http(Box::new(Transport::new(self.outbound.clone(), &self.settings)));
        let kept = self.kept.account().await;
        if let Some(credentials) = kept.and_then(|json| serde_json::from_str::<AccountCredentials>(&json).ok()) {
            return Ok(builder().from_credentials(credentials).await?);
        }
        let contact: Vec<String> = self.settings.contact.iter().map(|address| mailto(address)).collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: self.settings.accept_terms,
            only_return_existing: false,
        };
        let (account, credentials) = builder().create(&wanted, self.settings.directory.to_string(), None).await?;
        // Without the file the next start makes another account, no more.
        match serde_json::to_string(&credentials) {
            Ok(json) => self.kept.keep_account(json).await?,
            Err(error) => tracing::warn!(%error, "the ACME account could not be kept"),
        }
        Ok(account)
    }
}

fn mailto(address: &str) -> String {
    if address.contains(':') { address.to_owned() } else { format!("mailto:{address}") }
}

/// The certificate that shows an authority that a name leads here (RFC 8737, section 3).
fn check(name: &str, digest: &[u8]) -> Result<CertifiedKey, AcmeError> {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()])?;
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
    let key = rcgen::KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    // Not compared with the certificate: its extension is critical, and unknown to whoever would read it.
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key.into()).map_err(TlsError::Setup)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

/// Two thirds of the certificate's life after it began, and a little more or less, so that not all hosts come at once.
fn until_renewal(certificate: &Certificate, now: Timestamp) -> Duration {
    let seconds = |from: Timestamp, to: Timestamp| u64::try_from(to.as_second() - from.as_second()).unwrap_or(0);
    let life = seconds(certificate.from, certificate.until);
    let due = certificate.from.as_second().saturating_add(i64::try_from(life / 3 * 2).unwrap_or(i64::MAX));
    let left = u64::try_from(due - now.as_second()).unwrap_or(0);
    // At most a twentieth of its life earlier.
    let early = jitter(Duration::from_secs(life / 20)).min(Duration::from_secs(life / 20));
    Duration::from_secs(left).saturating_sub(early)
}

/// Between three and five quarters.
fn jitter(around: Duration) -> Duration {
    let mut byte = [128];
    // Without randomness all hosts come at once, and still each on its own day.
    let _ = getrandom::fill(&mut byte);
    around.mul_f64(0.75 + f64::from(byte[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_due_after_two_thirds() {
        let day = Duration::from_secs(24 * 3600);
        let mut params = rcgen::CertificateParams::new(vec!["tv.example".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2096, 4, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("signed").der().clone();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let made = super::super::certificate(vec![der], key.into(), "test".as_ref()).expect("usable");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let certificate = Certificate { until: at("2026-04-01T00:00:00Z"), ..made };
        for _ in 0..50 {
            let wait = until_renewal(&certificate, at("2026-01-01T00:00:00Z"));
            assert!(wait > 55 * day && wait <= 60 * day, "{wait:?}");
        }
        assert_eq!(until_renewal(&certificate, at("2026-03-20T00:00:00Z")), Duration::ZERO);
        assert_eq!(until_renewal(&certificate, at("2027-01-01T00:00:00Z")), Duration::ZERO);
    }
}
