//! Channels from the old panel's channels.txt.
