//! Times as guides write them: XMLTV's `YYYYMMDDhhmmss` or the beginning of it, ISO 8601 and its like, with a zone by offset or name or
//! with none.

/// Seconds in a day.
const DAY: i64 = 86_400;

/// How times are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Zones {
    /// Seconds east of Greenwich, for times without a zone.
    pub default: i64,
    /// A zone that is written means nothing; the default counts.
    pub ignore: bool,
}

/// Why there is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTime {
    /// It is not written as a time.
    Unreadable,
    /// There is no such day, hour, minute or second, or it lies before 1970.
    Impossible,
}

/// Reads a time: seconds since 1970, and whether a zone was given but is unknown (then the default counts).
pub fn parse(text: &[u8], zones: Zones) -> Result<(u64, bool), NoTime> {
    let text = text.trim_ascii();
    let (digits, used) = digits(text)?;
    let (offset, unknown) = match zone(text[used..].trim_ascii()) {
        Some(Some(offset)) if !zones.ignore => (offset, false),
        Some(_) => (zones.default, false),
        None => (zones.default, !zones.ignore),
    };
    let [year, month, day, hour, minute, second] = digits;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return Err(NoTime::Impossible);
    }
    // 24:00:00 is the end of the day, and a leap second the next one.
    if minute > 59 || second > 60 || hour > 24 || (hour == 24 && (minute, second) != (0, 0)) {
        return Err(NoTime::Impossible);
    }
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    u64::try_from(seconds).map(|seconds| (seconds, unknown)).map_err(|_| NoTime::Impossible)
}

