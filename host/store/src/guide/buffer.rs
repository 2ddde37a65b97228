//! What an import has taken up and not written yet: encoded programmes in one piece of memory, and where each begins.

/// Bytes of details in a run. Larger runs make larger blocks where a guide is sorted by time; memory is this and a half.
pub(super) const RUN_BYTES: usize = 32 << 20;
/// Programmes in a run.
const RUN_PROGRAMMES: usize = 256 * 1024;

/// A programme in the buffer.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) channel: u32,
    /// Among those with one channel and start, the later one.
    order: u32,
    pub(super) start: i64,
    pub(super) stop: Option<i64>,
    from: u32,
    to: u32,
}

/// The buffer of one run.
pub(super) struct Buffer {
    pub(super) entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// How full it may become.
    limit: usize,
}

impl Buffer {
    pub(super) fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), bytes: Vec::new(), limit }
    }

    /// Adds a programme whose details `put` writes. False and nothing kept where they are larger than `most`.
    pub(super) fn push(
        &mut self,
        channel: u32,
        (start, stop): (i64, Option<i64>),
        most: usize,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let from = self.bytes.len();
        put(&mut self.bytes);
        if self.bytes.len() - from > most {
            self.bytes.truncate(from);
            return false;
        }
        let place = |at: usize| u32::try_from(at).expect("a buffer is written out long before 4 GiB");
        let (from, to, order) = (place(from), place(self.bytes.len()), place(self.entries.len()));
        self.entries.push(Entry { channel, order, start, stop, from, to });
        true
    }

    pub(super) fn details(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.from as usize..entry.to as usize]
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= self.limit || self.entries.len() >= RUN_PROGRAMMES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// By channel and start, one each, the one that came last; how many others there were.
    pub(super) fn sort(&mut self) -> u64 {
        self.entries.sort_unstable_by_key(|entry| (entry.channel, entry.start, std::cmp::Reverse(entry.order)));
        let all = self.entries.len();
        self.entries.dedup_by_key(|entry| (entry.channel, entry.start));
        (all - self.entries.len()) as u64
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
    }
}
