//! Why FFmpeg cannot be used.

use std::path::PathBuf;
use std::time::Duration;

use crate::version::Release;

/// Why FFmpeg cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FfmpegError {
    /// It is nowhere on the PATH.
    #[error("ffmpeg not found: transcoding will not be available; install package ffmpeg")]
    NotFound,
    /// It does not start.
    #[error("{} does not start: {cause}; install package ffmpeg anew", .path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It starts and says nothing in time.
    #[error("{} did not answer within {after:?}", .path.display())]
    Hangs {
        /// The program.
        path: PathBuf,
        /// The deadline.
        after: Duration,
    },
    /// It is something else.
    #[error("{} does not look like ffmpeg: it did not tell its version", .path.display())]
    NotFfmpeg {
        /// The program.
        path: PathBuf,
    },
    /// It lacks options that workers are started with.
    #[error("ffmpeg {found} is too old: transcoding will not be available; install ffmpeg {needed} or newer")]
    TooOld {
        /// What is installed.
        found: Release,
        /// The oldest that will do.
        needed: Release,
    },
    /// It was built without an encoder.
    #[error("this ffmpeg has no encoder {encoder}: install a build that has it{choice}")]
    NoEncoder {
        /// FFmpeg's name of the encoder.
        encoder: &'static str,
        /// What could be chosen instead: empty, or the rest of the sentence.
        choice: String,
    },
}
