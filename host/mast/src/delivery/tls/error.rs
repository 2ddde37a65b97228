//! Why a certificate is not used. Messages name files, never what a key holds.

use std::path::PathBuf;

use jiff::Timestamp;
use tokio_rustls::rustls;

/// Why a certificate is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file could not be read.
    #[error("{file} could not be read: {cause}; see [tls]")]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// No PEM block of a certificate.
    #[error("{0} holds no certificate in PEM form; see [tls] certificate")]
    NoCertificate(PathBuf),
    /// No PEM block of a private key.
    #[error("{0} holds no private key in PEM form; see [tls] key")]
    NoKey(PathBuf),
    /// No certificate inside the PEM block.
    #[error("{0} holds a certificate that cannot be read; get it again from its authority")]
    Unreadable(PathBuf),
    /// The key is another certificate's.
    #[error("the key does not belong to the certificate in {0}; they must come from one order")]
    Mismatch(PathBuf),
    /// It is over.
    #[error("the certificate in {file} expired at {until}; renew it")]
    Expired {
        /// The file.
        file: PathBuf,
        /// When it ended.
        until: Timestamp,
    },
    /// Key and certificate make no pair that TLS can use.
    #[error("the certificate and key in {file} cannot be used: {cause}")]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        #[source]
        cause: rustls::Error,
    },
    /// TLS itself.
    #[error("TLS could not be set up: {0}")]
    Setup(#[source] rustls::Error),
    /// The host could not do the work.
    #[error("the certificate was not read: {0}")]
    Interrupted(String),
}
