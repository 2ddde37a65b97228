//! What is asked of the identity provider: its metadata (OpenID Connect Discovery 1.0), its keys (RFC 7517), tokens for codes, and what it
//! says of a person. Asked when it is needed, so that the host starts while the provider is away; kept for an hour.
//!
//! Every answer has a deadline and a size. The provider's own host may be a private address, because the operator named it; others that
//! its metadata name may not. A provider that fails is left alone for some seconds, so that no flood of logins is passed on to it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mast_model::{Destination, DestinationRules, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::{Url, form_urlencoded};

use super::error::ProviderError;
use super::keys::Keys;
use crate::operators::config::OidcConfig;
use crate::outbound::{Outbound, OutboundRequest, Route};

/// For one answer, from the first byte to the last, and for one's turn to ask.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const LARGEST: usize = 256 * 1024;
/// How long metadata and keys are kept.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long a provider is left alone that has failed.
const REST: Duration = Duration::from_secs(3);
/// Keys are asked for again where a token names an unknown one, at most so often in a minute.
const ROTATIONS: usize = 6;

/// The identity provider.
pub(super) struct Provider {
    config: OidcConfig,
    outbound: Outbound,
    known: Mutex<Known>,
    /// One at a time asks for metadata and keys.
    asking: Semaphore,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Instant, Arc<Metadata>)>,
    keys: Option<(Instant, Arc<Keys>)>,
    failed: Option<Instant>,
    rotations: VecDeque<Instant>,
}

/// What a provider says of itself, as far as it is needed.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    token: Url,
    keys: Url,
    userinfo: Option<Url>,
    /// The secret goes into the form instead of a header field.
    secret_in_form: bool,
    /// Answers name the issuer (RFC 9207).
    pub(super) names_itself: bool,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is given for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: Option<Secret>,
}

/// A request, apart from what all have in common.
struct Question<'a> {
    what: &'static str,
    url: &'a Url,
    fields: Vec<(String, String)>,
    form: Option<String>,
}

impl Provider {
    pub(super) fn new(config: OidcConfig, outbound: Outbound) -> Self {
        Self { config, outbound, known: Mutex::default(), asking: Semaphore::new(1) }
    }

