//! Making and changing resellers.

use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use mast_model::{Account, Credits, Reseller, ResellerId, ResellerLimits, ResellerRights, SecondFactor, Secret};
use mast_store::{Change, Kind};

use super::{Inner, Principal, Resellers, ResellersError, State, key};
use crate::accounts::password;

/// A reseller to be added.
#[derive(Debug, Clone)]
pub struct NewReseller {
    /// 1 to 64 characters, no white space.
    pub username: String,
    /// 8 to 128 characters.
    pub password: Secret,
    /// Below whom; none for whoever adds it.
    pub parent: Option<ResellerId>,
    /// What it may do.
    pub rights: ResellerRights,
    /// How much of it.
    pub limits: ResellerLimits,
    /// At most 4,000 characters.
    pub notes: String,
    /// At most 4,000 characters.
    pub branding: String,
}

/// A change of a reseller; what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResellerPatch {
    /// As in a new one.
    pub password: Option<Secret>,
    /// Below whom; `Some(None)` for the house. Operators only.
    pub parent: Option<Option<ResellerId>>,
    /// Off where false.
    pub active: Option<bool>,
    /// As in a new one.
    pub rights: Option<ResellerRights>,
    /// As in a new one.
    pub limits: Option<ResellerLimits>,
    /// As in a new one.
    pub notes: Option<String>,
    /// At most 4,000 characters.
    pub own_notes: Option<String>,
    /// As in a new one.
    pub branding: Option<String>,
}

impl ResellerPatch {
    /// Whether it is only what a reseller changes about itself.
    fn is_own(&self) -> bool {
        let (password, own_notes) = (self.password.clone(), self.own_notes.clone());
        let own = Self { password, own_notes, branding: self.branding.clone(), ..Self::default() };
        *self == own
    }
}

impl Resellers {
    /// Adds a reseller.
    pub async fn add(&self, by: Principal, new: NewReseller, change: Change) -> Result<Reseller, ResellersError> {
        check_username(&new.username)?;
        check_password(&new.password)?;
        self.blocking(move |inner| {
            let password_hash = password::hash(new.password.expose())?;
            let parent = match by {
                Principal::House => new.parent,
                Principal::Reseller(by) => Some(new.parent.unwrap_or(by)),
            };
            let mut reseller = Reseller {
                id: ResellerId(0),
                username: new.username,
                password_hash,
                totp: SecondFactor::default(),
                parent,
                active: true,
                rights: new.rights,
                limits: new.limits,
                notes: new.notes,
                own_notes: String::new(),
                branding: new.branding,
                created: Timestamp::now(),
                revision: 0,
            };
            let _order = inner.order();
            inner.state().may_hold(by, &reseller, None)?;
            let reseller = change.commit(&*inner.store, "add a reseller", |transaction| {
                reseller.id = ResellerId(transaction.next_id(Kind::Resellers)?);
                transaction.put(&reseller)?;
                let subject = format!("reseller/{}", reseller.id);
                transaction.audit(&change.actor, "reseller.create", subject, (None, Some(&reseller)))?;
                Ok::<_, ResellersError>(reseller)
            })?;
            inner.keep(&reseller)?;
            Ok(reseller)
        })
        .await
    }

