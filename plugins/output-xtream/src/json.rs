//! JSON, appended to a buffer. Runs a hundred thousand times per list: it formats nothing through `fmt` and allocates nothing.
//!
//! It writes what it is told and checks no structure: a list's commas and ends are the caller's, an object's are [`Object`]'s.

/// An object being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Begins a member; its value is to be appended to the answer. Keys are plain: they are not escaped.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.out.extend_from_slice(if self.empty { b"\"" } else { b",\"" });
        self.empty = false;
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        text(self.key(key), value);
        self
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) -> &mut Self {
        number(self.key(key), value);
        self
    }

    /// A number as a text, as PHP hands out what a database column holds.
    pub(crate) fn digits(&mut self, key: &str, value: u64) -> &mut Self {
        let out = self.key(key);
        out.push(b'"');
        number(out, value);
        out.push(b'"');
        self
    }

    /// JSON that is there already.
    pub(crate) fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).extend_from_slice(value.as_bytes());
        self
    }

    pub(crate) fn end(&mut self) {
        self.out.push(b'}');
    }
}

/// Appends a text in quotes.
pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = value.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        // Bytes of longer UTF-8 sequences are 0x80 and above.
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0C => b'f',
            0..=0x1F => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        if short == 0 {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

pub(crate) fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    let mut rest = value;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Appends hundredths as a decimal number without zeros at the end: 750 is `7.5`.
pub(crate) fn hundredths(out: &mut Vec<u8>, value: u64) {
    number(out, value / 100);
    let (tenths, rest) = (value / 10 % 10, value % 10);
    if tenths + rest > 0 {
        out.extend_from_slice(&[b'.', b'0' + tenths as u8]);
    }
    if rest > 0 {
        out.push(b'0' + rest as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Object, hundredths, number, text};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn objects_have_commas_between_members() {
        assert_eq!(written(|out| Object::new(out).end()), "{}");
        let object = |out: &mut Vec<u8>| {
            Object::new(out).text("a", "x\ny").number("b", 0).digits("c", 12).raw("d", "[]").end();
        };
        assert_eq!(written(object), r#"{"a":"x\ny","b":0,"c":"12","d":[]}"#);
    }

    #[test]
    fn decimals_have_no_zeros_at_the_end() {
        for (value, expected) in
            [(0, "0"), (5, "0.05"), (10, "0.1"), (100, "1"), (750, "7.5"), (1000, "10"), (399, "3.99")]
        {
            assert_eq!(written(|out| hundredths(out, value)), expected);
        }
    }

    #[test]
    fn every_single_character_is_escaped_as_serde_does() {
        for character in (0..=0x2FF).filter_map(char::from_u32).chain(['\u{2028}', '\u{2029}', '\u{FEFF}', '😀']) {
            let value = character.to_string();
            assert_eq!(written(|out| text(out, &value)), serde_json::to_string(&value).unwrap());
        }
    }

    proptest! {
        #[test]
        fn texts_are_escaped_as_serde_does(value in "(?s).{0,40}|[\"\\\\\\x00-\\x1f<>$'😀]{0,20}") {
            prop_assert_eq!(written(|out| text(out, &value)), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn numbers_are_decimal(value: u64) {
            prop_assert_eq!(written(|out| number(out, value)), value.to_string());
        }

        #[test]
        fn hundredths_are_what_they_say(value in 0_u64..100_000) {
            let read: f64 = written(|out| hundredths(out, value)).parse().unwrap();
            prop_assert_eq!((read * 100.0).round() as u64, value);
        }
    }
}