    /// What it says of itself; older words where it does not answer now.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let fresh = || self.known().metadata.clone().filter(|(asked, _)| asked.elapsed() < FRESH);
        if let Some((_, metadata)) = fresh() {
            return Ok(metadata);
        }
        let _turn = self.turn("metadata").await?;
        if let Some((_, metadata)) = fresh() {
            return Ok(metadata);
        }
        let discovered = self.noting(async { self.discover().await }).await;
        let older = self.known().metadata.clone();
        match (discovered, older) {
            (Ok(metadata), _) => {
                let metadata = Arc::new(metadata);
                self.known().metadata = Some((Instant::now(), Arc::clone(&metadata)));
                Ok(metadata)
            }
            (Err(error), Some((_, metadata))) => {
                tracing::warn!(%error, "what the identity provider said an hour ago is used");
                Ok(metadata)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Its keys; asked for again where this one is not among them.
    pub(super) async fn keys(&self, metadata: &Metadata, id: Option<&str>) -> Result<Arc<Keys>, ProviderError> {
        let good = || {
            let known = self.known().keys.clone().filter(|(asked, _)| asked.elapsed() < FRESH);
            known.filter(|(_, keys)| keys.has(id)).map(|(_, keys)| keys)
        };
        if let Some(keys) = good() {
            return Ok(keys);
        }
        let _turn = self.turn("keys").await?;
        if let Some(keys) = good() {
            return Ok(keys);
        }
        let fresh = self.known().keys.clone().filter(|(asked, _)| asked.elapsed() < FRESH);
        if let (Some((_, keys)), false) = (fresh, self.may_rotate()) {
            return Ok(keys);
        }
        let question = Question { what: "keys", url: &metadata.keys, fields: Vec::new(), form: None };
        let keys = Arc::new(Keys::new(&self.noting(self.ask(question)).await?));
        self.known().keys = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }

    /// The tokens for a code.
    pub(super) async fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        verifier: &Secret,
    ) -> Result<Tokens, ProviderError> {
        let (fields, form) = self.code_request(metadata, code, verifier);
        let answer = self.ask(Question { what: "tokens", url: &metadata.token, fields, form: Some(form) }).await?;
        serde_json::from_value(Value::Object(answer)).map_err(|_| ProviderError::Unreadable("tokens"))
    }

    /// Header fields and form that a code is given back with.
    fn code_request(&self, metadata: &Metadata, code: &str, verifier: &Secret) -> (Vec<(String, String)>, String) {
        let config = &self.config;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code").append_pair("code", code);
        form.append_pair("redirect_uri", &config.redirect_uri).append_pair("code_verifier", verifier.expose());
        let mut fields = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        match &config.client_secret {
            Some(secret) if !metadata.secret_in_form => {
                // RFC 6749, section 2.3.1: each part is encoded before they are joined.
                let part = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let both = format!("{}:{}", part(&config.client_id), part(secret.expose()));
                fields.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(both))));
            }
            secret => {
                form.append_pair("client_id", &config.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose());
                }
            }
        }
        (fields, form.finish())
    }

    /// What it says of the person that an access token is for; none where it has no place to ask.
    pub(super) async fn person(
        &self,
        metadata: &Metadata,
        access: &Secret,
    ) -> Result<Option<Map<String, Value>>, ProviderError> {
        let Some(url) = &metadata.userinfo else { return Ok(None) };
        let fields = vec![("authorization".to_owned(), format!("Bearer {}", access.expose()))];
        self.ask(Question { what: "userinfo", url, fields, form: None }).await.map(Some)
    }

    async fn discover(&self) -> Result<Metadata, ProviderError> {
        let issuer = self.config.issuer.trim_end_matches('/');
        let url = Url::parse(&format!("{issuer}/.well-known/openid-configuration"));
        let url = url.map_err(|_| ProviderError::Endpoint("metadata"))?;
        let answer = self.ask(Question { what: "metadata", url: &url, fields: Vec::new(), form: None }).await?;
        let found = serde_json::from_value::<Discovered>(Value::Object(answer));
        let found = found.map_err(|_| ProviderError::Unreadable("metadata"))?;
        // Otherwise one provider could speak for another.
        if found.issuer != self.config.issuer {
            return Err(ProviderError::Issuer(found.issuer.chars().take(200).collect()));
        }
        let secret_in_form = found.token_endpoint_auth_methods_supported.is_some_and(|methods| {
            let has = |name: &str| methods.iter().any(|method| method == name);
            has("client_secret_post") && !has("client_secret_basic")
        });
        Ok(Metadata {
            authorization: self.endpoint("authorization_endpoint", &found.authorization_endpoint)?,
            token: self.endpoint("token_endpoint", &found.token_endpoint)?,
            keys: self.endpoint("jwks_uri", &found.jwks_uri)?,
            userinfo: found.userinfo_endpoint.map(|url| self.endpoint("userinfo_endpoint", &url)).transpose()?,
            secret_in_form,
            names_itself: found.authorization_response_iss_parameter_supported,
        })
    }

    /// https, or http where the operator named the issuer so and it is the same server.
    fn endpoint(&self, what: &'static str, text: &str) -> Result<Url, ProviderError> {
        let url = Url::parse(text).ok().filter(Url::has_host);
        let safe = |url: &Url| url.scheme() == "https" || url.origin() == self.config.issuer_url.origin();
        url.filter(safe).ok_or(ProviderError::Endpoint(what))
    }

    /// A JSON object.
    async fn ask(&self, question: Question<'_>) -> Result<Map<String, Value>, ProviderError> {
        let what = question.what;
        let answered = tokio::time::timeout(PATIENCE, self.fetch(question)).await;
        let (status, body) = answered.map_err(|_| ProviderError::Slow(what))??;
        let object = serde_json::from_slice::<Map<String, Value>>(&body);
        match (status, object) {
            (200, Ok(object)) => Ok(object),
            (200, Err(_)) => Err(ProviderError::Unreadable(what)),
            // RFC 6749, section 5.2. Its description is for its own log.
            (400 | 401, Ok(object)) if what == "tokens" => {
                let code = object.get("error").and_then(Value::as_str).unwrap_or("no reason given");
                Err(ProviderError::Refused(code.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()))
            }
            (status, _) => Err(ProviderError::Status { what, status }),
        }
    }

    async fn fetch(&self, question: Question<'_>) -> Result<(u16, Vec<u8>), ProviderError> {
        let Question { what, url, mut fields, form } = question;
        fields.push(("accept".to_owned(), "application/json".to_owned()));
        let request = OutboundRequest {
            method: if form.is_some() { "POST" } else { "GET" }.to_owned(),
            url: url.as_str().to_owned(),
            headers: fields,
            body: form.map(String::into_bytes),
            head_timeout: PATIENCE,
            decompress: false,
            route: Route { ca: self.config.ca.clone(), ..Route::default() },
        };
        let mut answer = self.outbound.send(&self.rules(url), request).await?;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if body.len() + piece.len() > LARGEST {
                return Err(ProviderError::TooLarge(what));
            }
            body.extend_from_slice(&piece);
        }
        Ok((answer.status, body))
    }

    /// There and nowhere else, redirects included.
    fn rules(&self, url: &Url) -> DestinationRules {
        let anywhere = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
        let is_named = url.origin() == self.config.issuer_url.origin();
        DestinationRules {
            allow: Destination::of(url).into_iter().collect(),
            allow_private: if is_named { anywhere.to_vec() } else { Vec::new() },
            any_http: false,
        }
    }

    async fn turn(&self, what: &'static str) -> Result<tokio::sync::SemaphorePermit<'_>, ProviderError> {
        match tokio::time::timeout(PATIENCE, self.asking.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(ProviderError::Slow(what)),
        }
    }

    /// Not asked at all where it has just failed; and where it fails now, that is remembered.
    async fn noting<T>(&self, work: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
        if self.known().failed.is_some_and(|failed| failed.elapsed() < REST) {
            return Err(ProviderError::Resting);
        }
        let done = work.await;
        self.known().failed = done.is_err().then(Instant::now);
        done
    }

    /// Whether keys may be asked for again now; where they may, that counts.
    fn may_rotate(&self) -> bool {
        let mut known = self.known();
        known.rotations.retain(|asked| asked.elapsed() < Duration::from_secs(60));
        let may = known.rotations.len() < ROTATIONS;
        if may {
            known.rotations.push_back(Instant::now());
        }
        may
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
