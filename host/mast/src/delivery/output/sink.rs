//! Where a plugin writes its answer: memory, in the pieces it came in until the first fragment, in packed parts from then on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use mast_model::InstanceId;
use mast_plugin::records::Pairs;
use mast_plugin::services::{ResponseSink, ServiceError};

use super::answer::{Answer, Content, Packing, Part};
use super::fragments::{FragmentKey, Fragments, Look, Making};
use super::packed::Packer;

/// Header fields of one answer, at most.
const MAX_FIELDS: usize = 64;

/// Tells the version of a channel's guide, or of all guides.
pub(super) type Version = Box<dyn Fn(Option<u32>) -> u64 + Send>;

/// The fragments of one loaded instance.
pub(super) struct Scope {
    pub(super) fragments: Fragments,
    pub(super) instance: InstanceId,
    /// Counts loads.
    pub(super) generation: u64,
    pub(super) version: Version,
}

#[derive(Default)]
struct Written {
    head: Option<(StatusCode, HeaderMap)>,
    body: Body,
    /// The whole body is a packed file.
    file: bool,
}

enum Body {
    Plain(Vec<Bytes>),
    Packed {
        parts: Vec<Part>,
        /// Holds what comes behind them.
        packer: Box<Packer>,
        /// What comes behind them is to be this fragment.
        making: Option<Making>,
    },
}

impl Default for Body {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl Body {
    /// Everything until here is in parts.
    fn settle(&mut self) -> (&mut Vec<Part>, &mut Packer, &mut Option<Making>) {
        if let Self::Plain(pieces) = self {
            let mut packer = Box::new(Packer::new());
            pieces.iter().for_each(|piece| packer.write(piece));
            *self = Self::Packed { parts: Vec::new(), packer, making: None };
        }
        let Self::Packed { parts, packer, making } = self else { unreachable!("it has just been packed") };
        // One that was not kept is given up, and its bytes are this answer's own.
        *making = None;
        if !packer.is_empty() {
            parts.push(Part::Own(Arc::new(packer.finish())));
        }
        (parts, packer, making)
    }
}

pub(super) struct Writer {
    written: Arc<Mutex<Written>>,
    scope: Scope,
}

pub(super) struct Reader(Arc<Mutex<Written>>);

/// Both ends.
pub(super) fn pair(scope: Scope) -> (Writer, Reader) {
    let written = Arc::new(Mutex::new(Written::default()));
    (Writer { written: Arc::clone(&written), scope }, Reader(written))
}

fn malformed(message: String) -> ServiceError {
    ServiceError { code: "malformed", message }
}

impl Writer {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let mut written = self.written();
        if written.head.is_some() {
            return Err(malformed("the response has been started already".to_owned()));
        }
        written.head = Some((status, map));
        Ok(())
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), ServiceError> {
        let mut written = self.written();
        if written.head.is_none() {
            return Err(malformed("write before start".to_owned()));
        }
        match &mut written.body {
            Body::Plain(pieces) => pieces.push(bytes),
            Body::Packed { packer, .. } => packer.write(&bytes),
        }
        Ok(())
    }

    fn pack(&mut self, coding: &str) -> Result<(), ServiceError> {
        if coding != "gzip" {
            let message = format!("the host packs nothing as \"{}\"", coding.escape_debug());
            return Err(ServiceError { code: "not-found", message });
        }
        let mut written = self.written();
        written.file = true;
        written.body.settle();
        Ok(())
    }

    fn fragment(&mut self, channel: Option<u32>, key: &str) -> Result<bool, ServiceError> {
        let Scope { fragments, instance, generation, version } = &self.scope;
        // Asked before the plugin reads the guide: what is newer than its version does no harm, what is older would stay.
        let key = FragmentKey::new(instance, *generation, channel, version(channel), key);
        let mut written = self.written();
        let (parts, _, making) = written.body.settle();
        match fragments.look(key) {
            Look::Kept(found) => {
                if found.length > 0 {
                    parts.push(Part::Shared(key, found));
                }
                Ok(true)
            }
            Look::Missing(mine) => {
                *making = Some(mine);
                Ok(false)
            }
        }
    }

    fn keep(&mut self) -> Result<(), ServiceError> {
        let mut written = self.written();
        let Body::Packed { parts, packer, making } = &mut written.body else { return Ok(()) };
        let Some(mine) = making.take() else { return Ok(()) };
        let key = mine.key;
        let kept = mine.keep(packer.finish()).ok_or_else(|| ServiceError {
            code: "limit",
            message: "too much of what viewers are being sent is out of date; [limits] output_cache bounds it"
                .to_owned(),
        })?;
        if kept.length > 0 {
            parts.push(Part::Shared(key, kept));
        }
        Ok(())
    }
}

impl Reader {
    /// The answer; none where it was never started.
    pub(super) fn finish(self) -> Option<Answer> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, headers) = written.head.take()?;
        let file = written.file;
        let content = match std::mem::take(&mut written.body) {
            Body::Plain(pieces) => Content::Plain(pieces),
            mut packed @ Body::Packed { .. } => {
                let (parts, ..) = packed.settle();
                Content::Packed(Packing::new(std::mem::take(parts), file))
            }
        };
        Some(Answer { status, headers, content })
    }
}

#[cfg(test)]
#[path = "sink/tests.rs"]
mod tests;
