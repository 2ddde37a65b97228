//! A channel as one continuous run of MPEG-TS: its finished segments and the open one, in arrival order. The channel's
//! task appends, viewers follow at their own pace.
//!
//! A viewer's position is (segment, byte): all chunks of a segment, put together, are its payload, so a position stays right
//! when the open segment is finished. Segments are counted here by an ordinal of their own, because an open segment may be
//! abandoned without ever getting a media sequence number.
//!
//! Invariants: the lock belongs to one channel and is held for a look-up only; nothing is copied; a viewer that falls out
//! of the window goes on at the newest segment that starts at a random access point, and that is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use mast_media::{Pages, Segment, SegmentPayload};
use tokio::sync::watch;

/// Largest piece handed out at once: bounds what a slow connection buffers.
const PIECE: usize = 256 * 1024;

/// The run of one channel.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    run: RwLock<Run>,
    moved: watch::Sender<u64>,
    skips: AtomicU64,
}

#[derive(Debug, Default)]
struct Run {
    finished: VecDeque<Finished>,
    open: Open,
    closed: bool,
}

#[derive(Debug)]
struct Finished {
    ordinal: u64,
    segment: Arc<Segment>,
}

#[derive(Debug, Default)]
struct Open {
    ordinal: u64,
    /// Its first bytes, each with its offset in the segment.
    kept: Vec<(usize, Pages)>,
    /// What follows them; the first one may have begun before.
    chunks: Vec<(usize, Bytes)>,
    len: usize,
}

/// Where a viewer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    ordinal: u64,
    offset: usize,
}

/// What a look at the run gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The next bytes.
    Piece(Bytes),
    /// Nothing yet.
    Wait,
    /// Nothing ever again.
    Closed,
}

impl Trail {
    /// Adds bytes to the open segment. Viewers hear of it with [`Trail::notify`].
    pub(crate) fn append(&self, bytes: Bytes) {
        let mut run = self.write();
        let offset = run.open.len;
        run.open.len += bytes.len();
        run.open.chunks.push((offset, bytes));
    }

    /// The oldest bytes of the open segment that were not kept before lie in these pages.
    pub(crate) fn keep(&self, pages: Pages) {
        let mut run = self.write();
        let open = &mut run.open;
        let offset = open.kept.last().map_or(0, |(offset, pages)| offset + pages.len());
        let end = offset + pages.len();
        open.chunks.retain(|(offset, bytes)| offset + bytes.len() > end);
        open.len = open.len.max(end);
        open.kept.push((offset, pages));
    }

    /// The open segment became `segment`; the next one opens. Forgets what is older than `oldest`.
    pub(crate) fn finish(&self, segment: Arc<Segment>, oldest: u64) {
        let mut run = self.write();
        let ordinal = run.open.ordinal;
        run.finished.push_back(Finished { ordinal, segment });
        run.open = Open { ordinal: ordinal + 1, ..Open::default() };
        run.forget(oldest);
    }

    /// Forgets finished segments older than `oldest`.
    pub(crate) fn forget(&self, oldest: u64) {
        self.write().forget(oldest);
    }

    /// Gives up the open segment: it was never finished.
    pub(crate) fn abandon(&self) {
        let mut run = self.write();
        if run.open.len > 0 {
            run.open = Open { ordinal: run.open.ordinal + 1, ..Open::default() };
        }
    }

    /// Gives up everything: the channel rests.
    pub(crate) fn clear(&self) {
        self.abandon();
        self.write().finished.clear();
    }

    /// Ends every viewer: the host shuts down.
    pub(crate) fn close(&self) {
        self.write().closed = true;
        self.notify();
    }

    /// Bytes of the open segment.
    pub(crate) fn open_bytes(&self) -> usize {
        self.read().open.len
    }

