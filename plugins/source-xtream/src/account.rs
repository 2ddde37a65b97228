//! The account: logging in, what the upstream says of it, and the addresses that are made of it.

use std::time::Duration;

use mast_sdk::json::{self, Fields};
use mast_sdk::location::{percent_encode, with_secrets};
use mast_sdk::source::{Catalog, Upstream};
use mast_sdk::time::{self, Zones};
use mast_sdk::{ByteSource, Code, Error, Result, Summary, clock, http};

use crate::settings::Settings;

/// The longest answer about the account.
const MOST_LOGIN: usize = 1024 * 1024;
/// Statuses that no list comes with.
const REFUSED: [&str; 4] = ["expired", "banned", "disabled", "blocked"];
/// A clock of an upstream is given in quarters of an hour.
const QUARTER: i64 = 900;

/// An account that the upstream accepted.
pub(crate) struct Account {
    /// Where the API is, with everything but the action.
    api: String,
    /// Where media is.
    media: String,
    /// `USERNAME/PASSWORD`, encoded for a path.
    credentials: String,
    user_agent: Option<String>,
    headers: Vec<(String, String)>,
    status: Option<String>,
    expires: Option<u64>,
    connections: Option<u64>,
    active: Option<u64>,
    /// How many seconds the upstream's local time is ahead of UTC.
    pub(crate) ahead: i64,
}

impl Account {
    /// Asks for the login object: some upstreams answer lists to anybody, and the rest of what it says is of use.
    pub(crate) fn log_in(settings: &Settings, out: &mut Catalog<'_>) -> Result<Self> {
        let base = settings.server.trim_end_matches('/');
        let username = percent_encode(&with_secrets(&settings.username)?);
        let password = percent_encode(&with_secrets(&settings.password)?);
        let headers = settings.headers.iter().map(|(name, value)| Ok((name.clone(), with_secrets(value)?)));
        let mut account = Self {
            api: format!("{base}/player_api.php?username={username}&password={password}"),
            media: base.to_owned(),
            credentials: format!("{username}/{password}"),
            user_agent: settings.user_agent.clone(),
            headers: headers.collect::<Result<_>>()?,
            status: None,
            expires: None,
            connections: None,
            active: None,
            ahead: 0,
        };
        let mut login = Fields::of(json::document(account.ask("", "the login")?, "the login", MOST_LOGIN)?);
        let own = login.object("user_info");
        let server = login.object("server_info");
        account.take_standing(&own)?;
        account.ahead = ahead(&server);
        if settings.use_server_url {
            match server_url(&server) {
                Some(url) => account.media = url,
                None => out.warn("use_server_url", "the upstream does not say where it is; server is used"),
            }
        }
        let formats = own.0.get("allowed_output_formats").and_then(|formats| formats.as_array());
        let formats: Vec<String> = formats.into_iter().flatten().filter_map(json::text).collect();
        let extension = settings.output.extension();
        if !formats.is_empty() && !formats.iter().any(|format| format.eq_ignore_ascii_case(extension)) {
            out.warn("output", &format!("the account does not allow {extension}; channels may not play"));
        }
        if account.expires.is_some_and(|expires| expires < clock::now()) {
            out.warn("the account", "has expired by its date, though the upstream lets it in");
        }
        Ok(account)
    }

    fn take_standing(&mut self, own: &Fields) -> Result<()> {
        let status = own.text("status").map(|status| word(&status)).filter(|status| !status.is_empty());
        let refused = status.as_deref().filter(|status| REFUSED.iter().any(|word| status.eq_ignore_ascii_case(word)));
        if let Some(refused) = refused {
            return Err(Error::new(
                Code::Unauthorized,
                format!("the upstream says that the account is {refused}; ask its operator"),
            ));
        }
        // Leaving `auth` out is how some panels say yes, leaving everything out how some say no.
        let is_in = if own.0.contains_key("auth") { own.flag("auth") } else { status.is_some() };
        if !is_in {
            let message = "the upstream refuses these credentials; check username and password";
            return Err(Error::new(Code::Unauthorized, message));
        }
        self.status = status;
        self.expires = own.text("exp_date").and_then(|date| moment(&date));
        self.connections = own.whole("max_connections").filter(|most| *most > 0);
        self.active = own.whole("active_cons");
        Ok(())
    }

    /// The body of the answer to an action; `what` names it in errors.
    pub(crate) fn ask(&self, action: &str, what: &str) -> Result<ByteSource<'static>> {
        let mut request = http::Request::get(&format!("{}{action}", self.api)).timeout(Duration::from_secs(60));
        if let Some(user_agent) = &self.user_agent {
            request = request.header("user-agent", user_agent);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = request.send().and_then(http::Response::ok).and_then(http::Response::body);
        body.map_err(|error| error.context(what))
    }

    /// Where something is fetched from. `folder` is `live`, `movie` or `series`.
    pub(crate) fn upstream(&self, folder: &str, id: &str, extension: &str, kind: &str) -> Upstream {
        let url = format!("{}/{folder}/{}/{}.{extension}", self.media, self.credentials, percent_encode(id));
        self.with_headers(Upstream { kind: kind.to_owned(), ..Upstream::new(url) })
    }

