//! Files in memory that segments are kept in.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create};
use rustix::io::{Errno, IoSlice, pread, pwritev};

use super::Pages;
use super::space::Space;

/// The kernel's pages, or a multiple: what is kept takes up a multiple of this.
pub(super) const STEP: usize = 4 * 1024;
/// Parts that are written at once.
const MOST_PARTS: usize = 64;

/// The file in memory of one segmenter. Opened with the first bytes.
#[derive(Debug, Default)]
pub struct PageFile {
    shelf: Option<Arc<Shelf>>,
}

/// The file, which lives as long as anything that lies in it.
#[derive(Debug)]
struct Shelf {
    file: OwnedFd,
    space: Mutex<Space>,
}

/// A place in a file; given back with its last reader.
#[derive(Debug)]
pub(super) struct Lot {
    shelf: Arc<Shelf>,
    start: u64,
    len: u64,
    /// Sockets may hold pages of it that they have not delivered: these must not change, even when nobody reads it here any more.
    lent: AtomicBool,
}

impl PageFile {
    /// Copies the first `len` bytes of these parts, or all where there are fewer.
    pub fn keep<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]> + Clone, len: usize) -> Pages {
        let all: usize = parts.clone().map(<[u8]>::len).sum();
        let len = len.min(all);
        if len == 0 || (len < STEP && self.shelf.is_none()) {
            return Pages::on_heap(parts, len);
        }
        match self.write(parts.clone(), len) {
            Ok(lot) => Pages::in_lot(lot, len),
            Err(_) => Pages::on_heap(parts, len),
        }
    }

    fn write<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>, len: usize) -> Result<Lot, Errno> {
        let shelf = match &self.shelf {
            Some(shelf) => Arc::clone(shelf),
            None => Arc::clone(self.shelf.insert(Arc::new(Shelf { file: open()?, space: Mutex::default() }))),
        };
        // From here on what was written is given back, also where the rest cannot be.
        let lot = Lot::take(shelf, len.next_multiple_of(STEP) as u64);
        let (mut rest, mut at) = (len, lot.start);
        let mut parts = parts.peekable();
        let mut some = Vec::with_capacity(MOST_PARTS);
        while rest > 0 && parts.peek().is_some() {
            some.clear();
            for part in parts.by_ref().take(MOST_PARTS) {
                let part = &part[..part.len().min(rest)];
                rest -= part.len();
                some.push(part);
            }
            at = write_all(&lot.shelf.file, &mut some, at)?;
        }
        Ok(lot)
    }

    /// Bytes of memory that it has.
    #[cfg(test)]
    pub(super) fn held(&self) -> u64 {
        let stat = rustix::fs::fstat(&self.shelf.as_ref().unwrap().file).unwrap();
        u64::try_from(stat.st_blocks).unwrap() * 512
    }
}

impl Lot {
    fn take(shelf: Arc<Shelf>, len: u64) -> Self {
        let start = shelf.space.lock().unwrap_or_else(PoisonError::into_inner).take(len);
        Self { shelf, start, len, lent: AtomicBool::new(false) }
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.shelf.file.as_fd()
    }

    /// Where it starts, for somebody who may send it.
    pub(super) fn lend(&self) -> u64 {
        self.lent.store(true, Ordering::Relaxed);
        self.start
    }

    /// Whether the other one lies in the same file.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shelf, &other.shelf)
    }

    /// At most so many bytes.
    pub(super) fn read(&self, from: usize, most: usize) -> Option<Bytes> {
        let mut page = Vec::with_capacity(most);
        let read = pread(&self.shelf.file, spare_capacity(&mut page), self.start + from as u64).ok()?;
        page.truncate(most);
        (read > 0).then(|| page.into())
    }
}

impl Drop for Lot {
    fn drop(&mut self) {
        let again = !*self.lent.get_mut();
        let gone = self.shelf.space.lock().unwrap_or_else(PoisonError::into_inner).give(self.start, self.len, again);
        for (start, len) in gone {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // It cannot fail on a file in memory; if it did, the memory would come back with the file.
            let _ = fallocate(&self.shelf.file, hole, start, len);
        }
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
