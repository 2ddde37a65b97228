//! The second factor: time-based codes (RFC 6238, SHA-1, six digits, 30 seconds), one step of clock difference either way, each code once.

use mast_model::{OperatorId, Secret};
use mast_store::Change;
use totp_rs::{Algorithm, Builder, Totp};

use super::{Operators, OperatorsError};
use crate::accounts::password;

/// What an authenticator app needs.
#[derive(Debug)]
pub struct Enrolment {
    /// Base32, to type in.
    pub secret: Secret,
    /// `otpauth://...`, to show as a QR code.
    pub url: Secret,
}

impl Operators {
    /// Makes a secret, which counts once a code of it was confirmed.
    pub async fn begin_totp(&self, id: OperatorId, change: Change) -> Result<Enrolment, OperatorsError> {
        self.blocking(move |inner| {
            let bytes = password::random::<20>()?;
            let secret = Secret::new(totp_rs::Secret::from(bytes).to_base32());
            let operator = inner.edit(id, None, "operator.begin_totp", &change, |operator| {
                operator.totp_pending = Some(secret.clone());
                Ok(())
            })?;
            let url = totp(&secret, &operator.username).and_then(|totp| totp.to_url().ok());
            let url = url.ok_or_else(|| OperatorsError::Interrupted("no otpauth URL could be made".to_owned()))?;
            Ok(Enrolment { secret, url: Secret::new(url) })
        })
        .await
    }

    /// From here on, logging in takes a code.
    pub async fn confirm_totp(&self, id: OperatorId, code: String, change: Change) -> Result<(), OperatorsError> {
        self.blocking(move |inner| {
            inner.edit(id, None, "operator.confirm_totp", &change, |operator| {
                let pending = operator.totp_pending.take();
                let pending = pending.ok_or_else(|| OperatorsError::Invalid("ask for a secret first".to_owned()))?;
                operator.totp_last_step = step_of(&pending, &code).ok_or(OperatorsError::BadCode)?;
                operator.totp_secret = Some(pending);
                Ok(())
            })?;
            Ok(())
        })
        .await
    }

    /// Takes the second factor away; with `code` where the operator does it alone.
    pub async fn remove_totp(
        &self,
        id: OperatorId,
        code: Option<String>,
        change: Change,
    ) -> Result<(), OperatorsError> {
        self.blocking(move |inner| {
            inner.edit(id, None, "operator.remove_totp", &change, |operator| {
                if let (Some(code), Some(secret)) = (&code, &operator.totp_secret) {
                    let step = step_of(secret, code).filter(|step| *step > operator.totp_last_step);
                    step.ok_or(OperatorsError::BadCode)?;
                }
                (operator.totp_secret, operator.totp_pending) = (None, None);
                Ok(())
            })?;
            Ok(())
        })
        .await
    }
}

fn totp(secret: &Secret, account: &str) -> Option<Totp> {
    let secret = totp_rs::Secret::try_from_base32(secret.expose()).ok()?;
    // A colon separates issuer and account in the URL.
    let account = account.replace(':', "_");
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30);
    builder.with_secret(secret).with_account_name(account).with_issuer(Some("Mast")).build().ok()
}

/// The time step that a code belongs to; none where it is wrong now.
pub(super) fn step_of(secret: &Secret, code: &str) -> Option<u64> {
    let code = code.trim();
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let now = u64::try_from(jiff::Timestamp::now().as_second()).ok()?;
    totp(secret, "operator")?.check(code, now)
}

/// The code of a secret now, for tests.
#[cfg(test)]
pub(super) fn code_now(secret: &Secret, steps: i64) -> String {
    let now = jiff::Timestamp::now().as_second() + steps * 30;
    totp(secret, "operator").unwrap().generate(u64::try_from(now).unwrap()).to_string()
}
