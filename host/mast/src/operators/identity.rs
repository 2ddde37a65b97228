//! Who sent a request, and what they may.

use std::net::IpAddr;

use mast_model::{ApiKeyId, OperatorId, ResellerId, Role, Scope};
use mast_store::Actor;

use super::scopes_of;

/// The other end of a request to the admin API, as the HTTP side saw it.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Never IPv4-mapped.
    pub address: IpAddr,
    /// Whether nobody on the way can read along.
    pub https: bool,
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Self::of(Scope::ALL)
    }

    /// These.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)))
    }

    /// Whether this one is among them.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

fn bit(scope: Scope) -> u16 {
    1 << Scope::ALL.iter().position(|known| *known == scope).expect("ALL has every scope")
}

/// How somebody came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// By cookie; what the other header field must hold to change anything.
    Session {
        /// The session's hash.
        hash: String,
        /// The token against requests from other sites.
        csrf: String,
    },
    /// By API key.
    Key(ApiKeyId),
    /// By being on the machine: the control socket, or a command with the store open.
    Machine,
}

/// Somebody who may send requests.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Which operator; none for resellers and whoever has the machine.
    pub operator: Option<OperatorId>,
    /// Which reseller; none for everybody else.
    pub reseller: Option<ResellerId>,
    /// The username.
    pub username: String,
    /// The role; an owner's for whoever has the machine, none for resellers.
    pub role: Option<Role>,
    /// What they may, here and now, apart from what resellers may.
    pub scopes: Scopes,
    /// How they came in.
    pub via: Via,
    /// From where.
    pub address: Option<IpAddr>,
}

impl Identity {
    /// Whoever may open the host's files may do everything.
    pub fn machine() -> Self {
        Self {
            operator: None,
            reseller: None,
            username: "local".to_owned(),
            role: Some(Role::Owner),
            scopes: scopes_of(Role::Owner),
            via: Via::Machine,
            address: None,
        }
    }

    /// For the audit log.
    pub fn actor(&self) -> Actor {
        let via = match &self.via {
            Via::Session { .. } => "session".to_owned(),
            Via::Key(id) => format!("key {id}"),
            Via::Machine => "machine".to_owned(),
        };
        Actor {
            operator: self.operator.map(|id| id.0),
            reseller: self.reseller.map(|id| id.0),
            name: self.username.clone(),
            via,
            address: self.address,
        }
    }

    /// Tells requests of different people apart.
    pub fn principal(&self) -> String {
        match (self.operator, self.reseller) {
            (Some(id), _) => format!("operator/{id}"),
            (None, Some(id)) => format!("reseller/{id}"),
            (None, None) => "machine".to_owned(),
        }
    }
}
