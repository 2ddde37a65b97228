//! A playout as a run of pieces: the file of the moment, from a place that a decoder can start at, sent as fast as the clock on the wall
//! goes; then the next one.
//!
//! Everything has a date: when it is shown according to the schedule. Pieces are sent when their date has come; on joining, what was
//! shown in the last few seconds is sent at once, so that a channel has a window at once. If the clock on the wall is set, or whoever
//! reads cannot keep up, the schedule is joined anew.

use std::collections::VecDeque;
use std::io::{Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use mast_media::ts::clock;
use mast_media::ts::packet::{PACKET, Packet, SYNC};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::recording::Recording;
use super::schedule::{Show, Slot};
use super::{Opened, Playout};
use crate::tuner::fault::{Failure, UpstreamFault};
use crate::tuner::upstream::{Piece, UpstreamBytes};

/// What was shown so long ago is sent at once on joining.
const BURST: Duration = Duration::from_secs(6);
/// With what comes later than this, the schedule is joined anew. A file is joined earlier than that: by the burst, and by its longest
/// distance between pictures that a decoder can start with.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// The same with what would come earlier than this, because the clock was put back.
const EARLY: SignedDuration = SignedDuration::from_secs(5);
/// Read at once, and sent at once at most.
const CHUNK: usize = 256 * PACKET;
/// A file with less than this left is over.
const LEAST: Duration = Duration::from_millis(100);

/// Joins a playout. Fails where it has nothing to show.
pub(super) async fn run(playout: Arc<Playout>) -> Result<UpstreamBytes, Failure> {
    let mut run = Run { playout, reached: None, playing: None, ready: VecDeque::new() };
    run.turn().await?;
    Ok(stream::try_unfold(run, async |mut run: Run| {
        let piece = run.next().await?;
        Ok(Some((piece, run)))
    })
    .boxed())
}

struct Run {
    playout: Arc<Playout>,
    /// The schedule was followed up to here.
    reached: Option<Timestamp>,
    playing: Option<Playing>,
    /// Pieces to hand out at once.
    ready: VecDeque<Piece>,
}

/// A file that is being read.
struct Playing {
    file: File,
    recording: Arc<Recording>,
    /// When its beginning is or would have been shown.
    since: Timestamp,
    /// When it makes way.
    until: Timestamp,
    /// Read, and not yet sent.
    rest: BytesMut,
    /// How much of it was looked at.
    looked: usize,
    /// When what is being looked at is shown.
    date: Timestamp,
}

/// What reading on came to.
enum Read {
    /// These bytes are shown at this time.
    Bytes(Bytes, Timestamp),
    /// The file's time is over, or its end was reached, at this time.
    Over(Timestamp),
}

impl Run {
    async fn next(&mut self) -> Result<Piece, Failure> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(piece);
            }
            let Some(playing) = &mut self.playing else {
                self.turn().await?;
                continue;
            };
            let (bytes, date) = match playing.read().await? {
                Read::Bytes(bytes, date) => (bytes, date),
                Read::Over(reached) => {
                    self.over(Some(reached));
                    continue;
                }
            };
            let early = date.duration_since(Timestamp::now());
            if early > EARLY || early < -LATE {
                tracing::debug!(playout = %self.playout.name, ?early, "a playout is joined anew");
                self.over(None);
                continue;
            }
            tokio::time::sleep(Duration::try_from(early).unwrap_or_default()).await;
            self.ready.push_back(Piece::Bytes(bytes));
            return Ok(Piece::Date(date));
        }
    }

    fn over(&mut self, reached: Option<Timestamp>) {
        self.reached = reached;
        self.playing = None;
        self.ready.push_back(Piece::Break);
    }

    /// Goes on with what is on next.
    async fn turn(&mut self) -> Result<(), Failure> {
        let joined = before(Timestamp::now(), BURST);
        let near = |reached: &Timestamp| reached.duration_since(joined).unsigned_abs() < LATE.unsigned_abs();
        let (at, playout) = (self.reached.filter(near).unwrap_or(joined), Arc::clone(&self.playout));
        let (slot, opened) = tokio::task::spawn_blocking(move || playout.join(at))
            .await
            .map_err(|panic| Failure { fault: UpstreamFault::Unreadable, detail: panic.to_string() })??;
        let Opened { file, recording } = opened;
        tracing::debug!(playout = %self.playout.name, show = ?slot.show, since = %slot.since, "a playout goes on");
        self.ready.push_back(Piece::Bytes(recording.tables.clone()));
        let (since, until) = (slot.since, slot.until);
        let file = File::from_std(file);
        self.playing = Some(Playing { file, recording, since, until, rest: BytesMut::new(), looked: 0, date: at });
        Ok(())
    }
}

