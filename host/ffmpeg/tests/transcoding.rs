//! Command lines, run by the FFmpeg that is installed.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

#[path = "transcoding/inputs.rs"]
mod inputs;
#[path = "transcoding/ladder.rs"]
mod ladder;
#[path = "transcoding/run.rs"]
mod run;
#[path = "transcoding/single.rs"]
mod single;
#[path = "transcoding/transport.rs"]
mod transport;
