//! The plugin's log. Lines reach the host's log with the instance's name; the macros [`crate::trace!`] to [`crate::error!`] format
//! like `println!`.

pub use crate::bindings::host::mast::base::log::Level;
use crate::raw;

/// Writes one line; the host cuts it at 8 KiB.
pub fn write(level: Level, message: &str) {
    raw::log::write(level, message);
}

/// Only for developers.
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Trace, &::std::format!($($message)+)) };
}

/// For diagnosing one problem.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($message)+)) };
}

/// Normal operation.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($message)+)) };
}

/// The operator may want to act.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($message)+)) };
}

/// The operator must act.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($message)+)) };
}
