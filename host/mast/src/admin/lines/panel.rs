//! Accounts of the old panel, as its Redis dump has them: JSON, a list of records or records by username. It is read generously: numbers as
//! texts, several forms of time, more fields than are known.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mast_model::{LineToken, Secret};
use serde_json::{Map, Value};

use super::super::error::RowProblem;
use crate::accounts::{LineRequest, LineTerms};

/// Every record, or what is wrong with each that cannot be used.
pub(super) fn read(text: &[u8]) -> Result<Vec<LineRequest>, Vec<RowProblem>> {
    let problem = |row, message: String| RowProblem { row, message };
    let whole: Value =
        serde_json::from_slice(text).map_err(|error| vec![problem(0, format!("not JSON, line {}", error.line()))])?;
    let records: Vec<(Option<String>, Value)> = match whole {
        Value::Array(records) => records.into_iter().map(|record| (None, record)).collect(),
        Value::Object(one) if one.contains_key("username") => vec![(None, Value::Object(one))],
        Value::Object(records) => records.into_iter().map(|(name, record)| (Some(name), record)).collect(),
        _ => return Err(vec![problem(0, "expected a list of records, or records by username".to_owned())]),
    };
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (number, (name, record)) in (1..).zip(records) {
        // A Redis dump keeps each record as a text.
        let record = match record {
            Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::Null),
            other => other,
        };
        let read = match record {
            Value::Object(fields) => line(name, &fields),
            _ => Err("not a record".to_owned()),
        };
        match read {
            Ok(line) => lines.push(line),
            Err(message) => problems.push(problem(number, message)),
        }
    }
    if problems.is_empty() { Ok(lines) } else { Err(problems) }
}

fn line(name: Option<String>, fields: &Map<String, Value>) -> Result<LineRequest, String> {
    let text = |field: &str| match fields.get(field) {
        Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let key = name.map(|name| name.strip_prefix("user:").map(str::to_owned).unwrap_or(name));
    let username = text("username").or(key).ok_or("username is missing")?;
    let password = text("password").or_else(|| text("password_hash")).ok_or("password is missing")?;
    let is_hash = password.starts_with("$2") || password.starts_with("$argon2");
    let (password, password_hash) = if is_hash { (None, Some(password)) } else { (Some(password), None) };
    let max_connections = match text("max_connections") {
        Some(text) => Some(text.parse().map_err(|_| "max_connections is not a number")?),
        None => None,
    };
    let active = match fields.get("is_active") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(active)) => Some(*active),
        Some(_) => match text("is_active").as_deref().map(str::to_lowercase).as_deref() {
            Some("1" | "true" | "yes") => Some(true),
            Some("0" | "false" | "no") | None => Some(false),
            Some(_) => return Err("is_active is neither true nor false".to_owned()),
        },
    };
    let expires = text("expires_at").map(|text| time(&text).ok_or("expires_at is not a time")).transpose()?;
    let token = text("token").map(|token| LineToken::parse(&token.to_ascii_lowercase()));
    let terms = LineTerms {
        max_connections,
        expires: Some(expires),
        active,
        email: Some(text("email")),
        ..LineTerms::default()
    };
    Ok(LineRequest {
        username,
        password: password.map(Secret::new),
        password_hash: password_hash.map(Secret::new),
        token: token.transpose().map_err(|error| error.to_string())?,
        terms,
    })
}

/// With a zone, without one (UTC), a date (its begin), or seconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Timestamp::from_second(seconds as i64).ok();
    }
    let civil =
        || text.replace(' ', "T").parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(civil)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_old_panel() {
        let token = "AB".repeat(32);
        let text = format!(
            r#"[{{"username":"anna","password":"$2b$12$x","token":"{token}","email":"a@b.example","max_connections":"2","is_active":true,
                "expires_at":"2030-01-31T10:00:00.5","created_by":"x"}},
               {{"username":"ben","password":"hunter2","token":null,"max_connections":1,"is_active":"0","expires_at":1900000000}},
               {{"username":"cora","password":"p","expires_at":""}}]"#
        );
        let lines = read(text.as_bytes()).unwrap();
        let anna = &lines[0];
        assert_eq!(anna.password_hash.as_ref().map(Secret::expose), Some("$2b$12$x"));
        assert_eq!(anna.token, Some(LineToken::from_bytes([0xab; 32])));
        assert_eq!((anna.terms.max_connections, anna.terms.active), (Some(2), Some(true)));
        assert_eq!(anna.terms.expires.flatten().unwrap().to_string(), "2030-01-31T10:00:00.5Z");
        assert_eq!(anna.terms.email, Some(Some("a@b.example".to_owned())));
        assert_eq!(lines[1].password.as_ref().map(Secret::expose), Some("hunter2"));
        assert_eq!(
            (lines[1].terms.active, lines[1].terms.expires.flatten().unwrap().as_second()),
            (Some(false), 1_900_000_000)
        );
        assert_eq!((lines[2].terms.expires, lines[2].terms.active), (Some(None), None));

        let by_name = r#"{"anna": "{\"password\":\"p\"}", "ben": {"password": "q", "expires_at": "2030-01-31"}}"#;
        let lines = read(by_name.as_bytes()).unwrap();
        assert_eq!(lines.iter().map(|line| line.username.as_str()).collect::<Vec<_>>(), ["anna", "ben"]);
        assert_eq!(lines[1].terms.expires.flatten().unwrap().to_string(), "2030-01-31T00:00:00Z");
    }

    #[test]
    fn what_is_no_record_is_named() {
        let rows =
            |text: &str| read(text.as_bytes()).unwrap_err().iter().map(|problem| problem.row).collect::<Vec<_>>();
        assert_eq!(rows("nonsense"), [0]);
        assert_eq!(rows("7"), [0]);
        assert_eq!(rows(r#"[{"username":"a","password":"p"}, 7, {"username":"b"}, {"password":"p"}]"#), [2, 3, 4]);
        assert_eq!(rows(r#"[{"username":"a","password":"p","token":"short"}]"#), [1]);
        assert_eq!(rows(r#"[{"username":"a","password":"p","expires_at":"soon"}]"#), [1]);
    }
}
