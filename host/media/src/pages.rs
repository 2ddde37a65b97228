//! Bytes of segments, in pages of memory. Segments are most of what a host holds, they come in all lengths and stay for seconds to
//! minutes, and the same ones are sent to thousands of viewers. So each segmenter keeps its own in a file in memory ([`PageFile`]),
//! piece by piece while they come: the kernel sends from there without a copy, and what is dropped is written to again, or goes back.
//!
//! Where no such file is to be had (no descriptors, no memory for it), and for a few bytes, pages on the heap do the same.

mod file;
mod space;

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bytes::Bytes;

pub use file::PageFile;
use file::{Lot, STEP};

/// Bytes of a page on the heap, and the most that is read at once; the last one may be shorter.
pub const PAGE: usize = 32 * 1024;

/// Bytes that never change; clones share them.
#[derive(Debug, Clone)]
pub struct Pages {
    pieces: Arc<[Piece]>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Piece {
    /// Where it starts.
    at: usize,
    len: usize,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Heap(Bytes),
    File(Arc<Lot>),
}

/// Bytes that lie side by side in a file.
#[derive(Debug, Clone, Copy)]
pub struct FileRun<'a> {
    /// The file.
    pub file: BorrowedFd<'a>,
    /// Where they start in it.
    pub start: u64,
    /// How many there are; at least one.
    pub len: usize,
}

impl Pages {
    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Some bytes from `offset` on; none behind the last.
    pub fn at(&self, offset: usize) -> Option<Bytes> {
        let (_, piece) = self.piece(offset)?;
        let (from, end) = (offset - piece.at, piece.len.min(self.len - piece.at));
        match &piece.place {
            Place::Heap(bytes) => Some(bytes.slice(from..end)),
            Place::File(lot) => lot.read(from, (end - from).min(PAGE - from % PAGE)),
        }
    }

    /// Whether all of them lie in a file that the kernel can send from.
    pub fn in_file(&self) -> bool {
        self.len > 0 && self.pieces.iter().all(|piece| matches!(piece.place, Place::File(_)))
    }

    /// What lies in a file from `offset` on, as far as it is in one run; none on the heap and behind the last. Whoever asks may send it:
    /// what a socket still has to deliver is never written to again.
    pub fn file(&self, offset: usize) -> Option<FileRun<'_>> {
        let (first, piece) = self.piece(offset)?;
        let Place::File(lot) = &piece.place else { return None };
        let start = lot.lend() + (offset - piece.at) as u64;
        let (mut end, mut len) = (lot.start() + piece.len as u64, piece.at + piece.len - offset);
        for piece in &self.pieces[first + 1..] {
            match &piece.place {
                Place::File(next) if next.is_beside(lot) && next.start() == end => {
                    end = next.lend() + piece.len as u64;
                    len += piece.len;
                }
                _ => break,
            }
        }
        Some(FileRun { file: lot.file(), start, len: len.min(self.len - offset) })
    }

    /// A copy in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        while let Some(page) = self.at(all.len()) {
            all.extend_from_slice(&page);
        }
        all
    }

    /// These, one after the other, up to `len`.
    pub(crate) fn join(all: &[Self], len: usize) -> Self {
        let mut pieces = Vec::with_capacity(all.iter().map(|pages| pages.pieces.len()).sum());
        let mut end = 0;
        for piece in all.iter().flat_map(|pages| pages.pieces.iter()) {
            if end < len {
                pieces.push(Piece { at: end, ..piece.clone() });
                end += piece.len;
            }
        }
        Self { pieces: pieces.into(), len: len.min(end) }
    }

    /// The piece that the byte is in, and its number.
    fn piece(&self, offset: usize) -> Option<(usize, &Piece)> {
        if offset >= self.len {
            return None;
        }
        let number = self.pieces.partition_point(|piece| piece.at + piece.len <= offset);
        Some((number, self.pieces.get(number)?))
    }

    fn in_lot(lot: Lot, len: usize) -> Self {
        Self { pieces: [Piece { at: 0, len, place: Place::File(Arc::new(lot)) }].into(), len }
    }

    /// The first `len` bytes of these parts, or all where there are fewer, on the heap.
    fn on_heap<'a>(parts: impl IntoIterator<Item = &'a [u8]>, len: usize) -> Self {
        let (mut pages, mut page, mut rest) = (Vec::with_capacity(len.div_ceil(PAGE)), Vec::new(), len);
        for mut part in parts {
            part = &part[..part.len().min(rest)];
            rest -= part.len();
            while !part.is_empty() {
                if page.capacity() == 0 {
                    // The last one is no larger than it has to be, in steps that others fit into.
                    page.reserve_exact((part.len() + rest).min(PAGE).next_multiple_of(STEP));
                }
                let (head, tail) = part.split_at(part.len().min(PAGE - page.len()));
                page.extend_from_slice(head);
                part = tail;
                if page.len() == PAGE {
                    pages.push(Bytes::from(std::mem::take(&mut page)));
                }
            }
        }
        if !page.is_empty() {
            pages.push(Bytes::from(page));
        }
        let pieces = pages.into_iter().enumerate();
        let piece =
            |(number, page): (usize, Bytes)| Piece { at: number * PAGE, len: page.len(), place: Place::Heap(page) };
        Self { pieces: pieces.map(piece).collect(), len: len - rest }
    }
}

impl From<&[u8]> for Pages {
    fn from(bytes: &[u8]) -> Self {
        Self::on_heap([bytes], bytes.len())
    }
}

impl PartialEq for Pages {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.to_vec() == other.to_vec()
    }
}

impl Eq for Pages {}

#[cfg(test)]
mod tests;
