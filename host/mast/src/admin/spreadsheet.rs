//! CSV files (RFC 4180) that people open in spreadsheets: a cell that would be run as a formula is written behind an apostrophe, and read
//! without it.

use super::error::RowProblem;

/// The cell of a row under a name of the head; none where it is empty, or there is no such column.
pub(super) type Cell<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// Reads rows with a head, in any order of columns, each with its number from 1; all that is wrong is told at once. A byte order mark is
/// passed over.
pub(super) fn read<T>(
    text: &[u8],
    columns: &[&str],
    needed: &[&str],
    row: impl Fn(&Cell<'_>) -> Result<T, String>,
) -> Result<Vec<(usize, T)>, Vec<RowProblem>> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text);
    let problem = |row, message: String| RowProblem { row, message };
    let head = reader.headers().map_err(|error| vec![problem(0, error.to_string())])?.clone();
    if let Some(unknown) = head.iter().find(|name| !columns.contains(name)) {
        let message = format!("there is no column {unknown:?}; there are {}", columns.join(", "));
        return Err(vec![problem(0, message)]);
    }
    if let Some(missing) = needed.iter().find(|needed| !head.iter().any(|name| name == **needed)) {
        return Err(vec![problem(0, format!("the column {missing} is missing"))]);
    }
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (number, record) in (1..).zip(reader.records()) {
        let read = record.map_err(|error| error.to_string()).and_then(|record| {
            row(&|name: &str| {
                let at = head.iter().position(|known| known == name)?;
                record.get(at).map(unguarded).filter(|cell| !cell.is_empty())
            })
        });
        match read {
            Ok(row) => rows.push((number, row)),
            Err(message) => problems.push(problem(number, message)),
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

pub(super) fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}

/// A cell that no spreadsheet runs. One that begins with apostrophes of its own gets one more, so that reading gives back what was.
pub(super) fn guarded(cell: String) -> String {
    if is_formula(cell.trim_start_matches('\'')) { format!("'{cell}") } else { cell }
}

/// What was written.
pub(super) fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}
