//! Lines as CSV (RFC 4180), as spreadsheets open it: a cell that a spreadsheet would run as a formula is written behind an apostrophe, and
//! read without it. The items of a list are separated by | within a cell.

use jiff::Timestamp;
use mast_model::{AboveLimit, LineRecord, LineToken, Secret};

use super::super::error::RowProblem;
use super::super::spreadsheet::{self, guarded};
use crate::accounts::{LineRequest, LineTerms};

const HEAD: [&str; 19] = [
    "username",
    "password",
    "password_hash",
    "token",
    "max_connections",
    "above_limit",
    "expires",
    "active",
    "trial",
    "bouquets",
    "macs",
    "outputs",
    "profiles",
    "networks",
    "countries",
    "devices",
    "email",
    "notes",
    "created",
];

/// Between the items of a list; bouquets may have blanks in their names.
const SEPARATOR: char = '|';

/// The first row.
pub(super) fn head() -> Vec<u8> {
    row(HEAD.map(str::to_owned))
}

/// A line's row.
pub(super) fn write(line: &LineRecord, with_hash: bool) -> Vec<u8> {
    let list = |items: &[String]| items.join("|");
    let limit = match line.above_limit {
        AboveLimit::DenyNew => "deny_new",
        AboveLimit::StopOldest => "stop_oldest",
    };
    row([
        line.username.clone(),
        String::new(),
        if with_hash { line.password_hash.expose().to_owned() } else { String::new() },
        line.token.expose(),
        line.max_connections.to_string(),
        limit.to_owned(),
        line.expires.map(|expires| expires.to_string()).unwrap_or_default(),
        line.active.to_string(),
        line.trial.to_string(),
        list(&line.bouquets),
        list(&line.macs),
        list(&line.outputs),
        list(&line.profiles),
        list(&line.networks),
        list(&line.countries),
        list(&line.devices),
        line.email.clone().unwrap_or_default(),
        line.notes.clone(),
        line.created.to_string(),
    ])
}

fn row(cells: [String; HEAD.len()]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(cells.map(guarded));
    writer.into_inner().unwrap_or_default()
}

/// Rows with a head, in any order of columns; columns that are missing or empty say nothing.
pub(super) fn read(text: &[u8]) -> Result<Vec<LineRequest>, Vec<RowProblem>> {
    let rows = spreadsheet::read(text, &HEAD, &[], |cell| line(cell))?;
    Ok(rows.into_iter().map(|(_, line)| line).collect())
}

fn line<'a>(cell: impl Fn(&str) -> Option<&'a str>) -> Result<LineRequest, String> {
    fn parsed<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, String> {
        text.map(|text| text.trim().parse().map_err(|_| format!("{name} is not usable"))).transpose()
    }
    let list = |name: &str| {
        let items = cell(name)?.split(SEPARATOR).map(str::trim).filter(|item| !item.is_empty());
        Some(items.map(str::to_owned).collect::<Vec<_>>())
    };
    let above_limit = match cell("above_limit") {
        None => None,
        Some("deny_new") => Some(AboveLimit::DenyNew),
        Some("stop_oldest") => Some(AboveLimit::StopOldest),
        Some(_) => return Err("above_limit is deny_new or stop_oldest".to_owned()),
    };
    let terms = LineTerms {
        max_connections: parsed("max_connections", cell("max_connections"))?,
        above_limit,
        expires: parsed::<Timestamp>("expires", cell("expires"))?.map(Some),
        active: parsed("active", cell("active"))?,
        trial: parsed("trial", cell("trial"))?,
        bouquets: list("bouquets"),
        macs: list("macs"),
        outputs: list("outputs"),
        profiles: list("profiles"),
        networks: list("networks"),
        countries: list("countries"),
        devices: list("devices"),
        notes: cell("notes").map(str::to_owned),
        email: cell("email").map(|email| Some(email.to_owned())),
    };
    Ok(LineRequest {
        username: cell("username").ok_or("username is missing")?.to_owned(),
        password: cell("password").map(Secret::new),
        password_hash: cell("password_hash").map(Secret::new),
        token: cell("token").map(LineToken::parse).transpose().map_err(|error| error.to_string())?,
        terms,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::spreadsheet::is_formula;
    use super::*;

    fn record(notes: &str) -> LineRecord {
        let mut record = LineRecord::new("=1+1", Secret::new("$argon2id$x"), LineToken::from_bytes([7; 32]));
        record.bouquets = vec!["Kids & Co".to_owned(), "sports".to_owned()];
        record.networks = vec!["192.0.2.0/24".to_owned()];
        record.email = Some("a@b.example".to_owned());
        record.above_limit = AboveLimit::StopOldest;
        record.notes = notes.to_owned();
        record
    }

    #[test]
    fn a_line_comes_back_as_it_was_written() {
        for notes in ["", "plain", "=cmd|' /C calc'!A0", "-1", "@x", "'=x", "''+y", "'quoted", "a,\"b\"\r\nc", "\t=x"] {
            let record = record(notes);
            let text = [head(), write(&record, true)].concat();
            let lines = read(&text).unwrap();
            let (line, terms) = (&lines[0], &lines[0].terms);
            assert_eq!((line.username.as_str(), terms.notes.as_deref().unwrap_or_default()), ("=1+1", notes));
            assert_eq!((&terms.bouquets, &terms.networks), (&Some(record.bouquets), &Some(record.networks)));
            assert_eq!((line.token, terms.above_limit), (Some(record.token), Some(AboveLimit::StopOldest)));
            assert_eq!(line.password_hash.as_ref().map(Secret::expose), Some("$argon2id$x"));
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for notes in ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "'=1"] {
            let text = write(&record(notes), false);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_slice());
            let cells = reader.records().next().unwrap().unwrap();
            assert!(cells.iter().all(|cell| !is_formula(cell)), "{notes:?}: {cells:?}");
            assert!(!cells.iter().any(|cell| cell.contains("argon2")));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_by_row() {
        let problems = read(b"username,expires\na,\nb,tomorrow\n,\n").unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.row).collect::<Vec<_>>(), [2, 3]);
        assert!(read(b"username,pasword\na,b\n").unwrap_err()[0].message.contains("pasword"));
        assert!(read(b"username,password\na\n").is_err());
        assert!(read(b"").unwrap().is_empty());
    }
}
