//! An MPEG-TS file of this machine as a live upstream: sent as fast as its clock says, and from the start again at its end. The slate
//! is one, and so are channels whose files the operator grants to their source.
//!
//! Nothing else of the machine can be reached this way: a path is followed to its real place before it is compared with the grant.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::stream::{self, StreamExt};
use mast_media::ts::clock;
use mast_media::ts::packet::{PACKET, Packet, SYNC};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::Instant;
use url::Url;

use super::{Piece, UpstreamBytes};
use crate::tuner::fault::{Failure, UpstreamFault};

/// Sent ahead of the clock: the window fills at once.
const LEAD: Duration = Duration::from_secs(6);
/// Read at once.
const CHUNK: usize = 256 * PACKET;
/// A file without a clock in this many bytes is not a recording of a channel.
const MAX_WITHOUT_CLOCK: usize = 4 * 1024 * 1024;

/// Opens the file that a `file:` URL names, if it lies at or below one of the granted paths.
pub(in crate::tuner) async fn open(url: &str, granted: &[PathBuf]) -> Result<UpstreamBytes, Failure> {
    let url = Url::parse(url).map_err(|_| UpstreamFault::InvalidAddress)?;
    let path = url.to_file_path().map_err(|()| UpstreamFault::InvalidAddress)?;
    let real = tokio::fs::canonicalize(&path).await.map_err(|error| unreadable(&error))?;
    for grant in granted {
        // A granted folder that is gone grants nothing.
        if tokio::fs::canonicalize(grant).await.is_ok_and(|grant| real.starts_with(grant)) {
            return play(&real).await;
        }
    }
    Err(Failure { fault: UpstreamFault::NotGranted, detail: "add its folder to files under [grant]".to_owned() })
}

/// Plays a file that the operator named.
pub(in crate::tuner) async fn play(path: &Path) -> Result<UpstreamBytes, Failure> {
    let file = File::open(path).await.map_err(|error| unreadable(&error))?;
    let loops = Loop { file, rest: BytesMut::new(), pace: Pace::new(Instant::now()), since_clock: 0, sent: false };
    Ok(stream::try_unfold(loops, async |mut loops: Loop| {
        let piece = loops.next().await?;
        Ok(Some((piece, loops)))
    })
    .boxed())
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure { fault: UpstreamFault::Unreadable, detail: error.to_string() }
}

/// A file that is played for ever.
struct Loop {
    file: File,
    /// Read, and not yet due.
    rest: BytesMut,
    pace: Pace,
    /// Bytes since the last clock reference.
    since_clock: usize,
    /// Something of this round was sent.
    sent: bool,
}

impl Loop {
    async fn next(&mut self) -> Result<Piece, Failure> {
        if self.rest.len() < PACKET {
            self.rest.reserve(CHUNK);
            if self.file.read_buf(&mut self.rest).await.map_err(|error| unreadable(&error))? == 0 {
                return self.rewind().await;
            }
        }
        let (length, due) = self.due();
        if let Some(due) = due {
            tokio::time::sleep_until(due).await;
        }
        self.sent |= length > 0;
        Ok(Piece::Bytes(self.rest.split_to(length).freeze()))
    }

    async fn rewind(&mut self) -> Result<Piece, Failure> {
        if !self.sent {
            return Err(UpstreamFault::Empty.into());
        }
        self.file.seek(SeekFrom::Start(0)).await.map_err(|error| unreadable(&error))?;
        self.rest.clear();
        self.sent = false;
        self.pace.round_ended();
        Ok(Piece::Break)
    }

    /// How many bytes may go together, and when they may.
    fn due(&mut self) -> (usize, Option<Instant>) {
        let mut length = 0;
        while let Some(bytes) = self.rest.get(length..length + PACKET) {
            let packet: &[u8; PACKET] = bytes.try_into().expect("PACKET bytes");
            if packet[0] != SYNC {
                // Out of step: one byte on, the segmenter finds the packets again.
                length += 1;
                continue;
            }
            length += PACKET;
            self.since_clock += PACKET;
            let Some(pcr) = Packet(packet).pcr() else { continue };
            self.since_clock = 0;
            let due = self.pace.due(pcr);
            if due > Instant::now() {
                return (length, Some(due));
            }
        }
        // Without a clock there is no telling; a megabyte a second is more than any channel needs.
        let free = (self.since_clock > MAX_WITHOUT_CLOCK).then(|| Instant::now() + Duration::from_millis(50));
        (length.max(self.rest.len().min(PACKET - 1)), free)
    }
}

/// When a clock reference is due.
#[derive(Debug)]
struct Pace {
    started: Instant,
    /// Ticks played before this reference.
    played: i64,
    last: Option<u64>,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { started: now, played: 0, last: None }
    }

    fn due(&mut self, pcr: u64) -> Instant {
        let step = self.last.replace(pcr).map_or(0, |last| clock::distance(last, pcr));
        // A clock that jumps goes on from here.
        if !clock::is_jump(step) && step > 0 {
            self.played += step;
        }
        (self.started + clock::duration(self.played)).checked_sub(LEAD).unwrap_or(self.started)
    }

    fn round_ended(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_sets_the_pace() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let seconds = |count: u64| Duration::from_secs(count);
        for (pcr, after) in [(900_000, 0), (900_000 + 90_000 * 4, 0), (900_000 + 90_000 * 8, 2), (5, 2), (90_005, 3)] {
            assert_eq!(pace.due(pcr).saturating_duration_since(start), seconds(after), "{pcr}");
        }
        pace.round_ended();
        assert_eq!(pace.due(900_000).saturating_duration_since(start), seconds(3));
    }

    #[tokio::test]
    async fn only_granted_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("media"), folder.path().join("secret.ts"));
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(&outside, [SYNC; PACKET]).unwrap();
        std::fs::write(inside.join("show.ts"), [SYNC; PACKET]).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("link.ts")).unwrap();
        let fault = async |path: PathBuf| {
            let url = Url::from_file_path(path).unwrap();
            open(url.as_str(), std::slice::from_ref(&inside)).await.err().map(|failure| failure.fault)
        };
        assert_eq!(fault(inside.join("show.ts")).await, None);
        assert_eq!(fault(inside.join("none.ts")).await, Some(UpstreamFault::Unreadable));
        assert_eq!(fault(inside.join("link.ts")).await, Some(UpstreamFault::NotGranted));
        assert_eq!(fault(inside.join("../secret.ts")).await, Some(UpstreamFault::NotGranted));
    }
}
