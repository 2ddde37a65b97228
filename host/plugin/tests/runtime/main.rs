//! The plugin runtime against real components, most of them hostile: core modules written as text, made into components of the
//! worlds in `wit/`.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "one test binary; pub is what its modules share")]

mod cache;
mod fakes;
mod guest;
mod hostile;
mod http;
mod loading;
mod output;
mod policy;
mod source;
