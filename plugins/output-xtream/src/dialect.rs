//! What some players want otherwise than all others. Only answers that the host does not cache may have a dialect: cached ones do not
//! vary by header fields.

use serde::Deserialize;

/// An entry of the table; a switch that it does not name is left to the entries behind it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Entry {
    user_agent: Option<String>,
    username: Option<String>,
    numbers: Option<Numbers>,
    expiry: Option<Expiry>,
    server: Option<Server>,
    refusal: Option<Refusal>,
}

/// How `max_connections` and `active_cons` are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Numbers {
    #[default]
    String,
    Int,
}

/// What `exp_date` says of a line that never expires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expiry {
    #[default]
    Null,
    FarFuture,
}

/// What `server_info` has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Server {
    #[default]
    Plain,
    Xui,
}

/// What follows wrong credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refusal {
    #[default]
    #[serde(rename = "auth-0")]
    Auth0,
    Status,
}

/// The switches of one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) numbers: Numbers,
    pub(crate) expiry: Expiry,
    pub(crate) server: Server,
    pub(crate) refusal: Refusal,
}

/// The table.
pub(crate) struct Dialects {
    entries: Vec<Entry>,
}

impl Dialects {
    /// The operator's entries, and behind them the bundled ones.
    pub(crate) fn new(mut entries: Vec<Entry>, with_bundled: bool) -> Self {
        if with_bundled {
            entries.extend(bundled());
        }
        for entry in &mut entries {
            if let Some(part) = &mut entry.user_agent {
                part.make_ascii_lowercase();
            }
        }
        Self { entries }
    }

    pub(crate) fn find(&self, user_agent: &str, username: &str) -> Dialect {
        let user_agent = user_agent.to_ascii_lowercase();
        let fits = |entry: &&Entry| {
            entry.user_agent.as_ref().is_none_or(|part| user_agent.contains(part.as_str()))
                && entry.username.as_ref().is_none_or(|name| name == username)
        };
        let fitting: Vec<_> = self.entries.iter().filter(fits).collect();
        Dialect {
            numbers: fitting.iter().find_map(|entry| entry.numbers).unwrap_or_default(),
            expiry: fitting.iter().find_map(|entry| entry.expiry).unwrap_or_default(),
            server: fitting.iter().find_map(|entry| entry.server).unwrap_or_default(),
            refusal: fitting.iter().find_map(|entry| entry.refusal).unwrap_or_default(),
        }
    }
}

/// Players that are known to need it.
fn bundled() -> [Entry; 2] {
    let of = |part: &str| Entry { user_agent: Some(part.to_owned()), ..Entry::default() };
    [
        // Reads both as numbers.
        Entry { numbers: Some(Numbers::Int), ..of("smarters") },
        // pyxtream, by its default name: it computes with exp_date, whatever it is.
        Entry { expiry: Some(Expiry::FarFuture), ..of("wget/1.20.3 (linux-gnu)") },
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Dialect, Dialects, Expiry, Numbers, Refusal, Server};

    fn check(entries: &serde_json::Value, bundled: bool, (agent, username): (&str, &str), expected: Dialect) {
        let entries = serde_json::from_value(entries.clone()).unwrap();
        assert_eq!(Dialects::new(entries, bundled).find(agent, username), expected, "{agent} {username}");
    }

    #[test]
    fn the_bundled_table() {
        let plain = Dialect::default();
        let smarters = Dialect { numbers: Numbers::Int, ..plain };
        check(&json!([]), true, ("TiviMate/4.7.0", "anna"), plain);
        check(&json!([]), true, ("IPTVSmartersPlayer", "anna"), smarters);
        check(&json!([]), false, ("IPTVSmartersPlayer", "anna"), plain);
        check(&json!([]), true, ("Wget/1.20.3 (linux-gnu)", "anna"), Dialect { expiry: Expiry::FarFuture, ..plain });
        check(&json!([]), true, ("", ""), plain);
    }

    #[test]
    fn the_first_entry_that_fits_and_names_a_switch_counts() {
        let table = json!([
            { "user_agent": "SMARTERS", "username": "otto", "numbers": "string" },
            { "username": "anna", "refusal": "status" },
            { "user_agent": "tivi", "server": "xui", "expiry": "null" },
            { "expiry": "far-future" },
        ]);
        let all = Dialect { expiry: Expiry::FarFuture, ..Dialect::default() };
        check(&table, true, ("Other", "otto"), all);
        check(&table, true, ("IPTVSmarters", "otto"), all);
        check(&table, true, ("IPTVSmarters", "eva"), Dialect { numbers: Numbers::Int, ..all });
        let tivi = Dialect { server: Server::Xui, refusal: Refusal::Status, ..Dialect::default() };
        check(&table, true, ("TiviMate", "anna"), tivi);
    }
}
