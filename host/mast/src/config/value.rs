//! A TOML document as a tree of values that remember where they were written, and the environment laid over it.
//!
//! Knows nothing about which keys exist.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};

/// Prefix of environment variables that override values of `mast.toml`.
pub(crate) const OVERRIDE_PREFIX: &str = "MAST__";

/// Sections whose entries are named by the operator, with upper and lower case told apart.
const CASED_SECTIONS: [&str; 1] = ["secrets"];

/// A TOML table.
pub(crate) type Table = BTreeMap<String, Node>;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) place: Place,
    /// As it stands in the file, cut to one short line.
    pub(crate) written: String,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Flag(bool),
    Moment(String),
    List(Vec<Node>),
    Table(Table),
    /// Text of an environment variable; its type is whatever the reader asks for.
    Override(String),
}

/// Where a value was written.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Line(usize),
    Variable(String),
}

/// Parses a file's text. All syntax errors at once; their messages hold nothing of the text.
pub(crate) fn parse(text: &str, file: &Path) -> Result<Table, Problems> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(lines.table(table.get_ref()));
    }
    let syntax = |error: &toml::de::Error| Problem {
        line: error.span().map(|span| lines.line_at(span.start)),
        ..Problem::of_file(file, format!("not valid TOML: {}", error.message()))
    };
    Err(Problems(errors.iter().map(syntax).collect()))
}

/// Lays `MAST__SECTION__KEY=value` over a table. Names that no reader asks for become unknown keys.
pub(crate) fn overlay(table: &mut Table, environment: &BTreeMap<String, String>) {
    for (variable, text) in environment {
        let Some(path) = variable.strip_prefix(OVERRIDE_PREFIX) else { continue };
        let mut segments: Vec<&str> = path.split("__").collect();
        let last = segments.pop().unwrap_or_default();
        let place = Place::Variable(variable.clone());
        let mut level = &mut *table;
        let mut cased = false;
        for segment in segments {
            let key = key_for(level, segment, cased);
            cased = CASED_SECTIONS.contains(&key.as_str());
            let node = level.entry(key).or_insert_with(|| Node::table(place.clone()));
            if !matches!(node.value, Value::Table(_)) {
                *node = Node::table(place.clone());
            }
            let Value::Table(inner) = &mut node.value else { unreachable!("made a table above") };
            level = inner;
        }
        let key = key_for(level, last, cased);
        level.insert(key, Node { value: Value::Override(text.clone()), place, written: quoted(text) });
    }
}

/// The key that a segment of a variable's name means: an existing one whatever its case, or the segment in lower case.
fn key_for(level: &Table, segment: &str, cased: bool) -> String {
    let existing = level.keys().find(|key| key.eq_ignore_ascii_case(segment));
    match existing {
        Some(key) => key.clone(),
        None if cased => segment.to_owned(),
        None => segment.to_ascii_lowercase(),
    }
}

/// A text in quotes, cut to one short line.
pub(crate) fn quoted(text: &str) -> String {
    shortened(&format!("{text:?}"))
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= MOST && line.len() == text.len() {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(MOST).collect();
    cut.push('…');
    cut
}

impl Node {
    fn table(place: Place) -> Self {
        Self { value: Value::Table(Table::new()), place, written: "(section)".to_owned() }
    }
}

/// The text of a file and where its lines start.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn line_at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        // The key's place, not the value's: a table's own span is its header, or nothing where it is implied.
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            (key.get_ref().to_string(), self.node(value, key.span().start))
        };
        table.iter().map(entry).collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, key_at: usize) -> Node {
        let converted = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            // Beyond 128 bits is beyond every range that a reader can ask for.
            DeValue::Integer(number) => {
                Value::Integer(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX))
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
            DeValue::Array(items) => Value::List(items.iter().map(|item| self.node(item, item.span().start)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        let written = match &converted {
            Value::Table(_) => "(section)".to_owned(),
            _ => shortened(self.text.get(value.span()).unwrap_or_default()),
        };
        Node { value: converted, place: Place::Line(self.line_at(key_at)), written }
    }
}