impl Playout {
    /// The file of an entry that is on, where something is left of it: what is left of a file that ends early is the filler's.
    fn entry(&self, slot: &Slot, into: Duration) -> Option<Opened> {
        let Show::Entry(entry) = slot.show else { return None };
        self.open(&self.files[entry]).filter(|opened| into + LEAST < opened.recording.length)
    }

    /// The file that is on at a time, ready to be read from the right place, and its slot; of the filler, the one round. Blocks.
    pub(super) fn join(&self, at: Timestamp) -> Result<(Slot, Opened), Failure> {
        let slot = self.slot(at);
        let into = Duration::try_from(at.duration_since(slot.since)).unwrap_or_default();
        if let Some(opened) = self.entry(&slot, into) {
            return Ok((slot, opened.seek(into)?));
        }
        let until = slot.until;
        // Of a file that is as good as over nothing is left to show.
        if until.duration_since(at).unsigned_abs() <= LEAST {
            let next = self.slot(until);
            if let Some(opened) = self.entry(&next, Duration::ZERO).filter(|_| next.since == until) {
                return Ok((next, opened.seek(Duration::ZERO)?));
            }
        }
        let Some(filler) = &self.filler else {
            let detail = format!("until {until}; give the playout a filler, or the channel a slate or a backup");
            return Err(Failure { fault: UpstreamFault::NothingScheduled, detail });
        };
        let opened = self.open(filler).ok_or(UpstreamFault::Unreadable)?;
        let (since, into) = round(slot.since, into, opened.recording.length);
        let until = until.min(since.checked_add(opened.recording.length).unwrap_or(until));
        Ok((Slot { since, until, ..slot }, opened.seek(into)?))
    }
}

/// When the round of a filler started that is on so long after its first, and how far it is.
fn round(first: Timestamp, into: Duration, length: Duration) -> (Timestamp, Duration) {
    let into_round = Duration::from_nanos((into.as_nanos() % length.as_nanos().max(1)) as u64);
    (first.checked_add(into - into_round).unwrap_or(first), into_round)
}

impl Opened {
    fn seek(mut self, into: Duration) -> Result<Self, Failure> {
        let joined = self.recording.join(&mut self.file, into).and_then(|at| self.file.seek(SeekFrom::Start(at)));
        match joined {
            Ok(_) => Ok(self),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

impl Playing {
    /// Reads up to the next reading of the file's clock.
    async fn read(&mut self) -> Result<Read, Failure> {
        loop {
            let Some(packet) = self.rest.get(self.looked..self.looked + PACKET) else {
                self.rest.reserve(CHUNK);
                if self.file.read_buf(&mut self.rest).await.map_err(|error| unreadable(&error))? > 0 {
                    continue;
                }
                if self.looked == 0 {
                    return Ok(Read::Over(self.end()));
                }
                return Ok(self.send());
            };
            let packet: &[u8; PACKET] = packet.try_into().expect("PACKET bytes");
            if packet[0] != SYNC {
                // Out of step: one byte on, the segmenter finds the packets again.
                self.looked += 1;
            } else if let Some(reading) = self.recording.clock(Packet(packet)) {
                if self.looked > 0 {
                    return Ok(self.send());
                }
                let place = clock::duration(self.recording.place(reading));
                self.date = self.since.checked_add(place).unwrap_or(self.until);
                if self.date >= self.until {
                    return Ok(Read::Over(self.until));
                }
                self.looked = PACKET;
            } else {
                self.looked += PACKET;
            }
            if self.looked >= CHUNK {
                return Ok(self.send());
            }
        }
    }

    fn send(&mut self) -> Read {
        Read::Bytes(self.rest.split_to(std::mem::take(&mut self.looked)).freeze(), self.date)
    }

    /// Where the schedule goes on after the end of the file. Rounding, or a file that was cut short since, does not make it start again.
    fn end(&self) -> Timestamp {
        let near = self.until.duration_since(self.date).unsigned_abs() < Duration::from_secs(2);
        if near { self.until } else { self.date }
    }
}

fn before(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_sub(duration).unwrap_or(time)
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure { fault: UpstreamFault::Unreadable, detail: error.to_string() }
}
