//! What handlers take from a request, with refusals that are problem documents.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mast_model::OperatorId;
use mast_store::{Change, Once};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::AdminError;
use crate::operators::Identity;
use crate::resellers::Principal;

/// A JSON body.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = AdminError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AdminError> {
        Ok(Self(Json::from_request(request, state).await?.0))
    }
}

/// A query.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        Ok(Self(Query::from_request_parts(parts, state).await?.0))
    }
}

/// Parts of the path.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        Ok(Self(Path::from_request_parts(parts, state).await?.0))
    }
}

/// Who sent it.
pub(super) struct Me(pub(super) Identity);

impl Me {
    /// On whose behalf resellers, credits and lines are looked at.
    pub(super) fn principal(&self) -> Principal {
        self.0.reseller.map_or(Principal::House, Principal::Reseller)
    }

    /// The operator; resellers and whoever has the machine are none.
    pub(super) fn operator(&self) -> Result<OperatorId, AdminError> {
        self.0.operator.ok_or(AdminError::NoOperator)
    }
}

impl<S: Sync> FromRequestParts<S> for Me {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AdminError> {
        parts.extensions.get::<Identity>().cloned().map(Self).ok_or(AdminError::NotLoggedIn)
    }
}

/// Who changes something, and which request it is.
pub(super) struct Changing(pub(super) Change);

impl<S: Sync> FromRequestParts<S> for Changing {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AdminError> {
        let identity = parts.extensions.get::<Identity>().ok_or(AdminError::NotLoggedIn)?;
        Ok(Self(Change { actor: identity.actor(), once: parts.extensions.get::<Once>().cloned() }))
    }
}

/// The same for a request that moves credits: it must say which one it is, so that sending it twice pays once.
pub(super) struct Paying(pub(super) Change);

impl<S: Sync> FromRequestParts<S> for Paying {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let Changing(change) = Changing::from_request_parts(parts, state).await?;
        if change.once.is_none() {
            return Err(AdminError::IdempotencyKeyNeeded);
        }
        Ok(Self(change))
    }
}

/// The revision in `If-Match`; none where any will do.
pub(super) struct Expected(pub(super) Option<u64>);

impl<S: Sync> FromRequestParts<S> for Expected {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AdminError> {
        let Some(field) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        match field.to_str().unwrap_or_default().trim() {
            "*" => Ok(Self(None)),
            tag => match revision(tag) {
                Some(revision) => Ok(Self(Some(revision))),
                None => Err(AdminError::Invalid("If-Match must be an ETag of this API, for example \"3\"".to_owned())),
            },
        }
    }
}

fn revision(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The tag in `If-None-Match`.
pub(super) struct Known(Option<u64>);

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AdminError> {
        let field = parts.headers.get(header::IF_NONE_MATCH).and_then(|field| field.to_str().ok());
        Ok(Self(field.and_then(|field| revision(field.trim().trim_start_matches("W/")))))
    }
}

/// One thing with its revision as ETag.
pub(super) struct Tagged<T> {
    pub(super) status: StatusCode,
    pub(super) revision: u64,
    pub(super) body: T,
}

impl<T: Serialize> Tagged<T> {
    pub(super) fn new(revision: u64, body: T) -> Self {
        Self { status: StatusCode::OK, revision, body }
    }

    pub(super) fn created(revision: u64, body: T) -> Self {
        Self { status: StatusCode::CREATED, revision, body }
    }

    /// 304 where the caller has it already.
    pub(super) fn unless(self, known: &Known) -> Response {
        if known.0 == Some(self.revision) {
            return (StatusCode::NOT_MODIFIED, etag(self.revision)).into_response();
        }
        self.into_response()
    }
}

fn etag(revision: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        headers.insert(header::ETAG, value);
    }
    headers
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        (self.status, etag(self.revision), Json(self.body)).into_response()
    }
}
