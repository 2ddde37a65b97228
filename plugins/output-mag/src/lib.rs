//! The portal that MAG set-top boxes and their imitators speak: `server/load.php` and its like, and a page at `/c/` to look at an account
//! with a browser.
//!
//! A box is found by its MAC address, which anybody can write into a cookie. Therefore: a token from a handshake, bound to that address;
//! an address is locked to the box that used it first; a box that is bound to no line has to log in. Every URL to play is made for the line
//! when it is asked for. It is not the portal's own user interface, which boxes bring or an operator adds; it serves no media.

// The macro for JSON recurses with each field, and a box's profile has many.
#![recursion_limit = "256"]

mod account;
mod answer;
mod boxes;
mod guide;
mod itv;
mod library;
mod listing;
mod mac;
mod page;
mod stb;
mod times;
mod watchdog;

use mast_sdk::output::{self, Line, Output, Request, Response, Route};
use mast_sdk::{Error, Result, time};

use boxes::Tokens;

/// Where boxes expect the API, and what imitators make of the addresses that people type.
const API: [&str; 7] = [
    "/server/load.php",
    "/portal.php",
    "/c/server/load.php",
    "/c/portal.php",
    "/stalker_portal/server/load.php",
    "/stalker_portal/portal.php",
    "/stalker_portal/c/server/load.php",
];
/// Where the page is.
const PAGE: [&str; 6] =
    ["/c", "/c/", "/c/index.html", "/stalker_portal/c", "/stalker_portal/c/", "/stalker_portal/c/index.html"];
/// Where imitators look for the portal's version.
const VERSION: [&str; 2] = ["/c/version.js", "/stalker_portal/c/version.js"];

/// The settings.
#[derive(serde::Deserialize)]
struct Mag {
    #[serde(default = "default_format")]
    format: String,
    #[serde(default = "default_register")]
    register: bool,
    #[serde(default = "default_lock")]
    lock: String,
    #[serde(default)]
    unlock: Vec<String>,
    #[serde(default = "default_watchdog")]
    watchdog: u32,
    #[serde(default = "default_offset")]
    utc_offset: String,
}

fn default_format() -> String {
    "mpegts".to_owned()
}

fn default_register() -> bool {
    true
}

fn default_lock() -> String {
    "device".to_owned()
}

fn default_watchdog() -> u32 {
    120
}

fn default_offset() -> String {
    "+00:00".to_owned()
}

/// A request of a box that has shown who it is.
struct Call<'a> {
    mag: &'a Mag,
    request: &'a Request,
    mac: String,
    line: Line<'static>,
}

impl Call<'_> {
    /// A field of the request; empty where it is not there.
    fn field(&self, name: &str) -> &str {
        self.request.query(name).unwrap_or_default().trim()
    }

    /// A field that is a number.
    fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.field(name).parse().ok()
    }
}

impl Mag {
    fn is_locked(&self, mac: &str) -> Result<bool> {
        Ok(self.lock == "device" && boxes::is_locked(mac)?)
    }

    /// The lock of this MAC address is opened by the settings.
    fn is_unlocked(&self, mac: &str) -> bool {
        self.unlock.iter().any(|listed| mac::parse(listed).as_deref() == Some(mac))
    }

    /// Seconds east of Greenwich of the guide's texts.
    fn offset(&self) -> i64 {
        time::offset(&self.utc_offset).unwrap_or_default()
    }

    /// The call, where the token is the one of this MAC address and its line can be used.
    fn call<'a>(&'a self, request: &'a Request) -> Result<Option<Call<'a>>> {
        let (Some(mac), Some(token)) = (mac::of(request), mac::token(request)) else { return Ok(None) };
        // The token first: it costs nothing, and guesses at lines are counted.
        if !Tokens::of(&mac)?.may_use(token, self.is_locked(&mac)?) {
            return Ok(None);
        }
        let line = output::by_device(&mac).ok();
        Ok(line.map(|line| Call { mag: self, request, mac, line }))
    }

    fn api(&self, request: &Request, response: &mut Response<'_>) -> Result<()> {
        let field = |name: &str| request.query(name).unwrap_or_default();
        match (field("type"), field("action")) {
            ("stb", "handshake") => stb::handshake(self, request, response),
            ("stb", "get_profile") => stb::profile(self, request, response),
            ("stb", "do_auth") => stb::log_in(self, request, response),
            ("stb", "get_localization") => stb::localization(response),
            ("account_info", "check") => account::check(self, request, response),
            (kind, action) => match self.call(request)? {
                None => answer::refuse(response),
                Some(call) => dispatch(&call, kind, action, response),
            },
        }
    }
}

fn dispatch(call: &Call<'_>, kind: &str, action: &str, response: &mut Response<'_>) -> Result<()> {
    match kind {
        "itv" => itv::answer(call, action, response),
        "radio" => itv::radio(call, action, response),
        "epg" => guide::answer(call, action, response),
        "vod" => library::vod(call, action, response),
        "series" => library::series(call, action, response),
        "watchdog" => watchdog::answer(call, action, response),
        "account_info" => account::answer(call, action, response),
        "stb" => stb::answer(action, response),
        "tv_archive" | "remote_pvr" => match action {
            "create_link" | "get_link_for_channel" | "get_next_part_url" => {
                answer::no_link(response, "nothing_to_play")
            }
            _ => answer::nothing(response),
        },
        _ => answer::nothing(response),
    }
}

impl Output for Mag {
    fn load() -> Result<Self> {
        let own: Self = mast_sdk::config()?;
        if let Some(wrong) = own.unlock.iter().find(|text| mac::parse(text).is_none()) {
            let message = format!("unlock: {wrong:?} is not a MAC address; write it like 00:1A:79:00:00:01");
            return Err(Error::config(message));
        }
        if time::offset(&own.utc_offset).is_none() {
            return Err(Error::config("utc_offset has to be written like +01:00"));
        }
        Ok(own)
    }

    fn routes(&self) -> Vec<Route> {
        let api = API.iter().flat_map(|path| {
            let route = Route::get("api", path, "public");
            [route.clone(), route.method("POST")]
        });
        let page = PAGE.iter().map(|path| Route::get("page", path, "public"));
        let version = VERSION.iter().map(|path| Route::get("version", path, "public"));
        api.chain(page).chain(version).collect()
    }

    fn handle(&self, request: &Request, _line: Option<&Line<'_>>, response: &mut Response<'_>) -> Result<()> {
        match request.route.as_str() {
            "page" => page::page(response),
            "version" => page::version(response),
            _ => self.api(request, response),
        }
    }
}

mast_sdk::export_plugin!(Mag: output);

#[cfg(test)]
mod tests;
