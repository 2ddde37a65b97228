//! Logging operators in through an identity provider: OpenID Connect, authorization code flow with PKCE. The provider says who somebody is;
//! which operator that is, and what it may, is this host's to say: nobody becomes an operator by logging in.
//!
//! Not here: passwords, which go on working, and the second factor, which is the provider's business for those who come this way.
//!
//! Invariants: a login is finished once, in the browser that began it; an identity token counts only with the provider's signature, for
//! this host, for this login; whoever is not an active operator gets the same answer, an entry in the audit log, and is throttled.

mod error;
mod keys;
mod pending;
mod provider;

pub use error::OidcRefusal;
use error::ProviderError;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use mast_model::{Operator, Secret};
use mast_store::{Actor, Change};
use serde_json::{Map, Value, json};

use super::config::{Claim, OidcConfig};
use super::login::subject;
use super::{Operators, OperatorsError, Started};
use crate::outbound::Outbound;
use keys::Token;
use pending::{Attempt, Pending};
use provider::{Metadata, Provider, Tokens};

/// What a browser may bring back at most, in characters.
const LONGEST_CODE: usize = 4_096;
/// How far clocks may be apart, in seconds.
const LEEWAY: f64 = 60.0;

/// Logins through an identity provider. Cheap to clone.
#[derive(Clone)]
pub struct Oidc {
    inner: Arc<Inner>,
}

struct Inner {
    config: OidcConfig,
    operators: Operators,
    provider: Provider,
    pending: Pending,
}

/// A login that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// What it brings back as a cookie.
    pub cookie: Secret,
}

/// What a browser brings back from the provider, unproved.
#[derive(Debug, Clone, Default)]
pub struct Returned {
    /// `state`
    pub state: String,
    /// `code`
    pub code: Option<String>,
    /// `iss` (RFC 9207)
    pub issuer: Option<String>,
    /// What the browser's cookie holds.
    pub cookie: String,
}

/// Somebody the provider vouches for.
struct Person {
    /// What the claim says.
    name: String,
    /// Not so for a mail address that the provider has not verified.
    certain: bool,
}

impl Oidc {
    /// Asks nothing yet: the provider may be away.
    pub fn new(config: OidcConfig, operators: Operators, outbound: Outbound) -> Self {
        let provider = Provider::new(config.clone(), outbound);
        Self { inner: Arc::new(Inner { config, operators, provider, pending: Pending::default() }) }
    }

    /// What people call the provider.
    pub fn name(&self) -> &str {
        &self.inner.config.name
    }

    /// The path on this host that browsers go to afterwards, if the operator wants one.
    pub fn after_login(&self) -> Option<&str> {
        self.inner.config.after_login.as_deref()
    }

    /// Begins a login.
    pub async fn begin(&self, client: IpAddr) -> Result<Begun, OidcRefusal> {
        let inner = &*self.inner;
        inner.operators.gate().admits(client)?;
        let metadata = inner.provider.metadata().await?;
        let ticket = inner.pending.begin(client)?;
        let scopes: Vec<&str> =
            std::iter::once("openid").chain(inner.config.scopes.iter().map(String::as_str)).collect();
        let mut location = metadata.authorization.clone();
        location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &inner.config.client_id)
            .append_pair("redirect_uri", &inner.config.redirect_uri)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &ticket.state)
            .append_pair("nonce", ticket.nonce.expose())
            .append_pair("code_challenge", &ticket.challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { location: location.into(), cookie: ticket.cookie })
    }

    /// Finishes a login: a session, as a password begins one.
    pub async fn finish(&self, returned: Returned, client: IpAddr, agent: String) -> Result<Started, OidcRefusal> {
        let inner = &*self.inner;
        let gate = inner.operators.gate();
        gate.admits(client)?;
        // Nothing counts against an address before this: other sites could send its browser here.
        let attempt = inner.pending.take(&returned.state, &returned.cookie).ok_or(OidcRefusal::NotBegun)?;
        let found = match inner.person(&returned, &attempt).await {
            Ok(person) => inner.operator(person, client).await,
            Err(refusal) => Err(refusal),
        };
        match found {
            Ok(operator) => Ok(inner.operators.begin(operator, client, agent, "oidc").await?),
            Err(refusal) => {
                if matches!(refusal, OidcRefusal::NotAnOperator | OidcRefusal::Untrusted(_)) {
                    gate.failed(client);
                }
                Err(refusal)
            }
        }
    }
}

impl Inner {
    /// Whom the provider vouches for.
    async fn person(&self, returned: &Returned, attempt: &Attempt) -> Result<Person, OidcRefusal> {
        let metadata = self.provider.metadata().await?;
        let named = returned.issuer.as_deref();
        if named.is_some_and(|named| named != self.config.issuer) || (named.is_none() && metadata.names_itself) {
            return Err(ProviderError::MixedUp.into());
        }
        let code = returned.code.as_deref().filter(|code| (1..=LONGEST_CODE).contains(&code.len()));
        let code = code.ok_or(OidcRefusal::Declined)?;
        let tokens = self.provider.exchange(&metadata, code, &attempt.verifier).await?;
        let claims = self.claims(&metadata, &tokens, attempt).await?;
        let claim = self.config.claim;
        let person = named_by(claim, &claims);
        match (person, tokens.access_token) {
            (Some(person), _) if person.certain => Ok(person),
            (person, None) => person.ok_or_else(|| nameless().into()),
            // Many providers put into the identity token what has to be there, and no more.
            (person, Some(access)) => {
                let more = self.provider.person(&metadata, &access).await?;
                let same = |more: &Map<String, Value>| more.get("sub") == claims.get("sub");
                if more.as_ref().is_some_and(|more| !same(more)) {
                    return Err(
                        ProviderError::Claim("userinfo speaks of another person than the identity token").into()
                    );
                }
                more.and_then(|more| named_by(claim, &more)).or(person).ok_or_else(|| nameless().into())
            }
        }
    }

