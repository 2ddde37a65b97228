//! The only place in delivery where an error becomes a status and a public sentence. A sentence names what the viewer can do; it
//! never holds an upstream's address, a credential, or whether a username exists.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;

use super::limits::TooOften;
use crate::accounts::Refusal;
use crate::tuner::{Failure, TuneError, UpstreamFault};

/// Carries the machine-readable code of an error.
pub(super) const ERROR_CODE: HeaderName = HeaderName::from_static("mast-error");

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    /// No usable line.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such path.
    #[error("there is nothing at this address")]
    NotFound,
    /// The channel does not exist, or the line may not know that it does.
    #[error("this line has no such channel")]
    NoSuchChannel,
    /// The file does not exist, or the line may not know that it does.
    #[error("this line has no such movie or episode")]
    NoSuchFile,
    /// The file's upstream.
    #[error("this file cannot be played now: {0}")]
    File(UpstreamFault),
    /// `profiles` of the line.
    #[error("this line may watch only the profiles {0}, and this channel has none of them")]
    NoProfile(String),
    /// The same, for continuous MPEG-TS.
    #[error(
        "this line may watch only the profiles {0}; continuous MPEG-TS (.ts) is the channel's leading one, which is not among them; \
         HLS (.m3u8) may have one that is"
    )]
    LeadingProfile(String),
    /// The segment left the window, or never was in it.
    #[error("this segment is not available any more")]
    NoSuchSegment,
    /// The session's signature is wrong or it is over.
    #[error("this session is not valid, open the channel again")]
    BadSession,
    /// `max_connections`.
    #[error("this line's connections are all in use (at most {0}), stop another device first")]
    Connections(u32),
    /// An operator ended the session.
    #[error("this session was ended, open the channel again")]
    Kicked,
    /// An operator banned the line or the address.
    #[error("this line or address is banned until {0}")]
    Banned(Timestamp),
    /// A policy said no.
    #[error("{message}")]
    Denied {
        /// The policy's code.
        code: String,
        /// The policy's sentence.
        message: String,
    },
    /// The channel does not play.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// A plugin failed to answer.
    #[error("this answer could not be made right now")]
    Output,
    /// Too much at once.
    #[error("the host is busy, try again")]
    Busy,
    /// Too often.
    #[error("too many requests, try again in a moment")]
    TooOften(Duration),
    /// The request's body came too slowly.
    #[error("the request's body did not come in time")]
    BodyTooSlow,
    /// The request's body.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// The request's body.
    #[error("the request could not be read")]
    BadRequest,
    /// Not GET or HEAD.
    #[error("only GET and HEAD are answered here")]
    Method,
}

