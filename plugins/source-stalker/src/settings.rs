//! The operator's settings, and the addresses that a portal may answer at.

use std::collections::BTreeMap;

use mast_sdk::{Error, Result, location};

/// What a box of the kind says it is.
const USER_AGENT: &str = "Mozilla/5.0 (QtEmbedded; U; Linux; C) AppleWebKit/533.3 (KHTML, like Gecko) MAG200 stbapp ver: 2 rev: 250 Safari/533.3";

/// `[config]`; `plugin.toml` says what each is.
#[derive(serde::Deserialize)]
pub(crate) struct Settings {
    pub(crate) portal: String,
    pub(crate) mac: String,
    #[serde(default)]
    pub(crate) login: String,
    #[serde(default)]
    pub(crate) password: String,
    #[serde(default)]
    pub(crate) serial: String,
    #[serde(default)]
    pub(crate) device_id: String,
    #[serde(default)]
    pub(crate) device_id2: String,
    #[serde(default = "user_agent")]
    pub(crate) user_agent: String,
    #[serde(default = "timezone")]
    pub(crate) timezone: String,
    #[serde(default = "language")]
    pub(crate) language: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default = "content")]
    pub(crate) content: Vec<String>,
    #[serde(default)]
    pub(crate) categories: Vec<String>,
    #[serde(default)]
    pub(crate) skip_categories: Vec<String>,
    #[serde(default = "most_pages")]
    pub(crate) most_pages: u64,
}

fn user_agent() -> String {
    USER_AGENT.to_owned()
}

fn timezone() -> String {
    "Europe/London".to_owned()
}

fn language() -> String {
    "en".to_owned()
}

fn content() -> Vec<String> {
    vec!["live".to_owned()]
}

fn most_pages() -> u64 {
    500
}

impl Settings {
    /// What a schema cannot say.
    pub(crate) fn check(&self) -> Result<()> {
        let scheme =
            |scheme: &str| self.portal.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if !scheme("https://") && !scheme("http://") {
            return Err(Error::config("portal must begin with http:// or https://"));
        }
        if self.portal.contains(['?', '#', '@']) {
            return Err(Error::config("portal is an address without ?, # and @"));
        }
        if !self.mac.contains("${") && mac(&self.mac).is_none() {
            return Err(Error::config("mac has to be six pairs of hexadecimal digits, such as 00:1A:79:00:00:01"));
        }
        let texts = [&self.mac, &self.login, &self.password, &self.serial, &self.device_id, &self.device_id2];
        texts.into_iter().chain(self.headers.values()).try_for_each(|text| location::check_secrets(text))
    }

    pub(crate) fn has(&self, content: &str) -> bool {
        self.content.iter().any(|one| one == content)
    }
}

/// A MAC address as boxes write it, whatever is between its digits.
pub(crate) fn mac(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.chars().all(|c| c.is_ascii_hexdigit() || ":-.".contains(c)) {
        return None;
    }
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_uppercase()).collect();
    let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
    (digits.len() == 12).then(|| pairs.join(":"))
}

/// Where a portal's API may be, likeliest first, each with the address that boxes have.
pub(crate) fn addresses(portal: &str) -> Vec<(String, String)> {
    let portal = portal.trim();
    if portal.ends_with(".php") {
        let folder = portal.rsplit_once('/').map_or(portal, |(folder, _)| folder);
        let base = folder.strip_suffix("/server").unwrap_or(folder);
        return vec![(portal.to_owned(), format!("{base}/c/"))];
    }
    let base = portal.trim_end_matches('/');
    let base = base.strip_suffix("/c").unwrap_or(base).trim_end_matches('/');
    let of = |base: &str, file: &str| (format!("{base}/{file}"), format!("{base}/c/"));
    let mut found = vec![of(base, "server/load.php"), of(base, "portal.php")];
    if base.matches('/').count() == 2 {
        found.push(of(&format!("{base}/stalker_portal"), "server/load.php"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs() {
        for (text, expected) in [
            ("00:1a:79:00:00:01", Some("00:1A:79:00:00:01")),
            ("001A79000001", Some("00:1A:79:00:00:01")),
            (" 00-1A-79-00-00-01 ", Some("00:1A:79:00:00:01")),
            ("00:1A:79:00:00", None),
            ("00:1A:79:00:00:0x", None),
        ] {
            assert_eq!(mac(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_in_every_form() {
        let first = |portal: &str| addresses(portal).remove(0);
        let of = |api: &str, referer: &str| (api.to_owned(), referer.to_owned());
        for (portal, api, referer) in [
            ("http://p.example/c/", "http://p.example/server/load.php", "http://p.example/c/"),
            (
                "http://p.example:8080/stalker_portal/c",
                "http://p.example:8080/stalker_portal/server/load.php",
                "http://p.example:8080/stalker_portal/c/",
            ),
            ("http://p.example/portal.php", "http://p.example/portal.php", "http://p.example/c/"),
            (
                "http://p.example/stalker_portal/server/load.php",
                "http://p.example/stalker_portal/server/load.php",
                "http://p.example/stalker_portal/c/",
            ),
            ("http://p.example", "http://p.example/server/load.php", "http://p.example/c/"),
        ] {
            assert_eq!(first(portal), of(api, referer), "{portal}");
        }
        assert_eq!(addresses("http://p.example/").len(), 3);
        assert_eq!(addresses("http://p.example/x/c/").len(), 2);
    }
}
