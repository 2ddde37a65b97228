//! What is remembered of a series.

use mast_sdk::{Code, Error, Result, kv};
use serde::{Deserialize, Serialize};

use super::FORGET;

/// Before the upstream's id, in storage.
pub(super) const PREFIX: &str = "series:";

/// A series in storage, as JSON.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    /// When the upstream changed it.
    #[serde(rename = "m")]
    pub(super) modified: u64,
    /// When the upstream was asked.
    #[serde(rename = "t")]
    pub(super) asked: u64,
    /// Its episodes.
    #[serde(rename = "e")]
    pub(super) parts: Vec<Part>,
}

/// An episode. The order of the fields is that of a list in storage; new ones go to the end, with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) season: u32,
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) container: String,
    /// Unix seconds; 0 where it is not known.
    pub(super) added: u64,
    /// Seconds; 0 where it is not known.
    pub(super) seconds: u64,
    /// `2006-01-31`, or empty.
    pub(super) released: String,
}

type Row = (String, u32, u32, String, String, u64, u64, String);

impl From<Row> for Part {
    fn from((id, season, number, name, container, added, seconds, released): Row) -> Self {
        Self { id, season, number, name, container, added, seconds, released }
    }
}

impl From<Part> for Row {
    fn from(part: Part) -> Self {
        let Part { id, season, number, name, container, added, seconds, released } = part;
        (id, season, number, name, container, added, seconds, released)
    }
}

/// Whether the operator granted storage.
pub(super) fn is_granted() -> Result<bool> {
    match kv::get("counts") {
        Ok(_) => Ok(true),
        Err(error) if error.code == Code::NotGranted => Ok(false),
        Err(error) => Err(error),
    }
}

impl Stored {
    /// What is known of a series; what an other version wrote is not.
    pub(super) fn get(id: &str) -> Result<Option<Self>> {
        Ok(kv::get(&format!("{PREFIX}{id}"))?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    pub(super) fn set(&self, id: &str) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?;
        kv::set(&format!("{PREFIX}{id}"), &bytes)
    }

    /// There is no reason to ask again.
    pub(super) fn is_current(&self, modified: u64, now: u64) -> bool {
        self.modified == modified && (modified > 0 || now.saturating_sub(self.asked) < FORGET)
    }
}
