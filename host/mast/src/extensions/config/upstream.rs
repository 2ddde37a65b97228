//! `[upstream]` of a source's instance file: how the host fetches the channels of this source.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mast_media::upstream_playlist::VariantPolicy;
use mast_model::{DestinationRules, Secret, UpstreamUrl};
use url::Url;

use super::{GrantConfig, PluginsConfig};
use crate::config::reader::Section;
use crate::outbound::Route;

/// How the host fetches the channels of a source.
#[derive(Debug, Clone, Default)]
pub struct UpstreamConfig {
    /// `[grant] upstream` with `net_allow_private`.
    pub rules: DestinationRules,
    /// `[grant] files`: what `file:` upstreams may play.
    pub files: Vec<PathBuf>,
    /// `proxy`, `bind` and `verify_tls`.
    pub route: Route,
    /// `user_agent`, `referer`, `cookies` and `headers`, in this order. They replace what the plugin says.
    pub headers: Vec<(String, Secret)>,
    /// `connect_timeout`, 100ms to 5m; default `[tuner] connect_timeout`.
    pub connect_timeout: Option<Duration>,
    /// `max_connections`: how many connections the provider allows at once, 1 to 100000; unlimited where it is missing.
    pub max_connections: Option<usize>,
    /// `variant`: which variant of a multivariant playlist is fetched: `best` (the default), `worst`, the best one up to a height
    /// (`720p`) or up to a bandwidth (`3000k` or `3M`, in bits per second).
    pub variant: VariantPolicy,
    /// `profile`
    pub profile: ProfileChoice,
}

/// `profile`: what the channels of a source are changed into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProfileChoice {
    /// `"copy"`, the default: nothing; only what the host cannot read itself goes through FFmpeg.
    #[default]
    Copy,
    /// `"channel"`: what the source says of each channel (its attribute `quality`), or nothing.
    Channel,
    /// A profile or ladder of `mast.toml`, or a built-in profile.
    Named(String),
}

impl UpstreamConfig {
    pub(crate) fn read(section: &Section<'_>, grant: &GrantConfig, plugins: &PluginsConfig) -> Self {
        let secrets = &plugins.secrets;
        let ms = Duration::from_millis;
        let text = |key: &str| {
            let text: String = section.optional(key)?;
            filled(section, key, &text, secrets)
        };
        let fields = [("user_agent", "user-agent"), ("referer", "referer"), ("cookies", "cookie")];
        let mut headers: Vec<_> =
            fields.iter().filter_map(|(key, field)| Some(((*field).to_owned(), Secret::new(text(key)?)))).collect();
        headers.extend(listed_headers(section, secrets));
        for (name, value) in &headers {
            if value.expose().bytes().any(|byte| byte < b' ' || byte == 0x7f) {
                section.problem("headers", format!("the value of {name} has control characters"));
            }
        }
        Self {
            rules: grant.upstream.clone(),
            files: grant.files.clone(),
            route: Route {
                proxy: text("proxy").and_then(|text| proxy(section, &text)),
                bind: section.optional::<IpAddr>("bind"),
                verify_tls: section.or("verify_tls", true),
                ca: None,
            },
            headers,
            connect_timeout: section
                .has("connect_timeout")
                .then(|| section.span("connect_timeout", ms(10_000), ms(100)..=ms(300_000))),
            max_connections: section.has("max_connections").then(|| section.integer("max_connections", 1, 1..=100_000)),
            variant: variant(section),
            profile: profile(section, plugins),
        }
    }
}

fn listed_headers(section: &Section<'_>, secrets: &BTreeMap<String, Secret>) -> Vec<(String, Secret)> {
    let lines: Vec<String> = section.list("headers");
    let field = |(index, line): (usize, &String)| {
        let key = format!("headers[{index}]");
        let split =
            line.split_once(':').filter(|(name, _)| http::HeaderName::from_bytes(name.trim().as_bytes()).is_ok());
        let Some((name, value)) = split else {
            section.problem(&key, "expected \"Name: value\"");
            return None;
        };
        let value = filled(section, &key, value.trim(), secrets)?;
        Some((name.trim().to_ascii_lowercase(), Secret::new(value)))
    };
    lines.iter().enumerate().filter_map(field).collect()
}

/// The text with `${NAME}` replaced by that secret.
fn filled(section: &Section<'_>, key: &str, text: &str, secrets: &BTreeMap<String, Secret>) -> Option<String> {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((name, rest)) = part.split_once('}') else {
            section.problem(key, "\"${\" without \"}\"; expected ${NAME} of a secret");
            return None;
        };
        let Some(secret) = secrets.get(name) else {
            section.problem(key, format!("[secrets] in mast.toml has no \"{name}\""));
            return None;
        };
        filled.push_str(secret.expose());
        filled.push_str(rest);
    }
    Some(filled)
}

fn proxy(section: &Section<'_>, text: &str) -> Option<UpstreamUrl> {
    let known = ["http", "https", "socks5", "socks5h"];
    match Url::parse(text) {
        Ok(url) if known.contains(&url.scheme()) && url.has_host() => Some(UpstreamUrl::new(text)),
        // The text may hold a password.
        _ => {
            section.problem("proxy", "expected http://, https://, socks5:// or socks5h://[user:password@]host:port");
            None
        }
    }
}

fn profile(section: &Section<'_>, plugins: &PluginsConfig) -> ProfileChoice {
    match section.optional::<String>("profile").as_deref() {
        None | Some("copy") => ProfileChoice::Copy,
        Some("channel") => ProfileChoice::Channel,
        Some(name) => {
            if !plugins.profiles.contains(name) {
                section.problem("profile", format!("mast.toml has no profile or ladder \"{name}\""));
            }
            ProfileChoice::Named(name.to_owned())
        }
    }
}

fn variant(section: &Section<'_>) -> VariantPolicy {
    let text: Option<String> = section.optional("variant");
    let policy = text.map(|text| text.parse::<VariantPolicy>()).transpose();
    policy
        .unwrap_or_else(|error| {
            section.problem("variant", error.to_string());
            None
        })
        .unwrap_or_default()
}
