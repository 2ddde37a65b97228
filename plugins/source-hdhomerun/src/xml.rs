//! A lineup in XML, as tuners write it that know no JSON: `<Lineup><Program><GuideNumber>5.1</GuideNumber>..</Program></Lineup>`.
//!
//! It is no XML parser: attributes, comments and CDATA do not occur in what tuners write, and what they would hide is not found.

use mast_sdk::json::Fields;
use mast_sdk::{Error, Result};
use serde_json::Value;

/// Hands out the channels as if they were of JSON.
pub(crate) fn rows(text: &str, mut each: impl FnMut(Fields) -> Result<()>) -> Result<()> {
    let broken = || Error::malformed("the lineup is not the XML that was expected, or ends too early");
    let mut rest = text.split_once("<Lineup").ok_or_else(broken)?.1;
    let end = rest.rfind("</Lineup>");
    if end.is_none() && !rest.trim_end().ends_with("/>") {
        return Err(broken());
    }
    rest = &rest[..end.unwrap_or_default()];
    while let Some((_, behind)) = rest.split_once("<Program>") {
        let (program, after) = behind.split_once("</Program>").ok_or_else(broken)?;
        each(fields(program))?;
        rest = after;
    }
    Ok(())
}

fn fields(mut rest: &str) -> Fields {
    let mut fields = Fields::default();
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((name, after)) = behind.split_once('>') else { break };
        rest = after;
        if let Some((value, after)) = after.split_once(&format!("</{name}>")) {
            fields.0.insert(name.to_owned(), Value::String(unescape(value)));
            rest = after;
        }
    }
    fields
}

/// The five names and the numbers; anything else stays as it is.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let found = behind.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        rest = match found {
            Some((c, after)) => {
                out.push(c);
                after
            }
            None => {
                out.push('&');
                behind
            }
        };
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references() {
        for (text, expected) in [
            ("A &amp; B &lt;&gt;&quot;&apos;", "A & B <>\"'"),
            ("&#228;&#xE4;", "ää"),
            ("R&B & &unknown; &#x110000; &", "R&B & &unknown; &#x110000; &"),
            ("&amp;lt;", "&lt;"),
        ] {
            assert_eq!(unescape(text), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(<Lineup>)?(<Program>|</Program>|<URL>|</URL>|&|;|#x|[a-z]|</Lineup>){0,30}") {
            let _ = rows(&text, |_| Ok(()));
        }

        #[test]
        fn texts_come_back(text in "[^\\x00-\\x1f]{0,30}") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            prop_assert_eq!(unescape(&escaped), text);
        }
    }
}
