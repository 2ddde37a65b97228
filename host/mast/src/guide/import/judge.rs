//! Whether an import is taken over. A provider that has a bad day must not cost anybody the guide of the day before.

use mast_store::guide::{GuideCounts, GuideRecord};

/// Names the number of programmes in the file among the remarks of an import.
pub(super) const SEEN: &str = "programmes-read";

/// What an import found.
pub(super) struct Judged {
    /// Programmes in the file.
    pub(super) seen: u64,
    /// Programmes of wanted channels.
    pub(super) passed: u64,
    pub(super) counts: GuideCounts,
}

/// Why it is not taken over, if so. Compares what the files held, so that it does not matter which channels are wanted.
pub(super) fn refusal(new: &Judged, before: Option<&GuideRecord>, max_loss: u8, accept: bool) -> Option<String> {
    let old: u64 = before
        .and_then(|record| record.attrs.iter().find(|(name, _)| name == SEEN)?.1.parse().ok())
        .or(before.map(|record| record.counts.programmes))
        .unwrap_or_default();
    if accept && (new.seen > 0 || old > 0) {
        return None;
    }
    let advice = "it is taken over with `mast guide accept`, if that is right";
    if new.seen == 0 {
        return Some(match old {
            0 => "has no programmes; check what the URL or the path points at".to_owned(),
            _ => format!("has no programmes any more; {advice}"),
        });
    }
    if new.passed > 0 && new.counts.programmes == 0 {
        return Some(format!("has no programme that could be used: {}", reasons(&new.counts)));
    }
    let lost = old.saturating_sub(new.seen);
    if old > 0 && lost * 100 > old * u64::from(max_loss) {
        return Some(format!("has {} programmes and had {old}, a loss of more than {max_loss} %; {advice}", new.seen));
    }
    None
}

fn reasons(counts: &GuideCounts) -> String {
    let all = [
        (counts.not_kept, "are over, or too far away"),
        (counts.absurd_times, "have impossible times"),
        (counts.untitled, "have no title"),
        (counts.oversized, "are too large"),
    ];
    let named = all.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}"));
    let named: Vec<String> = named.collect();
    if named.is_empty() { "nothing is left of them".to_owned() } else { named.join(", ") }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use mast_model::InstanceId;
    use mast_store::guide::SearchIndex;

    use super::*;

    fn record(seen: u64) -> GuideRecord {
        GuideRecord {
            guide: InstanceId::new("g").unwrap(),
            generation: 1,
            imported_at: Timestamp::UNIX_EPOCH,
            checked_at: Timestamp::UNIX_EPOCH,
            validators: Vec::new(),
            counts: GuideCounts { programmes: 7, ..GuideCounts::default() },
            span: None,
            search: SearchIndex::None,
            attrs: vec![(SEEN.to_owned(), seen.to_string())],
        }
    }

    #[test]
    fn bad_days() {
        let new = |seen, passed, programmes| Judged {
            seen,
            passed,
            counts: GuideCounts { programmes, not_kept: passed - programmes, ..GuideCounts::default() },
        };
        for (new, before, max_loss, accept, expected) in [
            (new(0, 0, 0), None, 90, false, Some("has no programmes;")),
            (new(0, 0, 0), None, 90, true, Some("has no programmes;")),
            (new(5, 5, 5), None, 90, false, None),
            // None of its channels is wanted: that is no fault of the guide.
            (new(5, 0, 0), None, 90, false, None),
            (new(5, 5, 0), None, 90, false, Some("5 are over")),
            (new(0, 0, 0), Some(1000), 90, false, Some("no programmes any more")),
            (new(0, 0, 0), Some(1000), 100, false, Some("no programmes any more")),
            (new(0, 0, 0), Some(1000), 90, true, None),
            (new(99, 9, 9), Some(1000), 90, false, Some("has 99 programmes and had 1000")),
            (new(99, 9, 9), Some(1000), 90, true, None),
            (new(99, 9, 9), Some(1000), 100, false, None),
            (new(100, 9, 9), Some(1000), 90, false, None),
            (new(499, 9, 9), Some(1000), 50, false, Some("more than 50 %")),
            (new(5000, 9, 9), Some(1000), 90, false, None),
        ] {
            let found = refusal(&new, before.map(record).as_ref(), max_loss, accept);
            let fits = match (&found, expected) {
                (None, None) => true,
                (Some(found), Some(expected)) => found.contains(expected),
                _ => false,
            };
            assert!(fits, "{} of {before:?}: {found:?}, not {expected:?}", new.seen);
        }
    }
}
