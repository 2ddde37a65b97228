//! Bytes of segments, in pages of memory. Segments are most of what a host holds, they come in all lengths and stay for seconds to
//! minutes, and the same ones are sent to thousands of viewers. So each segmenter keeps its own in a file in memory ([`PageFile`]): the
//! kernel sends from there without a copy, and what is dropped goes back to it at once.
//!
//! Where no such file is to be had (no descriptors, no memory for it), and for a few bytes, pages on the heap do the same.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create};
use rustix::io::{Errno, IoSlice, pread, pwritev};

/// Bytes of a page; the last one may be shorter.
pub const PAGE: usize = 32 * 1024;

/// The kernel's pages, or a multiple: what a segment takes up is a multiple of this.
const STEP: usize = 4 * 1024;
/// Parts that are written at once.
const MOST_PARTS: usize = 64;

/// Bytes that never change; clones share them.
#[derive(Debug, Clone)]
pub struct Pages {
    place: Place,
    len: usize,
}

#[derive(Debug, Clone)]
enum Place {
    Heap(Arc<[Bytes]>),
    File(Arc<Extent>),
}

/// A piece of a file; ends with its last reader.
#[derive(Debug)]
struct Extent {
    file: Arc<OwnedFd>,
    start: u64,
    len: u64,
}

impl Drop for Extent {
    fn drop(&mut self) {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // It cannot fail on a file in memory; if it did, the memory would come back with the file.
        let _ = fallocate(&*self.file, hole, self.start, self.len);
    }
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

    /// From `offset` to the end of a page; none behind the last.
    pub fn at(&self, offset: usize) -> Option<Bytes> {
        let rest = self.len.checked_sub(offset).filter(|rest| *rest > 0)?;
        match &self.place {
            Place::Heap(pages) => Some(pages[offset / PAGE].slice(offset % PAGE..)),
            Place::File(extent) => {
                let mut page = Vec::with_capacity(rest.min(PAGE - offset % PAGE));
                let read = pread(&*extent.file, spare_capacity(&mut page), extent.start + offset as u64).ok()?;
                page.truncate(rest);
                (read > 0).then(|| page.into())
            }
        }
    }

    /// Where the bytes lie in a file that the kernel can send from.
    pub fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        match &self.place {
            Place::Heap(_) => None,
            Place::File(extent) => Some((extent.file.as_fd(), extent.start)),
        }
    }

    /// A copy in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        while let Some(page) = self.at(all.len()) {
            all.extend_from_slice(&page);
        }
        all
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
        Self { place: Place::Heap(pages.into()), len: len - rest }
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

/// The file in memory of one segmenter. Opened with the first segment.
#[derive(Debug, Default)]
pub struct PageFile {
    file: Option<Arc<OwnedFd>>,
    /// Where the next segment goes. What lies before it are holes, apart from the segments that are still there.
    end: u64,
}

impl PageFile {
    /// Copies the first `len` bytes of these parts, or all where there are fewer.
    pub fn keep<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]> + Clone, len: usize) -> Pages {
        let all: usize = parts.clone().map(<[u8]>::len).sum();
        let len = len.min(all);
        if len < STEP {
            return Pages::on_heap(parts, len);
        }
        match self.write(parts.clone(), len) {
            Ok(pages) => pages,
            Err(_) => Pages::on_heap(parts, len),
        }
    }

    fn write<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>, len: usize) -> Result<Pages, Errno> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(open()?))),
        };
        let taken = len.next_multiple_of(STEP) as u64;
        // From here on what was written is given back, also where the rest cannot be.
        let extent = Extent { file, start: self.end, len: taken };
        self.end += taken;
        let (mut rest, mut at) = (len, extent.start);
        let mut parts = parts.peekable();
        let mut some = Vec::with_capacity(MOST_PARTS);
        while rest > 0 && parts.peek().is_some() {
            some.clear();
            for part in parts.by_ref().take(MOST_PARTS) {
                let part = &part[..part.len().min(rest)];
                rest -= part.len();
                some.push(part);
            }
            at = write_all(&extent.file, &mut some, at)?;
        }
        Ok(Pages { place: Place::File(Arc::new(extent)), len })
    }
}

