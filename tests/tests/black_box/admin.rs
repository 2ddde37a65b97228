//! The admin API over HTTP, through the built binary: who may do what, and what an attacker gets.

mod attacks;
mod backups;
mod business;
mod contract;
mod devices;
mod doing;
mod events;
mod oidc;
mod persons;
mod resellers;
mod roles;
mod watching;

use mast_tests::{TestHost, client};
use serde_json::{Value, json};

/// A host with an owner, and ways to ask it things.
pub(crate) struct Office {
    pub(crate) host: TestHost,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A request that is being put together.
pub(crate) struct Asking(reqwest::RequestBuilder);

impl Asking {
    pub(crate) fn key(self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn body(self, body: impl Into<String>) -> Self {
        Self(self.0.body(body.into()))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.with("content-type", "application/json").body(body.to_string())
    }

    /// Sends it to a host that may go away.
    pub(crate) async fn attempt(self) -> bool {
        self.0.send().await.is_ok()
    }

    pub(crate) async fn send(self) -> Said {
        let answer = self.0.send().await.unwrap();
        let status = answer.status().as_u16();
        let field = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap_or_default().to_owned())
        };
        let headers = answer.headers().iter().map(field).collect();
        let text = answer.text().await.unwrap();
        Said { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text, headers }
    }
}

impl Office {
    /// A host and its owner "olga".
    pub(crate) fn open(settings: &str) -> Self {
        let office = Self { host: TestHost::start_with(settings, &[]) };
        office.operator("olga", "owner");
        office
    }

    /// Adds an operator with the password `password-NAME`.
    pub(crate) fn operator(&self, name: &str, role: &str) {
        let password = format!("password-{name}");
        let arguments = ["operator", "add", "--username", name, "--password", &password, "--role", role];
        let output = self.host.mast(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A new key of an operator; `more` are further arguments of `mast apikey create`.
    pub(crate) fn key(&self, operator: &str, more: &[&str]) -> String {
        let output = self.host.mast(&[&["apikey", "create", "--operator", operator], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Asking {
        Asking(client().request(method.parse().unwrap(), self.host.url(path)))
    }

    pub(crate) async fn login(&self, name: &str, password: &str) -> Said {
        let body = json!({ "username": name, "password": password });
        self.ask("POST", "/api/v1/login").json(&body).send().await
    }

    /// Adds a line and returns it.
    pub(crate) async fn line(&self, key: &str, body: Value) -> Value {
        let said = self.ask("POST", "/api/v1/lines").key(key).json(&body).send().await;
        assert_eq!(said.status, 201, "{}", said.text);
        said.body
    }
}

/// The cookie of an answer, as it is sent back.
pub(crate) fn cookie(said: &Said) -> String {
    said.header("set-cookie").and_then(|field| field.split(';').next()).unwrap_or_default().to_owned()
}
