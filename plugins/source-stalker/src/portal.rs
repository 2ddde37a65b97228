//! The portal: a session with it, and calls within the session.
//!
//! The session's token is kept in storage between calls. A portal that does not know it any more is greeted anew, once for each call.

mod link;
mod standing;

use std::time::Duration;

use mast_sdk::json::{self, Answer, Fields};
use mast_sdk::location::{percent_encode, with_secrets};
use mast_sdk::{ByteSource, Code, Error, Pairs, Result, clock, http, kv};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::{Settings, addresses, mac};

const KEY: &str = "session";
/// The longest answer that is not a list.
const MOST: usize = 4 * 1024 * 1024;
/// A portal's answer has to begin within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of the session, as stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Session {
    token: String,
    #[serde(default)]
    random: String,
    /// Where the API is, and the address that a box would have.
    api: String,
    referer: String,
    /// The settings that it belongs to; others begin a new one.
    of: String,
    /// When the portal was last told that the box is there, and how often it wants to be, in seconds.
    #[serde(default)]
    told: u64,
    #[serde(default)]
    every: u64,
}

/// A portal, with the secrets filled in.
pub(crate) struct Portal<'a> {
    settings: &'a Settings,
    mac: String,
    headers: Pairs,
    session: Session,
}

type Body = Answer<ByteSource<'static>>;

impl<'a> Portal<'a> {
    /// Makes no request.
    pub(crate) fn open(settings: &'a Settings) -> Result<Self> {
        let mac = mac(&with_secrets(&settings.mac)?).ok_or_else(|| {
            Error::config("the secret in mac is no MAC address; it has to be six pairs of hexadecimal digits")
        })?;
        let headers = settings.headers.iter().map(|(name, value)| Ok((name.clone(), with_secrets(value)?)));
        let headers = headers.collect::<Result<_>>()?;
        let stored = kv::get(KEY)?.and_then(|bytes| serde_json::from_slice::<Session>(&bytes).ok());
        let of = format!("{} {mac}", settings.portal);
        let session = stored.filter(|session| session.of == of).unwrap_or_else(|| Session { of, ..Session::default() });
        Ok(Self { settings, mac, headers, session })
    }

    /// A session, with what the portal says of the account.
    pub(crate) fn enter(&mut self) -> Result<Pairs> {
        let profile = if self.session.token.is_empty() {
            self.connect()?
        } else {
            match self.profile() {
                Err(error) if error.code == Code::Unauthorized => self.connect()?,
                profile => profile?,
            }
        };
        self.standing(&profile)
    }

    /// A session, whichever.
    pub(crate) fn ensure(&mut self) -> Result<()> {
        if self.session.token.is_empty() { self.connect().map(drop) } else { Ok(()) }
    }

    /// Greets the portal and answers the profile.
    fn connect(&mut self) -> Result<Fields> {
        const WHAT: &str = "the handshake";
        let mut failure = None;
        for (api, referer) in addresses(&self.settings.portal) {
            self.session.token.clear();
            (self.session.api, self.session.referer) = (api, referer);
            let answer = self.once("type=stb&action=handshake&token=&prehash=0", WHAT);
            let answer = answer.and_then(|answer| json::document(answer, WHAT, MOST));
            match answer.map(|answer| Fields::of(answer).object("js")) {
                Ok(js) => {
                    let refused = || {
                        Error::new(Code::Unauthorized, "the portal gives no token; it may not know this MAC address")
                    };
                    self.session.token = js.text("token").filter(|token| is_token(token)).ok_or_else(refused)?;
                    self.session.random = js.text("random").filter(|random| is_token(random)).unwrap_or_default();
                    let profile = self.profile()?;
                    self.session.every = profile.whole("watchdog_timeout").unwrap_or(120).clamp(30, 3600);
                    self.session.told = 0;
                    self.save()?;
                    return Ok(profile);
                }
                Err(error) if matches!(error.code, Code::NotFound | Code::Malformed) => {
                    failure = failure.or(Some(error));
                }
                Err(error) => return Err(error),
            }
        }
        Err(failure.unwrap_or_else(|| Error::internal("no address to try")))
    }

    fn save(&self) -> Result<()> {
        let bytes = serde_json::to_vec(&self.session).map_err(|error| Error::internal(error.to_string()))?;
        kv::set(KEY, &bytes)
    }

    /// Tells the portal that the box is still there, when it is time to.
    pub(crate) fn keep_alive(&mut self) -> Result<()> {
        let now = clock::now();
        if now.saturating_sub(self.session.told) < self.session.every {
            return Ok(());
        }
        let told =
            self.call("type=watchdog&action=get_events&init=0&cur_play_type=1&event_active_id=0", "the watchdog");
        if let Err(error) = told {
            // Whether the box may watch is said by the call after this.
            mast_sdk::debug!("the portal did not take a sign of life: {error}");
        }
        self.session.told = now;
        self.save()
    }

    /// The answer to a call; the session is begun anew where the portal does not know it any more. `what` names it in errors.
    pub(crate) fn call(&mut self, query: &str, what: &str) -> Result<Body> {
        match self.once(query, what) {
            Err(error) if error.code == Code::Unauthorized => {
                self.connect()?;
                self.once(query, what)
            }
            answer => answer,
        }
    }

    /// What is inside `js` of an answer.
    pub(crate) fn js(&mut self, query: &str, what: &str) -> Result<Value> {
        let answer = json::document(self.call(query, what)?, what, MOST)?;
        Ok(answer.get("js").cloned().unwrap_or_default())
    }

    /// One request. A portal refuses with a text and status 200.
    fn once(&self, query: &str, what: &str) -> Result<Body> {
        let settings = self.settings;
        let url = format!("{}?{query}&JsHttpRequest=1-xml", self.session.api);
        let cookie = format!(
            "mac={}; stb_lang={}; timezone={}",
            percent_encode(&self.mac),
            settings.language,
            percent_encode(&settings.timezone)
        );
        let mut request = http::Request::get(&url)
            .timeout(PATIENCE)
            .header("cookie", &cookie)
            .header("user-agent", &settings.user_agent)
            .header("x-user-agent", "Model: MAG250; Link: WiFi")
            .header("referer", &self.session.referer);
        if !self.session.token.is_empty() {
            request = request.header("authorization", &format!("Bearer {}", self.session.token));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = request.send().and_then(http::Response::ok).and_then(http::Response::body);
        let answer = body.and_then(Answer::new).map_err(|error| error.context(what))?;
        if answer.starts_with("Authorization failed") || answer.starts_with("Access denied") {
            let message = format!("{what}: the portal refuses this MAC address; check mac and the subscription");
            return Err(Error::new(Code::Unauthorized, message));
        }
        Ok(answer)
    }
}

/// It can be part of a header field and of a URL.
fn is_token(text: &str) -> bool {
    text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
}
