//! Clips: short pieces of MPEG-TS made once by ffmpeg, kept under `target/`, the same bytes in every run of a test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::channel::{Audio, Video};
use crate::{pattern, ts};

/// What a clip holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClipSpec {
    /// The picture.
    pub video: Video,
    /// The tone.
    pub audio: Audio,
    /// Seconds; a multiple of `gop` where it is to be repeated.
    pub seconds: u32,
    /// Distance between keyframes.
    pub gop: Duration,
}

impl Default for ClipSpec {
    /// Twelve seconds of H.264 and AAC, a keyframe every second.
    fn default() -> Self {
        Self { video: Video::H264, audio: Audio::Aac, seconds: 12, gop: Duration::from_secs(1) }
    }
}

/// A clip in memory.
#[derive(Debug)]
pub struct Clip {
    packets: Vec<u8>,
    seconds: u32,
    /// (byte offset, time since the start) of each PCR: when the bytes up to there are due.
    due: Vec<(usize, Duration)>,
    /// (byte offset, time) of each place where decoding can start: a PAT before a keyframe.
    entries: Vec<(usize, Duration)>,
}

impl Clip {
    /// The default clip.
    pub fn standard() -> anyhow::Result<Arc<Self>> {
        Self::ready(ClipSpec::default())
    }

    /// The clip, made by ffmpeg where it is not there yet. Blocks for a second or two the first time.
    pub fn ready(spec: ClipSpec) -> anyhow::Result<Arc<Self>> {
        let path = cached(spec)?;
        let packets = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Self::from_packets(packets, spec.seconds).map(Arc::new)
    }

    /// A clip of packets made elsewhere.
    pub fn from_packets(packets: Vec<u8>, seconds: u32) -> anyhow::Result<Self> {
        if packets.is_empty()
            || !packets.len().is_multiple_of(ts::PACKET)
            || packets.chunks(ts::PACKET).any(|p| p[0] != 0x47)
        {
            bail!("a clip consists of whole MPEG-TS packets");
        }
        let (due, entries) = index(&packets);
        if due.is_empty() || entries.is_empty() {
            bail!("a clip needs a PCR and a keyframe");
        }
        Ok(Self { packets, seconds, due, entries })
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.packets
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// The first byte that is not yet due at `time` since the start.
    pub(crate) fn due_at(&self, time: Duration) -> usize {
        let passed = self.due.partition_point(|(_, at)| *at <= time);
        self.due.get(passed).map_or(self.packets.len(), |(offset, _)| *offset)
    }

    /// The last place at or before `time` where decoding can start.
    pub(crate) fn entry_before(&self, time: Duration) -> (usize, Duration) {
        let passed = self.entries.partition_point(|(_, at)| *at <= time);
        self.entries[passed.saturating_sub(1)]
    }
}

type Index = Vec<(usize, Duration)>;

fn index(packets: &[u8]) -> (Index, Index) {
    let has_video = packets.chunks_exact(ts::PACKET).any(ts::starts_picture);
    let (mut due, mut entries) = (Index::new(), Index::new());
    let (mut first, mut time, mut last_pat) = (None, Duration::ZERO, None);
    for (i, packet) in packets.chunks_exact(ts::PACKET).enumerate() {
        let offset = i * ts::PACKET;
        if let Some(pcr) = ts::pcr(packet) {
            let start = *first.get_or_insert(pcr);
            time = Duration::from_micros((pcr + ts::WRAP - start) % ts::WRAP * 1_000_000 / ts::TICKS);
            due.push((offset, time));
        }
        if ts::pid(packet) == 0 {
            last_pat = Some(offset);
        }
        let is_entry = if has_video {
            ts::starts_picture(packet) && ts::is_random_access(packet)
        } else {
            ts::starts_unit(packet) && ts::pid(packet) != 0
        };
        if let (true, Some(pat)) = (is_entry, last_pat.take_if(|_| is_entry)) {
            entries.push((pat, time));
        }
    }
    (due, entries)
}

fn cached(spec: ClipSpec) -> anyhow::Result<PathBuf> {
    let folder = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    }
    .join("clips");
    // The number changes when the recipe does.
    let name = format!("{:?}-{:?}-{}s-{}ms-1.ts", spec.video, spec.audio, spec.seconds, spec.gop.as_millis());
    let path = folder.join(name.to_lowercase());
    if path.exists() {
        return Ok(path);
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    // Two tests may make the same clip at once: each writes its own file, the last rename wins, the bytes are the same.
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let output = Command::new("ffmpeg")
        .args(pattern::clip_arguments(spec))
        .arg(&draft)
        .stdin(Stdio::null())
        .output()
        .context("starting ffmpeg; install it, for example with `cargo xtask setup`")?;
    if !output.status.success() {
        bail!("ffmpeg could not make a clip: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::rename(&draft, &path).with_context(|| format!("keeping {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_made_and_indexed() {
        let clip = Clip::standard().unwrap();
        assert!(clip.entries.len() >= 12, "a keyframe every second: {:?}", clip.entries);
        assert!(clip.due.windows(2).all(|pair| pair[0] <= pair[1]), "PCR goes forward");
        let (offset, at) = clip.entry_before(Duration::from_millis(5500));
        assert_eq!(ts::pid(&clip.bytes()[offset..]), 0, "an entry starts with the PAT");
        assert!((4..=5).contains(&at.as_secs()), "{at:?}");
        assert!(clip.due_at(Duration::from_secs(5)) < clip.due_at(Duration::from_secs(6)));
        assert_eq!(clip.due_at(Duration::from_secs(60)), clip.bytes().len());
    }

    #[test]
    fn what_is_no_clip_is_refused() {
        for bad in [vec![], vec![0x47; 187], vec![0; 188], ts::null_packet().to_vec()] {
            assert!(Clip::from_packets(bad, 1).is_err());
        }
    }
}
