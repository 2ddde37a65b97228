//! What is asked for when lines are added or changed, and the rules that every line follows.

mod read;
mod rules;

pub use rules::{InvalidLine, normal_mac};
pub(super) use rules::{check_password, check_record};

use jiff::{SignedDuration, Timestamp};
use mast_model::{AboveLimit, LineRecord, LineToken, Secret};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::password;

/// A line to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineRequest {
    /// 1 to 64 characters, no white space, slash or control characters: it stands in paths.
    pub username: String,
    /// 1 to 128 characters, no control characters and no slash: it stands in paths. Where missing, the host invents one and
    /// answers it this once.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret>,
    /// Instead of a password: its hash by argon2id or bcrypt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub password_hash: Option<Secret>,
    /// The token to give it, 64 hexadecimal digits; random where missing.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub token: Option<LineToken>,
    /// Everything else.
    #[serde(flatten)]
    pub terms: LineTerms,
}

/// What a line may have; what is missing in a change stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineTerms {
    /// Connections allowed at once, from 1 to 10,000; 1 for a new line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10000)]
    pub max_connections: Option<u32>,
    /// What happens above that: `deny_new`, which a new line has, or `stop_oldest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub above_limit: Option<AboveLimit>,
    /// When it ends; null for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Option<Timestamp>>,
    /// Off where false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Made to try the service out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<bool>,
    /// Names of bouquets; none for every channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bouquets: Option<Vec<String>>,
    /// MAC addresses in any notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macs: Option<Vec<String>>,
    /// Output instances that it may use; none for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<String>>,
    /// Names of the qualities that it may watch, none for all: a profile's, also where it is a variant of a ladder; `copy` of a channel that
    /// plays as it comes; `audio_only` of a ladder's sound alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Vec<String>>,
    /// Networks such as `192.0.2.0/24`, handed to policies as `line-networks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// Countries such as `AT`, handed to policies as `line-countries`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countries: Option<Vec<String>>,
    /// Parts of User-Agent fields, handed to policies as `line-devices`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<String>>,
    /// For operators, at most 4,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The subscriber's address for mail; null for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
}

/// A change of a line; what is missing stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinePatch {
    /// As in a new line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// As in a new line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret>,
    /// Everything else.
    #[serde(flatten)]
    pub terms: LineTerms,
}

/// `null` is something else than a field that is not there.
pub(crate) fn stated<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl LineTerms {
    /// Writes what is stated into a line.
    pub(super) fn apply(&self, line: &mut LineRecord) {
        fn set<T: Clone>(field: &mut T, stated: &Option<T>) {
            if let Some(stated) = stated {
                field.clone_from(stated);
            }
        }
        set(&mut line.max_connections, &self.max_connections);
        set(&mut line.above_limit, &self.above_limit);
        set(&mut line.expires, &self.expires);
        set(&mut line.active, &self.active);
        set(&mut line.trial, &self.trial);
        set(&mut line.bouquets, &self.bouquets);
        set(&mut line.macs, &self.macs);
        set(&mut line.outputs, &self.outputs);
        set(&mut line.profiles, &self.profiles);
        set(&mut line.networks, &self.networks);
        set(&mut line.countries, &self.countries);
        set(&mut line.devices, &self.devices);
        set(&mut line.notes, &self.notes);
        set(&mut line.email, &self.email);
    }
}

/// A new line that is ready to be stored, and the password that was invented for it.
pub(super) struct Prepared {
    pub(super) record: LineRecord,
    pub(super) invented: Option<Secret>,
}

impl LineRequest {
    /// A line with this password and nothing else said.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        let terms = LineTerms::default();
        Self {
            username: username.into(),
            password: Some(Secret::new(password)),
            password_hash: None,
            token: None,
            terms,
        }
    }

    /// Checks everything that does not depend on other lines, before anything is hashed.
    pub(super) fn check(&self) -> Result<LineRecord, InvalidLine> {
        if let Some(password) = &self.password {
            check_password(password)?;
        }
        let hash = match &self.password_hash {
            Some(_) if self.password.is_some() => return Err(InvalidLine::TwoPasswords),
            Some(hash) if !(password::is_bcrypt(hash.expose()) || password::is_argon2id(hash.expose())) => {
                return Err(InvalidLine::PasswordHash);
            }
            Some(hash) => hash.clone(),
            None => Secret::new(""),
        };
        let token = self.token.unwrap_or_else(|| LineToken::from_bytes([0; 32]));
        let mut record = LineRecord::new(self.username.clone(), hash, token);
        self.terms.apply(&mut record);
        check_record(&mut record)?;
        Ok(record)
    }

    /// Hashes, which is slow, and fills in what is missing. Blocks.
    pub(super) fn prepare(self, mut record: LineRecord) -> Result<Prepared, password::HashingError> {
        if self.token.is_none() {
            record.token = LineToken::from_bytes(password::random()?);
        }
        if self.password_hash.is_some() {
            return Ok(Prepared { record, invented: None });
        }
        let invented = if self.password.is_none() { Some(password::invent()?) } else { None };
        if let Some(password) = invented.as_ref().or(self.password.as_ref()) {
            record.password_hash = password::hash(password.expose())?;
        }
        Ok(Prepared { record, invented })
    }

    /// Whether a password must be hashed, which takes its time.
    pub(super) fn is_slow(&self) -> bool {
        self.password_hash.is_none()
    }
}

/// The later of now and the end so far, plus a time; a line without an end keeps none.
pub(super) fn extended(expires: Option<Timestamp>, by: SignedDuration, now: Timestamp) -> Option<Timestamp> {
    expires.map(|end| end.max(now).checked_add(by).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests;