/// Year to second, and how long they are. Missing ones are the first there is.
fn digits(text: &[u8]) -> Result<([i64; 6], usize), NoTime> {
    const WIDTHS: [usize; 6] = [4, 2, 2, 2, 2, 2];
    let mut fields = [0, 1, 1, 0, 0, 0];
    let mut at = 0;
    for (index, (field, width)) in fields.iter_mut().zip(WIDTHS).enumerate() {
        let start = at;
        // 2024-01-31T20:15:00 and its like.
        let separator = match index {
            1 | 2 => text.get(at).is_some_and(|&byte| byte == b'-' || byte == b'/'),
            3 => matches!(text.get(at..at + 2), Some([b'T' | b't' | b' ', b'0'..=b'9'])),
            4 | 5 => text.get(at) == Some(&b':'),
            _ => false,
        };
        at += usize::from(separator);
        let Some(written) = text.get(at..at + width).filter(|written| written.iter().all(u8::is_ascii_digit)) else {
            // A zone begins like the next field does: 20240131 -0500.
            at = start;
            break;
        };
        // 20240131 0100 may be a zone without a sign only in theory: a time of day is what people mean.
        *field = written.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        at += width;
    }
    // A fraction of a second.
    if text.get(at) == Some(&b'.') {
        at += 1 + text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    let stray = text.get(at).is_some_and(u8::is_ascii_digit);
    if at < 4 || stray { Err(NoTime::Unreadable) } else { Ok((fields, at)) }
}

/// Seconds east of Greenwich; none inside where nothing is said, none where it is not known.
fn zone(text: &[u8]) -> Option<Option<i64>> {
    let Some(&first) = text.first() else { return Some(None) };
    if first == b'+' || first == b'-' {
        return signed(text).map(Some);
    }
    let name = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    let (name, behind) = text.split_at(name);
    let quarters = quarters(&name.to_ascii_uppercase())?;
    let more = if behind.is_empty() { 0 } else { signed(behind)? };
    Some(Some(quarters * 900 + more))
}

/// Seconds east of Greenwich, of `+0200`, `+02:00`, `+02` or `+2`.
pub fn offset(text: &str) -> Option<i64> {
    signed(text.as_bytes())
}

fn signed(text: &[u8]) -> Option<i64> {
    let (&sign, written) = text.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (mut number, mut digits) = (0, 0);
    for &byte in written.iter().filter(|&&byte| byte != b':') {
        if !byte.is_ascii_digit() || digits == 4 {
            return None;
        }
        number = number * 10 + i64::from(byte - b'0');
        digits += 1;
    }
    if digits == 0 {
        return None;
    }
    let (hours, minutes) = if digits > 2 { (number / 100, number % 100) } else { (number, 0) };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Names that guides use, in quarters of an hour east of Greenwich. Where a name means two zones, the one with more guides counts.
fn quarters(name: &[u8]) -> Option<i64> {
    Some(match name {
        b"Z" | b"UTC" | b"GMT" | b"WET" | b"UCT" => 0,
        b"BST" | b"IST" | b"WEST" | b"CET" | b"MET" | b"MEZ" => 4,
        b"CEST" | b"MEST" | b"MESZ" | b"EET" | b"SAST" => 8,
        b"EEST" | b"MSK" | b"TRT" => 12,
        b"GST" => 16,
        b"PKT" => 20,
        b"AWST" | b"HKT" | b"SGT" => 32,
        b"JST" | b"KST" => 36,
        b"ACST" => 38,
        b"AEST" => 40,
        b"ACDT" => 42,
        b"AEDT" => 44,
        b"NZST" => 48,
        b"NZDT" => 52,
        b"NDT" => -10,
        b"BRT" | b"ART" | b"ADT" => -12,
        b"NST" => -14,
        b"AST" | b"EDT" => -16,
        b"EST" | b"CDT" => -20,
        b"CST" | b"MDT" => -24,
        b"MST" | b"PDT" => -28,
        b"PST" | b"AKDT" => -32,
        b"AKST" => -36,
        b"HST" => -40,
        _ => return None,
    })
}

/// Days since 1970-01-01 of the Gregorian calendar (in 400-year cycles that begin in March).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * 146_097 + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The day of a time in UTC: `2026-01-31`.
pub fn date(seconds: u64) -> String {
    let mut rest = i64::try_from(seconds).unwrap_or(i64::MAX) / DAY;
    // Four centuries at a time, then years and months: there are few of them.
    let mut year = 1970 + 400 * (rest / 146_097);
    rest %= 146_097;
    let days_of = |year| 337 + days_in(year, 2);
    while rest >= days_of(year) {
        rest -= days_of(year);
        year += 1;
    }
    let mut month = 1;
    while rest >= days_in(year, month) {
        rest -= days_in(year, month);
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTC: Zones = Zones { default: 0, ignore: false };

    fn check(text: &str, zones: Zones, expected: Result<(u64, bool), NoTime>) {
        assert_eq!(parse(text.as_bytes(), zones), expected, "{text}");
    }

    #[test]
    fn times_and_zones() {
        // 2024-01-31 20:15:00 UTC
        const T: u64 = 1_706_732_100;
        let east = |hours: i64| (T as i64 - hours * 3600) as u64;
        for (text, expected) in [
            ("20240131201500 +0000", T),
            ("20240131201500", T),
            ("20240131201500 Z", T),
            ("20240131201500Z", T),
            ("20240131201500 UTC", T),
            ("20240131201500 GMT", T),
            ("20240131201500 +0200", east(2)),
            ("20240131201500+0200", east(2)),
            ("20240131201500 +02:00", east(2)),
            ("20240131201500 +02", east(2)),
            ("20240131201500 +2", east(2)),
            ("20240131201500 -0500", east(-5)),
            ("20240131201500 EST", east(-5)),
            ("20240131201500 CET", east(1)),
            ("20240131201500 CEST", east(2)),
            ("20240131201500 cest", east(2)),
            ("20240131201500 UTC+2", east(2)),
            ("20240131201500 GMT-05:00", east(-5)),
            ("20240131201500 +0530", T - 19_800),
            ("202401312015 +0200", east(2)),
            ("202401312015", T),
            ("2024013120 +0000", T - 900),
            ("20240131", T - 20 * 3600 - 900),
            ("20240131 -0500", T - 15 * 3600 - 900),
            ("2024-01-31T20:15:00Z", T),
            ("2024-01-31 20:15:00 +0200", east(2)),
            ("2024-01-31T20:15:00.000+02:00", east(2)),
            ("2024/01/31 20:15", T),
            (" 20240131201500  +0000 ", T),
            ("20240131240000", T + 3 * 3600 + 2700),
            ("20240229000000", 1_709_164_800),
            ("19700101000000 +0000", 0),
            ("1970", 0),
            ("20000229120000", 951_825_600),
            ("20380119031408", 2_147_483_648),
            ("99991231235959 +0000", 253_402_300_799),
        ] {
            check(text, UTC, Ok((expected, false)));
        }
    }

    #[test]
    fn gaps_of_daylight_saving_are_plain_offsets() {
        // 02:30 on 2024-03-31 does not exist in Berlin; with an offset it is still one moment, half an hour into summer time.
        check("20240331023000 +0100", UTC, Ok((1_711_848_600, false)));
        check("20240331033000 +0200", UTC, Ok((1_711_848_600, false)));
        check("20241027023000 +0200", UTC, Ok((1_729_989_000, false)));
        check("20241027023000 +0100", UTC, Ok((1_729_992_600, false)));
    }

    #[test]
    fn a_default_zone_and_zones_that_lie() {
        let berlin = Zones { default: 3600, ignore: false };
        check("19700101020000", berlin, Ok((3600, false)));
        check("19700101020000 +0000", berlin, Ok((7200, false)));
        check("19700101020000 Europe/Berlin", berlin, Ok((3600, true)));
        let ignore = Zones { default: 3600, ignore: true };
        check("19700101020000 +0000", ignore, Ok((3600, false)));
        check("19700101020000 Nowhere", ignore, Ok((3600, false)));
    }

    #[test]
    fn what_is_no_time() {
        // Neither a number of seconds nor half a day is one.
        for text in ["", "now", "20", "1706732100123456", "202401312015001", "2024013", "+0200", "٢٠٢٤"] {
            check(text, UTC, Err(NoTime::Unreadable));
        }
        for text in [
            "20240230000000",
            "20230229000000",
            "20240431000000",
            "20241301000000",
            "20240100000000",
            "20240131250000",
            "20240131206000",
            "20240131240001",
            "19691231235959",
            "19700101000000 +0100",
            "00000000000000",
        ] {
            check(text, UTC, Err(NoTime::Impossible));
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in (0..=2_932_896_u64).step_by(11) {
            assert_eq!(parse(date(day * 86_400).as_bytes(), UTC), Ok((day * 86_400, false)));
        }
        assert_eq!(date(1_709_164_799), "2024-02-28");
        assert_eq!(date(253_402_300_799), "9999-12-31");
    }
}
