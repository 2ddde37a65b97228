//! An MPEG-TS file as a recording with a beginning, a length, and places to start from. Blocking; works on whatever can be read and
//! sought, and reads little: the ends of the file, and what lies before a place that is asked for.
//!
//! The file's clock (its PCR) has to run through without a jump, as FFmpeg writes it; a file that was put together from others is refused
//! by name.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;
use mast_media::ts::access_unit::Scanner;
use mast_media::ts::clock;
use mast_media::ts::packet::{PACKET, PAT_PID, Packet, SYNC};
use mast_media::ts::psi::{Elementary, Kind};
use mast_media::ts::tables::Tables;

/// Read at once.
const WINDOW: usize = 512 * 1024;
/// What is looked at for tables and a clock, at either end.
const ENDS: u64 = 8 * 1024 * 1024;
/// How far before a place a decoder has to be able to start; tried in this order.
const BEFORE: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(15)];
/// Bytes that are searched for such a start.
const SEARCHED: u64 = 64 * 1024 * 1024;
/// A clock that jumps makes a file look as if it had fewer or more bytes a second than these.
const RATES: std::ops::RangeInclusive<f64> = 500.0..=50_000_000.0;
/// Clocks count modulo this.
const WRAP: u64 = 1 << 33;

/// What is known about a file.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// Where its clock is.
    pub(super) clock_pid: u16,
    /// Its clock at the beginning.
    pub(super) first: u64,
    pub(crate) length: Duration,
    /// Its PAT and PMT, as packets.
    pub(super) tables: Bytes,
    /// Where its first packet lies, and where it ends.
    start: u64,
    end: u64,
    /// What a decoder has to be able to start with: pictures, or else sound.
    reference: Elementary,
}

/// Why a file cannot be scheduled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("is not MPEG-TS with a picture or sound; make it with ffmpeg -i FILE -c copy -f mpegts NEW.ts")]
    NotMpegTs,
    #[error("has a clock that jumps; mend it with ffmpeg -i FILE -c copy -f mpegts NEW.ts")]
    Jumps,
}

impl Recording {
    /// Finds out what a file is.
    pub(crate) fn of(file: &mut (impl Read + Seek)) -> Result<Self, Unfit> {
        let end = file.seek(SeekFrom::End(0))?;
        let mut recording = Self::head(file, end)?;
        let last = recording.last(file)?.ok_or(Unfit::NotMpegTs)?;
        // The last picture is shown too.
        recording.length = clock::duration(recording.place(last) + clock::SECOND / 25);
        let rate = (recording.end - recording.start) as f64 / recording.length.as_secs_f64();
        let mut places = vec![0];
        for quarter in 1..=3 {
            let offset = recording.start + (end - recording.start) / 4 * quarter;
            places.extend(recording.clock_from(file, offset)?.map(|(_, place)| place));
        }
        places.push(recording.place(last));
        if RATES.contains(&rate) && places.is_sorted() { Ok(recording) } else { Err(Unfit::Jumps) }
    }

    /// Ticks from the beginning to a reading of the clock.
    pub(super) fn place(&self, clock: u64) -> i64 {
        i64::try_from(clock.wrapping_sub(self.first) % WRAP).unwrap_or_default()
    }

    /// Where to start reading, so that the first thing a decoder can start with is what is shown `into` the file, or was started last
    /// before that.
    pub(crate) fn join(&self, file: &mut (impl Read + Seek), into: Duration) -> io::Result<u64> {
        let wanted = clock::ticks(into);
        for before in BEFORE {
            let from = self.find(file, wanted - clock::ticks(before))?;
            if let Some(start) = self.last_start(file, from, wanted)? {
                return Ok(start);
            }
        }
        self.find(file, wanted)
    }

