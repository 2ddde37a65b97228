//! A whole answer of an output: bytes as they came, or packed parts where it has fragments or is a packed file. What is kept of it refers
//! to the fragments and does not hold them, so that their budget is the only thing that says how many there are.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::Crc;

use super::body::{Gzip, Plain, Unpacked};
use super::fragments::{FragmentKey, Fragments};
use super::packed::Packed;

/// An answer, complete.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

/// A body before it is known how it is sent.
pub(super) enum Content {
    /// As it came.
    Plain(Vec<Bytes>),
    /// In packed parts.
    Packed(Packing),
}

/// Packed parts, in order.
pub(super) struct Packing {
    parts: Vec<Part>,
    /// Bytes before packing.
    pub(super) length: u64,
    /// Of that.
    pub(super) sum: u32,
    /// Bytes of all parts.
    pub(super) packed: u64,
    /// Everybody gets it packed.
    file: bool,
}

/// A part of an answer.
pub(super) enum Part {
    /// Of this answer alone.
    Own(Arc<Packed>),
    /// A fragment.
    Shared(FragmentKey, Arc<Packed>),
}

impl Part {
    fn packed(&self) -> &Arc<Packed> {
        match self {
            Self::Own(packed) | Self::Shared(_, packed) => packed,
        }
    }
}

/// How a body goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// There is one only.
    Only,
    /// As it is, for a client that takes no gzip.
    Identity,
    /// With `content-encoding: gzip`.
    Gzip,
}

impl Packing {
    pub(super) fn new(parts: Vec<Part>, file: bool) -> Self {
        let (mut length, mut packed, mut crc) = (0, 0, Crc::new());
        for part in &parts {
            let part = part.packed();
            length += part.length;
            packed += part.bytes.len() as u64;
            crc.combine(&part.crc);
        }
        Self { parts, length, sum: crc.sum(), packed, file }
    }

    pub(super) fn into_parts(self) -> Vec<Arc<Packed>> {
        let packed = |part| match part {
            Part::Own(packed) | Part::Shared(_, packed) => packed,
        };
        self.parts.into_iter().map(packed).collect()
    }
}

impl Answer {
    /// How it goes to a client.
    pub(super) fn form(&self, accepts_gzip: bool) -> Form {
        match &self.content {
            Content::Packed(packing) if !packing.file && !self.headers.contains_key(header::CONTENT_ENCODING) => {
                if accepts_gzip {
                    Form::Gzip
                } else {
                    Form::Identity
                }
            }
            _ => Form::Only,
        }
    }

    /// Head fields and body.
    pub(super) fn into_body(self, form: Form) -> (HeaderMap, Body) {
        let body = match self.content {
            Content::Plain(pieces) => Plain::body(pieces),
            Content::Packed(packing) if packing.file || form == Form::Gzip => Gzip::body(packing),
            Content::Packed(packing) => Unpacked::body(packing),
        };
        (self.headers, body)
    }

    /// What is kept of it.
    pub(super) fn kept(&self) -> Kept {
        let content = match &self.content {
            Content::Plain(pieces) => KeptContent::Plain(pieces.clone()),
            Content::Packed(packing) => KeptContent::Packed {
                parts: packing.parts.iter().map(KeptPart::of).collect(),
                length: packing.length,
                sum: packing.sum,
                packed: packing.packed,
                file: packing.file,
            },
        };
        Kept { status: self.status, headers: self.headers.clone(), content }
    }
}

/// What is kept of an answer.
pub(super) struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    content: KeptContent,
}

enum KeptContent {
    Plain(Vec<Bytes>),
    Packed { parts: Box<[KeptPart]>, length: u64, sum: u32, packed: u64, file: bool },
}

enum KeptPart {
    Own(Arc<Packed>),
    Shared(FragmentKey),
}

impl KeptPart {
    fn of(part: &Part) -> Self {
        match part {
            Part::Own(packed) => Self::Own(Arc::clone(packed)),
            Part::Shared(key, _) => Self::Shared(*key),
        }
    }
}

impl Kept {
    /// Bytes that it takes, about.
    pub(super) fn size(&self) -> u64 {
        let own = |part: &KeptPart| match part {
            KeptPart::Own(packed) => packed.bytes.len() as u64 + 64,
            KeptPart::Shared(_) => 0,
        };
        512 + match &self.content {
            KeptContent::Plain(pieces) => pieces.iter().map(|piece| piece.len() as u64).sum::<u64>(),
            KeptContent::Packed { parts, .. } => {
                parts.iter().map(own).sum::<u64>() + size_of_val::<[KeptPart]>(parts) as u64
            }
        }
    }

    /// The answer again; none where one of its fragments is not there any more.
    pub(super) fn answer(&self, fragments: &Fragments) -> Option<Answer> {
        let content = match &self.content {
            KeptContent::Plain(pieces) => Content::Plain(pieces.clone()),
            KeptContent::Packed { parts, length, sum, packed, file } => {
                let found = |part: &KeptPart| match part {
                    KeptPart::Own(packed) => Some(Part::Own(Arc::clone(packed))),
                    KeptPart::Shared(key) => Some(Part::Shared(*key, fragments.find(key)?)),
                };
                let parts = parts.iter().map(found).collect::<Option<Vec<_>>>()?;
                Content::Packed(Packing { parts, length: *length, sum: *sum, packed: *packed, file: *file })
            }
        };
        Some(Answer { status: self.status, headers: self.headers.clone(), content })
    }
}
