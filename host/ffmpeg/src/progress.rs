//! What FFmpeg says with `-progress`: blocks of `key=value` lines, each ended by a line `progress=…`. Pure.
//!
//! The lines come through the pipe that the log comes through, so some are missing or spoilt: a value keeps what the block
//! before said.

use std::time::Duration;

use tokio::time::Instant;

/// What a worker has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// The last complete block.
    pub counters: Counters,
    /// When it came.
    pub at: Option<Instant>,
    /// When frames, time or bytes last grew. FFmpeg may go on reporting while nothing moves, so a stale timer watches this.
    pub advanced_at: Option<Instant>,
}

impl Progress {
    /// This progress after another block.
    #[must_use]
    pub fn after(self, counters: Counters, now: Instant) -> Self {
        let advanced_at = if counters.is_beyond(&self.counters) { Some(now) } else { self.advanced_at };
        Self { counters, at: Some(now), advanced_at }
    }
}

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counters {
    /// Pictures written, of the first video track.
    pub frame: u64,
    /// Pictures per second, over the whole run.
    pub fps: Option<f64>,
    /// How much playing time was written.
    pub out_time: Duration,
    /// Bytes written.
    pub bytes: u64,
    /// Playing time per time: below 1, the worker is too slow for a live channel.
    pub speed: Option<f64>,
    /// Pictures written twice to keep the frame rate.
    pub duplicated: u64,
    /// Pictures left out to keep the frame rate.
    pub dropped: u64,
    /// FFmpeg says that this is the last block.
    pub is_last: bool,
}

impl Counters {
    fn is_beyond(&self, before: &Self) -> bool {
        self.frame > before.frame || self.out_time > before.out_time || self.bytes > before.bytes
    }
}

/// What a line of standard error is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// A line of a block that is not complete yet.
    Pending,
    /// The last line of a block.
    Complete(Counters),
    /// Something else: a line of the log.
    NotProgress,
}

/// Reads progress line by line.
#[derive(Debug, Clone, Default)]
pub struct ProgressParser {
    next: Counters,
}

impl ProgressParser {
    /// Takes the next line, without its end.
    pub fn line(&mut self, line: &str) -> Step {
        let Some((key, value)) = line.split_once('=') else { return Step::NotProgress };
        let value = value.trim();
        match key {
            "frame" => keep(&mut self.next.frame, value.parse().ok()),
            "total_size" => keep(&mut self.next.bytes, value.parse().ok()),
            "dup_frames" => keep(&mut self.next.duplicated, value.parse().ok()),
            "drop_frames" => keep(&mut self.next.dropped, value.parse().ok()),
            // Negative before the first picture. `out_time_ms` has the same value, whatever its name says.
            "out_time_us" => keep(&mut self.next.out_time, value.parse().ok().map(Duration::from_micros)),
            "fps" => self.next.fps = rate(value).or(self.next.fps),
            "speed" => self.next.speed = rate(value.trim_end_matches('x')).or(self.next.speed),
            "progress" => {
                self.next.is_last = value == "end";
                return Step::Complete(self.next);
            }
            "bitrate" | "out_time" | "out_time_ms" => {}
            _ if key.starts_with("stream_") && !key.contains(char::is_whitespace) => {}
            _ => return Step::NotProgress,
        }
        Step::Pending
    }
}

fn keep<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn rate(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(text: &str) -> Vec<Counters> {
        let mut parser = ProgressParser::default();
        let steps = text.lines().map(|line| parser.line(line));
        steps.filter_map(|step| if let Step::Complete(counters) = step { Some(counters) } else { None }).collect()
    }

    #[test]
    fn a_block_as_ffmpeg_writes_it() {
        let text = "frame=25\nfps=12.50\nstream_0_0_q=-1.0\nbitrate= 746.1kbits/s\ntotal_size=94000\nout_time_us=1007867\n\
                    out_time_ms=1007867\nout_time=00:00:01.007867\ndup_frames=1\ndrop_frames=2\nspeed=16.7x\nprogress=end\n";
        let expected = Counters {
            frame: 25,
            fps: Some(12.5),
            out_time: Duration::from_micros(1_007_867),
            bytes: 94000,
            speed: Some(16.7),
            duplicated: 1,
            dropped: 2,
            is_last: true,
        };
        assert_eq!(blocks(text), [expected]);
    }

    #[test]
    fn what_is_missing_or_spoilt_stays_as_it_was() {
        let text = "frame=5\nspeed=2x\nout_time_us=40\nprogress=continue\nframe=N/A\nspeed=N/A\nout_time_us=-23220\nspeed=inf\nprogress=continue";
        let blocks = blocks(text);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0], blocks[1]);
        assert_eq!((blocks[1].frame, blocks[1].speed, blocks[1].out_time), (5, Some(2.0), Duration::from_micros(40)));
    }

    #[test]
    fn lines_of_the_log_are_none() {
        let mut parser = ProgressParser::default();
        for line in
            ["[error] frame=1", "", "progress", " frame=1", "stream_ of bytes=1", "[libx264 @ 0x1] frame=7", "x=y"]
        {
            assert_eq!(parser.line(line), Step::NotProgress, "{line}");
        }
        assert_eq!(parser.line("speed=   0x"), Step::Pending);
    }

    #[test]
    fn only_what_grows_advances() {
        let (start, later) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let counters = Counters { frame: 1, ..Counters::default() };
        let progress = Progress::default().after(counters, start);
        assert_eq!(progress.advanced_at, Some(start));
        let stuck = progress.after(Counters { speed: Some(1.0), ..counters }, later);
        assert_eq!((stuck.at, stuck.advanced_at), (Some(later), Some(start)));
        let nothing = Progress::default().after(Counters::default(), start);
        assert_eq!((nothing.at, nothing.advanced_at), (Some(start), None));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(lines in proptest::collection::vec("(frame|speed|fps|out_time_us|total_size|progress|.{0,9})=?.{0,12}", 0..40)) {
            let mut parser = ProgressParser::default();
            for line in &lines {
                if let Step::Complete(counters) = parser.line(line) {
                    prop_assert!(counters.speed.is_none_or(|speed| speed >= 0.0 && speed.is_finite()));
                    prop_assert!(line.starts_with("progress="));
                }
            }
        }

        #[test]
        fn what_is_written_is_read(frame: u64, micros in 0..u64::MAX, bytes: u64, speed in 0.0..1e6f64) {
            let text = format!("frame={frame}\ntotal_size={bytes}\nout_time_us={micros}\nspeed={speed}x\nprogress=continue");
            let read = blocks(&text)[0];
            prop_assert_eq!((read.frame, read.bytes, read.out_time), (frame, bytes, Duration::from_micros(micros)));
            prop_assert_eq!(read.speed, Some(speed));
        }
    }
}
