//! Attribute lists and numbers (RFC 8216, 4.2), forgiving: any order, blanks, missing quotes, names in lower case.

use std::time::Duration;

use super::ByteRange;

/// Names and values of an attribute list, quotes removed.
#[derive(Debug, Clone)]
pub(super) struct Attributes<'a>(&'a str);

impl<'a> Attributes<'a> {
    pub(super) fn new(list: &'a str) -> Self {
        Self(list)
    }

    /// The first value of this name that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.clone()
            .find(|(found, value)| found.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// A decimal integer; what stands behind it does not matter.
    pub(super) fn integer(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(integer)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_once('=')?;
        // A name without a value in front of this one belongs to neither.
        let name = name.rsplit(',').next().unwrap_or(name).trim();
        let rest = rest.trim_start();
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (value, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
                (value, rest.split_once(',').map_or("", |(_, rest)| rest))
            }
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        self.0 = rest;
        Some((name, value.trim()))
    }
}

/// Leading digits.
pub(super) fn integer(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// A number of seconds in front of a comma or blank; none for negative ones and what is no number.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let number = text.trim_start().split([',', ' ', '\t']).next()?;
    let seconds: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// `length[@offset]`; without an offset it starts at `follows`.
pub(super) fn byte_range(text: &str, follows: u64) -> Option<ByteRange> {
    let (length, offset) = match text.split_once('@') {
        Some((length, offset)) => (integer(length)?, integer(offset)?),
        None => (integer(text)?, follows),
    };
    offset.checked_add(length).filter(|_| length > 0).map(|_| ByteRange { offset, length })
}

/// `0x` and up to 32 hexadecimal digits.
pub(super) fn iv(text: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(digits, 16).ok()).flatten().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart() {
        let read = |list: &'static str| Attributes::new(list).collect::<Vec<_>>();
        for (list, expected) in [
            ("", vec![]),
            ("nonsense", vec![]),
            ("A=1", vec![("A", "1")]),
            ("A=1,B=\"x, y=z\",C=2", vec![("A", "1"), ("B", "x, y=z"), ("C", "2")]),
            (" A = 1 , B = \"x\" , C=2 ", vec![("A", "1"), ("B", "x"), ("C", "2")]),
            ("A=\"never closed,B=2", vec![("A", "never closed,B=2")]),
            ("A=\"x\"junk,B=2", vec![("A", "x"), ("B", "2")]),
            ("FLAG,A=1", vec![("A", "1")]),
            ("A=,B=2", vec![("A", ""), ("B", "2")]),
            ("A=\"\",B=2", vec![("A", ""), ("B", "2")]),
            ("URI=http://tv.example/a?b=c,B=2", vec![("URI", "http://tv.example/a?b=c"), ("B", "2")]),
        ] {
            assert_eq!(read(list), expected, "{list}");
        }
        let list = Attributes::new("bandwidth=,BANDWIDTH=1280000.5,Bandwidth=3");
        assert_eq!(list.integer("BANDWIDTH"), Some(1_280_000));
        assert_eq!(list.get("URI"), None);
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("10", Some(10_000)),
            ("9.967,", Some(9967)),
            (" 4.0 ,title", Some(4000)),
            ("6 tvg-id=\"x\",Name", Some(6000)),
            ("1e1,", Some(10_000)),
            ("0,", Some(0)),
            ("-1,Name", None),
            ("NaN,", None),
            ("inf,", None),
            ("1e300,", None),
            ("", None),
            ("ten,", None),
        ] {
            assert_eq!(seconds(text), expected.map(Duration::from_millis), "{text}");
        }
        for (text, expected) in [
            ("100@5", Some((5, 100))),
            ("100", Some((77, 100))),
            ("0@5", None),
            ("100@", None),
            ("2@18446744073709551615", None),
            ("x", None),
        ] {
            assert_eq!(byte_range(text, 77).map(|range| (range.offset, range.length)), expected, "{text}");
        }
        assert_eq!(iv("0x0F").map(|iv| iv[15]), Some(15));
        assert_eq!(iv(&format!("0X{}", "ab".repeat(16))), Some([0xab; 16]));
        for bad in ["", "0x", "15", "0x+1", &format!("0x{}", "ab".repeat(17))] {
            assert_eq!(iv(bad), None, "{bad}");
        }
    }
}
