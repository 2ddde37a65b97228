//! What a person sees.
#![allow(clippy::print_stderr, reason = "this tool talks to a person")]

use std::time::{Duration, Instant};

/// Prints a line.
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}

/// Runs a step between a headline and its time.
pub(crate) fn step<T>(title: &str, action: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    line(&format!("==> {title}"));
    let start = Instant::now();
    let done = action()?;
    line(&format!("    {title}: {}", time(start.elapsed())));
    Ok(done)
}

fn time(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0..60 => format!("{:.1} s", elapsed.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
