//! Account and certificate in the data folder. Files are written beside their place and moved there, readable by the host alone.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::super::super::config::AcmeConfig;
use super::super::{Certificate, TlsError};

/// The files of one directory and one set of names.
#[derive(Clone)]
pub(super) struct Kept {
    account: PathBuf,
    certificate: PathBuf,
}

impl Kept {
    pub(super) async fn open(data_dir: &Path, settings: &AcmeConfig) -> Result<Self, TlsError> {
        let folder = data_dir.join("acme");
        let name = |parts: &[&str]| {
            let hash = blake3::hash(parts.join("\n").as_bytes());
            hash.to_hex().as_str()[..16].to_owned()
        };
        let directory = settings.directory.as_str();
        let names: Vec<&str> = std::iter::once(directory).chain(settings.domains.iter().map(String::as_str)).collect();
        let kept = Self {
            account: folder.join(format!("account-{}.json", name(&[directory]))),
            certificate: folder.join(format!("certificate-{}.pem", name(&names))),
        };
        blocking(move || {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|cause| TlsError::Read { file: folder, cause })
        })
        .await?;
        Ok(kept)
    }

    /// The kept account; one that cannot be read is as good as none.
    pub(super) async fn account(&self) -> Option<String> {
        tokio::fs::read_to_string(&self.account).await.ok()
    }

    pub(super) async fn keep_account(&self, json: String) -> Result<(), TlsError> {
        let file = self.account.clone();
        blocking(move || write(&file, json.as_bytes())).await
    }

    /// The kept certificate, if it can still be used.
    pub(super) async fn certificate(&self) -> Option<Certificate> {
        let file = self.certificate.clone();
        if !file.exists() {
            return None;
        }
        match blocking(move || read(&file)).await {
            Ok(certificate) => Some(certificate),
            Err(error) => {
                tracing::info!(%error, "the kept certificate is not used");
                None
            }
        }
    }

    /// Keeps a key and its chain, if they can be used.
    pub(super) async fn keep_certificate(&self, pem: String) -> Result<Certificate, TlsError> {
        let file = self.certificate.clone();
        blocking(move || {
            let certificate = parse(pem.as_bytes(), &file)?;
            write(&file, pem.as_bytes())?;
            Ok(certificate)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TlsError> + Send + 'static,
) -> Result<T, TlsError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(TlsError::Interrupted(error.to_string())))
}

fn read(file: &Path) -> Result<Certificate, TlsError> {
    let pem = std::fs::read(file).map_err(|cause| TlsError::Read { file: file.to_owned(), cause })?;
    parse(&pem, file)
}

fn parse(pem: &[u8], file: &Path) -> Result<Certificate, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| TlsError::NoCertificate(file.to_owned()))?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::NoKey(file.to_owned()))?;
    super::super::certificate(chain, key, file)
}

fn write(file: &Path, content: &[u8]) -> Result<(), TlsError> {
    let draft = file.with_extension("draft");
    let written = || {
        let mut open = std::fs::OpenOptions::new();
        let mut written = open.create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        written.write_all(content)?;
        written.sync_all()?;
        std::fs::rename(&draft, file)
    };
    written().map_err(|cause| TlsError::Read { file: file.to_owned(), cause })
}
