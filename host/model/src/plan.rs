//! Plans: what resellers sell. A line that is bought or extended from a plan takes the plan's terms as they are at that moment; a plan that
//! changes afterwards changes no line.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::id::PlanId;
use crate::ledger::Credits;

/// What can be sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id, assigned by the store.
    pub id: PlanId,
    /// What people read; unique.
    pub name: String,
    /// How long a line lasts, or is extended by.
    pub term: Term,
    /// Connections of a line at once; at least 1.
    pub max_connections: u32,
    /// Bouquets of a line; empty for every channel.
    pub bouquets: Vec<String>,
    /// Makes lines to try the service out, which cannot be extended by it.
    #[serde(default)]
    pub trial: bool,
    /// What a reseller pays; none or more. Where it is none, nothing is written into the ledger.
    pub price: Credits,
    /// For how many hours after it a sale can be refunded; 0 for not at all.
    #[serde(default)]
    pub refund_hours: u32,
    /// Not sold any more where false.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Grows by one with each change.
    #[serde(default)]
    pub revision: u64,
}

/// A length of time as it is sold: a month is a month of the calendar (UTC), not 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// How many; at least 1.
    pub count: u32,
    /// Of what.
    pub unit: TermUnit,
}

/// What a term is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermUnit {
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
    /// Months of the calendar; the end of a shorter month stands for the days that it does not have.
    Months,
    /// Years of the calendar.
    Years,
}

impl Term {
    /// When it ends, if it starts at `start`; none beyond the end of the calendar.
    pub fn after(self, start: Timestamp) -> Option<Timestamp> {
        let (none, count) = (jiff::Span::new(), i64::from(self.count));
        let span = match self.unit {
            TermUnit::Hours => none.try_hours(count),
            TermUnit::Days => none.try_days(count),
            TermUnit::Months => none.try_months(count),
            TermUnit::Years => none.try_years(count),
        };
        let end = start.to_zoned(TimeZone::UTC).checked_add(span.ok()?).ok()?;
        Some(end.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: &str, (count, unit): (u32, TermUnit), expected: Option<&str>) {
        let end = Term { count, unit }.after(start.parse().unwrap());
        assert_eq!(end.map(|end| end.to_string()).as_deref(), expected, "{start} and {count} {unit:?}");
    }

    #[test]
    fn terms_follow_the_calendar() {
        use TermUnit::{Days, Hours, Months, Years};
        check("2026-03-28T23:30:00Z", (24, Hours), Some("2026-03-29T23:30:00Z"));
        check("2026-03-28T23:30:00Z", (1, Days), Some("2026-03-29T23:30:00Z"));
        check("2026-01-15T12:00:00Z", (1, Months), Some("2026-02-15T12:00:00Z"));
        check("2026-01-31T12:00:00Z", (1, Months), Some("2026-02-28T12:00:00Z"));
        check("2026-11-30T12:00:00Z", (12, Months), Some("2027-11-30T12:00:00Z"));
        check("2028-02-29T00:00:00Z", (1, Years), Some("2029-02-28T00:00:00Z"));
        check("9999-06-01T00:00:00Z", (1, Years), None);
        check("2026-01-01T00:00:00Z", (u32::MAX, Months), None);
        check("2026-01-01T00:00:00Z", (u32::MAX, Hours), None);
    }
}
