//! Path patterns: literal segments, `{name}` with an optional literal suffix for one segment, `{*name}` for the rest.

use std::cmp::{Ordering, Reverse};

use mast_plugin::records::Pairs;
use percent_encoding::percent_decode_str;

/// A pattern longer than this is a mistake.
const MAX_LENGTH: usize = 256;

/// More segments than this match nothing.
const MAX_SEGMENTS: usize = 32;

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter { name: String, suffix: String },
    Rest { name: String },
}

/// A pattern without its parameters' names: two patterns of one shape match the same paths. Sorts the more specific first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape(Vec<Part>);

/// The order of the variants is the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Literal(String),
    /// A longer suffix is more specific.
    Parameter(Reverse<usize>, String),
    Rest,
}

/// Segments of a request's path, decoded one by one so that an escaped slash separates nothing.
pub(super) fn decode(path: &str) -> Option<Vec<String>> {
    let segments = path.strip_prefix('/')?.split('/').take(MAX_SEGMENTS + 1);
    let segments: Option<Vec<String>> =
        segments.map(|segment| percent_decode_str(segment).decode_utf8().ok().map(Into::into)).collect();
    segments.filter(|segments| segments.len() <= MAX_SEGMENTS)
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix('/').ok_or("the path does not start with a slash")?;
        if text.len() > MAX_LENGTH || path.split('/').count() > MAX_SEGMENTS {
            return Err(format!("the path has more than {MAX_LENGTH} bytes or {MAX_SEGMENTS} segments"));
        }
        let last = path.split('/').count() - 1;
        let mut segments = Vec::with_capacity(last + 1);
        for (index, segment) in path.split('/').enumerate() {
            // Only the last may be empty: a slash at the end.
            if segment.is_empty() && index < last {
                return Err("the path has an empty segment".to_owned());
            }
            let parsed = Segment::parse(segment)?;
            if matches!(parsed, Segment::Rest { .. }) && index < last {
                return Err(format!("{segment} may only stand at the end"));
            }
            if let Some(name) = parsed.name().filter(|name| segments.iter().any(|s: &Segment| s.name() == Some(name))) {
                return Err(format!("{{{name}}} stands there twice"));
            }
            segments.push(parsed);
        }
        Ok(Self(segments))
    }

    pub(super) fn first_literal(&self) -> Option<&str> {
        match self.0.first() {
            Some(Segment::Literal(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|segment| segment.name() == Some(name))
    }

    pub(super) fn shape(&self) -> Shape {
        let part = |segment: &Segment| match segment {
            Segment::Literal(text) => Part::Literal(text.clone()),
            Segment::Parameter { suffix, .. } => Part::Parameter(Reverse(suffix.len()), suffix.clone()),
            Segment::Rest { .. } => Part::Rest,
        };
        Shape(self.0.iter().map(part).collect())
    }

    pub(super) fn cmp_specificity(&self, other: &Self) -> Ordering {
        self.shape().cmp(&other.shape())
    }

    /// The parameters' values, where the path fits. A parameter is never empty.
    pub(super) fn matches(&self, path: &[String]) -> Option<Pairs> {
        let open_end = matches!(self.0.last(), Some(Segment::Rest { .. }));
        if !(path.len() == self.0.len() || (open_end && path.len() > self.0.len())) {
            return None;
        }
        let mut params = Vec::new();
        for (index, segment) in self.0.iter().enumerate() {
            let (name, value) = match segment {
                Segment::Literal(text) if *text == path[index] => continue,
                Segment::Literal(_) => return None,
                Segment::Parameter { name, suffix } => (name, path[index].strip_suffix(suffix.as_str())?.to_owned()),
                Segment::Rest { name } => (name, path[index..].join("/")),
            };
            if value.is_empty() {
                return None;
            }
            params.push((name.clone(), value));
        }
        Some(params)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some(inner) = text.strip_prefix('{') else {
            let plain = !text.contains(['{', '}', '?', '#', '%']) && !text.chars().any(char::is_control);
            return if plain && text != "." && text != ".." {
                Ok(Self::Literal(text.to_owned()))
            } else {
                Err(format!("\"{}\" is neither a literal nor a {{name}}", text.escape_debug()))
            };
        };
        let malformed = || format!("\"{}\" is not {{name}}, {{name}}.suffix or {{*name}}", text.escape_debug());
        let (name, suffix) = inner.split_once('}').ok_or_else(malformed)?;
        let (rest, name) = name.strip_prefix('*').map_or((false, name), |name| (true, name));
        let named = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if !named || suffix.contains(['{', '}', '%']) || (rest && !suffix.is_empty()) {
            return Err(malformed());
        }
        let name = name.to_owned();
        Ok(if rest { Self::Rest { name } } else { Self::Parameter { name, suffix: suffix.to_owned() } })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter { name, .. } | Self::Rest { name } => Some(name),
        }
    }
}
