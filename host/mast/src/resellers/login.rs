//! Resellers' own logins. They pass the gate that operators pass, and their sessions are kept in the same way: as hashes only.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use mast_model::{Reseller, ResellerId, ResellerSession, Secret};
use mast_store::{Actor, Change, Kind};

use super::totp::Checked;
use super::{Inner, Resellers, ResellersError, State};
use crate::accounts::password;
use crate::operators::{Credentials, Identity, LoginRefusal, OperatorsError, Scopes, Started, Via, hash_of};

/// How long a session lasts.
const LASTS: SignedDuration = SignedDuration::from_hours(12);
/// Sessions of one reseller; the oldest make way.
const MOST_SESSIONS: usize = 20;

impl Resellers {
    /// Logs in. A reseller that is switched off, or stands below one, is as good as none.
    pub async fn login(&self, credentials: Credentials) -> Result<Started, LoginRefusal> {
        let Credentials { username, password, code, client, user_agent } = credentials;
        let found = self.inner.state().named(&username).cloned();
        let again = self.clone();
        let find = move || found.map(|reseller| (reseller.password_hash.clone(), reseller));
        let after = move |seen: Reseller| again.inner.second_factor(&seen, code.as_deref()).transpose();
        let passed = self.inner.gate.pass((client, &place(&username)), &password, find, after).await?;
        let reseller = match passed.map_err(failed)? {
            Checked::Right(reseller) => *reseller,
            Checked::CodeNeeded => return Err(LoginRefusal::CodeNeeded),
        };
        self.begin(reseller, client, user_agent).await.map_err(failed)
    }

    async fn begin(&self, reseller: Reseller, client: IpAddr, agent: String) -> Result<Started, ResellersError> {
        self.blocking(move |inner| {
            let cookie = URL_SAFE_NO_PAD.encode(password::random::<32>()?);
            let now = Timestamp::now();
            let session = ResellerSession {
                hash: hash_of(&cookie),
                reseller: reseller.id,
                created: now,
                expires: now + LASTS,
                address: Some(client),
                user_agent: agent.chars().take(256).collect(),
            };
            inner.keep_session(&session, &reseller)?;
            let identity = inner.identity(&session, reseller, Some(client));
            let csrf = inner.csrf(&session.hash);
            Ok(Started { cookie: Secret::new(cookie), csrf, expires: session.expires, identity })
        })
        .await
    }

    /// Whether this is the reseller's password, with the bounds that logging in has.
    pub async fn confirm_password(&self, id: ResellerId, password: Secret, client: IpAddr) -> Result<(), LoginRefusal> {
        let reseller = self.inner.state().resellers.get(&id).cloned().ok_or(LoginRefusal::BadCredentials)?;
        let who = place(&reseller.username);
        let find = move || Some((reseller.password_hash, ()));
        self.inner.gate.pass((client, &who), &password, find, Some).await
    }

    /// Ends a session.
    pub async fn logout(&self, hash: String, actor: Actor) -> Result<(), ResellersError> {
        self.blocking(move |inner| {
            let _order = inner.order();
            Change::by(actor.clone()).commit(&*inner.store, "end a session", |transaction| {
                transaction.remove_row(Kind::ResellerSessions, hash.as_bytes())?;
                let subject = actor.reseller.map_or_else(|| "reseller".to_owned(), |id| format!("reseller/{id}"));
                transaction.audit::<ResellerSession>(&actor, "session.end", subject, (None, None))?;
                Ok::<_, ResellersError>(())
            })?;
            inner.change_state(|state| state.sessions.remove(&hash));
            Ok(())
        })
        .await
    }

    /// Whose cookie this is; none where the session is over, or the reseller or one above it was switched off.
    pub fn by_cookie(&self, cookie: &str, client: IpAddr) -> Option<Identity> {
        let (session, reseller) = {
            let state = self.inner.state();
            let session = state.sessions.get(&hash_of(cookie)).filter(|session| Timestamp::now() < session.expires)?;
            let reseller = state.resellers.get(&session.reseller).filter(|reseller| state.is_active(reseller.id))?;
            (session.clone(), reseller.clone())
        };
        Some(self.inner.identity(&session, reseller, Some(client)))
    }
}

