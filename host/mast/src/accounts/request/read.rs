//! Reading the terms of a line. They stand among other fields (`flatten`), where serde loses the name of the field that is wrong: here it is
//! kept, in front of what is wrong with it.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::LineTerms;

macro_rules! terms {
    ($($name:ident),*; $($cleared:ident),*) => {
        const FIELDS: &[&str] = &[$(stringify!($name),)* $(stringify!($cleared),)*];

        impl<'de> Visitor<'de> for Terms {
            type Value = LineTerms;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the terms of a line")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LineTerms, A::Error> {
                let mut terms = LineTerms::default();
                while let Some(name) = map.next_key::<String>()? {
                    let named = |error: A::Error| A::Error::custom(format!("{name}: {error}"));
                    match name.as_str() {
                        $(stringify!($name) => terms.$name = map.next_value().map_err(named)?,)*
                        // null says something here: that there is none.
                        $(stringify!($cleared) => terms.$cleared = Some(map.next_value().map_err(named)?),)*
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(terms)
            }
        }
    };
}

struct Terms;

terms! {
    max_connections, above_limit, active, trial, bouquets, macs, outputs, profiles, networks, countries, devices, notes;
    expires, email
}

impl<'de> Deserialize<'de> for LineTerms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("LineTerms", FIELDS, Terms)
    }
}

#[cfg(test)]
mod tests {
    use crate::accounts::{LinePatch, LineRequest, LineTerms};

    #[test]
    fn a_wrong_term_is_named() {
        for (text, expected) in [
            (r#"{"username": "a", "max_connections": "x"}"#, "max_connections: invalid type"),
            (r#"{"username": "a", "expires": "tomorrow"}"#, "expires: "),
            (r#"{"username": "a", "above_limit": "wait"}"#, "above_limit: unknown variant"),
            (r#"{"username": "a", "bouquets": "one"}"#, "bouquets: invalid type"),
            (r#"{"username": "a", "max_conections": 1}"#, "unknown field `max_conections`"),
        ] {
            let error = serde_json::from_str::<LineRequest>(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn null_is_something_else_than_nothing() {
        let patch: LinePatch =
            serde_json::from_str(r#"{"expires": null, "active": null, "notes": ""}"#).expect("a patch");
        let expected = LineTerms { expires: Some(None), notes: Some(String::new()), ..LineTerms::default() };
        assert_eq!(patch.terms, expected);
    }
}
