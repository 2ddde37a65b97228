//! JSON that somebody else wrote: lists read as they arrive, and fields whose types nobody agrees on.
//!
//! [`rows`] never holds more than one row. What stands where an object was expected is counted and passed over; only what is no JSON, or ends too
//! early, is an error. No message quotes the answer, which may hold credentials.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// How much of an answer [`Answer`] looks at before it is read.
const HEAD: usize = 256;
/// How many fields around a list are kept, and how long a text among them may be.
const MOST_AROUND: usize = 64;
const LONGEST_AROUND: usize = 1024;

/// The bytes of an answer, without a byte order mark and blanks before it, and with its beginning known.
pub struct Answer<R> {
    head: Vec<u8>,
    taken: usize,
    rest: R,
}

impl<R: Read> Answer<R> {
    /// Reads the beginning.
    pub fn new(mut rest: R) -> Result<Self> {
        let mut head = Vec::with_capacity(HEAD);
        loop {
            (&mut rest).take((HEAD - head.len()) as u64).read_to_end(&mut head)?;
            let before = head.len();
            let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&head);
            let blanks = before - text.trim_ascii_start().len();
            head.drain(..blanks);
            // Blanks fill the whole head only where there are more of them.
            if before < HEAD || !head.is_empty() {
                return Ok(Self { head, taken: 0, rest });
            }
        }
    }

    /// The answer begins with this, whatever the case.
    pub fn starts_with(&self, text: &str) -> bool {
        self.head.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }
}

impl<R: Read> Read for Answer<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.head.len() {
            return self.rest.read(buffer);
        }
        let count = (&self.head[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

/// The fields of an object. Whoever reads one says what it is to be, and gets nothing where it cannot be that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(pub Map<String, Value>);

impl Fields {
    /// Of a value that is an object; none at all of any other.
    pub fn of(value: Value) -> Self {
        if let Value::Object(fields) = value { Self(fields) } else { Self::default() }
    }

    /// Takes out an object inside; none at all where it is anything else, such as the empty list that stands for an empty object.
    pub fn object(&mut self, name: &str) -> Self {
        self.0.get_mut(name).map(|value| Self::of(value.take())).unwrap_or_default()
    }

    /// A text that is not empty, without blanks around it; a number is one.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.0.get(name)?)
    }

    /// The first of several that is a text.
    pub fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A whole number from 0 on, also as text or with a fraction, which is cut off.
    pub fn whole(&self, name: &str) -> Option<u64> {
        whole(self.0.get(name)?)
    }

    /// A number, also as text.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// Yes: `true`, a number that is not 0, and the words for them.
    pub fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_f64().is_some_and(|number| number != 0.0),
            Some(Value::String(text)) => {
                let text = text.trim();
                text.parse::<f64>().map_or_else(
                    |_| ["true", "yes", "on"].iter().any(|word| text.eq_ignore_ascii_case(word)),
                    |number| number != 0.0,
                )
            }
            _ => false,
        }
    }
}

/// As [`Fields::text`].
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// As [`Fields::whole`].
pub fn whole(value: &Value) -> Option<u64> {
    let of = |number: f64| (number.is_finite() && (0.0..1e15).contains(&number)).then_some(number as u64);
    match value {
        Value::Number(number) => number.as_u64().or_else(|| of(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| of(text.trim().parse().ok()?)),
        _ => None,
    }
}

/// A whole document of at most `most` bytes. `what` names it in errors.
pub fn document(answer: impl Read, what: &str, most: usize) -> Result<Value> {
    let mut answer = Answer::new(answer)?;
    refuse(&answer, what)?;
    let mut bytes = Vec::new();
    (&mut answer).take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(Error::new(
            crate::Code::Limit,
            format!("{what} has more than {most} bytes, which is not expected here"),
        ));
    }
    serde_json::from_slice(&bytes).map_err(|error| not_json(what, &error))
}

