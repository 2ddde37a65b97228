//! Workers that misbehave, as shell scripts. After each, no process is left.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

#[path = "worker/endings.rs"]
mod endings;
#[path = "worker/launched.rs"]
mod launched;
#[path = "worker/output.rs"]
mod output;
#[path = "worker/script.rs"]
mod script;