impl Inner {
    fn identity(&self, session: &ResellerSession, reseller: Reseller, address: Option<IpAddr>) -> Identity {
        Identity {
            operator: None,
            reseller: Some(reseller.id),
            username: reseller.username,
            role: None,
            scopes: Scopes::default(),
            via: Via::Session { hash: session.hash.clone(), csrf: self.csrf(&session.hash) },
            address,
        }
    }

    /// Cannot be made without the host's key, and is good for one session.
    fn csrf(&self, session: &str) -> String {
        blake3::keyed_hash(&self.csrf_key, session.as_bytes()).to_hex().to_string()
    }

    fn keep_session(&self, session: &ResellerSession, reseller: &Reseller) -> Result<(), ResellersError> {
        let _order = self.order();
        let gone: Vec<String> = {
            let state = self.state();
            // A new password ended all sessions while the old one was verified; this one would outlive them.
            let now = state.resellers.get(&reseller.id).filter(|now| now.password_hash == reseller.password_hash);
            let now = now.ok_or(ResellersError::NoSuchReseller(reseller.id))?;
            if !state.is_active(now.id) {
                return Err(ResellersError::Inactive(now.id));
            }
            let (over, mut own): (Vec<_>, Vec<_>) = state
                .sessions
                .values()
                .filter(|other| other.expires <= session.created || other.reseller == session.reseller)
                .partition(|other| other.expires <= session.created);
            own.sort_by_key(|other| std::cmp::Reverse(other.created));
            let crowd = own.into_iter().skip(MOST_SESSIONS - 1);
            over.into_iter().chain(crowd).map(|other| other.hash.clone()).collect()
        };
        let actor = Actor {
            operator: None,
            reseller: Some(reseller.id.0),
            name: reseller.username.clone(),
            via: "login".to_owned(),
            address: session.address,
        };
        Change::by(actor.clone()).commit(&*self.store, "begin a session", |transaction| {
            for hash in &gone {
                transaction.remove_row(Kind::ResellerSessions, hash.as_bytes())?;
            }
            transaction.put(session)?;
            let subject = format!("reseller/{}", reseller.id);
            transaction.audit(&actor, "session.begin", subject, (None, Some(session)))?;
            Ok::<_, ResellersError>(())
        })?;
        self.change_state(|state| {
            gone.iter().for_each(|hash| drop(state.sessions.remove(hash)));
            state.sessions.insert(session.hash.clone(), session.clone());
        });
        Ok(())
    }
}

impl State {
    fn named(&self, username: &str) -> Option<&Reseller> {
        self.resellers.values().find(|reseller| reseller.username == username)
    }

    /// Neither it nor anybody above it is switched off.
    pub(super) fn is_active(&self, id: ResellerId) -> bool {
        self.tree.contains(id)
            && self.tree.upwards(id).all(|id| self.resellers.get(&id).is_some_and(|reseller| reseller.active))
    }

    /// Sessions of these resellers.
    pub(super) fn sessions_of(&self, ids: &[ResellerId]) -> Vec<String> {
        let theirs = self.sessions.values().filter(|session| ids.contains(&session.reseller));
        theirs.map(|session| session.hash.clone()).collect()
    }
}

/// Failures of an operator and of a reseller with the same username are counted apart.
fn place(username: &str) -> String {
    format!("reseller/{username}")
}

fn failed(error: ResellersError) -> LoginRefusal {
    match error {
        ResellersError::NoSuchReseller(_) | ResellersError::Inactive(_) => LoginRefusal::BadCredentials,
        ResellersError::Store(error) => OperatorsError::Store(error).into(),
        other => OperatorsError::Interrupted(other.to_string()).into(),
    }
}
