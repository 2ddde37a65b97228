//! The rules that every line follows, however it came to be.

use ipnet::IpNet;
use mast_model::{LineRecord, Secret};

/// Items in one list of a line.
const MOST_ITEMS: usize = 64;

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
    /// The hash of a password.
    #[error("password_hash is not usable: give an argon2id or bcrypt hash (cost 4 to 14)")]
    PasswordHash,
    /// Password and hash.
    #[error("give password or password_hash, not both")]
    TwoPasswords,
    /// The number of connections.
    #[error("max_connections is {0}: use 1 to 10000")]
    MaxConnections(u32),
    /// A device.
    #[error("{0:?} is not a MAC address: write it as 00:1a:79:12:34:56")]
    Mac(String),
    /// A network.
    #[error("{0:?} is not a network: write it as 192.0.2.0/24")]
    Network(String),
    /// A country.
    #[error("{0:?} is not a country: write two letters, as AT")]
    Country(String),
    /// An item of a list.
    #[error("{list} has an item that is not usable: use 1 to 64 characters without commas and control characters")]
    Item {
        /// The list.
        list: &'static str,
    },
    /// A list.
    #[error("{list} has too many items: at most {MOST_ITEMS}")]
    TooMany {
        /// The list.
        list: &'static str,
    },
    /// Too much for operators to read.
    #[error("notes have at most 4000 characters")]
    Notes,
    /// A mail address.
    #[error("email is not usable: write it as name@host, at most 254 characters")]
    Email,
    /// A bouquet.
    #[error("there is no bouquet {name:?}; {known}")]
    Bouquet {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// More lines at once than are hashed in time.
    #[error("{0} lines at once are too many: send at most 1,000 with passwords, 20,000 with hashes")]
    TooManyLines(usize),
}

impl InvalidLine {
    /// The field of the request that is to blame; none where it is not one alone.
    pub fn field(&self) -> Option<&'static str> {
        Some(match self {
            Self::Username(_) => "username",
            Self::Password => "password",
            Self::PasswordHash | Self::TwoPasswords => "password_hash",
            Self::MaxConnections(_) => "max_connections",
            Self::Mac(_) => "macs",
            Self::Network(_) => "networks",
            Self::Country(_) => "countries",
            Self::Item { list } | Self::TooMany { list } => list,
            Self::Notes => "notes",
            Self::Email => "email",
            Self::Bouquet { .. } => "bouquets",
            Self::TooManyLines(_) => return None,
        })
    }
}

/// Brings a line into its normal form, or says what is wrong with it.
pub(in crate::accounts) fn check_record(line: &mut LineRecord) -> Result<(), InvalidLine> {
    let username = &line.username;
    let fits = (1..=64).contains(&username.chars().count())
        && !username.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\'));
    if !fits || matches!(username.as_str(), "." | "..") {
        return Err(InvalidLine::Username(username.clone()));
    }
    if !(1..=10_000).contains(&line.max_connections) {
        return Err(InvalidLine::MaxConnections(line.max_connections));
    }
    for mac in &mut line.macs {
        *mac = normal_mac(mac).ok_or_else(|| InvalidLine::Mac(mac.clone()))?;
    }
    for network in &mut line.networks {
        *network = normal_network(network).ok_or_else(|| InvalidLine::Network(network.clone()))?;
    }
    for country in &mut line.countries {
        let letters = country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic());
        *country =
            letters.then(|| country.to_ascii_uppercase()).ok_or_else(|| InvalidLine::Country(country.clone()))?;
    }
    let named = [("bouquets", &line.bouquets), ("outputs", &line.outputs), ("profiles", &line.profiles)];
    for (list, items) in named.into_iter().chain([("devices", &line.devices)]) {
        let usable = |item: &String| {
            (1..=64).contains(&item.chars().count()) && !item.chars().any(|c| c == ',' || c.is_control())
        };
        // A bouquet of the configuration may have a comma in its name.
        if list != "bouquets" && !items.iter().all(usable) {
            return Err(InvalidLine::Item { list });
        }
    }
    let more = [("macs", &line.macs), ("networks", &line.networks), ("countries", &line.countries)];
    let lists = named.into_iter().chain(more).chain([("devices", &line.devices)]);
    if let Some((list, _)) = lists.into_iter().find(|(_, items)| items.len() > MOST_ITEMS) {
        return Err(InvalidLine::TooMany { list });
    }
    if line.notes.chars().count() > 4_000 {
        return Err(InvalidLine::Notes);
    }
    let mail = |email: &String| {
        email.len() <= 254
            && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    if line.email.as_ref().is_some_and(|email| !mail(email)) {
        return Err(InvalidLine::Email);
    }
    Ok(())
}

/// Whether a password can stand in a path.
pub(in crate::accounts) fn check_password(password: &Secret) -> Result<(), InvalidLine> {
    let password = password.expose();
    let fits = (1..=128).contains(&password.chars().count())
        && !password.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
    if !fits || matches!(password, "." | "..") { Err(InvalidLine::Password) } else { Ok(()) }
}

/// A network in its shortest form, from one or a single address; none where it is neither.
fn normal_network(text: &str) -> Option<String> {
    let text = text.trim();
    let network: IpNet =
        text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))?;
    Some(network.trunc().to_string())
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
