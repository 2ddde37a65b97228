//! FFmpeg: the only crate of the host that spawns processes. So far it only finds FFmpeg and reads its version; the
//! supervised worker comes with the transcoding path.
//!
//! Invariants: a process gets a cleared environment, no standard input and its own process group, which is killed when its
//! owner goes away; nothing waits for a process without a deadline.

mod group;
mod version;

pub use version::{FfmpegError, Version, find, version};
