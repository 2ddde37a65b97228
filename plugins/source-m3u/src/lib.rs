//! Channels from an M3U playlist, by URL or file.
