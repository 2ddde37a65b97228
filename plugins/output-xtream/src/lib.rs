//! The Xtream API for players: `/player_api.php` and `/panel_api.php`, and a clear word where the archive would be.
//!
//! It lists; media, `/get.php` and `/xmltv.php` are others'. Lists and details are cached by the host and therefore the same for all
//! players; what varies by player or time (the login, the short guide) is not cached. Types are PROTOCOLS.md 2a's, times are in UTC. A
//! parameter that is missing or makes no sense gives what a panel gives, an empty list, never an error.

mod attrs;
mod details;
mod dialect;
mod guide;
mod json;
mod lists;
mod login;
mod panel;

use mast_sdk::output::{self, Line, Output, Request, Response, Route};
use mast_sdk::{Result, time};
use serde::Deserialize;
use serde_json::{Value, json};

use dialect::{Dialect, Dialects, Refusal};
use guide::Table;
use lists::{LIVE, MOVIE, SERIES, Wanted};
use login::Account;

struct Xtream {
    message: String,
    ports: Ports,
    dialects: Dialects,
}

/// `[config]`.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    message: String,
    #[serde(default = "default_http")]
    http_port: u16,
    #[serde(default = "default_https")]
    https_port: u16,
    #[serde(default = "yes")]
    bundled_dialects: bool,
    #[serde(default)]
    dialect: Vec<dialect::Entry>,
}

/// What players are told of the scheme that they did not come by.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    http: u16,
    https: u16,
}

fn default_http() -> u16 {
    80
}

fn default_https() -> u16 {
    443
}

fn yes() -> bool {
    true
}

/// What a player asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Login,
    Categories(&'static str),
    Live,
    Movies,
    Series,
    Movie,
    Episodes,
    ShortGuide,
    FullGuide,
}

/// Those whose answer changes with the lineup alone.
const CACHED: [(&str, Action); 8] = [
    ("get_live_categories", Action::Categories(LIVE)),
    ("get_vod_categories", Action::Categories(MOVIE)),
    ("get_series_categories", Action::Categories(SERIES)),
    ("get_live_streams", Action::Live),
    ("get_vod_streams", Action::Movies),
    ("get_series", Action::Series),
    ("get_vod_info", Action::Movie),
    ("get_series_info", Action::Episodes),
];

/// Those whose answer changes with the time too.
const TIMELY: [(&str, Action); 2] =
    [("get_short_epg", Action::ShortGuide), ("get_simple_data_table", Action::FullGuide)];

impl Action {
    /// Any other action, and none, is a login: clients send some that no panel knows and expect it.
    fn of(request: &Request) -> Self {
        let known = |name: &str, table: &[(&str, Self)]| {
            table.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, action)| *action)
        };
        let mut actions = request.query.iter().filter(|(field, _)| field == "action").map(|(_, value)| value.as_str());
        if request.route == "lists" {
            // One of them brought the request here; the login must not be cached, whatever stands beside it.
            return actions.find_map(|name| known(name, &CACHED)).unwrap_or(Self::Categories(LIVE));
        }
        let name = actions.next().unwrap_or_default();
        known(name, &CACHED).or_else(|| known(name, &TIMELY)).unwrap_or(Self::Login)
    }
}

impl Output for Xtream {
    fn load() -> Result<Self> {
        let config: Config = mast_sdk::config()?;
        Ok(Self {
            message: config.message,
            ports: Ports { http: config.http_port, https: config.https_port },
            dialects: Dialects::new(config.dialect, config.bundled_dialects),
        })
    }

    fn routes(&self) -> Vec<Route> {
        const PLAYER: &str = "/player_api.php";
        const PANEL: &str = "/panel_api.php";
        let with_line = |id, path| Route::get(id, path, "query-credentials").refused_by_plugin();
        let lists = CACHED.map(|(name, _)| name);
        vec![
            with_line("lists", PLAYER).when("action", &lists).depends(&["lineup", "line", "request"]),
            with_line("player", PLAYER),
            with_line("player-post", PLAYER).method("POST"),
            with_line("panel", PANEL),
            with_line("panel-post", PANEL).method("POST"),
            Route::get("archive", "/timeshift/{*rest}", "public"),
            Route::get("archive-old", "/timeshifts/{*rest}", "public"),
            Route::get("archive-php", "/streaming/timeshift.php", "public"),
        ]
    }

