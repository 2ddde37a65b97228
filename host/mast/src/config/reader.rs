//! Reading a configuration section by section. Each room asks its section for the keys it knows; the reader collects every
//! problem, hands out the default where a value is unusable so that reading goes on, and refuses the keys that nobody asked for.
//!
//! It knows no key by name. A configuration that had a problem is never handed out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mast_model::{ByteSize, Span};

use super::problem::{Problem, Problems, showable};
use super::setting::Setting;
use super::value::{Node, Place, Table, Value};

/// The file being read and what was found wrong with it so far.
pub(crate) struct Reader {
    file: PathBuf,
    /// What relative paths are relative to.
    base: PathBuf,
    environment: BTreeMap<String, String>,
    problems: RefCell<Vec<Problem>>,
    known: RefCell<BTreeSet<String>>,
}

impl Reader {
    /// Reads a parsed file; `environment` is what secrets may be taken from.
    pub(crate) fn new(file: &Path, environment: BTreeMap<String, String>) -> Self {
        // A file name without a folder is in the current one; std::path::absolute fails only where that is gone.
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let base = absolute.parent().map_or_else(PathBuf::new, Path::to_owned);
        Self { file: file.to_owned(), base, environment, problems: RefCell::default(), known: RefCell::default() }
    }

    /// Hands the root section to `read` and its result out, unless there was a problem.
    pub(crate) fn read<T>(&self, table: &Table, read: impl FnOnce(&Section<'_>) -> T) -> Result<T, Problems> {
        let (result, problems) = self.read_leniently(table, read);
        if problems.0.is_empty() { Ok(result) } else { Err(problems) }
    }

    /// What `read` made of the root section, with the default for every value that was a problem.
    pub(crate) fn read_leniently<T>(&self, table: &Table, read: impl FnOnce(&Section<'_>) -> T) -> (T, Problems) {
        let root = Section::new(self, String::new(), String::new(), Some(table), None);
        let result = read(&root);
        drop(root);
        let mut problems = self.problems.take();
        problems.sort_by_key(|problem| (problem.variable.is_some(), problem.line));
        (result, Problems(problems))
    }

    /// Every key that was asked for, for example `http.listen` and `bouquet.NAME.sources`.
    #[cfg(test)]
    pub(crate) fn known(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }

    /// A variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }
}

/// One section. When dropped, it reports the keys that were not asked for.
pub(crate) struct Section<'a> {
    reader: &'a Reader,
    path: String,
    /// The path with `NAME` for names that the operator chose.
    pattern: String,
    table: Option<&'a Table>,
    place: Option<Place>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'a> Section<'a> {
    fn new(reader: &'a Reader, path: String, pattern: String, table: Option<&'a Table>, place: Option<Place>) -> Self {
        Self { reader, path, pattern, table, place, asked: RefCell::default() }
    }

    /// What `read` makes of an empty section: the defaults.
    pub(crate) fn defaults<T>(read: impl FnOnce(&Section<'_>) -> T) -> T {
        let reader = Reader::new(Path::new("defaults"), BTreeMap::new());
        read(&Section::new(&reader, String::new(), String::new(), None, None))
    }

    /// The reader, for what is not in the section itself.
    pub(crate) fn reader(&self) -> &'a Reader {
        self.reader
    }

    /// Whether the key is there, usable or not.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.node(key).is_some()
    }

    /// A value, or none where it is missing.
    pub(crate) fn optional<T: Setting>(&self, key: &str) -> Option<T> {
        let node = self.node(key)?;
        let found = T::from_value(&node.value);
        if found.is_none() {
            self.unexpected(key, node, T::EXPECTED);
        }
        found
    }

    /// A value or its default.
    pub(crate) fn or<T: Setting>(&self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// A whole number within a range, or its default.
    pub(crate) fn integer<N>(&self, key: &str, default: N, range: RangeInclusive<N>) -> N
    where
        N: TryFrom<i128> + PartialOrd + std::fmt::Display,
    {
        let Some(node) = self.node(key) else { return default };
        let number = i128::from_value(&node.value).and_then(|number| N::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                self.unexpected(key, node, &format!("a whole number from {} to {}", range.start(), range.end()));
                default
            }
        }
    }

    /// A span of time within a range, or its default.
    pub(crate) fn span(&self, key: &str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        let shown = (Span(*range.start()).to_string(), Span(*range.end()).to_string());
        self.within(key, default, range, shown)
    }

    /// A size within a range, or its default.
    pub(crate) fn size(&self, key: &str, default: ByteSize, range: RangeInclusive<ByteSize>) -> ByteSize {
        let shown = (range.start().to_string(), range.end().to_string());
        self.within(key, default, range, shown)
    }

    fn within<T: Setting + PartialOrd>(
        &self,
        key: &str,
        default: T,
        range: RangeInclusive<T>,
        (least, most): (String, String),
    ) -> T {
        let Some(node) = self.node(key) else { return default };
        match T::from_value(&node.value) {
            Some(value) if range.contains(&value) => value,
            Some(_) => {
                self.unexpected(key, node, &format!("from {least} to {most}"));
                default
            }
            None => {
                self.unexpected(key, node, T::EXPECTED);
                default
            }
        }
    }

    /// One of several words, or the default.
    pub(crate) fn choice<T: Copy>(&self, key: &str, default: T, words: &[(&str, T)]) -> T {
        self.optional_choice(key, words).unwrap_or(default)
    }

    /// One of several words, or none where it is missing.
    pub(crate) fn optional_choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let node = self.node(key)?;
        let text = super::setting::text_of(&node.value);
        let found = words.iter().find(|(word, _)| Some(*word) == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.unexpected(key, node, &format!("one of {}", names.join(", ")));
        }
        found
    }