    fn head(file: &mut (impl Read + Seek), end: u64) -> Result<Self, Unfit> {
        let (mut tables, mut seen, mut found) = (Tables::default(), Vec::new(), None);
        let mut start = None;
        walk(file, 0, end.min(ENDS), |offset, packet| {
            start.get_or_insert(offset);
            let pid = packet.pid();
            if pid == PAT_PID || tables.map_pids().any(|map| map == pid) {
                tables.push(packet, &mut Vec::new());
            }
            if let (Some(clock), true) = (packet.pcr(), seen.len() < 4096) {
                seen.push((pid, clock));
            }
            if let Some(program) = tables.program() {
                let map = program.map();
                let clock = seen.iter().find(|(pid, _)| *pid == map.pcr_pid);
                if let (Some((pid, first)), Some(reference)) = (clock, map.video().or(map.audio())) {
                    let tables = [program.pat_packets.as_slice(), &program.map_packets].concat();
                    found = Some((*pid, *first, *reference, Bytes::from(tables)));
                }
            }
            found.is_none()
        })?;
        let ((clock_pid, first, reference, tables), Some(start)) = (found.ok_or(Unfit::NotMpegTs)?, start) else {
            return Err(Unfit::NotMpegTs);
        };
        Ok(Self { clock_pid, first, length: Duration::ZERO, tables, start, end, reference })
    }

