//! A certificate and its key in files. They are looked at every other second rather than watched: renewal tools replace links,
//! folders and files in any order, and what counts is only what is there in the end.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use super::{Certificate, Certificates, TlsError};

const LOOK: Duration = Duration::from_secs(2);

/// Both files.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What tells one version of a file from another: inode, size, time of the last change.
type Version = Option<(u64, u64, i64, i64)>;

impl Pair {
    pub(super) fn seen(&self) -> [Version; 2] {
        [&self.certificate, &self.key].map(|file| {
            let meta = std::fs::metadata(file).ok()?;
            Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
        })
    }

    pub(super) async fn load(&self) -> Result<Certificate, TlsError> {
        let pair = self.clone();
        let loaded = tokio::task::spawn_blocking(move || pair.load_now()).await;
        loaded.unwrap_or_else(|error| Err(TlsError::Interrupted(error.to_string())))
    }

    pub(super) fn load_now(&self) -> Result<Certificate, TlsError> {
        let (chain, key) = (read(&self.certificate)?, read(&self.key)?);
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.map_err(|_| TlsError::NoCertificate(self.certificate.clone()))?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_: pem::Error| TlsError::NoKey(self.key.clone()))?;
        super::certificate(chain, key, &self.certificate)
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|cause| TlsError::Read { file: file.to_owned(), cause })
}

/// Reads the files again when they have changed. What is not usable changes nothing and is said once.
pub(super) async fn follow(
    pair: Pair,
    mut seen: [Version; 2],
    certificates: Arc<Certificates>,
    shutdown: CancellationToken,
) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let found = pair.seen();
        if found == seen {
            continue;
        }
        seen = found;
        match pair.load().await {
            Ok(certificate) => {
                tracing::info!(file = %pair.certificate.display(), until = %certificate.until, "new certificate");
                certificates.take(certificate);
            }
            Err(error) => tracing::warn!(%error, "the certificate in use stays"),
        }
    }
}
