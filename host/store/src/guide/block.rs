//! Blocks: the programmes of one guide channel, day and run, sorted by start, compressed.
//!
//! Layout before compression, for each programme: seconds of the day, length in seconds (0: no stop was given), details with their
//! length. On disk: length before compression, then lz4's block format.

use std::ops::Range;

use mast_model::guide::bytes::{Reader, put_bytes, put_number};

/// Seconds of a day, UTC.
pub(super) const DAY: i64 = 86_400;
/// No block is larger before compression: a run's buffer, and what one programme may add to it.
const RAW_MAX: usize = 256 << 20;

/// The day of a time; times before 1970 have none.
pub(super) fn day(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0) / DAY).unwrap_or(u32::MAX)
}

/// When a day begins.
pub(super) fn day_start(day: u32) -> i64 {
    i64::from(day) * DAY
}

/// Collects a block.
#[derive(Default)]
pub(super) struct Draft {
    raw: Vec<u8>,
    packed: Vec<u8>,
    table: lz4_flex::block::CompressTable,
}

impl Draft {
    pub(super) fn push(&mut self, start: i64, stop: Option<i64>, details: &[u8]) {
        put_number(&mut self.raw, start.rem_euclid(DAY).unsigned_abs());
        put_number(&mut self.raw, stop.map_or(0, |stop| (stop - start).max(0).unsigned_abs()));
        put_bytes(&mut self.raw, details);
    }

    /// The block as it goes to disk; the draft is empty again.
    pub(super) fn pack(&mut self) -> &[u8] {
        self.packed.clear();
        put_number(&mut self.packed, self.raw.len() as u64);
        let head = self.packed.len();
        self.packed.resize(head + lz4_flex::block::get_maximum_output_size(self.raw.len()), 0);
        let size = lz4_flex::block::compress_into_with_table(&self.raw, &mut self.packed[head..], &mut self.table)
            .expect("lz4's own bound is large enough");
        self.packed.truncate(head + size);
        self.raw.clear();
        &self.packed
    }
}

/// A programme in a block.
pub(super) struct Item {
    pub(super) start: i64,
    pub(super) stop: Option<i64>,
    /// Where its details are in the unpacked block.
    pub(super) details: Range<usize>,
}

/// Unpacks a block; none where it is damaged.
pub(super) fn unpack(bytes: &[u8], day: u32) -> Option<(Vec<u8>, Vec<Item>)> {
    let mut reader = Reader::new(bytes);
    let size = reader.length().filter(|size| *size <= RAW_MAX)?;
    let mut raw = vec![0; size];
    if lz4_flex::block::decompress_into(reader.rest, &mut raw).ok()? != size {
        return None;
    }
    let mut items = Vec::new();
    let mut reader = Reader::new(&raw);
    while !reader.is_empty() {
        let start = day_start(day) + i64::try_from(reader.number()?).ok().filter(|second| *second < DAY)?;
        let length = i64::try_from(reader.number()?).ok()?;
        let stop = (length > 0).then_some(start.checked_add(length)?);
        let details = reader.bytes()?;
        let end = size - reader.rest.len();
        items.push(Item { start, stop, details: end - details.len()..end });
    }
    Some((raw, items))
}
