//! Times as boxes show them.

use mast_sdk::time;

pub(crate) const DAY: u64 = 86_400;

/// Seconds since 1970 on a clock so many seconds east of Greenwich.
pub(crate) fn local(seconds: u64, offset: i64) -> u64 {
    seconds.saturating_add_signed(offset)
}

/// `2026-01-31 20:15:00`, of a local time.
pub(crate) fn date_and_time(local: u64) -> String {
    let rest = local % DAY;
    format!("{} {:02}:{:02}:{:02}", time::date(local), rest / 3600, rest / 60 % 60, rest % 60)
}

/// `20:15`, of a local time.
pub(crate) fn hours_and_minutes(local: u64) -> String {
    let rest = local % DAY;
    format!("{:02}:{:02}", rest / 3600, rest / 60 % 60)
}
