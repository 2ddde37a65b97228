//! Where a plugin writes its answer: memory, in the pieces it came in.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use mast_plugin::records::Pairs;
use mast_plugin::services::{ResponseSink, ServiceError};

use super::cache::Answer;

/// Header fields of one answer, at most.
const MAX_FIELDS: usize = 64;

#[derive(Default)]
struct Written {
    head: Option<(StatusCode, HeaderMap)>,
    body: Vec<Bytes>,
}

pub(super) struct Writer(Arc<Mutex<Written>>);

pub(super) struct Reader(Arc<Mutex<Written>>);

/// Both ends.
pub(super) fn pair() -> (Writer, Reader) {
    let written = Arc::new(Mutex::new(Written::default()));
    (Writer(Arc::clone(&written)), Reader(written))
}

fn malformed(message: String) -> ServiceError {
    ServiceError { code: "malformed", message }
}

impl ResponseSink for Writer {
    fn start(&mut self, status: u16, headers: Pairs) -> Result<(), ServiceError> {
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| !status.is_informational())
            .ok_or_else(|| malformed(format!("{status} is not the status of a response")))?;
        if headers.len() > MAX_FIELDS {
            return Err(malformed(format!("more than {MAX_FIELDS} header fields")));
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok());
            let (name, value) = parsed
                .ok_or_else(|| malformed(format!("the header field \"{}\" is not valid", name.escape_debug())))?;
            if !super::is_hosts(&name) {
                map.append(name, value);
            }
        }
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.head.is_some() {
            return Err(malformed("the response has been started already".to_owned()));
        }
        written.head = Some((status, map));
        Ok(())
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), ServiceError> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.head.is_none() {
            return Err(malformed("write before start".to_owned()));
        }
        written.body.push(bytes);
        Ok(())
    }
}

impl Reader {
    /// The answer; none where it was never started.
    pub(super) fn finish(self) -> Option<Answer> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, headers) = written.head.take()?;
        Some(Answer { status, headers, pieces: std::mem::take(&mut written.body) })
    }
}
