//! The only place of the admin API where an error becomes a status and a public sentence: a problem document (RFC 9457).

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mast_model::{Classified, ErrorClass};
use mast_store::{LedgerError, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{AccountsError, InvalidLine};
use crate::backups::BackupsError;
use crate::catalog::EditError;
use crate::devices::DevicesError;
use crate::operators::{LoginRefusal, OidcRefusal, OperatorsError};
use crate::resellers::ResellersError;
use crate::sessions::SessionsError;

/// What a request failed at.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nothing is there.
    #[error("there is nothing under this path")]
    NoSuchPath,
    /// Something is there, for another method.
    #[error("this path does not know this method")]
    MethodNotAllowed,
    /// Nobody is known.
    #[error("log in, or send an API key as Authorization: Bearer KEY")]
    NotLoggedIn,
    /// The operator or the key may not.
    #[error("this needs the scope {0}")]
    MissingScope(&'static str),
    /// A session's request without its token.
    #[error("this request of a session needs its token in the header field X-CSRF-Token; GET /api/v1/whoami tells it")]
    Csrf,
    /// Not for resellers.
    #[error("this is for operators")]
    OperatorsOnly,
    /// Only operators have this.
    #[error("this is for operators, not for whoever has the machine")]
    NoOperator,
    /// The body is not what is expected.
    #[error("{0}")]
    Body(#[from] JsonRejection),
    /// The path is not what is expected.
    #[error("there is nothing under this path")]
    Path(#[from] PathRejection),
    /// The query is not what is expected.
    #[error("the query is not usable: {0}")]
    Query(#[from] QueryRejection),
    /// Something else in the request.
    #[error("{0}")]
    Invalid(String),
    /// A field of the request.
    #[error("{1}")]
    Field(&'static str, String),
    /// Larger than may be.
    #[error("the request's body is too large")]
    TooLarge,
    /// Rows of an import.
    #[error("{} rows cannot be imported, nothing was changed", .0.len())]
    Rows(Vec<RowProblem>),
    /// Credits would move, and nobody could tell a repetition from a second request.
    #[error("this request moves credits and needs an Idempotency-Key; send the same one when you repeat it")]
    IdempotencyKeyNeeded,
    /// The same idempotency key with another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The same request is being done.
    #[error("the same request is being done right now")]
    InProgress,
    /// Too many look on.
    #[error("too many look on at once, end one of them first")]
    TooManyListeners,
    /// It was done, and its answer is not there to be repeated.
    #[error("this request was done already; its answer is not kept")]
    AnswerNotKept,
    /// Logging in.
    #[error(transparent)]
    Login(#[from] LoginRefusal),
    /// Logging in through the identity provider.
    #[error(transparent)]
    Oidc(#[from] OidcRefusal),
    /// There is no identity provider.
    #[error("this host has no identity provider; log in with your password, or see [oidc]")]
    NoOidc,
    /// The lines refused.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The operators refused.
    #[error(transparent)]
    Operators(#[from] OperatorsError),
    /// The catalogue refused.
    #[error(transparent)]
    Catalog(#[from] EditError),
    /// The resellers refused.
    #[error(transparent)]
    Resellers(#[from] ResellersError),
    /// The sessions refused.
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    /// The events for devices refused.
    #[error(transparent)]
    Devices(#[from] DevicesError),
    /// The backups refused.
    #[error(transparent)]
    Backups(#[from] BackupsError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<InvalidLine> for AdminError {
    fn from(error: InvalidLine) -> Self {
        Self::Accounts(error.into())
    }
}

/// A row that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowProblem {
    /// Which, from 1, without the head.
    pub row: usize,
    /// Why.
    pub message: String,
}

/// An error as it is sent, with the content type `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:mast:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// For people.
    pub detail: String,
    /// For programs; never changes.
    pub code: String,
    /// The field of the request that is to blame, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Rows of an import that cannot be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowProblem>,
}

/// An error as commands print it.
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

impl From<Problem> for ErrorView {
    fn from(problem: Problem) -> Self {
        let rows = problem.rows.iter().map(|row| format!("\nrow {}: {}", row.row, row.message));
        let message = rows.fold(problem.detail, |all, row| all + &row);
        Self { code: problem.code, message }
    }
}

impl AdminError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchPath | Self::Path(_) => (StatusCode::NOT_FOUND, "no_such_path"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotLoggedIn => (StatusCode::UNAUTHORIZED, "not_logged_in"),
            Self::MissingScope(_) => (StatusCode::FORBIDDEN, "missing_scope"),
            Self::OperatorsOnly => (StatusCode::FORBIDDEN, "operators_only"),
            Self::Csrf => (StatusCode::FORBIDDEN, "csrf"),
            Self::NoOperator => (StatusCode::CONFLICT, "no_operator"),
            Self::Body(rejection) => (rejection.status(), "invalid_request"),
            Self::Query(_) | Self::Invalid(_) | Self::Field(..) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Rows(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_rows"),
            Self::IdempotencyKeyNeeded => (StatusCode::PRECONDITION_REQUIRED, "idempotency_key_required"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            Self::InProgress => (StatusCode::CONFLICT, "in_progress"),
            Self::AnswerNotKept => (StatusCode::CONFLICT, "done_already"),
            Self::TooManyListeners => (StatusCode::SERVICE_UNAVAILABLE, "too_many_listeners"),
            Self::Login(refusal) => of_login(refusal),
            Self::Oidc(refusal) => of_oidc(refusal),
            Self::NoOidc => (StatusCode::NOT_FOUND, "no_oidc"),
            Self::Accounts(AccountsError::Changed { .. }) => (StatusCode::PRECONDITION_FAILED, "changed"),
            Self::Operators(OperatorsError::Changed { .. }) => (StatusCode::PRECONDITION_FAILED, "changed"),
            Self::Catalog(EditError::Changed(_)) => (StatusCode::PRECONDITION_FAILED, "changed"),
            Self::Catalog(EditError::Store(error)) => of_store(error),
            Self::Catalog(error) => (status_of(error.class()), of_catalog(error)),
            Self::Accounts(AccountsError::Store(error)) | Self::Operators(OperatorsError::Store(error)) => {
                of_store(error)
            }
            Self::Sessions(SessionsError::Store(error)) | Self::Store(error) => of_store(error),
            Self::Backups(BackupsError::Store(error)) | Self::Devices(DevicesError::Store(error)) => of_store(error),
            Self::Devices(error) => (status_of(error.class()), of_devices(error)),
            Self::Backups(error) => (status_of(error.class()), of_backups(error)),
            Self::Sessions(error) => (status_of(error.class()), of_sessions(error)),
            Self::Resellers(error) => of_resellers(error),
            Self::Accounts(error) => (status_of(error.class()), of_accounts(error)),
            Self::Operators(error) => (status_of(error.class()), of_operators(error)),
        }
    }

    /// What is wrong with a field.
    pub(super) fn field(name: &'static str, message: impl Into<String>) -> Self {
        Self::Field(name, message.into())
    }

    /// The field that is to blame.
    fn blamed(&self) -> Option<String> {
        match self {
            Self::Field(name, _) => Some((*name).to_owned()),
            Self::Resellers(error) => blamed_by_resellers(error).map(str::to_owned),
            Self::Backups(BackupsError::Name(_)) => Some("name".to_owned()),
            Self::Devices(DevicesError::Invalid(invalid)) => Some(invalid.field().to_owned()),
            Self::Operators(OperatorsError::PersonTaken(_)) => Some("oidc_id".to_owned()),
            Self::Accounts(AccountsError::Invalid(invalid)) => invalid.field().map(str::to_owned),
            Self::Accounts(AccountsError::DeviceTaken { .. }) => Some("macs".to_owned()),
            Self::Accounts(AccountsError::Store(StoreError::UsernameTaken(_))) => Some("username".to_owned()),
            Self::Accounts(AccountsError::Store(StoreError::TokenTaken)) => Some("token".to_owned()),
            Self::Body(JsonRejection::JsonDataError(error)) => blamed_by_reader(&error.body_text()),
            _ => None,
        }
    }

    /// As it is sent.
    pub fn problem(&self) -> Problem {
        let (status, code) = self.status_and_code();
        let detail = match self {
            Self::Body(rejection) => format!("the request is not usable: {}", rejection.body_text()),
            Self::Query(rejection) => format!("the query is not usable: {}", rejection.body_text()),
            // What broke is for the log.
            _ if status == StatusCode::INTERNAL_SERVER_ERROR => {
                "the host could not do this; its log says why".to_owned()
            }
            other => other.to_string(),
        };
        Problem {
            kind: format!("urn:mast:problem:{code}"),
            title: status.canonical_reason().unwrap_or("error").to_owned(),
            status: status.as_u16(),
            detail,
            code: code.to_owned(),
            field: self.blamed(),
            rows: if let Self::Rows(rows) = self { rows.iter().take(100).cloned().collect() } else { Vec::new() },
        }
    }
}

/// The field that the reader of a body names: in front of what is wrong with it, or as the one that is missing or unknown.
fn blamed_by_reader(text: &str) -> Option<String> {
    let (_, wrong) = text.split_once("into the target type: ")?;
    let named = wrong.strip_prefix("unknown field `").or_else(|| wrong.strip_prefix("missing field `"));
    if let Some(named) = named {
        return named.split('`').next().map(str::to_owned);
    }
    let (path, _) = wrong.split_once(": ")?;
    let is_path = path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'[' | b']'));
    (is_path && !path.is_empty()).then(|| path.to_owned())
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

fn of_login(refusal: &LoginRefusal) -> (StatusCode, &'static str) {
    match refusal {
        LoginRefusal::BadCredentials => (StatusCode::UNAUTHORIZED, "bad_credentials"),
        LoginRefusal::CodeNeeded => (StatusCode::UNAUTHORIZED, "code_needed"),
        LoginRefusal::Throttled => (StatusCode::TOO_MANY_REQUESTS, "throttled"),
        LoginRefusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        LoginRefusal::Failed(error) => (status_of(error.class()), of_operators(error)),
    }
}

fn of_oidc(refusal: &OidcRefusal) -> (StatusCode, &'static str) {
    match refusal {
        OidcRefusal::NotBegun => (StatusCode::BAD_REQUEST, "login_not_begun"),
        OidcRefusal::Declined => (StatusCode::UNAUTHORIZED, "login_declined"),
        OidcRefusal::Away(_) => (StatusCode::SERVICE_UNAVAILABLE, "identity_provider_away"),
        OidcRefusal::Untrusted(_) => (StatusCode::UNAUTHORIZED, "not_proved"),
        OidcRefusal::NotAnOperator => (StatusCode::FORBIDDEN, "not_an_operator"),
        OidcRefusal::Login(refusal) => of_login(refusal),
    }
}

fn of_store(error: &StoreError) -> (StatusCode, &'static str) {
    let code = match error {
        StoreError::LineNotFound(_) => "no_such_line",
        StoreError::UsernameTaken(_) => "username_taken",
        StoreError::TokenTaken => "token_taken",
        StoreError::AlreadyDone => "done_already",
        StoreError::Ledger(error) => of_ledger(error),
        _ => "store_failed",
    };
    (status_of(error.class()), code)
}

fn of_ledger(error: &LedgerError) -> &'static str {
    match error {
        LedgerError::Insufficient { .. } => "not_enough_credits",
        LedgerError::AlreadyRefunded { .. } => "refunded_already",
        LedgerError::NoSuchAccount(_) => "no_such_account",
        LedgerError::NoSuchEntry(_) => "no_such_entry",
        LedgerError::Overflow { .. } => "too_many_credits",
        _ => "invalid_movement",
    }
}

fn of_catalog(error: &EditError) -> &'static str {
    match error {
        EditError::Invalid(_) => "invalid_edit",
        EditError::NotFound(_) => "not_found",
        EditError::Conflict(_) => "conflict",
        EditError::Changed(_) => "changed",
        EditError::Store(error) => of_store(error).1,
        EditError::Interrupted(_) => "internal",
    }
}

fn of_accounts(error: &AccountsError) -> &'static str {
    match error {
        AccountsError::Invalid(InvalidLine::Bouquet { .. }) => "no_such_bouquet",
        AccountsError::Invalid(_) => "invalid_line",
        AccountsError::NoSuchLine(_) => "no_such_line",
        AccountsError::Changed { .. } => "changed",
        AccountsError::DeviceTaken { .. } | AccountsError::DeviceBound(_) => "device_taken",
        AccountsError::Held(_) => "held",
        AccountsError::Store(error) => of_store(error).1,
        AccountsError::Interrupted(_) => "internal",
    }
}

fn of_backups(error: &BackupsError) -> &'static str {
    match error {
        BackupsError::Name(_) => "invalid_name",
        BackupsError::Exists(_) => "backup_exists",
        BackupsError::NoSuchBackup(_) => "no_such_backup",
        BackupsError::Busy => "in_progress",
        BackupsError::Store(error) => of_store(error).1,
        BackupsError::File { .. } | BackupsError::Interrupted(_) => "internal",
    }
}

fn of_sessions(error: &SessionsError) -> &'static str {
    match error {
        SessionsError::NoSuchSession(_) => "no_such_session",
        SessionsError::NoSuchBan(_) => "no_such_ban",
        SessionsError::TooMany(_) => "too_many_bans",
        SessionsError::Store(error) => of_store(error).1,
        SessionsError::Interrupted(_) => "internal",
    }
}

fn of_devices(error: &DevicesError) -> &'static str {
    match error {
        DevicesError::Invalid(_) => "invalid_event",
        DevicesError::Full(_) => "too_many_events",
        DevicesError::TooManyLines(_) => "too_many_lines",
        DevicesError::NoSuchEvent { .. } => "no_such_event",
        DevicesError::Store(error) => of_store(error).1,
        DevicesError::Interrupted(_) => "internal",
    }
}

fn of_resellers(error: &ResellersError) -> (StatusCode, &'static str) {
    let code = match error {
        ResellersError::Changed { .. } => return (StatusCode::PRECONDITION_FAILED, "changed"),
        ResellersError::Accounts(AccountsError::Changed { .. }) => return (StatusCode::PRECONDITION_FAILED, "changed"),
        ResellersError::Store(error) => return of_store(error),
        ResellersError::Accounts(error) => of_accounts(error),
        ResellersError::Invalid(_) => "invalid_request",
        ResellersError::BadCode => "bad_code",
        ResellersError::NoSuchReseller(_) => "no_such_reseller",
        ResellersError::NoSuchAccount(_) => "no_such_account",
        ResellersError::NoSuchPlan(_) => "no_such_plan",
        ResellersError::NoSuchLine(_) => "no_such_line",
        ResellersError::NoSuchEntry(_) => "no_such_entry",
        ResellersError::UsernameTaken(_) => "username_taken",
        ResellersError::PlanNameTaken(_) => "plan_name_taken",
        ResellersError::Itself(_) => "not_for_itself",
        ResellersError::MayNot { .. } => "missing_right",
        ResellersError::HouseOnly(_) => "operators_only",
        ResellersError::Inactive(_) => "reseller_inactive",
        ResellersError::NotSold { .. } => "not_sold",
        ResellersError::Limit { .. } => "limit_reached",
        ResellersError::NotExtended { .. } => "not_extended",
        ResellersError::NotRefunded { .. } => "not_refunded",
        ResellersError::NotEmpty { .. } => "not_empty",
        ResellersError::Tree(_) => "invalid_parent",
        ResellersError::DamagedLedger(_) => "ledger_damaged",
        ResellersError::Interrupted(_) => "internal",
    };
    (status_of(error.class()), code)
}

/// The field that a refusal of the resellers' is about.
fn blamed_by_resellers(error: &ResellersError) -> Option<&'static str> {
    match error {
        ResellersError::UsernameTaken(_) => Some("username"),
        ResellersError::PlanNameTaken(_) => Some("name"),
        ResellersError::Tree(_) => Some("parent"),
        ResellersError::Store(StoreError::Ledger(LedgerError::NotPositive(_))) => Some("amount"),
        ResellersError::Store(StoreError::Ledger(LedgerError::ReasonText)) => Some("text"),
        _ => None,
    }
}

fn of_operators(error: &OperatorsError) -> &'static str {
    match error {
        OperatorsError::Invalid(_) => "invalid_operator",
        OperatorsError::NoSuchOperator(_) => "no_such_operator",
        OperatorsError::NoSuchKey(_) => "no_such_api_key",
        OperatorsError::UsernameTaken(_) => "username_taken",
        OperatorsError::PersonTaken(_) => "oidc_id_taken",
        OperatorsError::LastOwner => "last_owner",
        OperatorsError::Changed { .. } => "changed",
        OperatorsError::NotYours(_) => "missing_scope",
        OperatorsError::BadCode => "bad_code",
        OperatorsError::Store(error) => of_store(error).1,
        OperatorsError::Interrupted(_) => "internal",
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(error = %self, "admin request failed");
        }
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"mast\""));
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_to_blame_is_found() {
        for (wrong, field) in [
            ("max_connections: invalid type: string \"x\", expected u32 at line 1 column 9", Some("max_connections")),
            ("lines[3].expires: failed to parse", Some("lines[3].expires")),
            ("missing field `username` at line 1 column 2", Some("username")),
            ("unknown field `max_conections` at line 1 column 52", Some("max_conections")),
            ("invalid type: null, expected struct LineRequest", None),
        ] {
            let text = format!("Failed to deserialize the JSON body into the target type: {wrong}");
            assert_eq!(blamed_by_reader(&text).as_deref(), field, "{wrong}");
        }
    }
}
