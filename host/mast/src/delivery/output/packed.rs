//! Parts of a body in deflate (RFC 1951), packed so that they can be put together: each begins and ends at a byte, refers to nothing
//! outside of itself and is not the last block. Any of them in any order, and an end, are one deflate stream.
//!
//! What a gzip file has around it (RFC 1952) is `body`'s; the sum of a whole file is reckoned from the sums of the parts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};

/// A packed part.
pub(super) struct Packed {
    /// In deflate.
    pub(super) bytes: Bytes,
    /// Bytes that are packed in it.
    pub(super) length: u64,
    /// Of these.
    pub(super) crc: Crc,
    counted: Option<Arc<AtomicU64>>,
}

impl Packed {
    /// Counts its bytes for as long as it lives.
    pub(super) fn counted(mut self, all: &Arc<AtomicU64>) -> Self {
        all.fetch_add(self.bytes.len() as u64, Ordering::Relaxed);
        self.counted = Some(Arc::clone(all));
        self
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if let Some(all) = &self.counted {
            all.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
        }
    }
}

/// More than the compressor holds back of what it was given: two blocks of its own buffer.
const HELD_BACK: usize = 192 * 1024;

/// Packs one part after the other.
pub(super) struct Packer {
    compress: Compress,
    crc: Crc,
    length: u64,
    out: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Self {
        // The first viewer waits for it, and all others get what came of it. Of a guide this level makes a sixth less than the fastest,
        // at six tenths of its speed; the default one saves another sixth at a fifth of that.
        let level = Compression::new(2);
        Self { compress: Compress::new(level, false), crc: Crc::new(), length: 0, out: Vec::new() }
    }

    /// Nothing was written since the last part.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds to the part at hand.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        self.press(bytes, FlushCompress::None);
    }

    /// The end of the part at hand.
    pub(super) fn finish(&mut self) -> Packed {
        // One call has to do it: where room runs out in the middle, the next one hands out what was left and does not go on.
        self.out.reserve(HELD_BACK);
        self.press(&[], FlushCompress::Sync);
        debug_assert!(self.out.ends_with(&[0, 0, 0xFF, 0xFF]), "RFC 1951: the empty block that a part ends with");
        let bytes = Bytes::copy_from_slice(&self.out);
        self.out.clear();
        self.compress.reset();
        Packed { bytes, length: std::mem::take(&mut self.length), crc: std::mem::take(&mut self.crc), counted: None }
    }

    fn press(&mut self, mut bytes: &[u8], flush: FlushCompress) {
        loop {
            self.out.reserve(4096 + bytes.len() / 4);
            let before = self.compress.total_in();
            let pressed = self.compress.compress_vec(bytes, &mut self.out, flush);
            debug_assert!(pressed.is_ok(), "deflate fails on no input");
            bytes = &bytes[(self.compress.total_in() - before) as usize..];
            // With room left there is nothing more to come.
            if bytes.is_empty() && self.out.len() < self.out.capacity() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::DeflateDecoder;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_in_any_order_are_one_stream(
            parts in prop::collection::vec(prop::collection::vec(prop::collection::vec(0_u8..4, 0..5_000), 0..4), 0..6),
            noise in prop::collection::vec(any::<u8>(), 0..70_000),
        ) {
            let mut packer = Packer::new();
            let mut parts = parts;
            parts.push(vec![noise]);
            let mut packed: Vec<(Packed, Vec<u8>)> = parts.iter().map(|writes| {
                writes.iter().for_each(|bytes| packer.write(bytes));
                (packer.finish(), writes.concat())
            }).collect();
            for _ in 0..2 {
                packed.reverse();
                let mut stream = packed.iter().map(|(part, _)| &part.bytes[..]).collect::<Vec<_>>().concat();
                stream.extend([3, 0]);
                let plain: Vec<u8> = packed.iter().flat_map(|(_, plain)| plain.clone()).collect();
                let (mut found, mut crc, mut of_parts) = (Vec::new(), Crc::new(), Crc::new());
                DeflateDecoder::new(&stream[..]).read_to_end(&mut found).unwrap();
                prop_assert!(found == plain);
                crc.update(&plain);
                packed.iter().for_each(|(part, _)| of_parts.combine(&part.crc));
                prop_assert_eq!(crc.sum(), of_parts.sum());
                prop_assert_eq!(packed.iter().map(|(part, _)| part.length).sum::<u64>(), plain.len() as u64);
            }
        }
    }

    #[test]
    fn what_lives_is_counted() {
        let all = Arc::new(AtomicU64::new(0));
        let mut packer = Packer::new();
        packer.write(b"some bytes");
        let part = packer.finish().counted(&all);
        assert_eq!(all.load(Ordering::Relaxed), part.bytes.len() as u64);
        drop(part);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }
}
