//! The build order and the shutdown order of all rooms. No logic of its own.