impl DeliveryError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(Refusal::BadCredentials) => StatusCode::UNAUTHORIZED,
            Self::Refused(Refusal::Throttled) | Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Refused(Refusal::Busy) | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Kicked | Self::Banned(_) | Self::NoProfile(_) | Self::LeadingProfile(_) => StatusCode::FORBIDDEN,
            Self::Refused(_) | Self::BadSession | Self::Connections(_) | Self::Denied { .. } => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoSuchChannel | Self::NoSuchFile | Self::NoSuchSegment => StatusCode::NOT_FOUND,
            Self::File(UpstreamFault::NoSlot) => StatusCode::SERVICE_UNAVAILABLE,
            Self::File(_) => StatusCode::BAD_GATEWAY,
            Self::Tune(TuneError::Deadline { .. }) => StatusCode::GATEWAY_TIMEOUT,
            Self::Tune(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Output => StatusCode::BAD_GATEWAY,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::Refused(Refusal::BadCredentials) => "credentials",
            Self::Refused(Refusal::Expired) => "expired",
            Self::Refused(Refusal::Disabled) => "disabled",
            Self::Refused(Refusal::Throttled) => "throttled",
            Self::NotFound => "not-found",
            Self::NoSuchChannel => "channel",
            Self::NoSuchFile => "file",
            Self::File(_) => "upstream",
            Self::NoProfile(_) | Self::LeadingProfile(_) => "profile-not-allowed",
            Self::NoSuchSegment => "segment",
            Self::BadSession | Self::Kicked => "session",
            Self::Banned(_) => "banned",
            Self::Connections(_) => "connections",
            Self::Denied { code, .. } => code,
            Self::Tune(TuneError::Upstream { .. }) => "upstream",
            Self::Tune(TuneError::Deadline { .. }) => "deadline",
            Self::Tune(_) => "stopping",
            Self::Output => "output",
            Self::Refused(Refusal::Busy) | Self::Busy => "busy",
            Self::TooOften(_) => "rate",
            Self::BodyTooLarge | Self::BodyTooSlow | Self::BadRequest => "request",
            Self::Method => "method",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            // Rounded up: asking too early meets the same answer.
            Self::Tune(TuneError::Upstream { retry_after: wait, .. }) | Self::TooOften(wait) => {
                Some(*wait + Duration::from_millis(999))
            }
            Self::Tune(_) | Self::File(_) => Some(Duration::from_secs(5)),
            Self::Refused(Refusal::Throttled) => Some(Duration::from_secs(60)),
            Self::Refused(Refusal::Busy) | Self::Busy => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl DeliveryError {
    /// The same for whoever asked the admin API, whose errors are problem documents (RFC 9457) and whose codes have underscores.
    pub(super) fn into_problem(self) -> Response<Body> {
        let (status, code) = (self.status(), self.code().replace('-', "_"));
        let problem = serde_json::json!({
            "type": format!("urn:mast:problem:{code}"),
            "title": status.canonical_reason().unwrap_or("error"),
            "status": status.as_u16(),
            "detail": self.to_string(),
            "code": code,
        });
        let mut response = self.into_response().map(|_| Body::from(problem.to_string()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<Failure> for DeliveryError {
    fn from(failure: Failure) -> Self {
        Self::File(failure.fault)
    }
}

impl From<TooOften> for DeliveryError {
    fn from(TooOften(wait): TooOften) -> Self {
        Self::TooOften(wait)
    }
}

impl IntoResponse for DeliveryError {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(format!("{self}\n")));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(code) = HeaderValue::from_str(self.code()) {
            headers.insert(ERROR_CODE, code);
        }
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        match self {
            // RFC 9110 wants a challenge; a scheme that no browser knows keeps it from asking for a password.
            Self::Refused(Refusal::BadCredentials) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Mast realm=\"line\""));
            }
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn every_answer() {
        let second = Duration::from_secs(1);
        let fault = UpstreamFault::Html;
        let errors = [
            Refusal::BadCredentials.into(),
            Refusal::Expired.into(),
            Refusal::Disabled.into(),
            Refusal::Throttled.into(),
            Refusal::Busy.into(),
            DeliveryError::NotFound,
            DeliveryError::NoSuchChannel,
            DeliveryError::NoSuchFile,
            DeliveryError::File(UpstreamFault::NoSlot),
            DeliveryError::File(UpstreamFault::Status(404)),
            DeliveryError::NoProfile("low, copy".to_owned()),
            DeliveryError::LeadingProfile("low".to_owned()),
            DeliveryError::NoSuchSegment,
            DeliveryError::BadSession,
            DeliveryError::Connections(1),
            DeliveryError::Connections(3),
            DeliveryError::Kicked,
            DeliveryError::Banned("2030-01-01T00:00:00Z".parse().expect("a time")),
            DeliveryError::Denied { code: "network".to_owned(), message: "not from this network".to_owned() },
            TuneError::Upstream { fault, retry_after: 3 * second / 2 }.into(),
            TuneError::Deadline { after: second, fault: UpstreamFault::NoBytes }.into(),
            TuneError::Stopping.into(),
            DeliveryError::Output,
            DeliveryError::Busy,
            DeliveryError::TooOften(second / 10),
            DeliveryError::BodyTooSlow,
            DeliveryError::BodyTooLarge,
            DeliveryError::BadRequest,
            DeliveryError::Method,
        ];
        let mut text = String::new();
        for error in errors {
            let (code, sentence) = (error.code().to_owned(), error.to_string());
            let response = error.into_response();
            let retry = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry = retry.map_or(String::new(), |seconds| format!(" (retry after {seconds} s)"));
            writeln!(text, "{} {code}{retry}: {sentence}", response.status().as_u16()).expect("a String");
        }
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn operators_get_problem_documents() {
        let response = DeliveryError::TooOften(Duration::from_millis(1_500)).into_problem();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.expect("a body");
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let expected = serde_json::json!({
            "type": "urn:mast:problem:rate", "title": "Too Many Requests", "status": 429, "code": "rate",
            "detail": "too many requests, try again in a moment",
        });
        assert_eq!(problem, expected);
    }
}
