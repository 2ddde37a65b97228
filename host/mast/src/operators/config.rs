//! `[oidc]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mast_model::Secret;
use url::{Host, Url};

use crate::config::reader::Section;

/// Where the provider sends browsers back to, below `[http] public_url`.
const CALLBACK: &str = "/api/v1/login/oidc/callback";

/// `[oidc]`
#[derive(Debug, Clone)]
pub struct OidcConfig {
    /// `issuer`: the identity provider, exactly as it calls itself; https, or http on this machine.
    pub issuer: String,
    /// The same to ask. Its host may be anywhere, because the operator named it.
    pub issuer_url: Url,
    /// `client_id`: what the provider knows this host by.
    pub client_id: String,
    /// `client_secret`: the name of one of `[secrets]`; none for a public client.
    pub client_secret: Option<Secret>,
    /// `scopes`: asked for beside `openid`, default email and profile.
    pub scopes: Vec<String>,
    /// `name`: what people call the provider, default "single sign-on".
    pub name: String,
    /// `claim`: what an operator's `oidc_id` is compared with, default `email`.
    pub claim: Claim,
    /// `ca`: a certificate, in PEM form, that the provider's may be signed by beside the system's.
    pub ca: Option<PathBuf>,
    /// `after_login`: the path on this host that browsers go to; none answers as a login by password does.
    pub after_login: Option<String>,
    /// Where the provider sends browsers back to: `[http] public_url` with the path of the API.
    pub redirect_uri: String,
}

/// What names a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The mail address, where the provider has verified it.
    Email,
    /// The provider's own number.
    Sub,
    /// The username at the provider.
    PreferredUsername,
}

impl Claim {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sub => "sub",
            Self::PreferredUsername => "preferred_username",
        }
    }
}

impl OidcConfig {
    pub(crate) fn read(
        section: &Section<'_>,
        public_url: Option<&str>,
        secrets: &BTreeMap<String, Secret>,
    ) -> Option<Self> {
        let issuer = issuer(section);
        let client_id: Option<String> = section.optional("client_id");
        let client_secret = client_secret(section, secrets);
        let scopes = scopes(section);
        let name = section.or("name", "single sign-on".to_owned());
        let claims = [Claim::Email, Claim::Sub, Claim::PreferredUsername].map(|claim| (claim.name(), claim));
        let claim = section.choice("claim", Claim::Email, &claims);
        let ca = section.optional_path("ca");
        let after_login = after_login(section);
        if !section.has("issuer") {
            let others = ["client_id", "client_secret", "scopes", "name", "claim", "ca", "after_login"];
            if others.iter().any(|key| section.has(key)) {
                section.problem("issuer", "is missing; it is the URL of the identity provider, as it calls itself");
            }
            return None;
        }
        if !section.has("client_id") {
            section.problem("client_id", "is missing; it is what the identity provider knows this host by");
        }
        if public_url.is_none() {
            section.problem("issuer", "needs [http] public_url, where the identity provider sends browsers back to");
        }
        let (issuer, issuer_url) = issuer?;
        let redirect_uri = format!("{}{CALLBACK}", public_url?);
        let client_id = client_id?;
        Some(Self { issuer, issuer_url, client_id, client_secret, scopes, name, claim, ca, after_login, redirect_uri })
    }
}

fn issuer(section: &Section<'_>) -> Option<(String, Url)> {
    let text: String = section.optional("issuer")?;
    let fits = |url: &Url| {
        let safe = url.scheme() == "https" || (url.scheme() == "http" && is_here(url));
        let bare = url.username().is_empty() && url.password().is_none();
        safe && bare && url.has_host() && url.query().is_none() && url.fragment().is_none()
    };
    let url = Url::parse(&text).ok().filter(fits);
    if url.is_none() {
        let message = "expected an https URL without credentials, query and fragment, for example https://id.example/tv; http on this \
                       machine only";
        section.problem("issuer", message);
    }
    Some((text, url?))
}

/// Whether nobody else is on the way there.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn client_secret(section: &Section<'_>, secrets: &BTreeMap<String, Secret>) -> Option<Secret> {
    let name: String = section.optional("client_secret")?;
    let found = secrets.get(&name).cloned();
    if found.is_none() {
        section.problem("client_secret", "expected the name of one of [secrets], not the secret itself");
    }
    found
}

/// RFC 6749, section 3.3.
fn scopes(section: &Section<'_>) -> Vec<String> {
    let Some(scopes) = section.optional_list::<String>("scopes") else {
        return vec!["email".to_owned(), "profile".to_owned()];
    };
    let fits = |scope: &String| scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if let Some(wrong) = scopes.iter().find(|scope| !fits(scope)) {
        section.problem("scopes", format!("{wrong:?} is no scope; write one in each pair of quotes"));
    }
    scopes.into_iter().filter(|scope| scope != "openid").collect()
}

/// A path on this host and nowhere else: `//other.example` would be another one.
fn after_login(section: &Section<'_>) -> Option<String> {
    let path: String = section.optional("after_login")?;
    let elsewhere = path.starts_with("//") || path.contains('\\') || !path.bytes().all(|byte| byte.is_ascii_graphic());
    if !path.starts_with('/') || elsewhere {
        section.problem("after_login", "expected a path on this host, for example \"/panel/\"");
        return None;
    }
    Some(path)
}
