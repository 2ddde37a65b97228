//! Bytes in pages of one size. Segments are most of what a host holds, they come in all lengths and stay for seconds to minutes: in one
//! piece each, they would leave holes that fit nothing, and the kernel would clear fresh memory for every one of them.

use std::sync::Arc;

use bytes::Bytes;

/// Bytes of a page; the last one may be shorter.
pub const PAGE: usize = 32 * 1024;

/// The last page's memory is a multiple of this.
const STEP: usize = 4 * 1024;

/// Bytes that never change; clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages {
    pages: Arc<[Bytes]>,
    len: usize,
}

impl Pages {
    /// Copies the first `len` bytes of these parts, or all where there are fewer.
    pub fn copy_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>, len: usize) -> Self {
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
        Self { pages: pages.into(), len: len - rest }
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.pages.iter()
    }

    /// From `offset` to the end of a page; none behind the last.
    pub fn at(&self, offset: usize) -> Option<Bytes> {
        let page = self.pages.get(offset / PAGE)?;
        let within = offset % PAGE;
        (within < page.len()).then(|| page.slice(within..))
    }

    /// A copy in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        self.pages.concat()
    }
}

impl From<&[u8]> for Pages {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_of([bytes], bytes.len())
    }
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
            let pages = Pages::copy_of(parts.iter().map(Vec::as_slice), kept);
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
