//! Logging in and out, and knowing who sent a request.

use std::net::IpAddr;
use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use mast_model::{LoginSession, Operator, OperatorId, Secret};
use mast_store::{Actor, Change, Kind};

use super::totp::Verdict;
use super::{Identity, Inner, Operators, OperatorsError, Scopes, Via, hash_of, scopes_of, totp};
use crate::accounts::password;

/// How long a session lasts.
const LASTS: SignedDuration = SignedDuration::from_hours(12);
/// Sessions of one operator; the oldest make way.
const MOST_SESSIONS: usize = 20;

/// What somebody logs in with.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The username.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// The code of the second factor.
    pub code: Option<String>,
    /// From where.
    pub client: IpAddr,
    /// The browser, as it calls itself.
    pub user_agent: String,
}

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginRefusal {
    /// The same for an unknown username, a wrong password, a wrong code and an operator who was switched off.
    #[error("wrong username, password or code")]
    BadCredentials,
    /// The password is right.
    #[error("a code of the second factor is needed too")]
    CodeNeeded,
    /// Too many failures from this address or for this username.
    #[error("too many failed logins, try again in a minute")]
    Throttled,
    /// More logins wait than are worked off in time.
    #[error("too many logins at once, try again later")]
    Busy,
    /// The session could not be kept.
    #[error(transparent)]
    Failed(#[from] OperatorsError),
}

/// A session that began.
#[derive(Debug)]
pub struct Started {
    /// The cookie's value; known to nobody else.
    pub cookie: Secret,
    /// What the header field must hold to change anything.
    pub csrf: String,
    /// When it ends.
    pub expires: Timestamp,
    /// Who.
    pub identity: Identity,
}

/// What became of a right password.
enum Checked {
    Right(Operator),
    CodeNeeded,
}

impl Operators {
    /// Logs in.
    pub async fn login(&self, credentials: Credentials) -> Result<Started, LoginRefusal> {
        let found = self.by_username(&credentials.username);
        let find = move || found.map(|operator| (operator.password_hash.clone(), operator));
        let (again, code) = (self.inner.clone(), credentials.code.clone());
        let after = move |operator: Operator| again.second_factor(&operator, code.as_deref()).transpose();
        let who = (credentials.client, credentials.username.as_str());
        let operator = match self.inner.gate.pass(who, &credentials.password, find, after).await?? {
            Checked::Right(operator) => operator,
            Checked::CodeNeeded => return Err(LoginRefusal::CodeNeeded),
        };
        let client = credentials.client;
        Ok(self.begin(operator, client, credentials.user_agent, "login").await?)
    }

    /// A session of an operator who has shown who it is, in the way that `via` names.
    pub(super) async fn begin(
        &self,
        operator: Operator,
        client: IpAddr,
        agent: String,
        via: &'static str,
    ) -> Result<Started, OperatorsError> {
        self.blocking(move |inner| {
            let cookie = URL_SAFE_NO_PAD.encode(password::random::<32>()?);
            let now = Timestamp::now();
            let session = LoginSession {
                hash: hash_of(&cookie),
                operator: operator.id,
                created: now,
                expires: now + LASTS,
                address: Some(client),
                user_agent: agent.chars().take(256).collect(),
            };
            inner.keep_session(&session, now, via)?;
            let identity = inner.session_identity(&session, operator, Some(client));
            let csrf = inner.csrf(&session.hash);
            Ok(Started { cookie: Secret::new(cookie), csrf, expires: session.expires, identity })
        })
        .await
    }

    /// Whether this is the operator's password, with the bounds that logging in has.
    pub async fn confirm_password(&self, id: OperatorId, password: Secret, client: IpAddr) -> Result<(), LoginRefusal> {
        let operator = self.find(id).ok_or(LoginRefusal::BadCredentials)?;
        let username = operator.username.clone();
        let find = move || Some((operator.password_hash, ()));
        self.inner.gate.pass((client, &username), &password, find, Some).await
    }

    /// Ends a session.
    pub async fn logout(&self, hash: String, actor: Actor) -> Result<(), OperatorsError> {
        self.blocking(move |inner| {
            let _order = inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            Change::by(actor.clone()).commit(&*inner.store, "end a session", |transaction| {
                transaction.remove_row(Kind::LoginSessions, hash.as_bytes())?;
                transaction.audit::<LoginSession>(&actor, "session.end", subject(actor.operator), (None, None))?;
                Ok::<_, OperatorsError>(())
            })?;
            inner.change_state(|state| state.sessions.remove(&hash));
            Ok(())
        })
        .await
    }

    /// Whose cookie this is; none where the session is over or the operator was switched off.
    pub fn by_cookie(&self, cookie: &str, client: IpAddr) -> Option<Identity> {
        let inner = &*self.inner;
        let (session, operator) = {
            let state = inner.state();
            let session = state.sessions.get(&hash_of(cookie)).filter(|session| Timestamp::now() < session.expires)?;
            (session.clone(), state.operators.get(&session.operator).filter(|operator| operator.active)?.clone())
        };
        Some(inner.session_identity(&session, operator, Some(client)))
    }
}

impl Operators {
    /// What somebody who was let in may now; none where the session or key is over, or the operator was switched off.
    pub fn current(&self, identity: &Identity) -> Option<Scopes> {
        let now = Timestamp::now();
        let state = self.inner.state();
        let most = match &identity.via {
            Via::Machine => return Some(identity.scopes),
            Via::Session { hash, .. } => {
                state.sessions.get(hash).filter(|session| now < session.expires)?;
                Scopes::all()
            }
            Via::Key(id) => {
                let key = state.keys.values().find(|key| key.id == *id)?;
                if key.expires.is_some_and(|end| end <= now) {
                    return None;
                }
                Scopes::of(key.scopes.iter().copied())
            }
        };
        let operator = state.operators.get(&identity.operator?).filter(|operator| operator.active)?;
        Some(scopes_of(operator.role).and(most))
    }
}

impl Inner {
    fn session_identity(&self, session: &LoginSession, operator: Operator, address: Option<IpAddr>) -> Identity {
        Identity {
            operator: Some(operator.id),
            reseller: None,
            username: operator.username,
            role: Some(operator.role),
            scopes: scopes_of(operator.role),
            via: Via::Session { hash: session.hash.clone(), csrf: self.csrf(&session.hash) },
            address,
        }
    }

    /// Cannot be made without the host's key, and is good for one session.
    fn csrf(&self, session: &str) -> String {
        blake3::keyed_hash(&self.csrf_key, session.as_bytes()).to_hex().to_string()
    }

    /// The password was right. Takes the code, so that nobody can take it again; none where it is wrong.
    fn second_factor(&self, seen: &Operator, code: Option<&str>) -> Result<Option<Checked>, OperatorsError> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // As it is now: it may have changed while the password was verified.
        let Some(operator) = self.state().operators.get(&seen.id).cloned() else { return Ok(None) };
        if !operator.active || operator.password_hash != seen.password_hash {
            return Ok(None);
        }
        let mut after = operator;
        match totp::pass(&mut after.totp, code) {
            Verdict::Free => Ok(Some(Checked::Right(after))),
            Verdict::CodeNeeded => Ok(Some(Checked::CodeNeeded)),
            Verdict::Wrong => Ok(None),
            Verdict::Taken => {
                // Durable before the session is: a crash must not make the code good again.
                self.store.write("take a code", &mut |transaction| transaction.put(&after))?;
                self.change_state(|state| state.operators.insert(after.id, after.clone()));
                Ok(Some(Checked::Right(after)))
            }
        }
    }

    fn keep_session(&self, session: &LoginSession, now: Timestamp, via: &str) -> Result<(), OperatorsError> {
        let _order = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone: Vec<String> = {
            let state = self.state();
            let over = state.sessions.values().filter(|session| session.expires <= now);
            let mut own: Vec<&LoginSession> = state
                .sessions
                .values()
                .filter(|other| other.operator == session.operator && other.expires > now)
                .collect();
            own.sort_by_key(|session| std::cmp::Reverse(session.created));
            over.chain(own.into_iter().skip(MOST_SESSIONS - 1)).map(|session| session.hash.clone()).collect()
        };
        gone.dedup();
        let actor = Actor {
            operator: Some(session.operator.0),
            reseller: None,
            name: self.state().operators.get(&session.operator).map(|one| one.username.clone()).unwrap_or_default(),
            via: via.to_owned(),
            address: session.address,
        };
        Change::by(actor.clone()).commit(&*self.store, "begin a session", |transaction| {
            for hash in &gone {
                transaction.remove_row(Kind::LoginSessions, hash.as_bytes())?;
            }
            transaction.put(session)?;
            transaction.audit(&actor, "session.begin", subject(actor.operator), (None, Some(session)))?;
            Ok::<_, OperatorsError>(())
        })?;
        self.change_state(|state| {
            gone.iter().for_each(|hash| drop(state.sessions.remove(hash)));
            state.sessions.insert(session.hash.clone(), session.clone());
        });
        Ok(())
    }

    /// Ends an operator's sessions in memory; the caller has removed them from the store.
    pub(super) fn sessions_of(&self, id: OperatorId) -> Vec<String> {
        self.state().sessions.values().filter(|session| session.operator == id).map(|one| one.hash.clone()).collect()
    }
}

pub(super) fn subject(operator: Option<u64>) -> String {
    operator.map_or_else(|| "operator".to_owned(), |id| format!("operator/{id}"))
}
