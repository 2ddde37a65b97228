//! The login object: `user_info` and `server_info`, of a line and of one that was refused. Its types are PROTOCOLS.md 2a's, whatever the
//! dialect; players crash on others.

use mast_sdk::output::{Line, LineInfo, Request};
use mast_sdk::{clock, pair};
use serde_json::{Value, json};

use crate::dialect::{Dialect, Expiry, Numbers, Server};
use crate::{Ports, text_of_time};

/// An expiry that no player takes for the past and every one can hold: 2038-01-01, below 2^31.
const FAR_FUTURE: u64 = 2_145_916_800;

/// What a line is to be told of itself.
pub(crate) struct Account<'a> {
    info: LineInfo,
    /// As it came: players store what the login says and build URLs of it.
    password: &'a str,
    status: &'static str,
    message: &'a str,
}

impl<'a> Account<'a> {
    pub(crate) fn new(line: &Line<'_>, request: &'a Request, message: &'a str) -> Self {
        Self { info: line.info(), password: request.query("password").unwrap_or_default(), status: "Active", message }
    }

    /// A line whose credentials are right and that may not watch, by the host's word for it.
    pub(crate) fn refused(request: &'a Request, code: &str) -> Self {
        let (status, message, expires) = match code {
            // When it expired is not known here; a player that compares has to see the past.
            "expired" => ("Expired", "This line has expired.", Some(clock::now())),
            "banned" => ("Banned", "This line is banned.", None),
            "disabled" => ("Disabled", "This line is disabled.", None),
            _ => ("Disabled", "This line may not watch from here.", None),
        };
        let info = LineInfo {
            username: request.query("username").unwrap_or_default().to_owned(),
            expires,
            max_connections: 0,
            active_connections: 0,
            created: 0,
            attrs: Vec::new(),
        };
        Self { info, password: request.query("password").unwrap_or_default(), status, message }
    }

    pub(crate) fn json(&self, dialect: Dialect) -> Value {
        let info = &self.info;
        let count = |number: u32| match dialect.numbers {
            Numbers::String => json!(number.to_string()),
            Numbers::Int => json!(number),
        };
        let expiry = match (info.expires, dialect.expiry) {
            (Some(time), _) => json!(time.to_string()),
            (None, Expiry::Null) => Value::Null,
            (None, Expiry::FarFuture) => json!(FAR_FUTURE.to_string()),
        };
        let trial = pair(&info.attrs, "trial") == Some("true");
        json!({
            "username": info.username,
            "password": self.password,
            "message": self.message,
            "auth": 1,
            "status": self.status,
            "exp_date": expiry,
            "is_trial": if trial { "1" } else { "0" },
            "active_cons": count(info.active_connections),
            "created_at": info.created.to_string(),
            "max_connections": count(info.max_connections),
            "allowed_output_formats": ["m3u8", "ts"],
        })
    }
}

/// `server_info`, for the address that this player came by.
pub(crate) fn server(request: &Request, ports: Ports, dialect: Dialect) -> Value {
    let (scheme, host, port) = address(&request.base_url);
    let https = scheme == "https";
    let port = |own: bool, default: u16, other: u16| if own { port.unwrap_or(default) } else { other }.to_string();
    let now = clock::now();
    let mut server = json!({
        "url": host,
        "port": port(!https, 80, ports.http),
        "https_port": port(https, 443, ports.https),
        "server_protocol": scheme,
        // There is none; a text that is a number is what players expect.
        "rtmp_port": "0",
        "timezone": "UTC",
        "timestamp_now": now,
        "time_now": text_of_time(now),
        "process": true,
    });
    if dialect.server == Server::Xui {
        server["xui"] = json!(true);
        server["version"] = json!("1.5.5");
        server["revision"] = Value::Null;
    }
    server
}

/// Scheme, host (an IPv6 address in its brackets) and port of `http://host:port`.
fn address(base_url: &str) -> (&str, &str, Option<u16>) {
    let (scheme, authority) = base_url.split_once("://").unwrap_or(("http", base_url));
    let authority = authority.split('/').next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.starts_with('[') || host.ends_with(']'));
    match port {
        Some((host, port)) => (scheme, host, port.parse().ok()),
        None => (scheme, authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses() {
        for (url, expected) in [
            ("http://tv.example:8080", ("http", "tv.example", Some(8080))),
            ("https://tv.example", ("https", "tv.example", None)),
            ("http://[2001:db8::1]:81", ("http", "[2001:db8::1]", Some(81))),
            ("http://[2001:db8::1]", ("http", "[2001:db8::1]", None)),
            ("http://192.0.2.1:99999", ("http", "192.0.2.1", None)),
            ("https://tv.example:8443/", ("https", "tv.example", Some(8443))),
            ("", ("http", "", None)),
        ] {
            assert_eq!(address(url), expected, "{url}");
        }
    }
}
