//! The request as an output sees it: query and form fields decoded, a few header fields, never more.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use http_body_util::{BodyExt, Limited};
use mast_plugin::records::{Pairs, Request};
use percent_encoding::percent_decode_str;

use super::super::error::DeliveryError;
use super::super::viewer::Viewer;

/// The contract's largest body.
const MAX_BODY: usize = 64 * 1024;
/// Query and form fields, at most.
const MAX_FIELDS: usize = 256;

/// Header fields that outputs may see.
const VISIBLE: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::USER_AGENT,
    HeaderName::from_static("x-user-agent"),
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_TYPE,
];

/// Query and form fields, and the body where it is no form.
pub(super) struct Fields {
    pub(super) pairs: Pairs,
    pub(super) body: Vec<u8>,
}

/// The first value under a name.
pub(super) fn find<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

impl Fields {
    /// Reads the query and the body.
    pub(super) async fn read(parts: &Parts, body: Body, timeout: Duration) -> Result<Self, DeliveryError> {
        let decode =
            |text: &[u8]| -> Pairs { url::form_urlencoded::parse(text).into_owned().take(MAX_FIELDS).collect() };
        let mut pairs = decode(parts.uri.query().unwrap_or_default().as_bytes());
        let collected = tokio::time::timeout(timeout, Limited::new(body, MAX_BODY).collect()).await;
        let body = collected.map_err(|_| DeliveryError::BodyTooSlow)?.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                DeliveryError::BodyTooLarge
            } else {
                DeliveryError::BadRequest
            }
        })?;
        let mut body = body.to_bytes().to_vec();
        let is_form = |value: &HeaderValue| value.as_bytes().starts_with(b"application/x-www-form-urlencoded");
        if parts.headers.get(header::CONTENT_TYPE).is_some_and(is_form) {
            pairs.extend(decode(&body));
            body.clear();
        }
        if let Some(members) = json_members(&parts.headers, &body) {
            pairs.extend(members.into_iter().take(MAX_FIELDS));
            body.clear();
        }
        Ok(Self { pairs, body })
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        find(&self.pairs, name)
    }
}

/// Texts, numbers and booleans of a body that is a JSON object.
fn json_members(headers: &HeaderMap, body: &[u8]) -> Option<Pairs> {
    let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
    headers.get(header::CONTENT_TYPE).filter(|value| is_json(value))?;
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(is) => Some(is.to_string()),
        _ => None,
    };
    Some(members.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
}

/// The record for the plugin; route and parameters are the caller's.
pub(super) fn record(parts: &Parts, fields: Fields, viewer: &Viewer) -> Request {
    let headers = parts.headers.iter().filter(|(name, _)| VISIBLE.contains(name));
    let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    Request {
        method: parts.method.as_str().to_owned(),
        path: percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned(),
        query: fields.pairs,
        headers: headers.collect(),
        body: fields.body,
        base_url: viewer.base_url.clone(),
        attrs: vec![("client-ip".to_owned(), viewer.address.to_string())],
        ..Request::default()
    }
}