    fn handle(&self, request: &Request, line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        if request.route.starts_with("archive") {
            return response.text(404, "This host keeps no archive yet.\n");
        }
        let username = request.query("username").unwrap_or_default();
        let dialect = self.dialects.find(request.header("user-agent").unwrap_or_default(), username);
        let Some(line) = line else { return self.refuse(request, dialect, response) };
        if !request.route.starts_with("panel") {
            return self.act(Action::of(request), request, line, dialect, response);
        }
        start(200, response)?;
        panel::write(line, &self.login(&Account::new(line, request, &self.message), request, dialect), response)
    }
}

impl Xtream {
    fn act(
        &self,
        action: Action,
        request: &Request,
        line: &Line<'_>,
        dialect: Dialect,
        response: &mut Response<'_>,
    ) -> Result<()> {
        let id = |field| request.query(field).and_then(|value| value.trim().parse::<u32>().ok());
        let wanted = Wanted::parse(request.query("category_id").unwrap_or_default().trim());
        start(200, response)?;
        match action {
            Action::Login => {
                let account = Account::new(line, request, &self.message);
                write(&object(self.login(&account, request, dialect)), response)
            }
            Action::Categories(content) => {
                lists::categories(response.buffer(), &line.categories(content));
                response.flush_full()
            }
            Action::Live => lists::write(line, LIVE, wanted, response, lists::live),
            Action::Movies => lists::write(line, MOVIE, wanted, response, lists::movie),
            Action::Series => lists::write(line, SERIES, wanted, response, lists::series),
            Action::Movie => details::movie(line, id("vod_id"), response),
            Action::Episodes => details::series(line, id("series_id"), response),
            Action::ShortGuide => {
                // A panel takes 0 and what is no number for no limit being given.
                let limit = id("limit").filter(|&limit| limit > 0).unwrap_or(4);
                guide::write(line, id("stream_id"), Table::Short(limit as usize), response)
            }
            Action::FullGuide => guide::write(line, id("stream_id"), Table::Full, response),
        }
    }

    fn login(&self, account: &Account<'_>, request: &Request, dialect: Dialect) -> [(&'static str, Value); 2] {
        [("user_info", account.json(dialect)), ("server_info", login::server(request, self.ports, dialect))]
    }

    /// No line may be served, whatever was asked for: a player shows why, by `status`, if the credentials are right.
    fn refuse(&self, request: &Request, dialect: Dialect, response: &mut Response<'_>) -> Result<()> {
        let field = |name| request.query(name).unwrap_or_default();
        // That the line is found now does not count: the host has refused it, so there is a policy behind it.
        let code =
            output::authenticate(field("username"), field("password")).err().unwrap_or_else(|| "denied".to_owned());
        let (status, body) = match (code.as_str(), dialect.refusal) {
            ("credentials", Refusal::Auth0) => (200, json!({ "user_info": { "auth": 0 } })),
            ("credentials", Refusal::Status) => {
                (401, json!({ "user_info": { "auth": 0 }, "error": "Wrong username or password." }))
            }
            ("throttled", _) => {
                (429, json!({ "user_info": { "auth": 0, "message": "Too many attempts; wait a few minutes." } }))
            }
            (code, _) => (200, object(self.login(&Account::refused(request, code), request, dialect))),
        };
        start(status, response)?;
        write(&body, response)
    }
}

fn start(status: u16, response: &mut Response<'_>) -> Result<()> {
    response.start(status, &[("content-type", "application/json")])
}

fn write(value: &Value, response: &mut Response<'_>) -> Result<()> {
    response.write(value.to_string().as_bytes())
}

fn object(members: [(&'static str, Value); 2]) -> Value {
    members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A time in UTC, as the API writes it: `2026-01-31 20:15:00`.
pub(crate) fn text_of_time(seconds: u64) -> String {
    let rest = seconds % 86_400;
    format!("{} {:02}:{:02}:{:02}", time::date(seconds), rest / 3600, rest / 60 % 60, rest % 60)
}

mast_sdk::export_plugin!(Xtream: output);

#[cfg(test)]
mod tests;
