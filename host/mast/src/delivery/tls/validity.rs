//! From when and until when a certificate holds: two dates out of its DER (RFC 5280, section 4.1). Nothing else of it is read here; the
//! rest is rustls's.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The validity of a certificate; none where it is no certificate.
pub(super) fn of(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let mut certificate = Der(certificate).expect(SEQUENCE)?;
    let mut signed = certificate.expect(SEQUENCE)?;
    // Version, which may be missing, serial number, algorithm, issuer.
    if signed.0.first() == Some(&VERSION) {
        signed.next()?;
    }
    signed.expect(INTEGER)?;
    signed.expect(SEQUENCE)?;
    signed.expect(SEQUENCE)?;
    let mut validity = signed.expect(SEQUENCE)?;
    Some((validity.time()?, validity.time()?))
}

struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value: its tag and content.
    fn next(&mut self) -> Option<(u8, Der<'a>)> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            // Long form: so many bytes of length follow. Four are four gigabytes.
            0x81..=0x84 => {
                let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit))
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((tag, Der(content)))
    }

    fn expect(&mut self, wanted: u8) -> Option<Der<'a>> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
    }

    fn time(&mut self) -> Option<Timestamp> {
        let (tag, content) = self.next()?;
        let text = std::str::from_utf8(content.0).ok()?.strip_suffix('Z')?;
        let full = match (tag, text.len()) {
            (GENERALIZED_TIME, 14) => text.to_owned(),
            // Two digits of a year between 1950 and 2049.
            (UTC_TIME, 12) if text < "50" => format!("20{text}"),
            (UTC_TIME, 12) => format!("19{text}"),
            _ => return None,
        };
        let moment = DateTime::strptime("%Y%m%d%H%M%S", &full).ok()?;
        Offset::UTC.to_timestamp(moment).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["tv.example".to_owned()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let key = rcgen::KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("signed").der().to_vec()
    }

    #[test]
    fn dates_of_both_centuries() {
        for (from, until, expected) in [
            ((1999, 12, 31), (2030, 2, 1), ("1999-12-31T00:00:00Z", "2030-02-01T00:00:00Z")),
            ((2026, 1, 2), (2049, 12, 31), ("2026-01-02T00:00:00Z", "2049-12-31T00:00:00Z")),
            ((2026, 1, 2), (2051, 1, 1), ("2026-01-02T00:00:00Z", "2051-01-01T00:00:00Z")),
        ] {
            let (from, until) = of(&certificate(from, until)).expect("a certificate");
            assert_eq!((from.to_string().as_str(), until.to_string().as_str()), expected);
        }
    }

    proptest! {
        #[test]
        fn damaged_certificates_do_not_panic(at in 0_usize..400, with: u8, cut in 0_usize..400) {
            let mut bytes = certificate((2026, 1, 1), (2027, 1, 1));
            let length = bytes.len();
            bytes[at % length] = with;
            let _ = of(&bytes);
            let _ = of(&bytes[..cut % length]);
        }
    }
}
