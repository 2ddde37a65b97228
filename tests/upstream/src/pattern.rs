//! ffmpeg's arguments for test patterns, and the process behind a channel with its clients.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::channel::{Audio, ChannelSpec, Feed, Video};
use crate::clip::ClipSpec;
use crate::ts;

const FRAME_RATE: u128 = 25;
/// Pieces that a slow client may lag behind before it is cut off.
const BACKLOG: usize = 1024;
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf";

/// Arguments for a clip; the file's name follows.
pub(crate) fn clip_arguments(spec: ClipSpec) -> Vec<String> {
    let mut arguments = words("-nostdin -hide_banner -v error -y -bitexact");
    let caption = format!("drawtext=fontfile={FONT}:text='%{{n}}':fontsize=64:fontcolor=white:box=1:boxcolor=black");
    inputs(&mut arguments, spec.video, spec.audio, "", &caption);
    encoders(&mut arguments, spec.video, spec.audio, spec.gop);
    arguments.extend(words(&format!("-t {} -flags +bitexact -fflags +bitexact -f mpegts", spec.seconds)));
    arguments
}

fn live_arguments(spec: &ChannelSpec) -> Vec<String> {
    let mut arguments = words("-nostdin -hide_banner -v error");
    // The name consists of letters, digits and dashes, so it needs no escaping.
    let caption = format!(
        "drawtext=fontfile={FONT}:text='{} %{{gmtime\\:%H\\\\\\:%M\\\\\\:%S}}':fontsize=48:fontcolor=white:box=1:\
         boxcolor=black@0.6:boxborderw=12:x=(w-tw)/2:y=h-th-48",
        spec.name
    );
    inputs(&mut arguments, spec.video, spec.audio, "-re ", &caption);
    encoders(&mut arguments, spec.video, spec.audio, spec.gop);
    arguments.extend(words("-muxdelay 0 -muxpreload 0 -flush_packets 1 -f mpegts pipe:1"));
    arguments
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn inputs(arguments: &mut Vec<String>, video: Video, audio: Audio, pace: &str, caption: &str) {
    if video != Video::None {
        arguments.extend(words(&format!("{pace}-f lavfi -i testsrc2=size=640x360:rate={FRAME_RATE}")));
        arguments.extend(["-vf".to_owned(), caption.to_owned()]);
    }
    if audio != Audio::None {
        // Options between two inputs belong to the second one, so the filter is moved behind it.
        let filter = arguments.iter().position(|word| word == "-vf").map(|at| arguments.split_off(at));
        arguments.extend(words(&format!("{pace}-f lavfi -i sine=frequency=440:sample_rate=48000")));
        arguments.extend(filter.into_iter().flatten());
    }
}

fn encoders(arguments: &mut Vec<String>, video: Video, audio: Audio, gop: Duration) {
    let frames = (gop.as_millis() * FRAME_RATE / 1000).max(1);
    let video = match video {
        Video::H264 => format!(
            "-c:v libx264 -preset ultrafast -tune zerolatency -threads 1 -pix_fmt yuv420p -b:v 900k -maxrate 1200k \
             -bufsize 1200k -g {frames} -keyint_min {frames} -sc_threshold 0"
        ),
        Video::Hevc => format!(
            "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -b:v 700k -x265-params \
             log-level=error:pools=1:frame-threads=1:bframes=0:rc-lookahead=0:scenecut=0:keyint={frames}:min-keyint={frames}"
        ),
        Video::None => String::new(),
    };
    arguments.extend(words(&video));
    arguments.extend(words(match audio {
        Audio::Aac => "-c:a aac -b:a 96k",
        Audio::Mp2 => "-c:a mp2 -b:a 128k",
        Audio::Ac3 => "-c:a ac3 -b:a 128k",
        Audio::None => "",
    }));
}

/// Whole packets as they left ffmpeg.
struct Piece {
    bytes: Bytes,
    starts_with_pat: bool,
    has_keyframe: bool,
    at: Instant,
}

struct Shared {
    clients: usize,
    /// Cancels the running process; none while there is none.
    process: Option<CancellationToken>,
    /// What a burst may need, oldest first.
    recent: VecDeque<Piece>,
    pieces: broadcast::Sender<Bytes>,
}

/// One ffmpeg for all clients of a channel. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pattern {
    spec: Arc<ChannelSpec>,
    shared: Arc<Mutex<Shared>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A client of a pattern; ffmpeg ends with the last one.
pub(crate) struct Viewing {
    pattern: Pattern,
    pub(crate) burst: VecDeque<Bytes>,
    pub(crate) pieces: broadcast::Receiver<Bytes>,
}

impl Drop for Viewing {
    fn drop(&mut self) {
        self.pattern.leave();
    }
}

impl Pattern {
    pub(crate) fn new(spec: Arc<ChannelSpec>, tasks: TaskTracker, stop: CancellationToken) -> Self {
        let shared =
            Shared { clients: 0, process: None, recent: VecDeque::new(), pieces: broadcast::channel(BACKLOG).0 };
        let pattern = Self { spec, shared: Arc::new(Mutex::new(shared)), tasks, stop };
        if matches!(pattern.spec.feed, Feed::Pattern { always_on: true }) {
            pattern.run(&mut pattern.lock());
        }
        pattern
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it holds this lock")
    }

    pub(crate) fn join(&self) -> Viewing {
        let mut shared = self.lock();
        shared.clients += 1;
        let burst = self.spec.burst.map(|span| burst_of(&shared.recent, span)).unwrap_or_default();
        let pieces = shared.pieces.subscribe();
        if shared.process.is_none() {
            self.run(&mut shared);
        }
        Viewing { pattern: self.clone(), burst, pieces }
    }

    fn leave(&self) {
        let mut shared = self.lock();
        shared.clients -= 1;
        let always_on = matches!(self.spec.feed, Feed::Pattern { always_on: true });
        if shared.clients == 0 && !always_on {
            shared.recent.clear();
            if let Some(process) = shared.process.take() {
                process.cancel();
            }
        }
    }

    fn run(&self, shared: &mut Shared) {
        let stop = self.stop.child_token();
        shared.process = Some(stop.clone());
        let pattern = self.clone();
        self.tasks.spawn(async move { pattern.draw(&stop).await });
    }

    /// Keeps one ffmpeg running; a process that ends by itself is started again, a second later at the earliest.
    async fn draw(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.draw_once(stop).await {
                tracing::error!(channel = self.spec.name, "the test pattern ended: {error:#}");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    async fn draw_once(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        use anyhow::Context;
        let mut child = Command::new("ffmpeg")
            .args(live_arguments(&self.spec))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("starting ffmpeg; install it, for example with `cargo xtask setup`")?;
        let mut output = child.stdout.take().context("ffmpeg's standard output is piped")?;
        let mut buffer = BytesMut::new();
        loop {
            let read = tokio::select! {
                () = stop.cancelled() => return child.kill().await.context("ending ffmpeg"),
                read = output.read_buf(&mut buffer) => read?,
            };
            if read == 0 {
                anyhow::bail!("ffmpeg ended with {}", child.wait().await?);
            }
            let whole = buffer.len() / ts::PACKET * ts::PACKET;
            self.publish(&buffer.split_to(whole).freeze(), stop);
        }
    }

    /// Cuts before each PAT, so that a burst can start at one. Does nothing when another process took over.
    fn publish(&self, packets: &Bytes, stop: &CancellationToken) {
        let has_picture = self.spec.video != Video::None;
        let mut shared = self.lock();
        if stop.is_cancelled() {
            return;
        }
        let mut start = 0;
        for offset in (0..packets.len()).step_by(ts::PACKET) {
            let next = packets.get(offset + ts::PACKET..);
            let cut = next.is_none_or(|next| next.is_empty() || ts::pid(next) == 0);
            if cut {
                let bytes = packets.slice(start..offset + ts::PACKET);
                start = offset + ts::PACKET;
                let has_keyframe = bytes.chunks(ts::PACKET).any(|packet| {
                    if has_picture { ts::starts_picture(packet) && ts::is_random_access(packet) } else { true }
                });
                let piece = Piece {
                    starts_with_pat: ts::pid(&bytes) == 0,
                    has_keyframe,
                    at: Instant::now(),
                    bytes: bytes.clone(),
                };
                shared.recent.push_back(piece);
                // Nobody listening is no error.
                let _ = shared.pieces.send(bytes);
            }
        }
        let keep = self.spec.burst.unwrap_or_default() + 2 * self.spec.gop;
        while shared.recent.front().is_some_and(|piece| piece.at.elapsed() > keep) {
            shared.recent.pop_front();
        }
    }
}

/// The last `span` and a little more: from the newest keyframe that is at least that old, or the oldest one there is.
fn burst_of(recent: &VecDeque<Piece>, span: Duration) -> VecDeque<Bytes> {
    let mut entry = None;
    let mut pat = None;
    for (i, piece) in recent.iter().enumerate() {
        if piece.starts_with_pat {
            pat = Some(i);
        }
        if piece.has_keyframe && (entry.is_none() || piece.at.elapsed() >= span) {
            entry = pat.or(entry);
        }
    }
    let skipped = entry.unwrap_or(recent.len());
    recent.iter().skip(skipped).map(|piece| piece.bytes.clone()).collect()
}