    /// Where the upstream itself fetches from.
    pub(crate) fn direct(&self, row: &Fields) -> Option<Upstream> {
        let url = row.text("direct_source")?;
        let (scheme, rest) = url.split_once("://")?;
        let is_known = ["http", "https", "rtmp", "rtsp"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let is_plain = !rest.is_empty() && !url.chars().any(|c| c.is_whitespace() || c.is_control());
        (is_known && is_plain).then(|| self.with_headers(Upstream::new(url)))
    }

    fn with_headers(&self, mut upstream: Upstream) -> Upstream {
        upstream.headers = self.user_agent.iter().map(|agent| ("user-agent".to_owned(), agent.clone())).collect();
        upstream
    }

    /// Puts what the upstream says of the account into a summary.
    pub(crate) fn summary(&self, mut summary: Summary) -> Summary {
        if let Some(status) = &self.status {
            summary = summary.with("provider-status", status);
        }
        let numbers = [
            ("provider-expires", self.expires),
            ("provider-connections", self.connections),
            ("provider-active", self.active),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                summary = summary.with(key, number);
            }
        }
        summary
    }
}

/// A word of the upstream that can be shown.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').take(32).collect::<String>().trim().to_owned()
}

/// A point in time: seconds, milliseconds or a date. 0 and words such as `Unlimited` are none.
pub(crate) fn moment(text: &str) -> Option<u64> {
    match text.parse::<u64>() {
        Ok(0) => None,
        Ok(milliseconds) if milliseconds > 100_000_000_000 => Some(milliseconds / 1000),
        Ok(seconds) => Some(seconds),
        Err(_) => time::parse(text.as_bytes(), Zones::default()).ok().map(|(seconds, _)| seconds),
    }
}

/// What the upstream's own clock says against UTC: archives are asked for in its local time.
fn ahead(server: &Fields) -> i64 {
    let now = server.whole("timestamp_now").and_then(|now| i64::try_from(now).ok());
    let local = server.text("time_now").and_then(|text| moment(&text)).and_then(|local| i64::try_from(local).ok());
    let (Some(now), Some(local)) = (now, local) else { return 0 };
    let ahead = ((local - now) as f64 / QUARTER as f64).round() as i64 * QUARTER;
    // No zone is further away; the clock is wrong then.
    if ahead.abs() <= 14 * 3600 { ahead } else { 0 }
}

/// `https://HOST:PORT` of what the upstream says of itself.
fn server_url(server: &Fields) -> Option<String> {
    let written = server.text("url")?;
    let host = written.split_once("://").map_or(&*written, |(_, host)| host);
    let host = host.split('/').next().filter(|host| !host.is_empty())?;
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)) {
        return None;
    }
    let is_https = server.text("server_protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"));
    let (scheme, port) = if is_https { ("https", "https_port") } else { ("http", "port") };
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = server.whole(port).filter(|port| !has_port && (1..=65535).contains(port));
    Some(port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments() {
        for (text, expected) in [
            ("1767268800", Some(1_767_268_800)),
            ("1767268800000", Some(1_767_268_800)),
            ("2026-01-01 12:00:00", Some(1_767_268_800)),
            ("0", None),
            ("Unlimited", None),
            ("", None),
            ("-5", None),
        ] {
            assert_eq!(moment(text), expected, "{text}");
        }
    }

    #[test]
    fn clocks() {
        for (server, expected) in [
            (json!({ "timestamp_now": 1_767_268_800, "time_now": "2026-01-01 14:00:03" }), 7200),
            (json!({ "timestamp_now": "1767268800", "time_now": "2026-01-01 06:29:50" }), -19800),
            (json!({ "timestamp_now": 1_767_268_800, "time_now": "2026-01-01 12:00:00" }), 0),
            (json!({ "timestamp_now": 1_767_268_800, "time_now": "2025-01-01 12:00:00" }), 0),
            (json!({ "time_now": "2026-01-01 12:00:00" }), 0),
            (json!([]), 0),
        ] {
            assert_eq!(ahead(&Fields::of(server.clone())), expected, "{server}");
        }
    }

    #[test]
    fn own_addresses() {
        for (server, expected) in [
            (json!({ "url": "tv.example", "port": "8080" }), Some("http://tv.example:8080")),
            (
                json!({ "url": "tv.example", "port": 80, "https_port": "8443", "server_protocol": "https" }),
                Some("https://tv.example:8443"),
            ),
            (json!({ "url": "http://tv.example:25461/", "port": "8080" }), Some("http://tv.example:25461")),
            (json!({ "url": "tv.example", "port": "" }), Some("http://tv.example")),
            (json!({ "url": "[2001:db8::1]", "port": "80" }), Some("http://[2001:db8::1]:80")),
            (json!({ "url": "me:secret@tv.example" }), None),
            (json!({ "url": "" }), None),
        ] {
            assert_eq!(server_url(&Fields::of(server.clone())).as_deref(), expected, "{server}");
        }
    }
}
