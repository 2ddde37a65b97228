//! When an account ends, as portals write it for people: `February 1, 2026, 12:00 am`, `2026-02-01 00:00:00`, a number.

use mast_sdk::time::{self, Zones};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Unix seconds, read as UTC; none of what is no date (`Unlimited`, a phone number).
pub(crate) fn read(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        // Between 2001 and 2286; a phone number is rarely that.
        return (1_000_000_000..10_000_000_000).contains(&seconds).then_some(seconds);
    }
    let seconds = if text.starts_with(|c: char| c.is_ascii_digit()) {
        time::parse(text.as_bytes(), Zones::default()).ok()?.0
    } else {
        in_words(text)?
    };
    (seconds > 1_000_000_000).then_some(seconds)
}

fn in_words(text: &str) -> Option<u64> {
    let mut words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let name = words.next()?.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|month| *month == name)? + 1;
    let day: u32 = words.next()?.parse().ok()?;
    let year: u32 = words.next()?.parse().ok()?;
    let (mut hour, mut minute) = (0, 0);
    if let Some((hours, minutes)) = words.next().and_then(|clock| clock.split_once(':')) {
        (hour, minute) = (hours.parse::<u32>().ok()?, minutes.get(..2)?.parse::<u32>().ok()?);
        match words.next().map(str::to_ascii_lowercase).as_deref() {
            Some("pm") if hour < 12 => hour += 12,
            Some("am") if hour == 12 => hour = 0,
            _ => {}
        }
    }
    if year > 9999 || day > 31 || hour > 23 || minute > 59 {
        return None;
    }
    let plain = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:00");
    time::parse(plain.as_bytes(), Zones::default()).ok().map(|(seconds, _)| seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("January 1, 2026, 12:00 pm", Some(1_767_268_800)),
            ("January 1, 2026, 12:00 am", Some(1_767_225_600)),
            ("Jan 1, 2026", Some(1_767_225_600)),
            ("2026-01-01 12:00:00", Some(1_767_268_800)),
            ("1767268800", Some(1_767_268_800)),
            ("Unlimited", None),
            ("+49 30 123456", None),
            ("0000-00-00 00:00:00", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,40}", day in any::<u32>(), year in any::<u32>()) {
            let _ = (read(&text), read(&format!("May {day}, {year}, {day}:{text}")));
        }
    }
}
