//! A line as operators see it.

use jiff::Timestamp;
use mast_model::{AboveLimit, LineRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A line as operators see it: everything but the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    /// Its id.
    pub id: u64,
    /// Its username.
    pub username: String,
    /// Its token; null for those who may not change lines, because it is a credential.
    pub token: Option<String>,
    /// Connections allowed at once.
    pub max_connections: u32,
    /// `deny_new` or `stop_oldest`.
    #[schema(value_type = String)]
    pub above_limit: AboveLimit,
    /// When it ends; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// False where it was switched off.
    pub active: bool,
    /// Switched off by an operator, so that no reseller switches it on.
    pub held: bool,
    /// Made to try the service out.
    pub trial: bool,
    /// Its bouquets; none means every channel.
    pub bouquets: Vec<String>,
    /// Its devices.
    pub macs: Vec<String>,
    /// Outputs that it may use; none means all.
    pub outputs: Vec<String>,
    /// Names of the qualities that it may watch, none means all: a profile's, also where it is a variant of a ladder; `copy` of a channel that
    /// plays as it comes; `audio_only` of a ladder's sound alone.
    pub profiles: Vec<String>,
    /// Networks, for policies.
    pub networks: Vec<String>,
    /// Countries, for policies.
    pub countries: Vec<String>,
    /// Parts of User-Agent fields, for policies.
    pub devices: Vec<String>,
    /// For operators and resellers.
    pub notes: String,
    /// The subscriber's address for mail.
    pub email: Option<String>,
    /// Who sold it; null for the operator.
    pub reseller: Option<u64>,
    /// The plan that it was last bought or extended with; null where nobody paid.
    pub plan: Option<u64>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Grows with each change; the ETag.
    pub revision: u64,
}

impl LineView {
    /// Of a line as it is stored.
    pub fn new(line: &LineRecord, with_token: bool) -> Self {
        Self {
            id: line.id.0,
            username: line.username.clone(),
            token: with_token.then(|| line.token.expose()),
            max_connections: line.max_connections,
            above_limit: line.above_limit,
            expires: line.expires,
            active: line.active,
            held: line.held,
            trial: line.trial,
            bouquets: line.bouquets.clone(),
            macs: line.macs.clone(),
            outputs: line.outputs.clone(),
            profiles: line.profiles.clone(),
            networks: line.networks.clone(),
            countries: line.countries.clone(),
            devices: line.devices.clone(),
            notes: line.notes.clone(),
            email: line.email.clone(),
            reseller: line.reseller.map(|reseller| reseller.0),
            plan: line.plan.map(|plan| plan.0),
            created: line.created,
            revision: line.revision,
        }
    }
}