    /// Changes a reseller: those below by whoever stands above, its own password, notes and branding by itself.
    pub async fn change(
        &self,
        by: Principal,
        id: ResellerId,
        expected: Option<u64>,
        patch: ResellerPatch,
        change: Change,
    ) -> Result<Reseller, ResellersError> {
        if let Some(password) = &patch.password {
            check_password(password)?;
        }
        self.blocking(move |inner| {
            let hash = patch.password.as_ref().map(|password| password::hash(password.expose())).transpose()?;
            let _order = inner.order();
            let own = by == Principal::Reseller(id) && patch.is_own();
            let before = if own { inner.state().get(by, id)? } else { inner.state().get_below(by, id)? };
            if expected.is_some_and(|expected| expected != before.revision) {
                return Err(ResellersError::Changed { what: format!("reseller {id}"), revision: before.revision });
            }
            if patch.parent.is_some() && by != Principal::House {
                return Err(ResellersError::HouseOnly("move a reseller"));
            }
            let mut after = patch.clone().applied(before.clone());
            after.password_hash = hash.unwrap_or(after.password_hash);
            after.revision += 1;
            if !own {
                inner.state().may_hold(by, &after, Some(&before))?;
            }
            check_texts(&after)?;
            // Whoever knew the old password, or is not wanted any more, is out; with everybody below, who cannot log in either.
            let ended = match (after.active, after.password_hash == before.password_hash) {
                (false, _) => {
                    let state = inner.state();
                    state.sessions_of(&state.tree.within(id))
                }
                (true, false) => inner.state().sessions_of(&[id]),
                (true, true) => Vec::new(),
            };
            change.commit(&*inner.store, "change a reseller", |transaction| {
                for hash in &ended {
                    transaction.remove_row(Kind::ResellerSessions, hash.as_bytes())?;
                }
                transaction.put(&after)?;
                let (subject, both) = (format!("reseller/{id}"), (Some(&before), Some(&after)));
                transaction.audit(&change.actor, "reseller.update", subject, both)?;
                Ok::<_, ResellersError>(())
            })?;
            inner.change_state(|state| ended.iter().for_each(|hash| drop(state.sessions.remove(hash))));
            inner.keep(&after)?;
            Ok(after)
        })
        .await
    }

    /// Removes a reseller that has nobody below it, no lines and no credits. Its entries stay, and its number is not used again.
    pub async fn remove(
        &self,
        by: Principal,
        id: ResellerId,
        expected: Option<u64>,
        change: Change,
    ) -> Result<(), ResellersError> {
        self.blocking(move |inner| {
            let _order = inner.order();
            let before = inner.state().get_below(by, id)?;
            inner.state().commands(by)?;
            if expected.is_some_and(|expected| expected != before.revision) {
                return Err(ResellersError::Changed { what: format!("reseller {id}"), revision: before.revision });
            }
            let not_empty = |what| Err(ResellersError::NotEmpty { reseller: id, what });
            if inner.state().tree.within(id).len() > 1 {
                return not_empty("resellers below it");
            }
            let ended = inner.state().sessions_of(&[id]);
            // No line is sold between the question and the deed.
            inner.accounts.between_changes(|| {
                if inner.accounts.sold_by(&[id]) > 0 {
                    return not_empty("lines");
                }
                change.commit(&*inner.store, "remove a reseller", |transaction| {
                    if transaction.balance(Account::Reseller(id))? != Credits::ZERO {
                        return not_empty("credits, or owes some");
                    }
                    for hash in &ended {
                        transaction.remove_row(Kind::ResellerSessions, hash.as_bytes())?;
                    }
                    transaction.remove_row(Kind::Resellers, &key(id.0))?;
                    let subject = format!("reseller/{id}");
                    transaction.audit(&change.actor, "reseller.delete", subject, (Some(&before), None))?;
                    Ok(())
                })
            })?;
            inner.change_state(|state| {
                ended.iter().for_each(|hash| drop(state.sessions.remove(hash)));
                state.tree.remove(id);
                state.resellers.remove(&id);
            });
            Ok(())
        })
        .await
    }
}

impl ResellerPatch {
    fn applied(self, reseller: Reseller) -> Reseller {
        Reseller {
            parent: self.parent.unwrap_or(reseller.parent),
            active: self.active.unwrap_or(reseller.active),
            rights: self.rights.unwrap_or(reseller.rights),
            limits: self.limits.unwrap_or(reseller.limits),
            notes: self.notes.unwrap_or(reseller.notes),
            own_notes: self.own_notes.unwrap_or(reseller.own_notes),
            branding: self.branding.unwrap_or(reseller.branding),
            ..reseller
        }
    }
}

