//! What commands print. A reader that went away (`mast line list | head`) is no error.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;
use serde_json::json;

use super::Failure;
use crate::admin::ErrorBody;

/// A line of the answer.
pub(super) fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// The answer as one JSON document.
pub(super) fn say_json(answer: &impl Serialize) {
    let text = serde_json::to_string_pretty(answer).expect("answers have text keys and no failing parts");
    say(text);
}

/// Why there is no answer.
pub(super) fn failure(failure: &Failure, json: bool) {
    match failure {
        Failure::Config(problems) if json => {
            say_json(
                &json!({ "error": { "code": "invalid_config", "message": problems.to_string() }, "problems": problems }),
            );
        }
        Failure::Refused(error) if json => say_json(&ErrorBody { error: error.clone() }),
        Failure::Config(problems) => problems.0.iter().for_each(complain),
        Failure::Refused(error) => complain(&error.message),
    }
}

pub(super) fn complain(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "error: {text}");
}

/// A table with aligned columns; the first row is its head.
pub(super) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        say(cells.join("  ").trim_end());
    }
}
