//! MPEG-TS parsing, segmenting, windows and HLS playlists. Sans-I/O: bytes and times go in, events come out; no tokio, no
//! clock of its own, no sockets.

pub mod lint;
pub mod pages;
pub mod playlist;
pub mod rtp;
pub mod segment;
pub mod segmenter;
pub mod ts;
pub mod upstream_playlist;
pub mod window;

pub use pages::{FileRun, PageFile, Pages};
pub use playlist::{MediaPlaylist, MultivariantPlaylist, Variant};
pub use segment::{Codecs, Segment, SegmentPayload};
pub use segmenter::{Counters, Cut, End, Event, Segmenter, SegmenterConfig};
pub use window::{SequenceBase, Window, WindowConfig};