fn open() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC;
    memfd_create("segments", flags | MemfdFlags::NOEXEC_SEAL).or_else(|error| match error {
        // Linux before 6.3.
        Errno::INVAL => memfd_create("segments", flags),
        other => Err(other),
    })
}

/// Writes all of the parts; where they end.
fn write_all(file: &OwnedFd, parts: &mut [&[u8]], mut at: u64) -> Result<u64, Errno> {
    let mut first = 0;
    while first < parts.len() {
        let slices: Vec<IoSlice<'_>> = parts[first..].iter().map(|part| IoSlice::new(part)).collect();
        let mut written = match pwritev(file, &slices, at) {
            Err(Errno::INTR) => continue,
            written => written?,
        };
        if written == 0 && slices.iter().any(|slice| !slice.is_empty()) {
            return Err(Errno::NOSPC);
        }
        at += written as u64;
        while let Some(part) = parts.get_mut(first)
            && written >= part.len()
        {
            written -= part.len();
            first += 1;
        }
        if let Some(part) = parts.get_mut(first) {
            *part = &part[written..];
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_parts_the_bytes_are_the_same(parts in prop::collection::vec(0..3 * PAGE, 0..4), kept in 0..5 * PAGE) {
            let parts: Vec<Vec<u8>> = parts.iter().map(|len| (0..*len).map(|n| (n % 251) as u8).collect()).collect();
            let mut all = parts.concat();
            all.truncate(kept);
            let mut file = PageFile::default();
            // The first one must not be in the way of the second.
            let before = file.keep([&all[..]].into_iter(), kept);
            let parts = parts.iter().map(Vec::as_slice);
            for pages in [file.keep(parts.clone(), kept), Pages::on_heap(parts, kept), before] {
                prop_assert_eq!(pages.to_vec(), &all[..]);
                prop_assert_eq!((pages.len(), pages.is_empty()), (all.len(), all.is_empty()));
                let (mut offset, mut read) = (kept / 2, Vec::new());
                while let Some(bytes) = pages.at(offset) {
                    offset += bytes.len();
                    read.extend_from_slice(&bytes);
                }
                prop_assert_eq!(read, &all[all.len().min(kept / 2)..]);
            }
        }
    }

    /// Bytes of memory that the file has.
    fn held(file: &PageFile) -> u64 {
        let stat = rustix::fs::fstat(&**file.file.as_ref().unwrap()).unwrap();
        u64::try_from(stat.st_blocks).unwrap() * 512
    }

    #[test]
    fn what_is_dropped_goes_back_at_once() {
        let mut file = PageFile::default();
        let bytes = vec![7; 3 * PAGE + 1];
        let one = file.keep([&bytes[..]].into_iter(), bytes.len());
        let two = file.keep([&bytes[..], &bytes[..]].into_iter(), bytes.len());
        let each = (bytes.len().next_multiple_of(STEP)) as u64;
        assert_eq!(held(&file), 2 * each);
        let again = one.clone();
        drop(one);
        assert_eq!(held(&file), 2 * each, "a reader is left");
        drop(again);
        assert_eq!(held(&file), each);
        assert_eq!(two.to_vec(), bytes);
        drop(two);
        assert_eq!(held(&file), 0);
    }

    #[test]
    fn readers_outlive_the_segmenter() {
        let mut file = PageFile::default();
        let bytes: Vec<u8> = (0..2 * PAGE).map(|n| (n % 251) as u8).collect();
        let pages = file.keep([&bytes[..]].into_iter(), bytes.len());
        drop(file);
        assert_eq!(pages.to_vec(), bytes);
        assert!(pages.file().is_some());
    }
}
