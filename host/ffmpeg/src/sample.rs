//! A look at a finished segment: a few tiny grey pictures and how loud it is at most. FFmpeg reads the segment from its standard input
//! and opens nothing else. What the pictures mean is for the caller to judge.
//!
//! Pictures and sound are two short runs, one after the other: a run whose output would be empty fails as a whole, and nobody knows
//! beforehand what a segment carries.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::launcher::Launcher;
use crate::starts::StartPermit;
use crate::worker::{SpawnError, StandardInput, WorkerSpec};

/// Bytes of a [`Picture`].
pub const PICTURE: usize = 16 * 16;
/// Pictures a second.
const RATE: usize = 2;
/// What is looked at of a segment, however long it is.
const SECONDS: usize = 4;
/// Most of what is audible, and little to compute.
const SAMPLE_RATE: usize = 8000;

/// 16 by 16 cells, row by row; each is the mean luma of its part of the picture, 0 for black to 255 for white.
pub type Picture = [u8; PICTURE];

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The pictures.
    pub pictures: bool,
    /// The sound.
    pub sound: bool,
}

/// What was seen and heard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sample {
    /// Two a second of the first four seconds, never an empty list. None: not looked for, none there, or none that can be decoded.
    pub pictures: Option<Vec<Picture>>,
    /// The largest amplitude of the first four seconds, 32768 at full scale. None as above.
    pub peak: Option<u16>,
}

/// Why a segment was not looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// FFmpeg does not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It takes too long.
    #[error("a segment could not be looked at within {after:?}; the machine has too much to do")]
    Late {
        /// The deadline.
        after: Duration,
    },
}

/// Looks at segments.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// FFmpeg.
    pub program: PathBuf,
    /// What ties FFmpeg to the host's life and limits it.
    pub launcher: Option<Launcher>,
    /// How long one look may take; then FFmpeg is killed.
    pub deadline: Duration,
}

impl Sampler {
    /// Looks at a whole segment. The permit is held until FFmpeg ended. Dropping the future kills FFmpeg.
    pub async fn sample(&self, mpegts: &[u8], look: Look, permit: StartPermit) -> Result<Sample, SampleError> {
        let both = async {
            let mut sample = Sample::default();
            if look.pictures {
                sample.pictures =
                    Some(pictures(&self.run(mpegts, &picture_options(), RATE * SECONDS * PICTURE).await?));
            }
            if look.sound {
                sample.peak = peak(&self.run(mpegts, &sound_options(), 2 * SAMPLE_RATE * SECONDS).await?);
            }
            sample.pictures = sample.pictures.filter(|pictures| !pictures.is_empty());
            Ok(sample)
        };
        let sample = tokio::time::timeout(self.deadline, both).await;
        drop(permit);
        sample.unwrap_or(Err(SampleError::Late { after: self.deadline }))
    }

    /// What FFmpeg makes of the segment, at most so many bytes. Nothing where it fails.
    async fn run(&self, mpegts: &[u8], options: &str, most: usize) -> Result<Vec<u8>, SampleError> {
        let arguments = options.split_ascii_whitespace().map(OsString::from).collect();
        let mut spec = WorkerSpec::new(&self.program, arguments, StandardInput::Pipe);
        spec.launcher.clone_from(&self.launcher);
        let mut command = spec.command();
        command.stderr(Stdio::null());
        let spawned = crate::spawner::spawn(command).await;
        // Dropped in the reverse order: the group is killed before its leader can be reaped.
        let (mut child, group) = spawned.map_err(|cause| SpawnError::new(spec.spawned().to_path_buf(), cause))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let write = async move {
            if let Some(mut input) = input {
                // FFmpeg may have seen enough before the end.
                let _ = input.write_all(mpegts).await;
            }
        };
        let read = async move {
            let mut bytes = Vec::new();
            if let Some(output) = output {
                // What came before an error is as good as what comes before the end.
                let _ = output.take(most as u64).read_to_end(&mut bytes).await;
            }
            bytes
        };
        let ((), bytes) = tokio::join!(write, read);
        // Whether that fails or not, it is over.
        let _ = child.wait().await;
        group.reaped();
        Ok(bytes)
    }
}

fn picture_options() -> String {
    // Pictures that no other refers to are not worth decoding. The range is fixed, so that black is 0 whatever the upstream says.
    format!(
        "{INPUT} -threads 1 -skip_frame noref -i pipe:0 -map 0:v:0 -t {SECONDS} \
         -vf setpts=PTS-STARTPTS,fps={RATE},scale=16:16:flags=area:out_range=pc,format=gray \
         -frames:v {} -threads 1 -f rawvideo pipe:1",
        RATE * SECONDS
    )
}

fn sound_options() -> String {
    format!("{INPUT} -threads 1 -i pipe:0 -map 0:a:0 -t {SECONDS} -ac 1 -ar {SAMPLE_RATE} -f s16le pipe:1")
}

const INPUT: &str = "-hide_banner -nostdin -nostats -loglevel quiet -f mpegts -protocol_whitelist pipe";

fn pictures(bytes: &[u8]) -> Vec<Picture> {
    bytes.as_chunks::<PICTURE>().0.to_vec()
}

fn peak(bytes: &[u8]) -> Option<u16> {
    bytes.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample).unsigned_abs()).max()
}

#[cfg(test)]
mod tests;