    /// A list, empty where it is missing. Elements that do not fit are reported one by one and left out.
    pub(crate) fn list<T: Setting>(&self, key: &str) -> Vec<T> {
        self.optional_list(key).unwrap_or_default()
    }

    /// A list, or one value of its kind without brackets; empty where it is missing.
    pub(crate) fn one_or_more<T: Setting>(&self, key: &str) -> Vec<T> {
        match self.node(key).map(|node| &node.value) {
            Some(Value::List(_) | Value::Override(_)) => self.list(key),
            _ => self.optional(key).into_iter().collect(),
        }
    }

    /// A list, or none where it is missing.
    pub(crate) fn optional_list<T: Setting>(&self, key: &str) -> Option<Vec<T>> {
        let node = self.node(key)?;
        let from_variable: Vec<Node>;
        let elements = match &node.value {
            Value::List(elements) => elements,
            Value::Override(text) => {
                let element = |part: &str| Node {
                    value: Value::Override(part.to_owned()),
                    place: node.place.clone(),
                    written: super::value::quoted(part),
                };
                from_variable = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(element).collect();
                &from_variable
            }
            _ => {
                self.unexpected(key, node, &format!("a list in square brackets, each element {}", T::EXPECTED));
                return Some(Vec::new());
            }
        };
        let read = |(index, element): (usize, &Node)| {
            let value = T::from_value(&element.value);
            if value.is_none() {
                self.unexpected(&format!("{key}[{index}]"), element, T::EXPECTED);
            }
            value
        };
        Some(elements.iter().enumerate().filter_map(read).collect())
    }

    /// A path made absolute, or none where it is missing.
    pub(crate) fn optional_path(&self, key: &str) -> Option<PathBuf> {
        self.optional::<String>(key).map(|path| self.absolute(&path))
    }

    /// Paths made absolute.
    pub(crate) fn paths(&self, key: &str) -> Vec<PathBuf> {
        self.list::<String>(key).iter().map(|path| self.absolute(path)).collect()
    }

    /// A path as written in the file, made absolute.
    pub(crate) fn absolute(&self, path: &str) -> PathBuf {
        self.reader.base.join(path)
    }