    /// What the identity token says, once it is proved to be for this login.
    async fn claims(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        attempt: &Attempt,
    ) -> Result<Map<String, Value>, ProviderError> {
        let token = Token::parse(&tokens.id_token)?;
        let keys = self.provider.keys(metadata, token.key_id()).await?;
        let claims = keys.verify(&token)?;
        check_claims(&claims, &self.config, attempt.nonce.expose(), Timestamp::now())?;
        Ok(claims)
    }

    /// The operator that a person is. Whatever stands against it: one answer, and an entry in the audit log.
    async fn operator(&self, person: Person, client: IpAddr) -> Result<Operator, OidcRefusal> {
        let found = self.operators.by_oidc_id(&person.name, self.config.claim);
        let why = match &found {
            _ if !person.certain => "email_not_verified",
            None => "unknown",
            Some(operator) if !operator.active => "inactive",
            Some(_) => "",
        };
        match found.as_ref().filter(|_| why.is_empty()) {
            Some(operator) => Ok(operator.clone()),
            None => {
                let about = found.map(|operator| operator.id.0);
                self.operators.note_refusal(person.name, about, why, client).await?;
                Err(OidcRefusal::NotAnOperator)
            }
        }
    }
}

/// OpenID Connect Core 1.0, section 3.1.3.7: that a token of the provider's is for this host, for this login, now.
fn check_claims(
    claims: &Map<String, Value>,
    config: &OidcConfig,
    nonce: &str,
    now: Timestamp,
) -> Result<(), ProviderError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let (audiences, several) = match claims.get("aud") {
        Some(Value::Array(all)) => (all.iter().filter_map(Value::as_str).collect(), all.len() > 1),
        Some(Value::String(one)) => (vec![one.as_str()], false),
        _ => (Vec::new(), false),
    };
    let party = claims.get("azp");
    // Numbers may have fractions (RFC 7519, section 2).
    let (exp, nbf) = (claims.get("exp").and_then(Value::as_f64), claims.get("nbf").and_then(Value::as_f64));
    let now = now.as_second() as f64;
    let wrong = if text("iss") != Some(&config.issuer) {
        "the identity token is another provider's (iss)"
    } else if !audiences.contains(&config.client_id.as_str()) {
        "the identity token is for somebody else (aud)"
    } else if party.map_or(several, |party| party.as_str() != Some(&config.client_id)) {
        "the identity token was made for another client (azp)"
    } else if !exp.is_some_and(|exp| now < exp + LEEWAY) {
        "the identity token is too old (exp); are both clocks right?"
    } else if claims.contains_key("nbf") && !nbf.is_some_and(|nbf| nbf - LEEWAY <= now) {
        "the identity token does not count yet (nbf); are both clocks right?"
    } else if text("nonce") != Some(nonce) {
        "the identity token is for another login (nonce)"
    } else if text("sub").is_none_or(str::is_empty) {
        "the identity token names nobody (sub)"
    } else {
        return Ok(());
    };
    Err(ProviderError::Claim(wrong))
}

/// Who that is, by the claim that counts here.
fn named_by(claim: Claim, claims: &Map<String, Value>) -> Option<Person> {
    let name = claims.get(claim.name())?.as_str()?.trim();
    let verified = match claims.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        // Some providers write it so.
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    let fits = (1..=255).contains(&name.chars().count());
    fits.then(|| Person { name: name.to_owned(), certain: claim != Claim::Email || verified })
}

fn nameless() -> ProviderError {
    ProviderError::Claim("the identity provider does not say what [oidc] claim names; see its scopes and [oidc] scopes")
}

impl Operators {
    fn by_oidc_id(&self, name: &str, claim: Claim) -> Option<Operator> {
        let same = |operator: &&Operator| {
            operator.oidc_id.as_deref().is_some_and(|id| match claim {
                Claim::Email => id.eq_ignore_ascii_case(name),
                Claim::Sub | Claim::PreferredUsername => id == name,
            })
        };
        self.inner.state().operators.values().find(same).cloned()
    }

    async fn note_refusal(
        &self,
        name: String,
        about: Option<u64>,
        why: &'static str,
        client: IpAddr,
    ) -> Result<(), OperatorsError> {
        self.blocking(move |inner| {
            let actor = Actor { operator: None, reseller: None, name, via: "oidc".to_owned(), address: Some(client) };
            let reason = json!({ "why": why });
            Change::by(actor.clone()).commit(&*inner.store, "note a refused login", |transaction| {
                transaction.audit(&actor, "session.refuse", subject(about), (None, Some(&reason)))?;
                Ok::<_, OperatorsError>(())
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests;
