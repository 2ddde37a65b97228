//! Channels: tuned by the first viewer, fed by the copy path, released when idle.

pub mod config;
