//! What is asked for when a line is added, and the rules it must follow.

use jiff::Timestamp;
use mast_model::{LineToken, Secret};
use serde::{Deserialize, Serialize};

/// A line to be added.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRequest {
    /// 1 to 64 characters, no white space, slash or control characters: it stands in paths.
    pub username: String,
    /// 1 to 128 characters, no control characters and no slash: it stands in paths.
    pub password: Secret,
    /// Connections allowed at once, from 1 to 10,000; default 1.
    #[serde(default = "one")]
    pub max_connections: u32,
    /// When it ends; none for never.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// Names of bouquets; none for every channel.
    #[serde(default)]
    pub bouquets: Vec<String>,
    /// MAC addresses in any notation.
    #[serde(default)]
    pub macs: Vec<String>,
    /// The token to give it; random where missing.
    #[serde(default)]
    pub token: Option<LineToken>,
}

fn one() -> u32 {
    1
}

/// Why a request makes no line. No message holds a password or token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLine {
    /// The username.
    #[error("username {0:?} is not usable: use 1 to 64 characters without white space, slashes and control characters")]
    Username(String),
    /// The password.
    #[error("the password is not usable: use 1 to 128 characters without slashes and control characters")]
    Password,
    /// The number of connections.
    #[error("max_connections is {0}: use 1 to 10000")]
    MaxConnections(u32),
    /// A device.
    #[error("{0:?} is not a MAC address: write it as 00:1a:79:12:34:56")]
    Mac(String),
    /// A bouquet.
    #[error("there is no bouquet {name:?}; {known}")]
    Bouquet {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

impl LineRequest {
    /// Checks everything that does not depend on other lines, and brings MAC addresses into normal form.
    pub(super) fn validated(mut self) -> Result<Self, InvalidLine> {
        let username = &self.username;
        let username_fits = (1..=64).contains(&username.chars().count())
            && !username.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\'));
        if !username_fits || matches!(username.as_str(), "." | "..") {
            return Err(InvalidLine::Username(self.username));
        }
        let password = self.password.expose();
        let password_fits = (1..=128).contains(&password.chars().count())
            && !password.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
        if !password_fits || matches!(password, "." | "..") {
            return Err(InvalidLine::Password);
        }
        if !(1..=10_000).contains(&self.max_connections) {
            return Err(InvalidLine::MaxConnections(self.max_connections));
        }
        let normal = |mac: &String| normal_mac(mac).ok_or_else(|| InvalidLine::Mac(mac.clone()));
        self.macs = self.macs.iter().map(normal).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Refuses bouquets that do not exist: such a line would see nothing.
    pub fn check_bouquets<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Result<(), InvalidLine> {
        let known: Vec<&str> = known.into_iter().collect();
        match self.bouquets.iter().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let known = match known.is_empty() {
                    true => "mast.toml has none, add [bouquet.NAME]".to_owned(),
                    false => format!("mast.toml has {}", known.join(", ")),
                };
                Err(InvalidLine::Bouquet { name: name.clone(), known })
            }
        }
    }
}

/// A MAC address in lower case with colons, from any notation; none where it is none.
pub fn normal_mac(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let pairs: Vec<&str> = (0..12).step_by(2).map(|at| &digits[at..at + 2]).collect();
    Some(pairs.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &str, password: &str) -> LineRequest {
        LineRequest {
            username: username.to_owned(),
            password: Secret::new(password),
            max_connections: 1,
            expires: None,
            bouquets: Vec::new(),
            macs: Vec::new(),
            token: None,
        }
    }

    #[test]
    fn usernames_and_passwords() {
        let (long_name, long_password) = ("n".repeat(64), "p".repeat(128));
        for (username, password) in
            [("anna", "p"), ("ä@b.example", "with space?&#%"), (long_name.as_str(), long_password.as_str())]
        {
            assert!(request(username, password).validated().is_ok(), "{username}");
        }
        for username in ["", " ", "a b", "a/b", "a\\b", "a\u{7f}", "a\u{a0}b", ".", "..", &"n".repeat(65)] {
            let error = request(username, "secret").validated().unwrap_err();
            assert_eq!(error, InvalidLine::Username(username.to_owned()));
        }
        for password in ["", "a/b", "a\nb", "..", &"p".repeat(129)] {
            let error = request("anna", password).validated().unwrap_err();
            assert_eq!(error, InvalidLine::Password);
        }
    }

    #[test]
    fn connections_and_bouquets() {
        for (count, fits) in [(0, false), (1, true), (10_000, true), (10_001, false)] {
            let request = LineRequest { max_connections: count, ..request("anna", "p") };
            assert_eq!(request.validated().is_ok(), fits, "{count}");
        }
        let request = LineRequest { bouquets: vec!["kids".to_owned(), "sprots".to_owned()], ..request("anna", "p") };
        let error = request.check_bouquets(["kids", "sports"]).unwrap_err().to_string();
        assert_eq!(error, "there is no bouquet \"sprots\"; mast.toml has kids, sports");
        assert!(request.check_bouquets(["kids", "sprots"]).is_ok());
        assert!(request.check_bouquets([]).unwrap_err().to_string().contains("add [bouquet.NAME]"));
    }

    #[test]
    fn mac_addresses() {
        for text in ["00:1A:79:12:34:56", "00-1a-79-12-34-56", "001a.7912.3456", " 001A79123456 "] {
            assert_eq!(normal_mac(text).as_deref(), Some("00:1a:79:12:34:56"), "{text}");
        }
        for text in ["", "00:1A:79", "00:1A:79:12:34:5G", "00:1A:79:12:34:56:78", "00 1A 79 12 34 56"] {
            assert_eq!(normal_mac(text), None, "{text}");
        }
    }
}
