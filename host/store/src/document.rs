//! Documents: records that rooms keep whole, one row each, in a table of their kind. A room that needs a new kind adds it here.

use mast_model::{ApiKey, LoginSession, Operator, Plan, Reseller, ResellerSession};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::once::Done;

/// The tables of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`Operator`] by id.
    Operators,
    /// [`ApiKey`] by id.
    ApiKeys,
    /// [`LoginSession`] by hash.
    LoginSessions,
    /// What was done for requests with an `Idempotency-Key`.
    Done,
    /// Bans of lines and networks, by id.
    Bans,
    /// Bouquets, by name.
    Bouquets,
    /// Edits of channels, by channel id.
    ChannelEdits,
    /// Edits of categories, by category id.
    CategoryEdits,
    /// Rules over the catalogue: one row.
    CatalogRules,
    /// [`Reseller`] by id.
    Resellers,
    /// [`Plan`] by id.
    Plans,
    /// [`ResellerSession`] by hash.
    ResellerSessions,
    /// What operators said of channels' guides, by channel id.
    GuideLinks,
    /// Events that wait for devices, by line id.
    DeviceEvents,
    /// What sources' providers say of the operator's accounts, by source.
    SourceProviders,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Operators,
        Self::ApiKeys,
        Self::LoginSessions,
        Self::Done,
        Self::Bans,
        Self::Bouquets,
        Self::ChannelEdits,
        Self::CategoryEdits,
        Self::CatalogRules,
        Self::Resellers,
        Self::Plans,
        Self::ResellerSessions,
        Self::GuideLinks,
        Self::DeviceEvents,
        Self::SourceProviders,
    ];

    /// The table's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operators => "operators",
            Self::ApiKeys => "api-keys",
            Self::LoginSessions => "login-sessions",
            Self::Done => "done",
            Self::Bans => "bans",
            Self::Bouquets => "bouquets",
            Self::ChannelEdits => "channel-edits",
            Self::CategoryEdits => "category-edits",
            Self::CatalogRules => "catalog-rules",
            Self::Resellers => "resellers",
            Self::Plans => "plans",
            Self::ResellerSessions => "reseller-sessions",
            Self::GuideLinks => "guide-links",
            Self::DeviceEvents => "device-events",
            Self::SourceProviders => "source-providers",
        }
    }
}

/// A record that is kept whole.
pub trait Document: Serialize + DeserializeOwned {
    /// Its table.
    const KIND: Kind;
    /// Its key in there; integers big-endian, so that rows are in their order.
    fn key(&self) -> Vec<u8>;
}

impl Document for Operator {
    const KIND: Kind = Kind::Operators;
    fn key(&self) -> Vec<u8> {
        self.id.0.to_be_bytes().to_vec()
    }
}

impl Document for ApiKey {
    const KIND: Kind = Kind::ApiKeys;
    fn key(&self) -> Vec<u8> {
        self.id.0.to_be_bytes().to_vec()
    }
}

impl Document for LoginSession {
    const KIND: Kind = Kind::LoginSessions;
    fn key(&self) -> Vec<u8> {
        self.hash.as_bytes().to_vec()
    }
}

impl Document for Reseller {
    const KIND: Kind = Kind::Resellers;
    fn key(&self) -> Vec<u8> {
        self.id.0.to_be_bytes().to_vec()
    }
}

impl Document for Plan {
    const KIND: Kind = Kind::Plans;
    fn key(&self) -> Vec<u8> {
        self.id.0.to_be_bytes().to_vec()
    }
}

impl Document for ResellerSession {
    const KIND: Kind = Kind::ResellerSessions;
    fn key(&self) -> Vec<u8> {
        self.hash.as_bytes().to_vec()
    }
}

impl Document for Done {
    const KIND: Kind = Kind::Done;
    fn key(&self) -> Vec<u8> {
        Self::row_key(&self.principal, &self.key)
    }
}

impl dyn crate::StateStore {
    /// Every document of a kind with few.
    pub fn all<D: Document>(&self) -> Result<Vec<D>, StoreError> {
        self.rows(D::KIND)?.iter().map(|row| from_row(row)).collect()
    }

    /// A document.
    pub fn get<D: Document>(&self, key: &[u8]) -> Result<Option<D>, StoreError> {
        self.row(D::KIND, key)?.map(|row| from_row(&row)).transpose()
    }
}

pub(crate) fn to_row<T: Serialize>(document: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(document).map_err(|error| damaged(&error))
}

pub(crate) fn from_row<T: DeserializeOwned>(row: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(row).map_err(|error| damaged(&error))
}

/// serde_json's own text repeats values of the row, which may be credentials.
fn damaged(error: &serde_json::Error) -> StoreError {
    let cause = format!("{:?} error in column {}", error.classify(), error.column());
    StoreError::Damaged { file: "state.redb".into(), record: "document", cause }
}