    /// The last reading of the clock.
    fn last(&self, file: &mut (impl Read + Seek)) -> io::Result<Option<u64>> {
        for back in [WINDOW as u64, ENDS] {
            let mut last = None;
            walk(file, self.end.saturating_sub(back).max(self.start), self.end, |_, packet| {
                last = self.clock(packet).or(last);
                true
            })?;
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    /// The clock's reading in a packet.
    pub(super) fn clock(&self, packet: Packet<'_>) -> Option<u64> {
        packet.pcr().filter(|_| packet.pid() == self.clock_pid)
    }

    /// The first reading at or after an offset: where it lies, and its ticks.
    fn clock_from(&self, file: &mut (impl Read + Seek), offset: u64) -> io::Result<Option<(u64, i64)>> {
        let mut found = None;
        walk(file, offset, self.end.min(offset + ENDS), |at, packet| {
            found = self.clock(packet).map(|clock| (at, self.place(clock)));
            found.is_none()
        })?;
        Ok(found)
    }

    /// Where the clock shows `wanted` ticks, or shortly before that.
    fn find(&self, file: &mut (impl Read + Seek), wanted: i64) -> io::Result<u64> {
        let (mut low, mut high) = (self.start, self.end);
        while wanted > 0 && high - low > WINDOW as u64 {
            let middle = low + (high - low) / 2;
            match self.clock_from(file, middle)? {
                Some((at, place)) if place <= wanted && at < high => low = at.max(middle),
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The last access unit after an offset, and at `wanted` ticks or before, that a decoder can start at.
    fn last_start(&self, file: &mut (impl Read + Seek), from: u64, wanted: i64) -> io::Result<Option<u64>> {
        let (mut last, mut unit, mut scanner) = (None, None, Scanner::default());
        walk(file, from, self.end.min(from + SEARCHED), |offset, packet| {
            if self.clock(packet).is_some_and(|clock| self.place(clock) > wanted) {
                return false;
            }
            if packet.pid() != self.reference.pid || packet.scrambled() {
                return true;
            }
            if packet.unit_start() {
                scanner.start(packet.random_access());
                unit = Some(offset);
            }
            if let Some(started) = unit
                && let Some(answer) = scanner.feed(self.reference.kind, packet.payload())
            {
                unit = None;
                // Sound can be started anywhere; the last place will do.
                let starts = answer.random_access || !matches!(self.reference.kind, Kind::Video(_));
                last = if starts { Some(started) } else { last };
            }
            true
        })?;
        Ok(last)
    }
}

/// Hands out the packets between two offsets with the offset of each, until there are no more or enough was seen.
fn walk(
    file: &mut (impl Read + Seek),
    from: u64,
    to: u64,
    mut look: impl FnMut(u64, Packet<'_>) -> bool,
) -> io::Result<()> {
    let (mut offset, mut bytes) = (from, Vec::new());
    file.seek(SeekFrom::Start(from))?;
    let mut left = to.saturating_sub(from);
    loop {
        let read = file.by_ref().take(left.min(WINDOW as u64)).read_to_end(&mut bytes)?;
        left -= read as u64;
        let mut at = 0;
        while let Some(packet) = bytes.get(at..at + PACKET) {
            let in_step = packet[0] == SYNC && bytes.get(at + PACKET).is_none_or(|next| *next == SYNC);
            if !in_step {
                at += 1;
                continue;
            }
            let packet = packet.try_into().expect("PACKET bytes");
            if !look(offset + at as u64, Packet(packet)) {
                return Ok(());
            }
            at += PACKET;
        }
        bytes.drain(..at);
        offset += at as u64;
        if read == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use mast_media::{Event, Segmenter, SegmenterConfig};
    use mast_upstream::Clip;

    use super::*;

    fn first_cut(bytes: &[u8]) -> mast_media::Cut {
        let config = SegmenterConfig {
            min_duration: Duration::from_millis(200),
            max_duration: Duration::from_secs(10),
            max_bytes: 32 << 20,
            program: None,
            follows: false,
        };
        let (mut segmenter, mut events) = (Segmenter::new(config), Vec::new());
        segmenter.push(bytes, jiff::Timestamp::UNIX_EPOCH, &mut events);
        segmenter.end_of_input(mast_media::End::Whole, &mut events);
        let cut = |event| if let Event::Cut(cut) = event { Some(cut) } else { None };
        events.into_iter().find_map(cut).expect("a segment")
    }

    #[test]
    fn a_recording_is_joined_at_the_last_start_before_a_place() {
        let clip = Clip::standard().unwrap();
        let mut file = Cursor::new(clip.bytes().to_vec());
        let recording = Recording::of(&mut file).unwrap();
        let length = recording.length.as_secs_f64();
        assert!((length - clip.duration().as_secs_f64()).abs() < 0.5, "{length} of {:?}", clip.duration());
        let zero = first_cut(clip.bytes()).start;
        for into in [0.0, 0.3, 1.9, 3.1, length * 0.5, length - 0.5] {
            let start = recording.join(&mut file, Duration::from_secs_f64(into)).unwrap();
            let rest = [&recording.tables[..], &clip.bytes()[start as usize..]].concat();
            let cut = first_cut(&rest);
            let begins = clock::distance(zero, cut.start) as f64 / 90_000.0;
            assert!(cut.independent && begins <= into + 0.8 && begins > into - 2.8, "{into}: begins at {begins}");
        }
    }

    #[test]
    fn what_cannot_be_scheduled_is_told() {
        let clip = Clip::standard().unwrap();
        let bytes = clip.bytes();
        let half = bytes.len() / 2 / PACKET * PACKET;
        let [jumps, noise, empty] =
            [[&bytes[half..], &bytes[..half]].concat(), vec![7; 100_000], Vec::new()].map(|bytes| {
                let unfit = Recording::of(&mut Cursor::new(bytes)).unwrap_err();
                unfit.to_string()
            });
        assert!(jumps.contains("jumps"), "{jumps}");
        assert!(noise.contains("not MPEG-TS") && empty.contains("not MPEG-TS"), "{noise} {empty}");
    }

    /// Damage in the middle loses the packets around it, not the place.
    #[test]
    fn a_file_out_of_step_is_found_again() {
        let clip = Clip::standard().unwrap();
        let mut bytes = clip.bytes().to_vec();
        let at = bytes.len() / 3;
        bytes.splice(at..at + 50, std::iter::empty());
        let mut file = Cursor::new([vec![0; 33], bytes].concat());
        let recording = Recording::of(&mut file).unwrap();
        assert_eq!(recording.start, 33);
        let half = recording.length / 2;
        let start = recording.join(&mut file, half).unwrap();
        assert_eq!(file.get_ref()[start as usize], SYNC);
    }
}