    /// Wakes viewers.
    pub(crate) fn notify(&self) {
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whether anybody would be woken.
    pub(crate) fn is_followed(&self) -> bool {
        self.moved.receiver_count() > 0
    }

    /// Moves when there may be more to read.
    pub(crate) fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// How often a viewer fell out of the window.
    pub(crate) fn skips(&self) -> u64 {
        self.skips.load(Ordering::Relaxed)
    }

    /// Where a new viewer starts: a whole segment back, so that it has something to decode at once.
    pub(crate) fn join(&self) -> Position {
        self.read().join()
    }

    /// The next bytes at a position, which moves on.
    pub(crate) fn read_at(&self, position: &mut Position) -> Look {
        let run = self.read();
        if run.closed {
            return Look::Closed;
        }
        if run.lost(position.ordinal) {
            *position = run.join();
            self.skips.fetch_add(1, Ordering::Relaxed);
        }
        run.read_at(position)
    }

    fn read(&self) -> RwLockReadGuard<'_, Run> {
        // Each change is complete before anything can panic.
        self.run.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Run> {
        self.run.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    fn forget(&mut self, oldest: u64) {
        while self.finished.front().is_some_and(|first| first.segment.sequence < oldest) {
            self.finished.pop_front();
        }
    }

    fn join(&self) -> Position {
        let whole = self.finished.iter().rev().find(|finished| finished.segment.independent);
        Position { ordinal: whole.map_or(self.open.ordinal, |finished| finished.ordinal), offset: 0 }
    }

    /// Whether the segment was dropped before the viewer came to its end.
    fn lost(&self, ordinal: u64) -> bool {
        let oldest = self.finished.front().map_or(self.open.ordinal, |finished| finished.ordinal);
        ordinal < oldest
    }

    fn read_at(&self, position: &mut Position) -> Look {
        while position.ordinal < self.open.ordinal {
            // An abandoned segment is not there; its viewers go on with the one after it.
            let at = self.finished.partition_point(|finished| finished.ordinal < position.ordinal);
            let Some(finished) = self.finished.get(at) else {
                *position = Position { ordinal: self.open.ordinal, offset: 0 };
                break;
            };
            if finished.ordinal != position.ordinal {
                *position = Position { ordinal: finished.ordinal, offset: 0 };
            }
            let SegmentPayload::MpegTs(payload) = &finished.segment.payload else {
                position.ordinal += 1;
                continue;
            };
            if let Some(bytes) = payload.at(position.offset) {
                position.offset += bytes.len();
                return Look::Piece(bytes);
            }
            *position = Position { ordinal: position.ordinal + 1, offset: 0 };
        }
        let (kept, chunks) = (&self.open.kept, &self.open.chunks);
        let at = kept.partition_point(|(offset, pages)| offset + pages.len() <= position.offset);
        if let Some(bytes) = kept.get(at).and_then(|(offset, pages)| pages.at(position.offset - offset)) {
            position.offset += bytes.len();
            return Look::Piece(bytes);
        }
        let at = chunks.partition_point(|(offset, bytes)| offset + bytes.len() <= position.offset);
        let Some((offset, bytes)) = chunks.get(at) else { return Look::Wait };
        let mut within = position.offset - offset;
        let piece = piece(bytes, &mut within);
        position.offset = offset + within;
        Look::Piece(piece)
    }
}

fn piece(bytes: &Bytes, from: &mut usize) -> Bytes {
    let end = bytes.len().min(*from + PIECE);
    let piece = bytes.slice(*from..end);
    *from = end;
    piece
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    fn segment(sequence: u64, payload: &'static [u8], independent: bool) -> Arc<Segment> {
        Arc::new(Segment {
            sequence,
            discontinuity_sequence: 0,
            discontinuity: false,
            duration: Duration::from_secs(2),
            started_at: Timestamp::UNIX_EPOCH,
            independent,
            payload: SegmentPayload::MpegTs(payload.into()),
        })
    }

    fn drain(trail: &Trail, position: &mut Position) -> String {
        let mut text = String::new();
        while let Look::Piece(bytes) = trail.read_at(position) {
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        text
    }

    fn put(trail: &Trail, sequence: u64, chunks: &[&'static str], payload: &'static str, oldest: u64) {
        for chunk in chunks {
            trail.append(Bytes::from_static(chunk.as_bytes()));
        }
        trail.finish(segment(sequence, payload.as_bytes(), true), oldest);
    }

    #[test]
    fn a_position_survives_the_end_of_the_open_segment() {
        let trail = Trail::default();
        let mut position = trail.join();
        trail.append(Bytes::from_static(b"ab"));
        assert_eq!(drain(&trail, &mut position), "ab");
        trail.append(Bytes::from_static(b"c"));
        trail.finish(segment(7, b"abc", true), 7);
        trail.append(Bytes::from_static(b"de"));
        assert_eq!(drain(&trail, &mut position), "cde");
        assert_eq!(trail.read_at(&mut position), Look::Wait);
        assert_eq!(trail.skips(), 0);
    }

    #[test]
    fn what_is_kept_of_the_open_segment_reads_like_what_came() {
        let trail = Trail::default();
        for chunk in ["abc", "de", "f"] {
            trail.append(Bytes::from_static(chunk.as_bytes()));
        }
        // Within a chunk, and as an intake that was on trial hands it over: before anything else.
        trail.keep(b"abcd"[..].into());
        trail.append(Bytes::from_static(b"g"));
        for offset in 0..=7 {
            let mut position = Position { ordinal: 0, offset };
            assert_eq!(drain(&trail, &mut position), &"abcdefg"[offset..]);
        }
        trail.abandon();
        trail.keep(b"hi"[..].into());
        trail.append(Bytes::from_static(b"j"));
        assert_eq!(drain(&trail, &mut Position { ordinal: 1, offset: 0 }), "hij");
        assert_eq!(trail.open_bytes(), 3);
    }

    #[test]
    fn a_new_viewer_starts_with_the_newest_whole_segment() {
        let trail = Trail::default();
        put(&trail, 1, &["one"], "one", 1);
        put(&trail, 2, &["two"], "two", 1);
        trail.append(Bytes::from_static(b"cut short"));
        trail.finish(segment(3, b"cut short", false), 1);
        assert_eq!(drain(&trail, &mut trail.join()), "twocut short");
    }

    #[test]
    fn a_viewer_that_falls_out_goes_on_at_a_random_access_point() {
        let trail = Trail::default();
        put(&trail, 1, &["o", "ne"], "one", 1);
        let mut slow = trail.join();
        assert!(matches!(trail.read_at(&mut slow), Look::Piece(_)));
        put(&trail, 2, &["two"], "two", 2);
        put(&trail, 3, &["three"], "three", 2);
        // Its segment is gone, but it had read all of it; what it missed of the next one counts.
        slow.offset = 1;
        assert_eq!(drain(&trail, &mut slow), "three");
        assert_eq!(trail.skips(), 1);
    }

    #[test]
    fn an_abandoned_segment_is_skipped() {
        let trail = Trail::default();
        put(&trail, 1, &["one"], "one", 1);
        let mut position = trail.join();
        trail.append(Bytes::from_static(b"lost"));
        assert_eq!(drain(&trail, &mut position), "onelost");
        trail.abandon();
        put(&trail, 2, &["two"], "two", 1);
        assert_eq!(drain(&trail, &mut position), "two");
        assert_eq!(trail.skips(), 0);
        trail.close();
        assert_eq!(trail.read_at(&mut position), Look::Closed);
    }
}