impl Inner {
    pub(super) fn order(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Into memory, once it is stored.
    pub(super) fn keep(&self, reseller: &Reseller) -> Result<(), ResellersError> {
        self.change_state(|state| {
            state.tree.put(reseller.id, reseller.parent)?;
            state.resellers.insert(reseller.id, reseller.clone());
            Ok(())
        })
    }
}

impl State {
    /// Whether a reseller may be as it is to be, new or changed from `before`.
    fn may_hold(&self, by: Principal, after: &Reseller, before: Option<&Reseller>) -> Result<(), ResellersError> {
        check_texts(after)?;
        if self.resellers.values().any(|other| other.id != after.id && other.username == after.username) {
            return Err(ResellersError::UsernameTaken(after.username.clone()));
        }
        // Tried on a copy: it refuses circles and parents that do not exist. A new one has no number yet.
        let moved = before.is_none_or(|before| before.parent != after.parent);
        if moved && before.is_some() {
            self.tree.clone().put(after.id, after.parent)?;
        }
        if let Some(parent) = after.parent {
            let parent = self.get(by, parent)?;
            if let Some(right) = parent.rights.lacks(&after.rights) {
                return Err(ResellersError::MayNot { reseller: parent.id, right });
            }
            if moved {
                self.has_room_below(parent.id, before)?;
            }
        }
        if after.limits.overdraft < Credits::ZERO {
            return Err(ResellersError::Invalid("an overdraft is not negative".to_owned()));
        }
        self.commands(by)?;
        // An overdraft is the house's money.
        let overdraft = before.map_or(Credits::ZERO, |before| before.limits.overdraft);
        if by != Principal::House && after.limits.overdraft > overdraft {
            return Err(ResellersError::HouseOnly("raise an overdraft"));
        }
        Ok(())
    }

    /// Whether somebody may make and change resellers below.
    pub(super) fn commands(&self, by: Principal) -> Result<(), ResellersError> {
        let Principal::Reseller(by) = by else { return Ok(()) };
        let upwards: Vec<&Reseller> = self.tree.upwards(by).filter_map(|id| self.resellers.get(&id)).collect();
        if !upwards.iter().all(|reseller| reseller.active) {
            return Err(ResellersError::Inactive(by));
        }
        if !upwards.iter().all(|reseller| reseller.rights.sub_resellers) {
            return Err(ResellersError::MayNot { reseller: by, right: "sub_resellers" });
        }
        Ok(())
    }

    /// Whether everybody above has room for one more below, with whoever comes with it.
    fn has_room_below(&self, parent: ResellerId, moving: Option<&Reseller>) -> Result<(), ResellersError> {
        let more = moving.map_or(1, |moving| self.tree.within(moving.id).len());
        for above in self.tree.upwards(parent).filter_map(|id| self.resellers.get(&id)) {
            let Some(most) = above.limits.sub_resellers else { continue };
            // Whoever moves within the tree of `above` is counted there already.
            let inside = moving.is_some_and(|moving| self.tree.is_within(above.id, moving.id));
            let count = self.tree.within(above.id).len() - 1 + if inside { 0 } else { more };
            if count > usize::try_from(most).unwrap_or(usize::MAX) {
                return Err(ResellersError::Limit { reseller: parent, what: "resellers below it", most });
            }
        }
        Ok(())
    }
}

fn check_username(username: &str) -> Result<(), ResellersError> {
    let fits =
        (1..=64).contains(&username.chars().count()) && !username.chars().any(|c| c.is_whitespace() || c.is_control());
    match fits {
        true => Ok(()),
        false => {
            Err(ResellersError::Invalid("a reseller's username has 1 to 64 characters without white space".to_owned()))
        }
    }
}

fn check_password(password: &Secret) -> Result<(), ResellersError> {
    match password.expose().chars().count() {
        8..=128 => Ok(()),
        _ => Err(ResellersError::Invalid("a reseller's password has 8 to 128 characters".to_owned())),
    }
}

fn check_texts(reseller: &Reseller) -> Result<(), ResellersError> {
    match [&reseller.notes, &reseller.own_notes, &reseller.branding].iter().all(|text| text.chars().count() <= 4_000) {
        true => Ok(()),
        false => Err(ResellersError::Invalid("notes and branding have at most 4000 characters each".to_owned())),
    }
}
