//! What a guest logs: to tracing at a bounded rate, with the last lines kept for the message of a trap.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::bindings::base::mast::base::log::Level;
use crate::state::InstanceContext;

/// Bytes of one line; the rest is cut off.
const LINE_MAX: usize = 8 << 10;
/// Lines of one instance per second, over all its calls; more is dropped and counted.
const LINES_PER_SECOND: u32 = 200;
/// Lines kept per call for the message of a trap, and their length there.
const KEPT: usize = 10;
const KEPT_MAX: usize = 512;

/// The last lines of one call.
#[derive(Default)]
pub(crate) struct GuestLog {
    last: VecDeque<String>,
    /// The last line of level error: the SDK's panic hook writes there what the panic said.
    error: Option<String>,
}

impl GuestLog {
    pub(crate) fn write(&mut self, instance: &InstanceContext, level: Level, message: &str) {
        let line = instance.clean(message, LINE_MAX);
        let kept = cut(&line, KEPT_MAX).to_owned();
        if matches!(level, Level::Error) {
            self.error = Some(kept.clone());
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(kept);
        let (emit, dropped) = instance.log_rate.admit(Instant::now());
        if dropped > 0 {
            tracing::warn!(instance = %instance.id, plugin = %instance.plugin, dropped, "plugin logs too much; lines were dropped");
        }
        if emit {
            forward(instance, level, &line);
        }
    }

    /// The cause of a trap: what the panic said if there was one, then the last lines.
    pub(crate) fn trap_message(&self, trap: &str, panicked: bool) -> String {
        let cause = self.error.as_deref().filter(|_| panicked).unwrap_or(trap);
        let rest: Vec<&str> = self.last.iter().map(String::as_str).filter(|line| *line != cause).collect();
        if rest.is_empty() { cause.to_owned() } else { format!("{cause}; last log lines: {}", rest.join(" | ")) }
    }
}

fn forward(instance: &InstanceContext, level: Level, line: &str) {
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(instance = %instance.id, plugin = %instance.plugin, "{line}")
        };
    }
    match level {
        Level::Trace => event!(trace),
        Level::Debug => event!(debug),
        Level::Info => event!(info),
        Level::Warn => event!(warn),
        Level::Error => event!(error),
    }
}

/// Counts the lines of one instance.
pub(crate) struct LogRate(Mutex<Window>);

struct Window {
    started: Instant,
    lines: u32,
    dropped: u64,
}

impl LogRate {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Window { started: Instant::now(), lines: 0, dropped: 0 }))
    }

    /// Whether a line may pass, and how many were dropped in the second before.
    fn admit(&self, now: Instant) -> (bool, u64) {
        let mut window = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut dropped = 0;
        if now.saturating_duration_since(window.started) >= Duration::from_secs(1) {
            dropped = window.dropped;
            *window = Window { started: now, lines: 0, dropped: 0 };
        }
        let pass = window.lines < LINES_PER_SECOND;
        if pass {
            window.lines += 1;
        } else {
            window.dropped += 1;
        }
        (pass, dropped)
    }
}

/// At most `max` bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_admits_and_counts() {
        let rate = LogRate::new();
        let start = Instant::now();
        let passed = (0..1_000).filter(|_| rate.admit(start).0).count();
        assert_eq!(passed, LINES_PER_SECOND as usize);
        let (pass, dropped) = rate.admit(start + Duration::from_secs(2));
        assert!(pass);
        assert_eq!(dropped, 1_000 - u64::from(LINES_PER_SECOND));
    }

    #[test]
    fn a_cut_respects_characters() {
        assert_eq!(cut("aü", 2), "a");
        assert_eq!(cut("aü", 3), "aü");
        assert_eq!(cut("a", 9), "a");
    }
}
