//! When devices were last heard of: in memory only, bounded, forgotten with the host.

use std::collections::HashMap;

use jiff::Timestamp;
use mast_model::LineId;

/// Lines that are remembered.
const MOST_LINES: usize = 100_000;
/// Devices of a line that are remembered; a line has no more.
const MOST_DEVICES: usize = 64;

/// Devices by line; where there is no room, those that are known stay.
#[derive(Default)]
pub(super) struct Seen(HashMap<LineId, Vec<(String, Timestamp)>>);

impl Seen {
    /// `mac` in normal form.
    pub(super) fn note(&mut self, line: LineId, mac: &str, now: Timestamp) {
        if self.0.len() >= MOST_LINES && !self.0.contains_key(&line) {
            return;
        }
        let devices = self.0.entry(line).or_default();
        if let Some((_, at)) = devices.iter_mut().find(|(known, _)| known == mac) {
            *at = now;
        } else if devices.len() < MOST_DEVICES {
            devices.push((mac.to_owned(), now));
        }
    }

    pub(super) fn of(&self, line: LineId) -> Vec<(String, Timestamp)> {
        self.0.get(&line).cloned().unwrap_or_default()
    }

    pub(super) fn forget(&mut self, line: LineId) {
        self.0.remove(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut seen = Seen::default();
        let later = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1);
        for device in 0..2 * MOST_DEVICES {
            seen.note(LineId(1), &device.to_string(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(seen.of(LineId(1)).len(), MOST_DEVICES);
        seen.note(LineId(1), "7", later);
        assert!(seen.of(LineId(1)).contains(&("7".to_owned(), later)));
        for line in 0..MOST_LINES as u64 + 10 {
            seen.note(LineId(line), "a", later);
        }
        assert_eq!(seen.0.len(), MOST_LINES);
        seen.forget(LineId(1));
        assert_eq!(seen.of(LineId(1)), []);
    }
}
