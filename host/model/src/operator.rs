//! Operators: who runs the host, and what each may do. Secrets are kept as hashes, except for the second factor's, which both sides
//! must know.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ApiKeyId, OperatorId};
use crate::redact::Secret;
use crate::second_factor::SecondFactor;

/// Somebody who runs the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Its id, assigned by the store.
    pub id: OperatorId,
    /// Unique, compared exactly.
    pub username: String,
    /// PHC string of argon2id.
    pub password_hash: Secret,
    /// What it may do.
    pub role: Role,
    /// Switched off where false.
    pub active: bool,
    /// What its password alone is not enough for.
    #[serde(flatten)]
    pub totp: SecondFactor,
    /// What an identity provider says of this person; none where only the password lets it in.
    #[serde(default)]
    pub oidc_id: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Grows by one with each change.
    #[serde(default)]
    pub revision: u64,
}

/// What an operator may do, each more than the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but changing operators.
    Admin,
    /// Lines, and looking at the rest.
    Support,
    /// Looking, at no credential.
    ReadOnly,
}

/// One kind of thing that can be done; roles and API keys are sets of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// How the host does.
    #[serde(rename = "status:read")]
    StatusRead,
    /// Lines, without their credentials.
    #[serde(rename = "lines:read")]
    LinesRead,
    /// Lines with their tokens, and changing them.
    #[serde(rename = "lines:write")]
    LinesWrite,
    /// Channels, categories, bouquets, rules, sources and plugins.
    #[serde(rename = "catalog:read")]
    CatalogRead,
    /// Changing bouquets, edits and rules.
    #[serde(rename = "catalog:write")]
    CatalogWrite,
    /// Operators and everybody's API keys.
    #[serde(rename = "operators:read")]
    OperatorsRead,
    /// Changing them.
    #[serde(rename = "operators:write")]
    OperatorsWrite,
    /// The audit log.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// Resellers, plans, balances and statements.
    #[serde(rename = "resellers:read")]
    ResellersRead,
    /// Changing resellers and plans.
    #[serde(rename = "resellers:write")]
    ResellersWrite,
    /// Moving credits: issuing them, taking them back, selling in a reseller's name.
    #[serde(rename = "credits:write")]
    CreditsWrite,
    /// Backups and exports, which hold everything.
    #[serde(rename = "backups:write")]
    BackupsWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::StatusRead,
        Self::LinesRead,
        Self::LinesWrite,
        Self::CatalogRead,
        Self::CatalogWrite,
        Self::OperatorsRead,
        Self::OperatorsWrite,
        Self::AuditRead,
        Self::ResellersRead,
        Self::ResellersWrite,
        Self::CreditsWrite,
        Self::BackupsWrite,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::StatusRead => "status:read",
            Self::LinesRead => "lines:read",
            Self::LinesWrite => "lines:write",
            Self::CatalogRead => "catalog:read",
            Self::CatalogWrite => "catalog:write",
            Self::OperatorsRead => "operators:read",
            Self::OperatorsWrite => "operators:write",
            Self::AuditRead => "audit:read",
            Self::ResellersRead => "resellers:read",
            Self::ResellersWrite => "resellers:write",
            Self::CreditsWrite => "credits:write",
            Self::BackupsWrite => "backups:write",
        }
    }

    /// From what is written.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == text)
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Support, Self::ReadOnly];

    /// What it may do.
    pub fn scopes(self) -> &'static [Scope] {
        use Scope::*;
        match self {
            Self::Owner => &Scope::ALL,
            Self::Admin => &[
                StatusRead,
                LinesRead,
                LinesWrite,
                CatalogRead,
                CatalogWrite,
                OperatorsRead,
                AuditRead,
                ResellersRead,
                ResellersWrite,
                CreditsWrite,
            ],
            Self::Support => &[StatusRead, LinesRead, LinesWrite, CatalogRead, ResellersRead],
            Self::ReadOnly => &[StatusRead, LinesRead, CatalogRead, ResellersRead],
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Support => "support",
            Self::ReadOnly => "read_only",
        }
    }

    /// From what is written.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }
}

/// A key of an operator, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, assigned by the store.
    pub id: ApiKeyId,
    /// What it is for, in its owner's words.
    pub name: String,
    /// Whose it is; it can never do more than its owner.
    pub operator: OperatorId,
    /// BLAKE3 of the key, hexadecimal. The key itself has 32 random bytes, so that no slow hash is needed.
    pub hash: String,
    /// What it may do at most.
    pub scopes: Vec<Scope>,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
    /// When it was last used, within a few minutes.
    #[serde(default)]
    pub last_used: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
}

/// An operator who is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginSession {
    /// BLAKE3 of the cookie's value, hexadecimal.
    pub hash: String,
    /// Who.
    pub operator: OperatorId,
    /// When it began.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Where it began.
    pub address: Option<std::net::IpAddr>,
    /// The browser, as it called itself.
    pub user_agent: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_stored() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
            assert_eq!(Scope::parse(scope.name()), Some(scope));
        }
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
            assert_eq!(Role::parse(role.name()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn each_role_may_more_than_the_next() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[1].scopes().iter().all(|scope| pair[0].scopes().contains(scope)));
            assert!(pair[0].scopes().len() > pair[1].scopes().len());
        }
    }
}
