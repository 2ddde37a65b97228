//! Bodies of answers: shared bytes as they are, packed parts as one gzip file, or the same parts unpacked on the way. All know their
//! length, so that responses carry `content-length`; what was sent is let go of.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use flate2::{Decompress, FlushDecompress};
use hyper::body::{Frame, SizeHint};

use super::answer::Packing;
use super::packed::Packed;

/// RFC 1952: deflate, no name, no time, unknown system.
const GZIP_HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
/// An empty last block of deflate.
const LAST_BLOCK: [u8; 2] = [3, 0];
/// What is around the parts: head, last block, sum and length.
const AROUND: u64 = 10 + 2 + 8;
/// Unpacked at once on a serving thread: well below a millisecond.
const SLICE: usize = 32 * 1024;
/// Smaller parts are sent together.
const GATHERED: usize = 32 * 1024;

/// Shared bytes, one after the other.
pub(super) struct Plain {
    pieces: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl Plain {
    pub(super) fn body(pieces: Vec<Bytes>) -> Body {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Body::new(Self { pieces: pieces.into_iter(), left })
    }
}

impl HttpBody for Plain {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.next();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Packed parts as one gzip file of one member.
pub(super) struct Gzip {
    parts: std::vec::IntoIter<Arc<Packed>>,
    /// To be sent next.
    gathered: Vec<u8>,
    /// To be sent behind that.
    next: Option<Bytes>,
    end: Option<[u8; 10]>,
    left: u64,
}

impl Gzip {
    pub(super) fn body(packing: Packing) -> Body {
        let mut end = [0; 10];
        end[..2].copy_from_slice(&LAST_BLOCK);
        end[2..6].copy_from_slice(&packing.sum.to_le_bytes());
        // The format counts modulo 2^32.
        end[6..].copy_from_slice(&(packing.length as u32).to_le_bytes());
        let left = packing.packed + AROUND;
        let parts = packing.into_parts().into_iter();
        Body::new(Self { parts, gathered: GZIP_HEAD.to_vec(), next: None, end: Some(end), left })
    }

    fn take(&mut self) -> Option<Bytes> {
        if let Some(part) = self.next.take() {
            return Some(part);
        }
        for part in self.parts.by_ref() {
            if self.gathered.len() + part.bytes.len() > GATHERED {
                self.next = Some(part.bytes.clone());
                break;
            }
            self.gathered.extend_from_slice(&part.bytes);
        }
        if self.next.is_none() {
            self.gathered.extend(self.end.take().into_iter().flatten());
        }
        match std::mem::take(&mut self.gathered) {
            gathered if gathered.is_empty() => self.next.take(),
            gathered => Some(gathered.into()),
        }
    }
}

impl HttpBody for Gzip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.take();
        self.left -= bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Packed parts, unpacked a slice at a time when the connection has room for it.
pub(super) struct Unpacked {
    parts: std::vec::IntoIter<Arc<Packed>>,
    /// The part at hand, and how much of it was taken.
    part: Option<(Arc<Packed>, usize)>,
    decompress: Decompress,
    left: u64,
}

impl Unpacked {
    pub(super) fn body(packing: Packing) -> Body {
        let left = packing.length;
        let parts = packing.into_parts().into_iter();
        Body::new(Self { parts, part: None, decompress: Decompress::new(false), left })
    }

    fn slice(&mut self) -> io::Result<Vec<u8>> {
        let room = SLICE.min(usize::try_from(self.left).unwrap_or(SLICE));
        let mut slice = Vec::with_capacity(room);
        while slice.len() < room {
            let input = self.part.as_ref().map_or(&[][..], |(part, taken)| &part.bytes[*taken..]);
            let (read, written) = (self.decompress.total_in(), slice.len());
            // All parts are one stream to it. It may hold back some of what it has read, so it is asked before the next part.
            self.decompress
                .decompress_vec(input, &mut slice, FlushDecompress::None)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let read = (self.decompress.total_in() - read) as usize;
            match &mut self.part {
                Some((_, taken)) if read > 0 => *taken += read,
                _ if slice.len() > written => {}
                Some((part, taken)) if *taken < part.bytes.len() => return Err(io::ErrorKind::InvalidData.into()),
                part => *part = Some((self.parts.next().ok_or(io::ErrorKind::UnexpectedEof)?, 0)),
            }
        }
        Ok(slice)
    }
}

impl HttpBody for Unpacked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let slice = self.slice();
        self.left -= slice.as_ref().map_or(self.left, |slice| slice.len() as u64);
        Poll::Ready(Some(slice.map(|slice| Frame::data(slice.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
#[path = "body/tests.rs"]
mod tests;