/// What was around and between the rows.
#[derive(Debug, Default, PartialEq)]
pub struct Outline {
    /// There was a list.
    pub list: bool,
    /// Objects that were handed out.
    pub rows: u64,
    /// Members of a list that are no objects.
    pub others: u64,
    /// Numbers, texts and flags beside the list, at most 64 of them.
    pub around: Fields,
}

impl Outline {
    /// Neither a list nor anything that tells of something else: how some write an empty list.
    pub fn is_nothing(&self) -> bool {
        !self.list && self.rows == 0 && self.around.0.is_empty()
    }
}

/// Hands out the objects of a list as they arrive, or the values of an object in its place, with their keys.
///
/// A member of an object that is called as one of `enter` is gone into instead of being a row: `["js", "data"]` finds the list of
/// `{"js": {"data": [..]}}`. `what` names the answer in errors. An error of `each` ends it and comes back.
pub fn rows(
    answer: impl Read,
    what: &str,
    enter: &[&str],
    mut each: impl FnMut(Option<&str>, Fields) -> Result<()>,
) -> Result<Outline> {
    let answer = Answer::new(answer)?;
    refuse(&answer, what)?;
    let mut outline = Outline::default();
    let failed = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_reader(answer);
    let walk = Walk { enter, each: &mut each, outline: &mut outline, failed: &failed };
    let read = walk.deserialize(&mut reader).and_then(|()| reader.end());
    match (failed.take(), read) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => {
            let error = if error.is_io() { io::Error::from(error).into() } else { not_json(what, &error) };
            Err(error)
        }
        (None, Ok(())) => Ok(outline),
    }
}

fn refuse<R: Read>(answer: &Answer<R>, what: &str) -> Result<()> {
    if answer.is_empty() {
        return Err(Error::malformed(format!(
            "{what} is empty; the upstream may be overloaded or refuse this address"
        )));
    }
    if answer.starts_with("<") {
        return Err(Error::malformed(format!(
            "{what} is a web page and no JSON; check the address, and whether the upstream blocks this server or its user agent"
        )));
    }
    Ok(())
}

fn not_json(what: &str, error: &serde_json::Error) -> Error {
    let why = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it has a mistake",
    };
    Error::malformed(format!("{what} is not the JSON that was expected: {why} at line {}", error.line()))
}

type Each<'a> = dyn FnMut(Option<&str>, Fields) -> Result<()> + 'a;

struct Walk<'a, 'e> {
    enter: &'a [&'a str],
    each: &'a mut Each<'e>,
    outline: &'a mut Outline,
    failed: &'a Cell<Option<Error>>,
}

impl<'a, 'e> Walk<'a, 'e> {
    fn inside(&mut self) -> Walk<'_, 'e> {
        Walk { enter: self.enter, each: self.each, outline: self.outline, failed: self.failed }
    }

