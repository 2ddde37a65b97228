//! The second factor of operators and resellers: time-based codes (RFC 6238, SHA-1, six digits, 30 seconds), one step of clock difference
//! either way, each code once. What is stored is the rooms' business.

use mast_model::{OperatorId, SecondFactor, Secret};
use mast_store::Change;
use totp_rs::{Algorithm, Builder, Totp};

use super::{Operators, OperatorsError};
use crate::accounts::password::{self, HashingError};

/// What an authenticator app needs.
#[derive(Debug)]
pub struct Enrolment {
    /// Base32, to type in.
    pub secret: Secret,
    /// `otpauth://...`, to show as a QR code.
    pub url: Secret,
}

/// Why a second factor stays as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TotpError {
    #[error("ask for a secret first")]
    NotBegun,
    #[error("the code is wrong or was used already; wait for the next one")]
    BadCode,
    #[error("no otpauth URL could be made")]
    NoUrl,
    #[error(transparent)]
    Random(#[from] HashingError),
}

impl From<TotpError> for OperatorsError {
    fn from(error: TotpError) -> Self {
        match error {
            TotpError::NotBegun => Self::Invalid(error.to_string()),
            TotpError::BadCode => Self::BadCode,
            TotpError::NoUrl | TotpError::Random(_) => Self::Interrupted(error.to_string()),
        }
    }
}

/// What a second factor says to somebody whose password is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is none.
    Free,
    /// A code is missing.
    CodeNeeded,
    /// The code is wrong now, or was taken before.
    Wrong,
    /// The code is right, and taken: the factor has to be stored before anybody is let in.
    Taken,
}

/// Makes a secret, which counts once a code of it was confirmed.
pub(crate) fn begin(factor: &mut SecondFactor, account: &str) -> Result<Enrolment, TotpError> {
    let secret = Secret::new(totp_rs::Secret::from(password::random::<20>()?).to_base32());
    let url = totp(&secret, account).and_then(|totp| totp.to_url().ok()).ok_or(TotpError::NoUrl)?;
    factor.totp_pending = Some(secret.clone());
    Ok(Enrolment { secret, url: Secret::new(url) })
}

/// From here on, logging in takes a code.
pub(crate) fn confirm(factor: &mut SecondFactor, code: &str) -> Result<(), TotpError> {
    let pending = factor.totp_pending.take().ok_or(TotpError::NotBegun)?;
    factor.totp_last_step = step_of(&pending, code).ok_or(TotpError::BadCode)?;
    factor.totp_secret = Some(pending);
    Ok(())
}

/// Takes it away; with a code where its owner does it alone.
pub(crate) fn remove(factor: &mut SecondFactor, code: Option<&str>) -> Result<(), TotpError> {
    if code.is_some() && pass(factor, code) == Verdict::Wrong {
        return Err(TotpError::BadCode);
    }
    (factor.totp_secret, factor.totp_pending) = (None, None);
    Ok(())
}

/// Takes a code, so that nobody can take it again.
pub(crate) fn pass(factor: &mut SecondFactor, code: Option<&str>) -> Verdict {
    let Some(secret) = &factor.totp_secret else { return Verdict::Free };
    let Some(code) = code else { return Verdict::CodeNeeded };
    match step_of(secret, code).filter(|step| *step > factor.totp_last_step) {
        Some(step) => {
            factor.totp_last_step = step;
            Verdict::Taken
        }
        None => Verdict::Wrong,
    }
}

impl Operators {
    /// Makes a secret, which counts once a code of it was confirmed.
    pub async fn begin_totp(&self, id: OperatorId, change: Change) -> Result<Enrolment, OperatorsError> {
        self.blocking(move |inner| {
            let mut made = None;
            inner.edit(id, None, "operator.begin_totp", &change, |operator| {
                made = Some(begin(&mut operator.totp, &operator.username)?);
                Ok(())
            })?;
            made.ok_or_else(|| TotpError::NoUrl.into())
        })
        .await
    }

    /// From here on, logging in takes a code.
    pub async fn confirm_totp(&self, id: OperatorId, code: String, change: Change) -> Result<(), OperatorsError> {
        self.blocking(move |inner| {
            let edit = |operator: &mut mast_model::Operator| Ok(confirm(&mut operator.totp, &code)?);
            inner.edit(id, None, "operator.confirm_totp", &change, edit).map(drop)
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
            let edit = |operator: &mut mast_model::Operator| Ok(remove(&mut operator.totp, code.as_deref())?);
            inner.edit(id, None, "operator.remove_totp", &change, edit).map(drop)
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
fn step_of(secret: &Secret, code: &str) -> Option<u64> {
    let code = code.trim();
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let now = u64::try_from(jiff::Timestamp::now().as_second()).ok()?;
    totp(secret, "somebody")?.check(code, now)
}

/// The code of a secret now, for tests.
#[cfg(test)]
pub(crate) fn code_now(secret: &Secret, steps: i64) -> String {
    let now = jiff::Timestamp::now().as_second() + steps * 30;
    totp(secret, "somebody").unwrap().generate(u64::try_from(now).unwrap()).to_string()
}
