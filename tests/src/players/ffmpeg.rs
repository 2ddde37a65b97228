//! ffmpeg as a player that shows nothing: it reads packets as they come and says each one's time. What a viewer would see is reckoned from
//! that: one who begins with the first packet, waits whenever everything that came was shown, and leaves gaps out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;

use super::{Player, Shown, pipes, start};

/// Seconds. Packets of one track are closer than this; where they are not, something is missing.
const GAP: f64 = 1.0;
/// Packets in a row that may stand still. Across a discontinuity ffmpeg moves all tracks by what fits the first, and holds back packets of
/// another that would step back; that is over within a second.
const HELD: u32 = 50;

/// Reads a URL.
pub fn ffmpeg(url: &str) -> Player {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostats", "-v", "warning", "-i", url, "-map", "0", "-c", "copy"]);
    command.args(["-flush_packets", "1", "-f", "framecrc", "-"]);
    let mut child = start(&mut command);
    let pipes = pipes(&mut child, b"q");
    let mut packets = Packets::default();
    Player::new("ffmpeg", child, pipes, move |line, shown| packets.take(line, Instant::now(), shown))
}

/// Lines of the framecrc format: `#tb TRACK: 1/90000`, then `TRACK, DTS, PTS, ...` for each packet.
#[derive(Debug, Default)]
struct Packets {
    ticks: BTreeMap<u32, f64>,
    /// Each track's last time, and how many packets were held at it.
    times: BTreeMap<u32, (f64, u32)>,
    counts: BTreeMap<u32, u64>,
    /// When everything that came will have been shown.
    until: Option<Instant>,
}

impl Packets {
    fn take(&mut self, line: &str, now: Instant, shown: &mut Shown) {
        if let Some((track, base)) = line.strip_prefix("#tb ").and_then(|rest| rest.split_once(": 1/")) {
            self.ticks.insert(track.parse().unwrap(), base.parse().unwrap());
        }
        let mut fields = line.split(',').map(str::trim);
        let (Some(Ok(track)), Some(Ok(ticks))) = (fields.next().map(str::parse), fields.next().map(str::parse)) else {
            return;
        };
        self.packet(track, ticks, now, shown);
    }

    fn packet(&mut self, track: u32, ticks: f64, now: Instant, shown: &mut Shown) {
        *self.counts.entry(track).or_default() += 1;
        shown.account = json!(self.counts);
        let time = ticks / self.ticks[&track];
        let Some((before, held)) = self.times.insert(track, (time, 0)) else { return };
        let step = time - before;
        if step <= 0.0 {
            self.times.insert(track, (before, held + 1));
            if step < 0.0 || held == HELD {
                shown.broken = Some(format!("track {track}: a packet at {time} s after one at {before} s"));
            }
        } else if step > GAP {
            shown.discontinuities += 1;
        } else if track == 0 {
            let (step, until) = (Duration::from_secs_f64(step), self.until.unwrap_or(now));
            shown.longest_stall = shown.longest_stall.max(now.saturating_duration_since(until));
            shown.played += step;
            self.until = Some(until.max(now) + step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, played: f64, discontinuities: u64, is_broken: bool) {
        let (mut packets, mut shown) = (Packets::default(), Shown::default());
        for line in lines.lines() {
            packets.take(line, Instant::now(), &mut shown);
        }
        assert_eq!((shown.played.as_secs_f64(), shown.discontinuities), (played, discontinuities), "{lines}");
        assert_eq!(shown.broken.is_some(), is_broken, "{lines}: {shown:?}");
    }

    #[test]
    fn packets_are_read() {
        let head = "#software: Lavf\n#tb 0: 1/10\n#codec_id 0: h264\n#tb 1: 1/100\n";
        check(&format!("{head}0, 0, 0, 1, 7, 0x0\n1, 0, 0, 1, 7, 0x0\n0, 5, 6, 1, 7, 0x0, F=0x0\n"), 0.5, 0, false);
        check(&format!("{head}0, 0, 0, 1, 7, 0x0\n0, 5000, 0, 1, 7, 0x0\n0, 5005, 0, 1, 7, 0x0\n"), 0.5, 1, false);
        check(&format!("{head}1, 9, 9, 1, 7, 0x0\n1, 8, 9, 1, 7, 0x0\n"), 0.0, 0, true);
        check(&format!("{head}{}", "1, 9, 9, 1, 7, 0x0\n".repeat(50)), 0.0, 0, false);
        check(&format!("{head}{}", "1, 9, 9, 1, 7, 0x0\n".repeat(60)), 0.0, 0, true);
    }

    #[test]
    fn stalls_are_reckoned() {
        let (mut packets, mut shown, start) = (Packets::default(), Shown::default(), Instant::now());
        packets.take("#tb 0: 1/10", start, &mut shown);
        // Four seconds come at once, the fifth after seven; a gap behind it shows nothing.
        for (after, ticks) in [(0, 0), (0, 10), (0, 20), (0, 30), (0, 40), (7, 50), (7, 90), (7, 100), (9, 110)] {
            packets.take(&format!("0, {ticks}"), start + Duration::from_secs(after), &mut shown);
        }
        assert_eq!(shown.longest_stall, Duration::from_secs(3));
    }
}
