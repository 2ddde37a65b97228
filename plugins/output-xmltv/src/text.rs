//! Text and times in the document. Runs for every text of every programme: it appends to one buffer.

const DAY: u64 = 86_400;

/// Appends a text that cannot end its element or attribute. What XML has no character for is left out.
pub(crate) fn escape(out: &mut Vec<u8>, value: &str) {
    let bytes = value.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let instead: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\t' | b'\n' => continue,
            0..=0x1F => b"",
            // U+FFFE and U+FFFF are no characters.
            0xEF if matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])) => "\u{fffd}".as_bytes(),
            _ => continue,
        };
        if at < from {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        out.extend_from_slice(instead);
        from = at + if byte == 0xEF { 3 } else { 1 };
    }
    out.extend_from_slice(&bytes[from..]);
}

/// Appends ` NAME="value"`.
pub(crate) fn attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape(out, value);
    out.push(b'"');
}

/// Writes times; those of one day share their beginning.
#[derive(Default)]
pub(crate) struct Times {
    day: Option<u64>,
    date: [u8; 8],
}

impl Times {
    /// Appends `YYYYMMDDhhmmss +0000`.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, seconds: u64) {
        // The last second of the year 9999: the format has no room for more.
        let seconds = seconds.min(253_402_300_799);
        let day = seconds / DAY;
        if self.day != Some(day) {
            let (year, month, of_month) = civil(day);
            digits(&mut self.date[..4], year);
            digits(&mut self.date[4..6], month);
            digits(&mut self.date[6..], of_month);
            self.day = Some(day);
        }
        out.extend_from_slice(&self.date);
        let of_day = seconds % DAY;
        let mut time = *b"000000 +0000";
        digits(&mut time[..2], of_day / 3600);
        digits(&mut time[2..4], of_day / 60 % 60);
        digits(&mut time[4..6], of_day % 60);
        out.extend_from_slice(&time);
    }
}

fn digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day, from days since 1970 (in 400-year cycles that begin in March).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (cycle, of_cycle) = (days / 146_097, days % 146_097);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        for (value, expected) in [
            ("", ""),
            ("plain ü", "plain ü"),
            ("a & b < c > \"d\" 'e'", "a &amp; b &lt; c &gt; &quot;d&quot; 'e'"),
            ("a\u{1}b\nc\td\re", "ab\nc\tde"),
            ("\u{ffff}\u{fffe}\u{fffd}", "\u{fffd}\u{fffd}\u{fffd}"),
            ("]]>", "]]&gt;"),
        ] {
            let mut out = Vec::new();
            escape(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn times_are_utc() {
        let mut times = Times::default();
        for (seconds, expected) in [
            (0, "19700101000000 +0000"),
            (1_706_732_100, "20240131201500 +0000"),
            (1_706_732_101, "20240131201501 +0000"),
            (1_709_164_799, "20240228235959 +0000"),
            (1_709_164_800, "20240229000000 +0000"),
            (951_782_400, "20000229000000 +0000"),
            (253_402_300_799, "99991231235959 +0000"),
            (u64::MAX, "99991231235959 +0000"),
        ] {
            let mut out = Vec::new();
            times.write(&mut out, seconds);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_escaped_is_text(value: String) {
            let mut out = Vec::new();
            escape(&mut out, &value);
            let out = String::from_utf8(out).unwrap();
            let banned = ['<', '>', '"', '\0', '\u{1b}', '\u{ffff}'];
            proptest::prop_assert!(!out.contains(banned));
            proptest::prop_assert!(out.split('&').skip(1).all(|rest| ["amp;", "lt;", "gt;", "quot;"].iter().any(|name| rest.starts_with(name))));
        }
    }
}
