//! FFmpeg: the only crate of the host that spawns processes. It finds FFmpeg, builds its command lines, and runs it as a supervised worker
//! that writes MPEG-TS to a pipe. It knows nothing of channels, HTTP or what is in the media.
//!
//! Invariants: a process gets a cleared environment, no other standard input than a pipe of ours, and its own process group,
//! which is killed when its owner goes away; nothing waits for a process without a deadline; no shell sees an argument; what a
//! process writes to standard error is kept bounded and redacted.

mod arguments;
mod ask;
mod descriptors;
mod encoder;
mod error;
mod group;
mod launcher;
mod log;
mod profile;
mod progress;
mod redact;
mod room;
mod sample;
mod spawner;
mod starts;
mod version;
mod worker;

pub use arguments::{
    Analyze, ArgumentError, CommandLine, Container, HttpRequest, Input, Job, Ladder, Output, Pattern, Rung, Tracks,
    Transport,
};
pub use descriptors::{Descriptors, raise_descriptors};
pub use encoder::{Encoder, Encoders, encoders};
pub use error::FfmpegError;
pub use launcher::{LaunchError, Launcher, Limits, launch};
pub use log::{Level, LogLine, LogRing};
pub use profile::{AudioCodec, Preset, Problem, Profile, VideoCodec};
pub use progress::{Counters, Progress, ProgressParser, Step};
pub use redact::Redactor;
pub use room::{DiskRoom, disk_room};
pub use sample::{Look, PICTURE, Picture, Sample, SampleError, Sampler};
pub use starts::{StartPermit, Starts};
pub use version::{Release, Version, find, version};
pub use worker::{
    Exit, ExitKind, Patience, SpawnError, StandardInput, State, Urgency, Worker, WorkerInput, WorkerOutput, WorkerSpec,
    WorkerTask,
};
