//! The only place of the admin API where an error becomes a status and a public sentence.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mast_model::{Classified, ErrorClass};
use serde::{Deserialize, Serialize};

use crate::accounts::{AccountsError, InvalidLine};

/// What a request failed at.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nothing is there.
    #[error("there is nothing under this path")]
    NoSuchPath,
    /// Something is there, for another method.
    #[error("this path does not know this method")]
    MethodNotAllowed,
    /// The body is not what is expected.
    #[error("the request is not usable: {0}")]
    Body(#[from] JsonRejection),
    /// The lines refused.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

impl From<InvalidLine> for AdminError {
    fn from(error: InvalidLine) -> Self {
        Self::Accounts(error.into())
    }
}

/// An error as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorView,
}

/// See [`ErrorBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// For programs; never changes.
    pub code: String,
    /// For people.
    pub message: String,
}

impl AdminError {
    /// Status, stable code and sentence.
    fn public(&self) -> (StatusCode, &'static str, String) {
        let (status, code) = match self {
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no_such_path"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Body(rejection) => (rejection.status(), "invalid_request"),
            Self::Accounts(error) => (status_of(error.class()), code_of(error)),
        };
        let message = match self {
            Self::Body(rejection) => format!("the request is not usable: {}", rejection.body_text()),
            other => other.to_string(),
        };
        (status, code, message)
    }

    /// As it is sent.
    pub fn body(&self) -> ErrorBody {
        let (_, code, message) = self.public();
        ErrorBody { error: ErrorView { code: code.to_owned(), message } }
    }
}

fn status_of(class: ErrorClass) -> StatusCode {
    match class {
        ErrorClass::Invalid => StatusCode::BAD_REQUEST,
        ErrorClass::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorClass::Denied => StatusCode::FORBIDDEN,
        ErrorClass::NotFound => StatusCode::NOT_FOUND,
        ErrorClass::Conflict => StatusCode::CONFLICT,
        ErrorClass::Limit => StatusCode::TOO_MANY_REQUESTS,
        ErrorClass::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorClass::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorClass::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn code_of(error: &AccountsError) -> &'static str {
    use mast_store::StoreError;
    match error {
        AccountsError::Invalid(InvalidLine::Bouquet { .. }) => "no_such_bouquet",
        AccountsError::Invalid(_) => "invalid_line",
        AccountsError::NoSuchLine(_) | AccountsError::Store(StoreError::LineNotFound(_)) => "no_such_line",
        AccountsError::DeviceTaken { .. } => "device_taken",
        AccountsError::Store(StoreError::UsernameTaken(_)) => "username_taken",
        AccountsError::Store(StoreError::TokenTaken) => "token_taken",
        AccountsError::Store(_) => "store_failed",
        AccountsError::Interrupted(_) => "internal",
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let (status, _, message) = self.public();
        if status.is_server_error() {
            tracing::error!(%message, "admin request failed");
        }
        (status, Json(self.body())).into_response()
    }
}
