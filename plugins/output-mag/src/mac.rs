//! Who a request says it is: the MAC address and the token, as boxes and their imitators send them.

use mast_sdk::output::Request;

/// The MAC address of the request's cookie, or of its query: `00:1a:79:00:00:01`. None where there is none, or where it is not one.
pub(crate) fn of(request: &Request) -> Option<String> {
    let cookie = cookie(request, "mac").map(|value| decode(&value));
    parse(cookie.as_deref().or_else(|| request.query("mac"))?)
}

/// The token that the request carries.
pub(crate) fn token(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.trim().split_once(' ')?;
    let token = token.trim();
    let is_ours = token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    (scheme.eq_ignore_ascii_case("bearer") && is_ours).then_some(token)
}

/// A MAC address in any notation: 12 hexadecimal digits, with colons, dashes or nothing between the pairs.
pub(crate) fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    let separator = text.chars().nth(2).filter(|c| matches!(c, ':' | '-'));
    let digits: Vec<char> = match separator {
        None => text.chars().collect(),
        Some(separator) => {
            let pairs: Vec<&str> = text.split(separator).collect();
            if pairs.iter().any(|pair| pair.len() != 2) {
                return None;
            }
            pairs.concat().chars().collect()
        }
    };
    if digits.len() != 12 || !digits.iter().all(char::is_ascii_hexdigit) {
        return None;
    }
    let pairs: Vec<String> =
        digits.chunks(2).map(|pair| pair.iter().collect::<String>().to_ascii_lowercase()).collect();
    Some(pairs.join(":"))
}

fn cookie(request: &Request, name: &str) -> Option<String> {
    let cookies = request.header("cookie")?.split(';');
    cookies
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// Takes percent-encoding away; what is not a whole escape stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| behind.get(..2)).flatten().and_then(|digits| {
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            u8::try_from(digit(0)? * 16 + digit(1)?).ok()
        });
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use mast_sdk::output::Request;
    use proptest::prelude::*;

    use super::{of, parse, token};

    #[test]
    fn notations() {
        for (text, expected) in [
            ("00:1A:79:00:00:01", Some("00:1a:79:00:00:01")),
            ("00-1a-79-00-00-01", Some("00:1a:79:00:00:01")),
            ("001A79000001", Some("00:1a:79:00:00:01")),
            (" 00:1A:79:00:00:01 ", Some("00:1a:79:00:00:01")),
            ("", None),
            ("00:1A:79:00:00", None),
            ("00:1A:79:00:00:01:02", None),
            ("00:1A-79:00:00:01", None),
            ("0:01A:79:00:00:01", None),
            ("00:1A:79:00:00:0G", None),
            ("00:1A:79:00:00:0é", None),
            ("'; DROP TABLE--", None),
        ] {
            assert_eq!(parse(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn cookies() {
        for (cookie, query, expected) in [
            ("mac=00%3A1A%3A79%3A00%3A00%3A01; stb_lang=en; timezone=Europe%2FKiev", "", Some("00:1a:79:00:00:01")),
            ("stb_lang=en;mac=00:1A:79:00:00:01", "", Some("00:1a:79:00:00:01")),
            ("stb_lang=en", "001A79000002", Some("00:1a:79:00:00:02")),
            // A cookie that is wrong is not mended by the query.
            ("mac=0", "001A79000002", None),
            ("mac=%", "", None),
            ("mac=%zz%3", "", None),
            ("xmac=001A79000001", "", None),
        ] {
            let mut request = Request::test("api", "/", &[("mac", query)]);
            request.headers.push(("cookie".into(), cookie.into()));
            assert_eq!(of(&request).as_deref(), expected, "{cookie}");
        }
    }

    #[test]
    fn tokens() {
        let good = "0123456789abcdef0123456789abcdef";
        for (header, expected) in [
            (format!("Bearer {good}"), Some(good)),
            (format!("bearer  {good} "), Some(good)),
            (format!("Basic {good}"), None),
            (good.to_owned(), None),
            ("Bearer ".to_owned(), None),
            ("Bearer null".to_owned(), None),
            (format!("Bearer {good}0"), None),
            (format!("Bearer {}", "é".repeat(16)), None),
        ] {
            let mut request = Request::test("api", "/", &[]);
            request.headers.push(("authorization".into(), header.clone()));
            assert_eq!(token(&request), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_a_mac(text in ".*", cookie in "(mac=)?.*") {
            let found = [parse(&text), {
                let mut request = Request::test("api", "/", &[]);
                request.headers.push(("cookie".into(), cookie));
                of(&request)
            }];
            for mac in found.into_iter().flatten() {
                prop_assert_eq!(mac.len(), 17);
                prop_assert_eq!(parse(&mac), Some(mac));
            }
        }
    }
}
