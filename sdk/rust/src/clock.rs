//! Time.

use std::time::Duration;

use crate::raw;

/// The wall clock, seconds since 1970-01-01T00:00:00Z.
pub fn now() -> u64 {
    raw::clock::now()
}

/// A clock that never goes back; only differences mean something.
pub fn monotonic() -> Duration {
    Duration::from_millis(raw::clock::monotonic_ms())
}
