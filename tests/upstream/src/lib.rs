//! A test upstream: test patterns over HTTP as MPEG-TS, and every fault an upstream can have.
//!
//! It stands in for a provider's server in tests, in benchmarks and in the quickstart. It is not a streaming server: it serves
//! loopback, trusts whoever asks, and its only purpose is to behave well or badly on demand.
//!
//! - `GET /{name}.ts`: a channel. A [`Feed::Pattern`] is drawn by ffmpeg in real time (one process, shared by all clients
//!   of the channel, alive while somebody reads); a [`Feed::Clip`] repeats a file made once, without a process.
//! - `GET /{name}/index.m3u8`: a clip as live HLS, and `/{name}/aes/index.m3u8` encrypted.
//! - `GET /playlist.m3u`: the channels as M3U; [`Upstream::set_text`] adds other texts or replaces this one.
//! - [`Upstream::set_folder`] serves the files of a folder as they are at that moment.
//! - `GET /_control`, `POST /_control/{name}/{fault}`: the same switches as the Rust API, for people.
//!
//! [`GuideSpec`] makes guides in XMLTV of any size. [`RtspServer`] has a clip over RTSP.
//!
//! Dropping the [`Upstream`] closes everything and ends its processes.

pub mod channel;
pub mod clip;
pub mod fault;
mod feed;
mod guide;
mod hls;
mod pattern;
mod respond;
mod restamp;
mod rtsp;
mod server;
mod text;
mod ts;

pub use channel::{Audio, ChannelSpec, Feed, Video};
pub use clip::{Clip, ClipSpec};
pub use fault::Fault;
pub use guide::{GuideProgramme, GuideSpec, Order, Written};
pub use hls::HlsFault;
pub use rtsp::RtspServer;
pub use server::{Connections, Upstream};
pub use text::{Hit, Text};
