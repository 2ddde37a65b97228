//! One hop of a request, and what a redirect makes of it (RFC 9110, section 15.4).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use super::{OutboundError, OutboundRequest};

/// Fields that belong to one connection or that only the host can know.
const HOSTS_OWN: [HeaderName; 10] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::ACCEPT_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
];

/// Fields that were meant for one server only.
const SENSITIVE: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// A request on its way.
pub(super) struct Hop {
    pub(super) url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
}

/// What a response head means.
pub(super) enum Next {
    /// It is the answer.
    Answer,
    /// Ask there.
    Redirect(Box<Hop>),
    /// A redirect without a usable location.
    Nowhere,
}

impl Hop {
    pub(super) fn first(request: OutboundRequest) -> Result<Self, OutboundError> {
        let url = Url::parse(&request.url).map_err(|_| OutboundError::InvalidUrl)?;
        if !url.has_host() {
            return Err(OutboundError::InvalidUrl);
        }
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| OutboundError::InvalidRequest("the method is not a token".to_owned()))?;
        let mut hop = Self { url, method, headers: headers(&request.headers)?, body: request.body.map(Bytes::from) };
        hop.take_user_info();
        Ok(hop)
    }

    /// The message of this hop.
    pub(super) fn request(&self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = self.body.clone().map(reqwest::Body::from);
        request
    }

    /// Whether it may be asked twice.
    pub(super) fn changes_nothing(&self) -> bool {
        self.body.is_none() && matches!(self.method, Method::GET | Method::HEAD)
    }

    /// What a response head means for this hop.
    pub(super) fn next(&self, status: StatusCode, headers: &HeaderMap) -> Next {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Next::Answer;
        }
        let location = headers.get(header::LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        let Some(url) = location.and_then(|text| self.url.join(text.trim()).ok()).filter(Url::has_host) else {
            return Next::Nowhere;
        };
        let mut next =
            Self { url, method: self.method.clone(), headers: self.headers.clone(), body: self.body.clone() };
        if becomes_get(status, &self.method) {
            next.method = Method::GET;
            next.body = None;
            next.headers.remove(header::CONTENT_TYPE);
        }
        if next.url.origin() != self.url.origin() {
            for name in &SENSITIVE {
                next.headers.remove(name);
            }
        }
        next.take_user_info();
        Next::Redirect(Box::new(next))
    }

    /// `user:password@` moves into `authorization`, so that it is neither sent as part of the URL nor kept in it.
    fn take_user_info(&mut self) {
        use base64::Engine;
        if self.url.username().is_empty() && self.url.password().is_none() {
            return;
        }
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let mut pair = decoded(self.url.username());
        pair.push(b':');
        pair.extend(decoded(self.url.password().unwrap_or_default()));
        let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        let mut value = HeaderValue::from_str(&value).expect("base64 text is a header value");
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        // Fails only for URLs without a host, which `first` and `next` refuse.
        let _ = self.url.set_username("");
        let _ = self.url.set_password(None);
    }
}

fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        StatusCode::SEE_OTHER => *method != Method::HEAD,
        _ => false,
    }
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, OutboundError> {
    let mut map = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let field = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| OutboundError::InvalidRequest(format!("\"{}\" is not a header name", name.escape_debug())))?;
        if HOSTS_OWN.contains(&field) {
            continue;
        }
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            OutboundError::InvalidRequest(format!("header {field} has a value with control characters"))
        })?;
        map.append(field, value);
    }
    Ok(map)
}
