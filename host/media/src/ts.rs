//! MPEG-TS (ISO/IEC 13818-1): packets, tables, PES headers and the first bytes of elementary streams.
//!
//! It looks only as deep as cutting and naming need: where packets, tables and access units start, what time they carry,
//! and whether a decoder can start there. It is not a demultiplexer: nothing is taken apart that the segmenter does not
//! have to look into. Everything here takes untrusted bytes: no panic, and memory bounded by constants in this module.

pub mod access_unit;
pub mod audio;
pub mod bits;
pub mod clock;
pub mod framing;
pub mod h264;
pub mod h265;
pub mod mpeg2;
pub mod packet;
pub mod pes;
pub mod psi;
pub mod section;
pub mod tables;
pub mod tracks;

/// What a video sequence says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoParams {
    /// RFC 6381 name.
    pub name: String,
    /// Width and height in pixels, cropping applied.
    pub resolution: (u32, u32),
    /// Frames per second, where the sequence tells.
    pub frame_rate: Option<f64>,
}
