//! One line: `id|name|source_url|logo_url|category|quality|order|category_order`.

/// A channel as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) logo: String,
    pub(crate) category: String,
    pub(crate) quality: String,
    /// [`LAST`] where the line does not say.
    pub(crate) order: u64,
    /// [`LAST`] where the line does not say.
    pub(crate) category_order: u64,
}

/// What comes behind every number.
pub(crate) const LAST: u64 = u64::MAX;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// Blank or a comment.
    Nothing,
    /// Left out, and why.
    Bad(String),
    /// A channel, and what was mended.
    Record(Record, Vec<String>),
}

/// Reads one line. The first three fields must be there; the others may be empty or missing.
pub(crate) fn parse(line: &str) -> Parsed {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Parsed::Nothing;
    }
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    if fields.len() > 8 {
        return Parsed::Bad(format!("it has {} fields, eight are known; a name or URL cannot contain |", fields.len()));
    }
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    for (index, name) in [(0, "id"), (1, "name"), (2, "source_url")] {
        if field(index).is_empty() {
            return Parsed::Bad(format!("it has no {name}"));
        }
    }
    if !field(2).contains("://") {
        return Parsed::Bad("its source_url is not an absolute URL".to_owned());
    }
    let mut remarks = Vec::new();
    let mut number = |index: usize, name: &str| match field(index) {
        "" => LAST,
        text => text.parse().unwrap_or_else(|_| {
            remarks.push(format!("{name} {text:?} is not a number; it is sorted last"));
            LAST
        }),
    };
    let (order, category_order) = (number(6, "order"), number(7, "category_order"));
    let record = Record {
        id: field(0).to_owned(),
        name: field(1).to_owned(),
        url: field(2).to_owned(),
        logo: field(3).to_owned(),
        category: field(4).to_owned(),
        quality: field(5).to_owned(),
        order,
        category_order,
    };
    Parsed::Record(record, remarks)
}
