//! Lines: a subscriber's credential. [`LineRecord`] is all that is known of one, as it is stored; [`Line`] is what viewers' requests
//! need of it, kept small because a host may have a million of them in memory.

mod profiles;
mod token;

pub use profiles::Profiles;
pub use token::{InvalidLineToken, LineToken};

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{LineId, PlanId, ResellerId};
use crate::redact::Secret;

/// A line as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRecord {
    /// Its id, assigned by the store.
    pub id: LineId,
    /// Unique, compared exactly. 1 to 64 characters, no white space, slash or control characters (it stands in paths).
    pub username: String,
    /// PHC string of argon2id; bcrypt's own form where it was imported and the line has not logged in since.
    pub password_hash: Secret,
    /// Credential of the URL forms that carry no username. Unique.
    pub token: LineToken,
    /// Connections allowed at once; at least 1.
    pub max_connections: u32,
    /// What happens above that.
    #[serde(default)]
    pub above_limit: AboveLimit,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
    /// Switched off where false.
    pub active: bool,
    /// Switched off by an operator, so that no reseller switches it on.
    #[serde(default)]
    pub held: bool,
    /// Made to try the service out.
    #[serde(default)]
    pub trial: bool,
    /// Names of the bouquets it has bought, sorted, without repeats. Empty means every channel: a fresh install works
    /// before anyone has thought about bouquets.
    pub bouquets: Vec<String>,
    /// Devices bound to it: MAC addresses in lower case with colons, sorted, without repeats.
    #[serde(default)]
    pub macs: Vec<String>,
    /// Instances of outputs that it may use; empty for all.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Names of the qualities that it may watch (a profile, a variant of a ladder, `copy`, `audio_only`); empty for all.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Networks that it may watch from, for policies; empty for all.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Countries (ISO 3166-1 alpha-2, upper case) that it may watch from, for policies; empty for all.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Parts of the User-Agent fields of devices that it may watch with, for policies; empty for all.
    #[serde(default)]
    pub devices: Vec<String>,
    /// For operators only.
    #[serde(default)]
    pub notes: String,
    /// The subscriber's address for mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Who sold it; none for the operator.
    #[serde(default)]
    pub reseller: Option<ResellerId>,
    /// The plan that it was last bought or extended with; none where nobody paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanId>,
    /// When it was made.
    pub created: Timestamp,
    /// Grows by one with each change; what was cached under an older revision is stale.
    #[serde(default)]
    pub revision: u64,
}

/// What happens when a line opens one connection more than it may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AboveLimit {
    /// The new one is refused.
    #[default]
    DenyNew,
    /// The oldest one is ended.
    StopOldest,
}

impl LineRecord {
    /// A line without limits other than one connection. Id, creation time and revision are the store's to set.
    pub fn new(username: impl Into<String>, password_hash: Secret, token: LineToken) -> Self {
        Self {
            id: LineId(0),
            username: username.into(),
            password_hash,
            token,
            max_connections: 1,
            above_limit: AboveLimit::default(),
            expires: None,
            active: true,
            held: false,
            trial: false,
            bouquets: Vec::new(),
            macs: Vec::new(),
            outputs: Vec::new(),
            profiles: Vec::new(),
            networks: Vec::new(),
            countries: Vec::new(),
            devices: Vec::new(),
            notes: String::new(),
            email: None,
            reseller: None,
            plan: None,
            created: Timestamp::UNIX_EPOCH,
            revision: 0,
        }
    }

    /// What viewers' requests need of it. Equal sets of bouquets should be shared: `bouquets` are this record's.
    pub fn line(&self, bouquets: Arc<[String]>) -> Line {
        Line {
            id: self.id,
            revision: self.revision,
            username: self.username.as_str().into(),
            token: self.token,
            bouquets,
            expires: self.expires,
            created: self.created,
            max_connections: self.max_connections,
            above_limit: self.above_limit,
            active: self.active,
            trial: self.trial,
            reseller: self.reseller,
            rules: LineRules::of(self),
        }
    }
}

/// A line as it is kept in memory: neither its password's hash nor what only operators read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// See [`LineRecord`].
    pub id: LineId,
    /// See [`LineRecord`].
    pub revision: u64,
    /// See [`LineRecord`].
    pub username: Box<str>,
    /// See [`LineRecord`].
    pub token: LineToken,
    /// See [`LineRecord`]; shared between lines with the same ones.
    pub bouquets: Arc<[String]>,
    /// See [`LineRecord`].
    pub expires: Option<Timestamp>,
    /// See [`LineRecord`].
    pub created: Timestamp,
    /// See [`LineRecord`].
    pub max_connections: u32,
    /// See [`LineRecord`].
    pub above_limit: AboveLimit,
    /// See [`LineRecord`].
    pub active: bool,
    /// See [`LineRecord`].
    pub trial: bool,
    /// See [`LineRecord`].
    pub reseller: Option<ResellerId>,
    /// Most lines have none, and take no memory for them.
    rules: Option<Box<LineRules>>,
}

/// What narrows a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct LineRules {
    macs: Vec<String>,
    outputs: Vec<String>,
    profiles: Profiles,
    attrs: Vec<(String, String)>,
}

impl LineRules {
    fn of(record: &LineRecord) -> Option<Box<Self>> {
        let lists = [("networks", &record.networks), ("countries", &record.countries), ("devices", &record.devices)];
        let stated = lists.iter().filter(|(_, list)| !list.is_empty());
        let rules = Self {
            macs: record.macs.clone(),
            outputs: record.outputs.clone(),
            profiles: Profiles::new(&record.profiles),
            attrs: stated.map(|(name, list)| (format!("line-{name}"), list.join(","))).collect(),
        };
        (rules != Self::default()).then(|| Box::new(rules))
    }
}

impl Line {
    /// Whether it may be used at `now`.
    pub fn usable(&self, now: Timestamp) -> bool {
        self.active && self.expires.is_none_or(|expires| now < expires)
    }

    /// See [`LineRecord`].
    pub fn macs(&self) -> &[String] {
        self.rules.as_ref().map_or(&[], |rules| &rules.macs)
    }

    /// See [`LineRecord`]; empty for all.
    pub fn outputs(&self) -> &[String] {
        self.rules.as_ref().map_or(&[], |rules| &rules.outputs)
    }

    /// See [`LineRecord`].
    pub fn profiles(&self) -> &Profiles {
        static ALL: Profiles = Profiles::ALL;
        self.rules.as_ref().map_or(&ALL, |rules| &rules.profiles)
    }

    /// What policies are told of the line's own rules: `line-networks`, `line-countries` and `line-devices`, each where there are any,
    /// their items separated by commas.
    pub fn attrs(&self) -> &[(String, String)] {
        self.rules.as_ref().map_or(&[], |rules| &rules.attrs)
    }
}