    /// A section below this one; empty where it is missing.
    pub(crate) fn section(&self, key: &str) -> Section<'a> {
        self.section_as(key, key)
    }

    fn section_as(&self, key: &str, pattern: &str) -> Section<'a> {
        let pattern = join(&self.pattern, pattern);
        let node = self.node_as(key, &pattern);
        let table = node.and_then(|node| match &node.value {
            Value::Table(table) => Some(table),
            _ => {
                self.unexpected(key, node, &format!("a section, written [{}] or {{ key = value }}", self.path_of(key)));
                None
            }
        });
        let place = node.map(|node| node.place.clone());
        Section::new(self.reader, self.path_of(key), pattern, table, place)
    }

    /// All entries of this section as sections named by the operator.
    pub(crate) fn named_sections(&self) -> Vec<(String, Section<'a>)> {
        let names = self.table.into_iter().flat_map(|table| table.keys().cloned());
        names.map(|name| (name.clone(), self.section_as(&name, "NAME"))).collect()
    }

    /// The elements of a list of sections, written `[[section.key]]`; none where it is missing.
    pub(crate) fn listed_sections(&self, key: &str) -> Vec<Section<'a>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let expected = || format!("a list of sections, each written [[{}]] or {{ key = value }}", self.path_of(key));
        let Value::List(elements) = &node.value else {
            self.unexpected(key, node, &expected());
            return Vec::new();
        };
        let pattern = join(&self.pattern, key);
        let section = |(index, element): (usize, &'a Node)| {
            let path = format!("{}[{index}]", self.path_of(key));
            let Value::Table(table) = &element.value else {
                self.unexpected(&format!("{key}[{index}]"), element, &expected());
                return None;
            };
            Some(Section::new(self.reader, path, pattern.clone(), Some(table), Some(element.place.clone())))
        };
        elements.iter().enumerate().filter_map(section).collect()
    }

    /// A section as it is, for whoever else validates it. An empty one where it is missing.
    pub(crate) fn json(&self, key: &str) -> serde_json::Value {
        let empty = || serde_json::Value::Object(serde_json::Map::new());
        let Some(node) = self.node(key) else { return empty() };
        if !matches!(node.value, Value::Table(_)) {
            self.unexpected(key, node, &format!("a section, written [{}] or {{ key = value }}", self.path_of(key)));
            return empty();
        }
        self.json_of(key, node)
    }

    fn json_of(&self, key: &str, node: &Node) -> serde_json::Value {
        use serde_json::Value as Json;
        match &node.value {
            Value::Text(text) | Value::Override(text) | Value::Moment(text) => Json::String(text.clone()),
            Value::Flag(flag) => Json::Bool(*flag),
            Value::Integer(number) => match i64::try_from(*number) {
                Ok(number) => Json::from(number),
                Err(_) => {
                    self.unexpected(key, node, "a whole number of at most 64 bits");
                    Json::Null
                }
            },
            Value::Float(number) => serde_json::Number::from_f64(*number).map(Json::Number).unwrap_or_else(|| {
                self.unexpected(key, node, "a finite number");
                Json::Null
            }),
            Value::List(items) => {
                let item = |(index, item)| self.json_of(&format!("{key}[{index}]"), item);
                Json::Array(items.iter().enumerate().map(item).collect())
            }
            Value::Table(table) => {
                let entry = |(name, node): (&String, &Node)| (name.clone(), self.json_of(&join(key, name), node));
                Json::Object(table.iter().map(entry).collect())
            }
        }
    }

    /// Reports a problem that the room found. The first problem of a key wins.
    pub(crate) fn problem(&self, key: &str, message: impl Into<String>) {
        let node = self.table.and_then(|table| table.get(key));
        let place = node.map(|node| &node.place).or(self.place.as_ref());
        let written = node.map(|node| node.written.as_str()).filter(|_| !matches!(node, Some(n) if n.is_table()));
        self.report(key, place, written, message.into());
    }

    fn unexpected(&self, key: &str, node: &Node, expected: &str) {
        let written = (!node.is_table()).then_some(node.written.as_str());
        let message = match node.is_table() {
            true => format!("is a section; expected {expected}"),
            false => format!("expected {expected}"),
        };
        self.report(key, Some(&node.place), written, message);
    }

    fn report(&self, key: &str, place: Option<&Place>, written: Option<&str>, message: String) {
        let path = self.path_of(key);
        let mut problems = self.reader.problems.borrow_mut();
        // What is below an unusable section is only an echo.
        let echo = |earlier: &Problem| {
            path.strip_prefix(&earlier.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if problems.iter().any(echo) {
            return;
        }
        let value = written.and_then(|written| showable(&path, written));
        let (line, variable) = match place {
            Some(Place::Line(line)) => (Some(*line), None),
            Some(Place::Variable(name)) => (None, Some(name.clone())),
            None => (None, None),
        };
        problems.push(Problem { file: self.reader.file.clone(), line, variable, key: path, value, message });
    }

    fn node(&self, key: &str) -> Option<&'a Node> {
        self.node_as(key, &join(&self.pattern, key))
    }

    fn node_as(&self, key: &str, pattern: &str) -> Option<&'a Node> {
        if self.asked.borrow_mut().insert(key.to_owned()) {
            self.reader.known.borrow_mut().insert(pattern.to_owned());
        }
        self.table?.get(key)
    }

    fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let asked = self.asked.take();
        for (key, node) in self.table.into_iter().flatten().filter(|(key, _)| !asked.contains(*key)) {
            let close = asked.iter().map(|known| (strsim::damerau_levenshtein(known, key), known)).min();
            let message = match close {
                Some((distance, known)) if distance <= 1 + key.len() / 4 => {
                    format!("is not a known key; did you mean \"{known}\"?")
                }
                _ if asked.is_empty() => "is not a known key; this section has none".to_owned(),
                _ => {
                    let known: Vec<&str> = asked.iter().map(String::as_str).collect();
                    format!("is not a known key; known here: {}", known.join(", "))
                }
            };
            self.report(key, Some(&node.place), None, message);
        }
    }
}

impl Node {
    fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
