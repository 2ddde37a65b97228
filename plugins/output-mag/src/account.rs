//! What viewers read of their account, on the box and on the page.

use mast_sdk::output::{self, Filter, Line, LineInfo, Request, Response};
use mast_sdk::{Result, clock};
use serde_json::{Value, json};

use crate::{Call, Mag, answer, mac, times};

pub(crate) fn answer(call: &Call<'_>, action: &str, response: &mut Response<'_>) -> Result<()> {
    match action {
        "get_main_info" => answer::js(response, &main(call)),
        "get_terms_info" | "get_payment_info" | "get_agreement_info" | "get_demo_video_parts" => {
            answer::js(response, &json!(""))
        }
        _ => answer::nothing(response),
    }
}

fn main(call: &Call<'_>) -> Value {
    let info = call.line.info();
    let offset = call.mag.offset();
    json!({
        "mac": call.mac.to_uppercase(),
        "fname": info.username,
        "ls": info.username,
        // Where people look for it, since boxes show no other date.
        "phone": expiry(&info, offset),
        "end_date": end(&info, offset),
        "account_balance": "",
        "tariff_plan": "",
        "tariff_plan_id": "",
        "max_connections": info.max_connections.to_string(),
        "active_connections": info.active_connections.to_string(),
        "services": [],
    })
}

/// When the line expires, for people.
pub(crate) fn expiry(info: &LineInfo, offset: i64) -> String {
    let local = info.expires.map(|expires| times::local(expires, offset));
    local.map_or_else(
        || "Unlimited".to_owned(),
        |local| format!("{} {}", mast_sdk::time::date(local), times::hours_and_minutes(local)),
    )
}

/// When the line expires, for programs; empty where it does not.
pub(crate) fn end(info: &LineInfo, offset: i64) -> String {
    info.expires.map_or_else(String::new, |expires| times::date_and_time(times::local(expires, offset)))
}

/// Why a line cannot be used, for people.
pub(crate) fn refusal(code: &str) -> &'static str {
    match code {
        "credentials" => "This device is not registered.",
        "expired" => "Your subscription has expired.",
        "disabled" => "Your subscription is switched off.",
        "banned" => "Your subscription is blocked.",
        "throttled" => "There were too many attempts. Try again in a few minutes.",
        _ => "Your subscription cannot be used here.",
    }
}

/// What the page shows of an account. It asks by MAC address or by username and password, without a handshake: looking must not put the box out.
/// A MAC address that is locked to its box says nothing more than that.
pub(crate) fn check(mag: &Mag, request: &Request, response: &mut Response<'_>) -> Result<()> {
    let field = |name: &str| request.query(name).unwrap_or_default();
    let no = |text: &str| json!({ "ok": false, "msg": text });
    let value = if field("login").is_empty() {
        // The field, not the cookie: the page runs in a browser.
        match mac::parse(field("mac")) {
            None => no("A MAC address has 12 digits: 00:1A:79:00:00:01."),
            Some(mac) => match output::by_device(&mac) {
                Ok(_) if mag.is_locked(&mac)? => {
                    no("This device is registered. Enter username and password to see its account.")
                }
                found => shown(found, "This device is not registered.", mag.offset()),
            },
        }
    } else {
        let found = output::authenticate(field("login"), field("password"));
        shown(found, "The username or the password is wrong.", mag.offset())
    };
    answer::js(response, &value)
}

fn shown(found: Result<Line<'static>, String>, unknown: &str, offset: i64) -> Value {
    match found {
        Ok(line) => {
            let info = line.info();
            let channels: usize = line.lineup(&Filter::of("live")).map(|batch| batch.len()).sum();
            json!({
                "ok": true,
                "msg": "Your subscription is active.",
                "username": info.username,
                "expires": expiry(&info, offset),
                "days": info.expires.map(|expires| expires.saturating_sub(clock::now()) / times::DAY),
                "active_connections": info.active_connections,
                "max_connections": info.max_connections,
                "channels": channels,
            })
        }
        Err(why) => json!({ "ok": false, "msg": if why == "credentials" { unknown } else { refusal(&why) } }),
    }
}
