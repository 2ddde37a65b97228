//! Sends one client its packets, and breaks off in whatever way the channel's fault says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, watch};

use crate::channel::Feed;
use crate::clip::Clip;
use crate::fault::Fault;
use crate::pattern::Viewing;
use crate::respond::{Broken, Socket};
use crate::restamp::{Restamper, shift};
use crate::server::{Channel, Condition};
use crate::ts;

/// What a connection gets before a fault in mid-course shows.
const PRELUDE: usize = 64 << 10;
/// How often paced bytes go out.
const TICK: Duration = Duration::from_millis(20);
/// Packets per tick of null packets and garbage: about 3.7 Mb/s.
const FILLER: usize = 50;

type Out = mpsc::Sender<Result<Bytes, Broken>>;

/// Feeds until the client leaves, the feed ends or a fault ends it.
pub(crate) async fn feed(channel: Arc<Channel>, out: Out, socket: Socket) {
    let mut condition = channel.condition.subscribe();
    let left = out.clone();
    tokio::select! {
        () = left.closed() => {}
        () = run(&channel, &mut condition, out, socket) => {}
    }
}

async fn run(channel: &Channel, condition: &mut watch::Receiver<Condition>, out: Out, socket: Socket) {
    let disconnects = condition.borrow().disconnects;
    let mut source = Source::open(channel);
    let mut sent = 0;
    loop {
        let now = condition.borrow_and_update().clone();
        if now.disconnects != disconnects {
            return;
        }
        let piece = match step(now.fault.as_ref(), sent) {
            Step::End => return,
            Step::Break(last) => {
                let _ = out.send(Ok(last)).await;
                return break_off(&out).await;
            }
            Step::Reset => {
                socket.reset_on_close();
                let _ = out.send(Err(Broken)).await;
                return;
            }
            Step::Wait => {
                if condition.changed().await.is_err() {
                    return;
                }
                continue;
            }
            Step::Filler(packets) => {
                tokio::time::sleep(TICK).await;
                packets
            }
            Step::Media => tokio::select! {
                changed = condition.changed() => {
                    if changed.is_err() { return; }
                    continue;
                }
                piece = source.next() => match piece {
                    Some(piece) => jumped(piece, now.jump_ticks),
                    None => return,
                },
            },
        };
        sent += piece.len();
        if out.send(Ok(piece)).await.is_err() {
            return;
        }
    }
}

/// An error makes hyper drop what it has not written yet, so it gets a moment to write.
pub(crate) async fn break_off(out: &Out) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    // A client that left needs no breaking off.
    let _ = out.send(Err(Broken)).await;
}

enum Step {
    Media,
    Filler(Bytes),
    Wait,
    End,
    Break(Bytes),
    Reset,
}

fn step(fault: Option<&Fault>, sent: usize) -> Step {
    let prelude_sent = sent >= PRELUDE;
    match fault {
        None | Some(Fault::PtsJump(_) | Fault::Hls(_)) => Step::Media,
        Some(Fault::Reset) => Step::Reset,
        Some(Fault::HangBeforeHead | Fault::HangAfterHead) => Step::Wait,
        Some(Fault::Status(_) | Fault::RedirectLoop | Fault::RedirectTo(_) | Fault::Html | Fault::Empty) => Step::End,
        Some(Fault::Garbage) => Step::Filler(garbage(sent)),
        Some(Fault::NullFlood) => Step::Filler(Bytes::from(ts::null_packet().repeat(FILLER))),
        Some(Fault::Truncate) if prelude_sent => Step::Break(Bytes::copy_from_slice(&ts::null_packet()[..100])),
        Some(Fault::Stall) if prelude_sent => Step::Wait,
        Some(Fault::Close) if prelude_sent => Step::End,
        Some(Fault::Truncate | Fault::Stall | Fault::Close) => Step::Media,
    }
}

/// Pseudo-random bytes (splitmix64), the same in every run.
pub(crate) fn garbage(position: usize) -> Bytes {
    let mut state = position as u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).to_le_bytes()
    };
    (0..FILLER * ts::PACKET / 8).flat_map(|_| next()).collect()
}

fn jumped(piece: Bytes, ticks: u64) -> Bytes {
    if ticks == 0 {
        return piece;
    }
    let mut packets = Vec::from(piece);
    packets.chunks_exact_mut(ts::PACKET).for_each(|packet| shift(packet, ticks));
    packets.into()
}

enum Source {
    Pattern(Viewing),
    Clip(ClipReader),
    Whole { clip: Arc<Clip>, offset: usize },
}

impl Source {
    fn open(channel: &Channel) -> Self {
        match (&channel.spec.feed, &channel.pattern) {
            (Feed::Whole(clip), _) => Self::Whole { clip: clip.clone(), offset: 0 },
            (Feed::Clip(clip), _) => Self::Clip(ClipReader::open(clip.clone(), channel.origin, channel.spec.burst)),
            (Feed::Pattern { .. }, pattern) => {
                Self::Pattern(pattern.as_ref().expect("a pattern channel has a pattern").join())
            }
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Pattern(viewing) => {
                if let Some(piece) = viewing.burst.pop_front() {
                    return Some(piece);
                }
                loop {
                    match viewing.pieces.recv().await {
                        Ok(piece) => return Some(piece),
                        // A client that reads too slowly misses packets, as with a provider.
                        Err(broadcast::error::RecvError::Lagged(_)) => {}
                        Err(broadcast::error::RecvError::Closed) => return None,
                    }
                }
            }
            Self::Clip(reader) => Some(reader.next().await),
            Self::Whole { clip, offset } => {
                let rest = &clip.bytes()[*offset..];
                let piece = Bytes::copy_from_slice(&rest[..rest.len().min(64 * ts::PACKET)]);
                *offset += piece.len();
                (!piece.is_empty()).then_some(piece)
            }
        }
    }
}

/// Reads a repeated clip in real time.
struct ClipReader {
    clip: Arc<Clip>,
    origin: Instant,
    /// Which repetition, and where in it.
    round: u32,
    offset: usize,
    restamper: Restamper,
}

impl ClipReader {
    /// The clip began one full round before `origin`, so there is always something to burst.
    fn open(clip: Arc<Clip>, origin: Instant, burst: Option<Duration>) -> Self {
        let length = clip.duration();
        let now = length + origin.elapsed();
        let start = now.saturating_sub(burst.unwrap_or_default());
        let round = (start.as_micros() / length.as_micros()) as u32;
        let within = start - length * round;
        let offset = match burst {
            Some(_) => clip.entry_before(within).0,
            None => clip.due_at(within).min(clip.bytes().len()),
        };
        Self { clip, origin, round, offset, restamper: Restamper::new() }
    }

    async fn next(&mut self) -> Bytes {
        loop {
            let length = self.clip.duration();
            let now = length + self.origin.elapsed();
            let due = self.clip.due_at(now.saturating_sub(length * self.round));
            if due > self.offset {
                let end = due.min(self.offset + 64 * ts::PACKET);
                let mut packets = self.clip.bytes()[self.offset..end].to_vec();
                self.restamper.apply(&mut packets, u64::from(self.round) * length.as_millis() as u64 * 90);
                self.offset = end;
                return packets.into();
            }
            if self.offset == self.clip.bytes().len() && now >= length * (self.round + 1) {
                self.round += 1;
                self.offset = 0;
                continue;
            }
            tokio::time::sleep(TICK).await;
        }
    }
}
