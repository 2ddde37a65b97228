//! The HTTP side: viewers' URLs in, playlists, segments and continuous MPEG-TS out.

pub mod config;