    fn row<E: serde::de::Error>(&mut self, key: Option<&str>, fields: Fields) -> Result<(), E> {
        self.outline.rows += 1;
        (self.each)(key, fields).map_err(|error| {
            self.failed.set(Some(error));
            E::custom("stopped")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.outline.list = true;
        while let Some(member) = list.next_element::<Value>()? {
            match member {
                Value::Object(fields) => self.row(None, Fields(fields))?,
                _ => self.outline.others += 1,
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if self.enter.contains(&key.as_str()) {
                map.next_value_seed(self.inside())?;
                continue;
            }
            match map.next_value::<Value>()? {
                Value::Object(fields) => self.row(Some(&key), Fields(fields))?,
                Value::Null | Value::Array(_) => {}
                Value::String(text) if text.len() > LONGEST_AROUND => {}
                value if self.outline.around.0.len() < MOST_AROUND => drop(self.outline.around.0.insert(key, value)),
                _ => {}
            }
        }
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.is_empty() { Ok(()) } else { Err(E::custom("a text instead of a list")) }
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(E::custom("a number instead of a list"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Found = Vec<(Option<String>, u64)>;

    fn read(text: &str, enter: &[&str]) -> Result<(Found, Outline)> {
        let mut found = Vec::new();
        let outline = rows(text.as_bytes(), "the list", enter, |key, row| {
            found.push((key.map(str::to_owned), row.whole("id").unwrap_or_default()));
            Ok(())
        })?;
        Ok((found, outline))
    }

    #[test]
    fn lists_in_every_shape() {
        let check = |text: &str, enter: &[&str], expected: &[u64], list: bool| {
            let (found, outline) = read(text, enter).unwrap();
            assert_eq!(found.iter().map(|(_, id)| *id).collect::<Vec<_>>(), expected, "{text}");
            assert_eq!(outline.list, list, "{text}");
        };
        check(r#"[{"id":1},null,"x",[2],{"id":"3"}]"#, &[], &[1, 3], true);
        check(r#"{"7":{"id":1},"8":{"id":2}}"#, &[], &[1, 2], false);
        check("\u{feff} \r\n[{\"id\":1}] \n", &[], &[1], true);
        check(
            r#"{"js":{"total_items":"9","data":[{"id":1}],"more":{"id":5}},"text":""}"#,
            &["js", "data"],
            &[1, 5],
            true,
        );
        check(r#"{"js":{"data":{"0":{"id":1}}}}"#, &["js", "data"], &[1], false);
        check(r#"{"js":[{"id":1}]}"#, &["js", "data"], &[1], true);
        for nothing in ["null", "false", "\"\"", "{}", "{\"js\":null}", "{\"js\":false}"] {
            assert!(read(nothing, &["js"]).unwrap().1.is_nothing(), "{nothing}");
        }
        check(&format!("{}[{{\"id\":1}}]", " ".repeat(3 * HEAD)), &[], &[1], true);
        let (found, outline) = read(r#"{"js":{"total_items":"9","data":[]},"1":{"id":4}}"#, &["js", "data"]).unwrap();
        assert_eq!(found, [(Some("1".to_owned()), 4)]);
        assert_eq!(outline.around.whole("total_items"), Some(9));
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for (text, why) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("<html>", "web page"),
            ("[{\"id\":1},", "ends too early"),
            ("[{\"id\":1}", "ends too early"),
            ("[{\"id\":1}] x", "a mistake"),
            ("Authorization failed.", "a mistake"),
            ("\"denied\"", "a mistake"),
            ("5", "a mistake"),
        ] {
            let error = read(text, &[]).unwrap_err();
            assert!(error.message.contains(why), "{text}: {error}");
            assert_eq!(error.code, crate::Code::Malformed, "{text}");
        }
        let stopped = rows(&b"[{},{}]"[..], "the list", &[], |_, _| Err(Error::internal("enough"))).unwrap_err();
        assert_eq!(stopped.message, "enough");
    }

    #[test]
    fn scalars_of_every_type() {
        let check = |value: Value, text: Option<&str>, whole: Option<u64>, number: Option<f64>, flag: bool| {
            let fields = Fields::of(json!({ "x": value }));
            let found = (fields.text("x"), fields.whole("x"), fields.number("x"), fields.flag("x"));
            assert_eq!(found, (text.map(str::to_owned), whole, number, flag), "{value}");
        };
        check(json!(null), None, None, None, false);
        check(json!(""), None, None, None, false);
        check(json!(" 7 "), Some("7"), Some(7), Some(7.0), true);
        check(json!(7), Some("7"), Some(7), Some(7.0), true);
        check(json!("7.9"), Some("7.9"), Some(7), Some(7.9), true);
        check(json!(-1), Some("-1"), None, Some(-1.0), true);
        check(json!("0"), Some("0"), Some(0), Some(0.0), false);
        check(json!(true), None, None, None, true);
        check(json!("true"), Some("true"), None, None, true);
        check(json!("inf"), Some("inf"), None, None, true);
        check(json!([1]), None, None, None, false);
        check(json!({}), None, None, None, false);
    }

    #[test]
    fn documents_have_a_bound() {
        assert_eq!(document(&b"\xEF\xBB\xBF{}"[..], "it", 2).unwrap(), json!({}));
        assert_eq!(document(&b"{}   "[..], "it", 4).unwrap_err().code, crate::Code::Limit);
    }
}
