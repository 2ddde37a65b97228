//! A second factor: a secret that both sides know, for codes that change with time (RFC 6238).

use serde::{Deserialize, Serialize};

use crate::redact::Secret;

/// The second factor of somebody who logs in with a password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The secret, base32; none where there is no second factor.
    #[serde(default)]
    pub totp_secret: Option<Secret>,
    /// A secret that was shown and not confirmed with a code yet.
    #[serde(default)]
    pub totp_pending: Option<Secret>,
    /// The time step of the last code taken: no code is taken twice.
    #[serde(default)]
    pub totp_last_step: u64,
}

impl SecondFactor {
    /// Whether logging in takes a code.
    pub fn is_on(&self) -> bool {
        self.totp_secret.is_some()
    }
}
