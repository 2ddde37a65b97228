//! A reseller's second factor, as an operator's: `crate::operators::totp` knows codes, this keeps them.

use mast_model::{Reseller, ResellerId};
use mast_store::Change;

use super::{Inner, Principal, Resellers, ResellersError};
use crate::operators::Enrolment;
use crate::operators::totp::{self, TotpError, Verdict};

impl From<TotpError> for ResellersError {
    fn from(error: TotpError) -> Self {
        match error {
            TotpError::NotBegun => Self::Invalid(error.to_string()),
            TotpError::BadCode => Self::BadCode,
            TotpError::NoUrl | TotpError::Random(_) => Self::Interrupted(error.to_string()),
        }
    }
}

/// What became of a right password.
pub(super) enum Checked {
    Right(Box<Reseller>),
    CodeNeeded,
}

impl Resellers {
    /// Makes a secret, which counts once a code of it was confirmed.
    pub async fn begin_totp(&self, id: ResellerId, change: Change) -> Result<Enrolment, ResellersError> {
        self.blocking(move |inner| {
            inner.edit_factor(id, "reseller.begin_totp", &change, |reseller| {
                Ok(totp::begin(&mut reseller.totp, &reseller.username)?)
            })
        })
        .await
    }

    /// From here on, logging in takes a code.
    pub async fn confirm_totp(&self, id: ResellerId, code: String, change: Change) -> Result<(), ResellersError> {
        self.blocking(move |inner| {
            inner.edit_factor(id, "reseller.confirm_totp", &change, |reseller| {
                Ok(totp::confirm(&mut reseller.totp, &code)?)
            })
        })
        .await
    }

    /// Takes one's own second factor away, with a code.
    pub async fn remove_totp(&self, id: ResellerId, code: String, change: Change) -> Result<(), ResellersError> {
        self.blocking(move |inner| {
            inner.edit_factor(id, "reseller.remove_totp", &change, |reseller| {
                Ok(totp::remove(&mut reseller.totp, Some(&code))?)
            })
        })
        .await
    }

    /// Takes the second factor of one who has lost it away; for whoever stands above.
    pub async fn reset_totp(&self, by: Principal, id: ResellerId, change: Change) -> Result<(), ResellersError> {
        self.blocking(move |inner| {
            inner.state().get_below(by, id)?;
            inner.state().commands(by)?;
            inner.edit_factor(id, "reseller.remove_totp", &change, |reseller| {
                Ok(totp::remove(&mut reseller.totp, None)?)
            })
        })
        .await
    }
}

impl Inner {
    /// Changes one reseller's second factor, with its entry in the audit log.
    fn edit_factor<T>(
        &self,
        id: ResellerId,
        action: &str,
        change: &Change,
        edit: impl FnOnce(&mut Reseller) -> Result<T, ResellersError>,
    ) -> Result<T, ResellersError> {
        let _order = self.order();
        let before = self.state().resellers.get(&id).cloned().ok_or(ResellersError::NoSuchReseller(id))?;
        let mut after = before.clone();
        let made = edit(&mut after)?;
        after.revision += 1;
        change.commit(&*self.store, "change a second factor", |transaction| {
            transaction.put(&after)?;
            transaction.audit(&change.actor, action, format!("reseller/{id}"), (Some(&before), Some(&after)))?;
            Ok::<_, ResellersError>(())
        })?;
        self.keep(&after)?;
        Ok(made)
    }

    /// The password was right. Takes the code, so that nobody can take it again; none where it is wrong.
    pub(super) fn second_factor(&self, seen: &Reseller, code: Option<&str>) -> Result<Option<Checked>, ResellersError> {
        let _order = self.order();
        // As it is now: it may have changed while the password was verified.
        let now = {
            let state = self.state();
            let now = state.resellers.get(&seen.id).filter(|now| now.password_hash == seen.password_hash);
            now.filter(|now| state.is_active(now.id)).cloned()
        };
        let Some(mut reseller) = now else { return Ok(None) };
        match totp::pass(&mut reseller.totp, code) {
            Verdict::Free => Ok(Some(Checked::Right(Box::new(reseller)))),
            Verdict::CodeNeeded => Ok(Some(Checked::CodeNeeded)),
            Verdict::Wrong => Ok(None),
            Verdict::Taken => {
                // Durable before the session is: a crash must not make the code good again.
                self.store.write("take a code", &mut |transaction| transaction.put(&reseller))?;
                self.keep(&reseller)?;
                Ok(Some(Checked::Right(Box::new(reseller))))
            }
        }
    }
}
